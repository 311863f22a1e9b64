"""GatewayService: gateways as far as registration meets them."""

from typing import Any

from vdl_lora.virtual.answers import duplicate, no_such_parent
from vdl_lora.virtual.model import Row
from vdl_lora.virtual.parsing import eui, identifier
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import copy, empty, gateway

from .base import Service, by_name, found, matching, page, stamp

_DOWNLINK_PRIORITY = 10


class GatewayService(Service):
    """Gateways."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make a gateway."""
        message = copy(request.gateway)
        message.gateway_id = eui(request.gateway.gateway_id)
        message.tenant_id = identifier(request.gateway.tenant_id)
        self.may.write(caller, message.tenant_id)
        if message.gateway_id in self.database.gateways:
            raise duplicate("gateway.gateway_id")
        if message.tenant_id not in self.database.tenants:
            raise no_such_parent()
        message.downlink_priority = message.downlink_priority or _DOWNLINK_PRIORITY
        self.database.gateways.add(message.gateway_id, message, self.now())
        return empty()

    def get(self, request: Any, caller: Caller) -> Any:
        """Give a gateway."""
        gateway_id = eui(request.gateway_id)
        self.may.read(caller, self._tenant(gateway_id))
        row = found(self.database.gateways, gateway_id)
        return stamp(gateway.GetGatewayResponse(gateway=row.message), row)

    def delete(self, request: Any, caller: Caller) -> Any:
        """Delete a gateway."""
        gateway_id = eui(request.gateway_id)
        self.may.write(caller, self._tenant(gateway_id))
        found(self.database.gateways, gateway_id)
        self.database.gateways.delete(gateway_id)
        return empty()

    def list_(self, request: Any, caller: Caller) -> Any:
        """List a tenant's gateways, or all, by name."""
        tenant_id = identifier(request.tenant_id) if request.tenant_id else ""
        self.may.read(caller, tenant_id or None)
        own = (row for row in self.database.gateways if row.message.tenant_id == (tenant_id or row.message.tenant_id))
        rows: list[Row] = by_name(matching(own, request.search))
        answer = gateway.ListGatewaysResponse(total_count=len(rows))
        for row in page(rows, request):
            message = row.message
            item = answer.result.add(
                tenant_id=message.tenant_id,
                gateway_id=message.gateway_id,
                name=message.name,
                description=message.description,
                location=message.location,
                downlink_priority=message.downlink_priority,
            )
            stamp(item, row)
        return answer

    def _tenant(self, gateway_id: str) -> str | None:
        row = self.database.gateways.get(gateway_id)
        return None if row is None else str(row.message.tenant_id)
