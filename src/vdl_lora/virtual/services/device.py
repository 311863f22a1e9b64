"""DeviceService: devices, their keys, their activation and their queue."""

import secrets
from collections.abc import Callable
from typing import Any

from vdl_lora.virtual.answers import duplicate, internal, invalid, no_such_parent, not_found
from vdl_lora.virtual.model import DeviceRow, Row, new_id
from vdl_lora.virtual.parsing import dev_addr, eui, identifier, key
from vdl_lora.virtual.tokens import Caller
from vdl_lora.virtual.wire import common, copy, device, empty, set_time

from .base import Service, found, matching, need_name, page, stamp

_KEYS = ("nwk_key", "app_key", "gen_app_key")
_SESSION_KEYS = ("app_s_key", "nwk_s_enc_key", "s_nwk_s_int_key", "f_nwk_s_int_key")
_APPLICATION_S_PORTS = range(1, 256)


class DeviceService(Service):
    """Devices."""

    def create(self, request: Any, caller: Caller) -> Any:
        """Make a device; neither its name nor whose its profile is are looked at."""
        asked = request.device
        message = copy(asked)
        message.dev_eui = eui(asked.dev_eui)
        message.application_id = identifier(asked.application_id)
        message.device_profile_id = identifier(asked.device_profile_id)
        tenant_id = self.tenant_of_application(message.application_id)
        self.may.write(caller, tenant_id)
        message.join_eui = eui(asked.join_eui)
        self._need_room(tenant_id)
        if message.dev_eui in self.database.devices:
            raise duplicate("device.dev_eui")
        if message.device_profile_id not in self.database.profiles:
            raise no_such_parent()
        self.database.devices.add(message.dev_eui, message, self.now())
        return empty()

    def get(self, request: Any, caller: Caller) -> Any:
        """Give a device."""
        row = self._readable(request.dev_eui, caller)
        profile = self.database.profiles.get(row.message.device_profile_id)
        answer = device.GetDeviceResponse(device=row.message, class_enabled=device_class(profile))
        _say_seen(answer, row)
        return stamp(answer, row)

    def update(self, request: Any, caller: Caller) -> Any:
        """Replace a device: what the request leaves out is erased."""
        asked = request.device
        message = copy(asked)
        message.dev_eui = eui(asked.dev_eui)
        message.application_id = identifier(asked.application_id)
        message.device_profile_id = identifier(asked.device_profile_id)
        self.may.write(caller, self.tenant_of_device(message.dev_eui))
        self.may.write(caller, self.tenant_of_application(message.application_id))
        self._may_use_profile(caller, message.device_profile_id)
        message.join_eui = eui(asked.join_eui)
        need_name(message)
        row = found(self.database.devices, message.dev_eui)
        row.message = message
        row.updated_at_ns = self.now()
        self._put(row)
        return empty()

    def delete(self, request: Any, caller: Caller) -> Any:
        """Delete a device; its event history stays."""
        row = self._writable(request.dev_eui, caller)
        self.database.devices.delete(row.message.dev_eui)
        return empty()

    def list_(self, request: Any, caller: Caller) -> Any:
        """List an application's devices; `total_count` counts a device once for each of its multicast groups."""
        application_id = identifier(request.application_id)
        self.may.read(caller, self.tenant_of_application(application_id))
        rows = self._ordered(matching(self._asked(application_id, request), request.search), request)
        answer = device.ListDevicesResponse(total_count=sum(max(1, len(row.groups)) for row in rows))
        for row in page(rows, request):
            message = row.message
            item = answer.result.add(
                dev_eui=message.dev_eui,
                name=message.name,
                description=message.description,
                device_profile_id=message.device_profile_id,
                device_profile_name=self._profile_name(row),
                tags=message.tags,
            )
            _say_seen(item, row)
            stamp(item, row)
        return answer

    def create_keys(self, request: Any, caller: Caller) -> Any:
        """Set the root keys; those of LoRaWAN 1.0.x have theirs in `nwk_key`."""
        message = _keys(request.device_keys)
        row = self._writable_for(message.dev_eui, caller)
        if row.keys is not None:
            raise duplicate("device_keys.dev_eui")
        row.keys = Row(message, self.now(), self.now())
        self._put(row)
        return empty()

    def get_keys(self, request: Any, caller: Caller) -> Any:
        """Give the root keys, also to a read-only key."""
        row = self._readable(request.dev_eui, caller)
        if row.keys is None:
            raise not_found(row.message.dev_eui)
        return stamp(device.GetDeviceKeysResponse(device_keys=row.keys.message), row.keys)

    def update_keys(self, request: Any, caller: Caller) -> Any:
        """Replace the root keys."""
        message = _keys(request.device_keys)
        row = self._writable_for(message.dev_eui, caller)
        if row.keys is None:
            raise not_found(message.dev_eui)
        row.keys = Row(message, row.keys.created_at_ns, self.now())
        self._put(row)
        return empty()

    def delete_keys(self, request: Any, caller: Caller) -> Any:
        """Remove the root keys."""
        row = self._writable(request.dev_eui, caller)
        if row.keys is None:
            raise not_found(row.message.dev_eui)
        row.keys = None
        self._put(row)
        return empty()

    def flush_dev_nonces(self, request: Any, caller: Caller) -> Any:
        """Forget used DevNonces, of which this ChirpStack keeps none."""
        row = self._writable(request.dev_eui, caller)
        if row.keys is None:
            raise not_found(row.message.dev_eui)
        return empty()

    def activate(self, request: Any, caller: Caller) -> Any:
        """Give a device a session, as ABP does."""
        asked = request.device_activation
        message = copy(asked)
        message.dev_eui = eui(asked.dev_eui)
        message.dev_addr = dev_addr(asked.dev_addr)
        for name in _SESSION_KEYS:
            setattr(message, name, key(getattr(asked, name)))
        row = self._writable_for(message.dev_eui, caller)
        row.activation = message
        self._put(row)
        return empty()

    def deactivate(self, request: Any, caller: Caller) -> Any:
        """End the session and empty the queue."""
        row = self._writable(request.dev_eui, caller)
        row.activation = None
        row.queue = []
        self._put(row)
        return empty()

    def get_activation(self, request: Any, caller: Caller) -> Any:
        """Give the session; a device that never joined has none, and that is no error."""
        row = self._readable(request.dev_eui, caller)
        return device.GetDeviceActivationResponse(device_activation=row.activation)

    def get_random_dev_addr(self, request: Any, caller: Caller) -> Any:
        """Give a DevAddr of NetID 0."""
        self._readable(request.dev_eui, caller)
        return device.GetRandomDevAddrResponse(dev_addr=random_dev_addr())

    def enqueue(self, request: Any, caller: Caller) -> Any:
        """Put a downlink into the queue."""
        row = self._writable(request.queue_item.dev_eui, caller)
        item = copy(request.queue_item)
        item.id, item.dev_eui = new_id(), row.message.dev_eui
        if item.f_port not in _APPLICATION_S_PORTS:
            raise invalid("Validation error: f_port must be between 1 - 255")
        if request.flush_queue:
            row.queue = []
        row.queue.append(item)
        self._put(row)
        return device.EnqueueDeviceQueueItemResponse(id=item.id)

    def flush_queue(self, request: Any, caller: Caller) -> Any:
        """Empty the queue."""
        row = self._writable(request.dev_eui, caller)
        row.queue = []
        self._put(row)
        return empty()

    def get_queue(self, request: Any, caller: Caller) -> Any:
        """Give the queue."""
        row = self._readable(request.dev_eui, caller)
        items = [] if request.count_only else row.queue
        return device.GetDeviceQueueItemsResponse(total_count=len(row.queue), result=items)

    def get_next_f_cnt_down(self, request: Any, caller: Caller) -> Any:
        """Give the counter of the next downlink."""
        row = self._readable(request.dev_eui, caller)
        counter = 0 if row.activation is None else row.activation.n_f_cnt_down
        return device.GetDeviceNextFCntDownResponse(f_cnt_down=counter + len(row.queue))

    def _readable(self, text: str, caller: Caller) -> DeviceRow:
        dev_eui = eui(text)
        self.may.read(caller, self.tenant_of_device(dev_eui))
        return found(self.database.devices, dev_eui)

    def _writable(self, text: str, caller: Caller) -> DeviceRow:
        return self._writable_for(eui(text), caller)

    def _writable_for(self, dev_eui: str, caller: Caller) -> DeviceRow:
        self.may.write(caller, self.tenant_of_device(dev_eui))
        return found(self.database.devices, dev_eui)

    def _put(self, row: DeviceRow) -> None:
        self.database.devices.put(row.message.dev_eui, row)

    def _may_use_profile(self, caller: Caller, profile_id: str) -> None:
        row = self.database.profiles.get(profile_id)
        if row is not None and not row.message.tenant_id:
            self.may.read_global(caller)
        else:
            self.may.read(caller, None if row is None else row.message.tenant_id)

    def _need_room(self, tenant_id: str | None) -> None:
        tenant = None if tenant_id is None else self.database.tenants.get(tenant_id)
        if tenant_id is None or tenant is None:
            raise internal("Record not found")
        most = tenant.message.max_device_count
        if most and self.database.device_count(tenant_id) >= most:
            raise invalid("Not allowed (Max number of devices exceeded for tenant)")

    def _asked(self, application_id: str, request: Any) -> list[DeviceRow]:
        rows = self.database.devices_of(application_id)
        if request.device_profile_id:
            profile_id = identifier(request.device_profile_id)
            rows = [row for row in rows if row.message.device_profile_id == profile_id]
        if request.multicast_group_id:
            group_id = identifier(request.multicast_group_id)
            rows = [row for row in rows if group_id in row.groups]
        for tag, value in request.tags.items():
            rows = [row for row in rows if row.message.tags.get(tag) == value]
        return rows

    def _ordered(self, rows: list[DeviceRow], request: Any) -> list[DeviceRow]:
        orders: dict[int, Callable[[DeviceRow], Any]] = {
            device.ListDevicesRequest.NAME: lambda row: row.message.name,
            device.ListDevicesRequest.DEV_EUI: lambda row: row.message.dev_eui,
            device.ListDevicesRequest.LAST_SEEN_AT: lambda row: row.last_seen_at_ns,
            device.ListDevicesRequest.DEVICE_PROFILE_NAME: self._profile_name,
        }
        order = orders.get(request.order_by, orders[device.ListDevicesRequest.NAME])
        return sorted(rows, key=order, reverse=request.order_by_desc)

    def _profile_name(self, row: DeviceRow) -> str:
        profile = self.database.profiles.get(row.message.device_profile_id)
        return profile.message.name if profile else ""


def device_class(profile: Row | None) -> int:
    """Give the class that a device of a profile has: A, or C where the profile supports it."""
    return int(common.CLASS_C if profile and profile.message.supports_class_c else common.CLASS_A)


def random_dev_addr() -> str:
    """Make a DevAddr of NetID 0."""
    return f"{secrets.randbits(25):08x}"


def _keys(asked: Any) -> Any:
    message = copy(asked)
    message.dev_eui = eui(asked.dev_eui)
    for name in _KEYS:
        setattr(message, name, key(getattr(asked, name)))
    return message


def _say_seen(answer: Any, row: DeviceRow) -> None:
    """Write what frames told of a device: when it was heard, and its last DevStatusAns, which has no time."""
    if row.last_seen_at_ns:
        set_time(answer.last_seen_at, row.last_seen_at_ns)
    if row.status is not None:
        status = answer.device_status
        status.margin, status.external_power_source, status.battery_level = row.status
