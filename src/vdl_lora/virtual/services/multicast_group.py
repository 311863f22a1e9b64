"""MulticastGroupService: membership only, because it falsifies the counts of DeviceService.List."""

from typing import Any

from vdl_lora.virtual.model import Row, new_id
from vdl_lora.virtual.parsing import dev_addr, eui, identifier, key
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import copy, empty, multicast_group

from .base import Service, found


class MulticastGroupService(Service):
    """Multicast groups."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make a group."""
        message = copy(request.multicast_group)
        message.application_id = identifier(message.application_id)
        self.may.write(caller, self.tenant_of_application(message.application_id))
        found(self.database.applications, message.application_id)
        message.mc_addr = dev_addr(message.mc_addr)
        message.mc_nwk_s_key = key(message.mc_nwk_s_key)
        message.mc_app_s_key = key(message.mc_app_s_key)
        message.id = new_id()
        self.database.groups.add(message.id, message, self.now())
        return multicast_group.CreateMulticastGroupResponse(id=message.id)

    def add_device(self, request: Any, caller: Caller) -> Any:
        """Make a device a member."""
        group = self._writable(request, caller)
        row = found(self.database.devices, eui(request.dev_eui))
        if group.message.id not in row.groups:
            row.groups.append(group.message.id)
            self.database.devices.put(row.message.dev_eui, row)
        return empty()

    def remove_device(self, request: Any, caller: Caller) -> Any:
        """End a membership."""
        group = self._writable(request, caller)
        row = found(self.database.devices, eui(request.dev_eui))
        if group.message.id in row.groups:
            row.groups.remove(group.message.id)
            self.database.devices.put(row.message.dev_eui, row)
        return empty()

    def _writable(self, request: Any, caller: Caller) -> Row:
        group_id = identifier(request.multicast_group_id)
        group = self.database.groups.get(group_id)
        self.may.write(caller, None if group is None else self.tenant_of_application(group.message.application_id))
        return found(self.database.groups, group_id)
