"""The metrics follow Prometheus's conventions, and their labels stay few."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from vdl_lora import metrics

OURS = {each.describe()[0].name: each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)}
LABELS = {"code", "decoder", "kind", "outcome", "reason", "sink", "state", "tenant", "version", "way"}
UNITS = (
    ("_timestamp_seconds", r"\bin s since 1970\b"),
    ("_seconds", r"\bin s\b|[Hh]ow long"),
    ("_bytes", r"\b[Bb]ytes\b"),
)
"""The end of a name, and what the description says where that is the unit; the first that fits holds."""


def test_every_metric_of_ours_is_in_the_registry():
    assert set(OURS) == {each.name for each in metrics.REGISTRY.collect() if each.name.startswith("vdl_lora_")}
    assert len(OURS) > 15


@pytest.mark.parametrize("name", OURS)
def test_names_and_words_follow_the_conventions(name):
    [described] = OURS[name].describe()
    assert re.fullmatch(r"vdl_lora_[a-z]+(_[a-z]+)*", name)
    assert described.type in ("counter", "gauge")
    assert described.documentation.endswith(".")


@pytest.mark.parametrize("name", OURS)
def test_a_name_ends_with_the_unit_that_its_description_says(name):
    described = OURS[name].describe()[0].documentation
    assert next((unit for unit, words in UNITS if re.search(words, described)), "") == next(
        (unit for unit, _ in UNITS if name.endswith(unit)), ""
    )


def test_each_unit_is_of_some_metric():
    assert [] == [unit for unit, _ in UNITS if not any(name.endswith(unit) for name in OURS)]


def test_labels_name_only_what_is_few():
    used = {label for each in OURS.values() for label in each._labelnames}  # noqa: SLF001 - nothing else tells them before there is a value
    assert used == LABELS


def test_the_guide_names_metrics_that_there_are():
    guide = Path(__file__).parents[2] / "docs" / "howto" / "monitor.md"
    named = set(re.findall(r"\bvdl_lora_\w+", guide.read_text(encoding="utf-8")))
    assert len(named) > 4
    assert named <= {name + ("_total" if each.describe()[0].type == "counter" else "") for name, each in OURS.items()}


def test_what_the_process_takes_is_told_too():
    named = {each.name for each in metrics.REGISTRY.collect()}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_gc_collections", "python_info"} <= named
