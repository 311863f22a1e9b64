"""TenantService: tenants. A tenant's key may get its own and list none."""

from typing import Any

from vdl_lora.virtual.model import new_id
from vdl_lora.virtual.parsing import identifier
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import copy, empty, tenant

from .base import Service, by_name, found, matching, need_name, page, stamp

_LISTED = ("id", "name", "can_have_gateways", "private_gateways_up", "private_gateways_down", "max_gateway_count")


class TenantService(Service):
    """Tenants."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make a tenant."""
        self.may.write_all(caller)
        need_name(request.tenant)
        message = copy(request.tenant)
        message.id = new_id()
        self.database.tenants.add(message.id, message, self.now())
        return tenant.CreateTenantResponse(id=message.id)

    def get(self, request: Any, caller: Caller) -> Any:
        """Give a tenant."""
        tenant_id = identifier(request.id)
        self.may.read(caller, tenant_id)
        row = found(self.database.tenants, tenant_id)
        return stamp(tenant.GetTenantResponse(tenant=row.message), row)

    def update(self, request: Any, caller: Caller) -> Any:
        """Replace a tenant."""
        tenant_id = identifier(request.tenant.id)
        self.may.write_all(caller)
        need_name(request.tenant)
        row = found(self.database.tenants, tenant_id)
        row.message = copy(request.tenant)
        row.message.id = tenant_id
        row.updated_at_ns = self.now()
        self.database.tenants.put(tenant_id, row)
        return empty()

    def delete(self, request: Any, caller: Caller) -> Any:
        """Delete a tenant and all that belongs to it."""
        tenant_id = identifier(request.id)
        self.may.write_all(caller)
        found(self.database.tenants, tenant_id)
        for row in list(self.database.applications):
            if row.message.tenant_id == tenant_id:
                self.delete_application(row.message.id)
        for table in (self.database.profiles, self.database.gateways, self.database.api_keys):
            for row_id in table.ids():
                if found(table, row_id).message.tenant_id == tenant_id:
                    table.delete(row_id)
        self.database.tenants.delete(tenant_id)
        return empty()

    def list_(self, request: Any, caller: Caller) -> Any:
        """List tenants by name; an item lacks description and tags."""
        self.may.read_all(caller)
        rows = by_name(matching(self.database.tenants, request.search))
        answer = tenant.ListTenantsResponse(total_count=len(rows))
        for row in page(rows, request):
            item = stamp(answer.result.add(), row)
            for name in (*_LISTED, "max_device_count"):
                setattr(item, name, getattr(row.message, name))
        return answer
