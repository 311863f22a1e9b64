"""DeviceProfileService: device profiles, a tenant's own and global ones. Vendors and their devices are not there."""

from typing import Any

from vdl_lora.virtual.answers import invalid, no_such_parent
from vdl_lora.virtual.model import Row, new_id
from vdl_lora.virtual.parsing import identifier
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import copy, device_profile, empty

from .base import Service, by_name, found, matching, need_name, page, stamp

_LISTED = (
    "id",
    "name",
    "region",
    "mac_version",
    "reg_params_revision",
    "supports_otaa",
    "supports_class_b",
    "supports_class_c",
    "device_id",
    "firmware_version",
)
_ADR = (
    ("default", "Default ADR algorithm (LoRa only)"),
    ("lora_lr_fhss", "LoRa & LR-FHSS ADR algorithm"),
    ("lr_fhss", "LR-FHSS only ADR algorithm"),
)


class DeviceProfileService(Service):
    """Device profiles."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make a profile; without a tenant it is a global one."""
        tenant_id = self._tenant(request.device_profile.tenant_id)
        self._may_write(caller, tenant_id)
        need_name(request.device_profile)
        if tenant_id and tenant_id not in self.database.tenants:
            raise no_such_parent()
        message = _with_defaults(request.device_profile)
        message.id, message.tenant_id = new_id(), tenant_id
        self.database.profiles.add(message.id, message, self.now())
        return device_profile.CreateDeviceProfileResponse(id=message.id)

    def get(self, request: Any, caller: Caller) -> Any:
        """Give a profile; whoever has a valid key reads a global one."""
        profile_id = identifier(request.id)
        self.may_read_profile(caller, profile_id)
        row = found(self.database.profiles, profile_id)
        return stamp(device_profile.GetDeviceProfileResponse(device_profile=row.message), row)

    def update(self, request: Any, caller: Caller) -> Any:
        """Replace a profile; it stays with its tenant."""
        row = self._writable(request.device_profile.id, caller)
        need_name(request.device_profile)
        old = row.message
        row.message = _with_defaults(request.device_profile)
        row.message.id, row.message.tenant_id = old.id, old.tenant_id
        row.updated_at_ns = self.now()
        self.database.profiles.put(old.id, row)
        return empty()

    def delete(self, request: Any, caller: Caller) -> Any:
        """Delete a profile and, as the database's foreign keys do, all devices that use it."""
        row = self._writable(request.id, caller)
        self.delete_devices(lambda device: device.message.device_profile_id == row.message.id)
        self.database.profiles.delete(row.message.id)
        return empty()

    def list_(self, request: Any, caller: Caller) -> Any:
        """List a tenant's profiles and the global ones by name; an item lacks the codec, the tags and more."""
        tenant_id = self._tenant(request.tenant_id)
        if request.device_id and not request.global_only:
            raise invalid("device_id filter can only be used with global_only")
        if request.global_only:
            self.may.read_global(caller)
        else:
            self.may.read(caller, tenant_id or None)
        rows = by_name(
            matching((row for row in self.database.profiles if _asked(row, tenant_id, request)), request.search)
        )
        answer = device_profile.ListDeviceProfilesResponse(total_count=len(rows))
        for row in page(rows, request):
            item = stamp(answer.result.add(), row)
            for name in _LISTED:
                setattr(item, name, getattr(row.message, name))
        return answer

    def list_adr_algorithms(self, _request: Any, caller: Caller) -> Any:
        """List the algorithms that choose data rates."""
        self.may.read_global(caller)
        answer = device_profile.ListDeviceProfileAdrAlgorithmsResponse(total_count=len(_ADR))
        for algorithm, name in _ADR:
            answer.result.add(id=algorithm, name=name)
        return answer

    def may_read_profile(self, caller: Caller, profile_id: str) -> None:
        """Let who may read a profile pass."""
        row = self.database.profiles.get(profile_id)
        if row is not None and not row.message.tenant_id:
            self.may.read_global(caller)
        else:
            self.may.read(caller, None if row is None else row.message.tenant_id)

    def _writable(self, text: str, caller: Caller) -> Row:
        profile_id = identifier(text)
        row = self.database.profiles.get(profile_id)
        self._may_write(caller, None if row is None else row.message.tenant_id)
        return found(self.database.profiles, profile_id)

    def _may_write(self, caller: Caller, tenant_id: str | None) -> None:
        if tenant_id:
            self.may.write(caller, tenant_id)
        else:
            self.may.write_all(caller)

    @staticmethod
    def _tenant(text: str) -> str:
        return identifier(text) if text else ""


def _asked(row: Row, tenant_id: str, request: Any) -> bool:
    owner = row.message.tenant_id
    if request.global_only:
        return not owner and request.device_id in ("", row.message.device_id)
    if not tenant_id:
        return bool(owner) or not request.tenant_only
    return bool(owner == tenant_id or (not owner and not request.tenant_only))


def _with_defaults(message: Any) -> Any:
    profile = copy(message)
    if not profile.HasField("app_layer_params"):
        parameters = profile.app_layer_params
        parameters.ts003_f_port, parameters.ts004_f_port, parameters.ts005_f_port = 202, 201, 200
    return profile
