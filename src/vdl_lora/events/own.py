"""Our own events: what vdl_lora saw itself, written and read. Pure.

A body is JSON: `about` names what it is about, `version` the schema of its content, then `time`, `devEui`, `tenantId`
and `content`. Readers skip what they do not know. Version 0.1 wrote no `version`, and texts alone, as `detail`.
"""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from vdl_lora.lorawan import OwnContent
from vdl_lora.times import format_time

from .raw import RawEvent

_FORMS: Final[Mapping[str, type[OwnContent]]] = {form.about: form for form in get_args(OwnContent)}


def own_event(content: OwnContent, at_ns: int, *, dev_eui: str = "", tenant_id: str = "") -> RawEvent:
    """Make an event of ours; its time, in ns since 1970, is that of its arrival too."""
    body = {
        "about": content.about,
        "version": content.schema,
        "time": format_time(at_ns),
        "devEui": str(dev_eui),  # msgspec writes no subclass of str
        "tenantId": tenant_id,
        "content": content,
    }
    return RawEvent("own", "own", msgspec.json.encode(body), "own", at_ns)


def read_content(about: str, version: int, content: msgspec.Raw, detail: Mapping[str, str]) -> OwnContent | None:
    """Read the content of an own event; None where only a later version can.

    Raises msgspec.ValidationError where it is not what its version says.
    """
    form = _FORMS.get(about)
    if form is None:
        return None
    if version == 0:
        return msgspec.convert({**detail}, form, strict=False)
    try:
        return msgspec.json.decode(content, type=form)
    except msgspec.ValidationError:
        if version > form.schema:
            return None
        raise
