"""Which decoder an event's device has, and who said so. Pure.

In this order: the installation's entry, a rule of the configuration that is preferred, the tag `decoder`, the tags
`vendor` and `model`, another rule.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from typing import Annotated

from vdl_lora.decoding import Decoder, slug
from vdl_lora.errors import NoDecoder
from vdl_lora.installations import Installation
from vdl_lora.lorawan import Device
from vdl_lora.setting_types import Setting

_KEPT_CHOICES = 65536
_LONGEST_NAME = 256
_MEND = "mend the file that it names"


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoder under one of its ids; `declaration` is a hash of all that its results depend on."""

    id: str
    model: str
    decoder: Decoder
    declaration: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A decoder for all devices of a profile or an application, each by name or id, with `*` and `?`.

    One that is `preferred` beats the tags of the device too.
    """

    decoder: Annotated[str, Setting("the decoder's id")]
    profile: Annotated[str, Setting("name or id of a device profile")] = "*"
    application: Annotated[str, Setting("name or id of an application")] = "*"
    preferred: Annotated[bool, Setting("whether it beats the device's tags too")] = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen decoder and who chose it: `installation`, `tag decoder`, `tags vendor and model` or `rule 1`."""

    entry: Entry
    by: str


class Catalog:
    """The decoders that there are, and the rules that choose among them.

    `broken` names the ids whose file could not be read, and why; such an id has no decoder, even where ours has one.
    """

    def __init__(
        self, entries: Iterable[Entry], rules: Sequence[Rule] = (), broken: Mapping[str, str] | None = None
    ) -> None:
        self.broken = dict(broken or {})
        self.entries: Mapping[str, Entry] = {entry.id: entry for entry in entries if entry.id not in self.broken}
        self.rules = tuple(rules)
        self._patterns = [(rule, _pattern(rule.profile), _pattern(rule.application)) for rule in rules]
        self._prefers = any(rule.preferred for rule in rules)
        self._by_rule = lru_cache(maxsize=_KEPT_CHOICES)(self._first_rule)
        self._choice = lru_cache(maxsize=_KEPT_CHOICES)(self._choice_of)

    def choose(self, device: Device, installation: Installation | None = None) -> Choice:
        """Choose the decoder of a device.

        Raises NoDecoder, saying what to set, where nothing names one or what is named is not there.
        """
        if installation is not None and installation.decoder:
            return self._found(installation.decoder, "installation", device)
        if self._prefers and (number := self._rule_of(device)) is not None and self.rules[number].preferred:
            return self._found(self.rules[number].decoder, f"rule {number + 1}", device)
        tags = device.tags
        named = tags.get("decoder")
        if named:
            return self._found(named[:_LONGEST_NAME], "tag decoder", device)
        vendor, model = tags.get("vendor"), tags.get("model")
        if vendor and model:
            return self._found(f"{vendor}/{model}"[:_LONGEST_NAME], "tags vendor and model", device)
        if (number := self._rule_of(device)) is not None:
            return self._found(self.rules[number].decoder, f"rule {number + 1}", device)
        raise NoDecoder(
            f"nothing names a decoder for this device (profile {device.device_profile_name!r})",
            advice="set the device tag `decoder`, the tags `vendor` and `model`, or a rule in [decoders] rules",
        )

    def entry(self, name: str) -> Entry | None:
        """Give the decoder of an id, however it is spelt (`Milesight/EM300-TH`), None where there is none."""
        return self.entries.get(name) or self.entries.get(_id(name))

    def why_broken(self, name: str) -> str:
        """Say why the file of an id, however it is spelt, could not be read; empty where it could."""
        return self.broken.get(_id(name), "")

    def near(self, name: str) -> str:
        """Give the ids that are spelt most like this one."""
        return ", ".join(get_close_matches(name.lower(), self.entries, n=3, cutoff=0.4)) or "none"

    def _found(self, name: str, by: str, device: Device) -> Choice:
        found = self._choice(name, by)
        if found is not None:
            return found
        if broken := self.why_broken(name):
            raise NoDecoder(f"the decoder {name[:80]!r} ({by}) could not be read: {broken}", advice=_MEND)
        raise NoDecoder(
            f"there is no decoder {name[:80]!r} ({by}) for {device.device_profile_name!r}; near it: {self.near(name)}",
            advice="correct that name",
        )

    def _choice_of(self, name: str, by: str) -> Choice | None:
        found = self.entry(name)
        return Choice(found, by) if found is not None else None

    def _rule_of(self, device: Device) -> int | None:
        return self._by_rule(
            device.device_profile_id, device.device_profile_name, device.application_id, device.application_name
        )

    def _first_rule(self, profile_id: str, profile: str, application_id: str, application: str) -> int | None:
        for number, (_, profiles, applications) in enumerate(self._patterns):
            of_profile = profiles.match(profile.lower()) or profiles.match(profile_id)
            if of_profile and (applications.match(application.lower()) or applications.match(application_id)):
                return number
        return None


def _id(name: str) -> str:
    """Give the id that a person's spelling of it means."""
    vendor, _, model = name.partition("/")
    return f"{slug(vendor)}/{slug(model)}"


def _pattern(text: str) -> re.Pattern[str]:
    """Give the pattern of a name with `*` and `?`; a bracket is a bracket."""
    return re.compile(translate(text.lower().replace("[", "[[]")))
