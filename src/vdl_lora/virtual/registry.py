"""Registering in process: what ChirpStack's forms do, by way of its own services."""

from collections.abc import Mapping

from .authorisation import Authorisation
from .model import Database
from .services.application import ApplicationService
from .services.base import Service
from .services.device import DeviceService
from .services.device_profile import DeviceProfileService
from .services.gateway import GatewayService
from .services.internal import InternalService
from .services.multicast_group import MulticastGroupService
from .services.tenant import TenantService
from .tokens import Caller
from .wire import application, common, device, device_profile, internal, tenant

ADMIN = "vdl_lora"
"""The name of the admin key that each virtual ChirpStack has from the start."""


class Services:
    """All services over one database."""

    def __init__(self, database: Database) -> None:
        may = Authorisation(database)
        self.internal = InternalService(database, may)
        self.tenant = TenantService(database, may)
        self.application = ApplicationService(database, may)
        self.device_profile = DeviceProfileService(database, may)
        self.device = DeviceService(database, may)
        self.by_name: dict[str, Service] = {
            "Internal": self.internal,
            "Tenant": self.tenant,
            "Application": self.application,
            "DeviceProfile": self.device_profile,
            "Device": self.device,
            "Gateway": GatewayService(database, may),
            "MulticastGroup": MulticastGroupService(database, may),
        }


class Registering:
    """The part of a virtual ChirpStack that registers; it raises Refused where ChirpStack would refuse."""

    database: Database
    services: Services

    @property
    def admin_key(self) -> str:
        """The token of an admin key."""
        return self.services.internal.token(self._admin_id())

    def add_tenant(self, name: str, *, tags: Mapping[str, str] | None = None, max_device_count: int = 0) -> str:
        """Make a tenant and give its id."""
        message = tenant.Tenant(name=name, can_have_gateways=True, tags=tags or {}, max_device_count=max_device_count)
        return str(self.services.tenant.create(tenant.CreateTenantRequest(tenant=message), self._admin).id)

    def add_application(self, tenant_id: str, name: str, *, tags: Mapping[str, str] | None = None) -> str:
        """Make an application and give its id."""
        message = application.Application(tenant_id=tenant_id, name=name, tags=tags or {})
        request = application.CreateApplicationRequest(application=message)
        return str(self.services.application.create(request, self._admin).id)

    def add_profile(
        self,
        tenant_id: str,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        uplink_interval: int = 600,
        class_c: bool = False,
    ) -> str:
        """Make a device profile and give its id; without a tenant it is a global one."""
        message = device_profile.DeviceProfile(
            tenant_id=tenant_id,
            name=name,
            tags=tags or {},
            uplink_interval=uplink_interval,
            mac_version=common.LORAWAN_1_0_3,
            reg_params_revision=common.RP002_1_0_3,
            adr_algorithm_id="default",
            supports_otaa=True,
            supports_class_c=class_c,
        )
        request = device_profile.CreateDeviceProfileRequest(device_profile=message)
        return str(self.services.device_profile.create(request, self._admin).id)

    def add_device(  # noqa: PLR0913 - what ChirpStack's form asks for
        self,
        dev_eui: str,
        name: str,
        application_id: str,
        profile_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        disabled: bool = False,
        skip_fcnt_check: bool = False,
    ) -> None:
        """Register a device."""
        message = device.Device(
            dev_eui=dev_eui,
            name=name,
            application_id=application_id,
            device_profile_id=profile_id,
            tags=tags or {},
            is_disabled=disabled,
            skip_fcnt_check=skip_fcnt_check,
        )
        self.services.device.create(device.CreateDeviceRequest(device=message), self._admin)

    def delete_device(self, dev_eui: str) -> None:
        """Delete a device; its history stays in Redis."""
        self.services.device.delete(device.DeleteDeviceRequest(dev_eui=dev_eui), self._admin)

    def add_key(self, tenant_id: str = "", *, read_only: bool = False, name: str = "key") -> str:
        """Make an API key, an admin's without a tenant, and give its token."""
        request = internal.CreateApiKeyRequest()
        request.api_key.name, request.api_key.is_read_only = name, read_only
        request.api_key.tenant_id, request.api_key.is_admin = tenant_id, not tenant_id
        return str(self.services.internal.create_api_key(request, self._admin).token)

    def revoke_key(self, token: str) -> None:
        """Delete the API key of a token."""
        for key_id in self.database.api_keys.ids():
            if self.services.internal.token(key_id) == token:
                self.database.api_keys.delete(key_id)

    def set_http(
        self, application_id: str, url: str, *, encoding: str = "PROTOBUF", headers: Mapping[str, str] | None = None
    ) -> None:
        """Set an application's HTTP integration; `encoding` is JSON or PROTOBUF."""
        request = application.CreateHttpIntegrationRequest()
        request.integration.application_id = application_id
        request.integration.event_endpoint_url = url
        request.integration.encoding = application.Encoding.Value(encoding)
        request.integration.headers.update(headers or {})
        self.services.application.create_http_integration(request, self._admin)

    def count_in_groups(self, dev_eui: str, groups: int) -> None:
        """Let a device be in so many multicast groups, so that List over-counts it."""
        row = self.database.devices.get(dev_eui)
        if row is None:
            raise LookupError(f"there is no device {dev_eui}")
        row.groups = [f"group {number}" for number in range(groups)]
        self.database.devices.put(dev_eui, row)

    def _admin_id(self) -> str:
        """Give the id of the key that was there from the start."""
        keys = self.database.api_keys
        return next((str(row.message.id) for row in keys if row.message.name == ADMIN), "")

    @property
    def _admin(self) -> Caller:
        return self.services.internal.admin()
