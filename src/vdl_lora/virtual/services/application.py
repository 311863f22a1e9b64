"""ApplicationService: applications and their HTTP integration. Other integrations of an application are not there."""

from typing import Any

from vdl_lora.virtual.answers import duplicate, no_such_parent
from vdl_lora.virtual.model import Row, new_id
from vdl_lora.virtual.parsing import identifier
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import application, copy, empty

from .base import Service, by_name, found, matching, need_name, page, stamp


class ApplicationService(Service):
    """Applications."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make an application."""
        tenant_id = identifier(request.application.tenant_id)
        self.may.write(caller, tenant_id)
        need_name(request.application)
        if tenant_id not in self.database.tenants:
            raise no_such_parent()
        message = copy(request.application)
        message.id, message.tenant_id = new_id(), tenant_id
        self.database.applications.add(message.id, message, self.now())
        return application.CreateApplicationResponse(id=message.id)

    def get(self, request: Any, caller: Caller) -> Any:
        """Give an application."""
        row = self._readable(request.id, caller)
        return stamp(application.GetApplicationResponse(application=row.message), row)

    def update(self, request: Any, caller: Caller) -> Any:
        """Replace an application; it stays with its tenant."""
        application_id = identifier(request.application.id)
        self.may.write(caller, self.tenant_of_application(application_id))
        need_name(request.application)
        row = found(self.database.applications, application_id)
        tenant_id = row.message.tenant_id
        row.message = copy(request.application)
        row.message.id, row.message.tenant_id = application_id, tenant_id
        row.updated_at_ns = self.now()
        self.database.applications.put(application_id, row)
        return empty()

    def delete(self, request: Any, caller: Caller) -> Any:
        """Delete an application and its devices."""
        application_id = identifier(request.id)
        self.may.write(caller, self.tenant_of_application(application_id))
        found(self.database.applications, application_id)
        self.delete_application(application_id)
        return empty()

    def list_(self, request: Any, caller: Caller) -> Any:
        """List a tenant's applications by name; an unknown tenant has none."""
        tenant_id = identifier(request.tenant_id)
        self.may.read(caller, tenant_id)
        own = (row for row in self.database.applications if row.message.tenant_id == tenant_id)
        rows = by_name(matching(own, request.search))
        answer = application.ListApplicationsResponse(total_count=len(rows))
        for row in page(rows, request):
            message = row.message
            answer.result.append(
                stamp(
                    application.ApplicationListItem(id=message.id, name=message.name, description=message.description),
                    row,
                )
            )
        return answer

    def list_device_profiles(self, request: Any, caller: Caller) -> Any:
        """List the profiles that an application's devices use."""
        row = self._readable(request.application_id, caller)
        used = {device.message.device_profile_id for device in self.database.devices_of(row.message.id)}
        answer = application.ListApplicationDeviceProfilesResponse()
        for profile in by_name(profile for profile in self.database.profiles if profile.message.id in used):
            answer.result.add(id=profile.message.id, name=profile.message.name)
        return answer

    def list_device_tags(self, request: Any, caller: Caller) -> Any:
        """List the tags of an application's devices with their values."""
        row = self._readable(request.application_id, caller)
        tags: dict[str, set[str]] = {}
        for device in self.database.devices_of(row.message.id):
            for key, value in device.message.tags.items():
                tags.setdefault(key, set()).add(value)
        answer = application.ListApplicationDeviceTagsResponse()
        for key in sorted(tags):
            answer.result.add(key=key, values=sorted(tags[key]))
        return answer

    def list_integrations(self, request: Any, caller: Caller) -> Any:
        """List the kinds of integrations, the server's own MQTT among them."""
        row = self._readable(request.application_id, caller)
        kinds = [application.IntegrationKind.Value("MQTT_GLOBAL")]
        if row.message.id in self.database.integrations:
            kinds.insert(0, application.IntegrationKind.Value("HTTP"))
        answer = application.ListIntegrationsResponse(total_count=len(kinds))
        for kind in kinds:
            answer.result.add(kind=kind)
        return answer

    def create_http_integration(self, request: Any, caller: Caller) -> Any:
        """Set the HTTP integration; its URL is not looked at."""
        application_id = self._writable(request.integration.application_id, caller)
        if application_id in self.database.integrations:
            raise duplicate("application_integration.application_id", "application_integration.kind")
        if application_id not in self.database.applications:
            raise no_such_parent()
        self.database.integrations.add(application_id, self._http(request, application_id), self.now())
        return empty()

    def get_http_integration(self, request: Any, caller: Caller) -> Any:
        """Give the HTTP integration with its headers, also to a read-only key."""
        application_id = identifier(request.application_id)
        self.may.read(caller, self.tenant_of_application(application_id))
        row = found(self.database.integrations, application_id)
        return application.GetHttpIntegrationResponse(integration=row.message)

    def update_http_integration(self, request: Any, caller: Caller) -> Any:
        """Replace the HTTP integration."""
        application_id = self._writable(request.integration.application_id, caller)
        row = found(self.database.integrations, application_id)
        row.message = self._http(request, application_id)
        row.updated_at_ns = self.now()
        self.database.integrations.put(application_id, row)
        return empty()

    def delete_http_integration(self, request: Any, caller: Caller) -> Any:
        """Remove the HTTP integration."""
        application_id = self._writable(request.application_id, caller)
        found(self.database.integrations, application_id)
        self.database.integrations.delete(application_id)
        return empty()

    def _readable(self, text: str, caller: Caller) -> Row:
        application_id = identifier(text)
        self.may.read(caller, self.tenant_of_application(application_id))
        return found(self.database.applications, application_id)

    def _writable(self, text: str, caller: Caller) -> str:
        application_id = identifier(text)
        self.may.write(caller, self.tenant_of_application(application_id))
        return application_id

    @staticmethod
    def _http(request: Any, application_id: str) -> Any:
        message = copy(request.integration)
        message.application_id = application_id
        return message
