"""How hypothesis searches: the same examples each time, or many new ones where VDL_LORA_SOAK=1 is set."""

import os

import pytest
from hypothesis import HealthCheck, settings

from vdl_lora.catalog import Catalog, Rule
from vdl_lora.discovery import discover

settings.register_profile(
    "same",
    deadline=None,
    derandomize=True,
    max_examples=400,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("soak", settings.get_profile("same"), derandomize=False, max_examples=10_000)
settings.load_profile("soak" if os.environ.get("VDL_LORA_SOAK") == "1" else "same")

RULES = (
    Rule("milesight/em300-th", profile="Milesight EM300-TH*"),
    Rule("axioma/qalcosonic-w1", profile="axioma *"),
    Rule("dragino/ldds75", application="Niveaux de rivière"),
)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Our decoders, with rules for the recorded devices that have no tags; the school's has `vendor` and `model`."""
    return Catalog(discover().entries(), RULES)
