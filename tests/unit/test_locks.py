"""The locks hold what an old pip needs to install them."""

from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent


def asked_with_extras():
    """What the packages of this environment ask for with extras, on this machine."""
    for each in distributions():
        for text in each.requires or ():
            asked = Requirement(text)
            if asked.extras and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
                yield canonicalize_name(asked.name), asked.extras


def test_a_package_that_is_asked_for_with_extras_is_locked_with_them():
    locked = [
        Requirement(line.partition("\\")[0])
        for line in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
        if line and line[0] not in " #"
    ]
    extras = {canonicalize_name(each.name): each.extras for each in locked}
    asked = dict(asked_with_extras())
    assert "coverage" in asked
    assert {} == {name: wanted - extras[name] for name, wanted in asked.items() if wanted - extras.get(name, set())}
