"""The dashboard and the alert rules ask for nothing that is not told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exitplan.executor.metrics.registry import LABELS, METRICS

SHIPPED = Path(__file__).parents[2] / "monitoring"
SERIES = {series for spec in METRICS.values() for series in spec.series}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return found


def queries() -> Iterator[str]:
    yield from (target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ()))
    yield from (entry["query"]["query"] for entry in dashboard()["templating"]["list"][1:])
    rules = yaml.safe_load((SHIPPED / "alert-rules.yaml").read_text(encoding="utf-8"))
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])


def test_every_metric_that_is_asked_for_exists() -> None:
    asked = {name for query in queries() for name in re.findall(r"exitplan_\w+", query)}
    assert len(asked) > 30
    assert asked <= SERIES


def test_every_label_that_is_asked_for_exists() -> None:
    by = (name for query in queries() for names in re.findall(r"by \(([^)]*)\)", query) for name in names.split(", "))
    matched = (name for query in queries() for name in re.findall(r"[{,]\s*(\w+)[!=]~?", query))
    legends = (name for panel in dashboard()["panels"] for target in panel.get("targets", ())
               for name in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))  # fmt: skip
    assert {*by, *matched, *legends} <= {*LABELS, "le"}


def test_the_dashboard_shows_every_metric_but_those_that_alerts_are_made_of() -> None:
    shown = {name for panel in dashboard()["panels"] for target in panel.get("targets", ())
             for name in re.findall(r"exitplan_\w+", target["expr"])}  # fmt: skip
    missing = {name for name, spec in METRICS.items() if not shown & set(spec.series)}
    assert missing == {
        "exitplan_build_info",
        "exitplan_engine_disagreements_total",
        "exitplan_position_value",
        "exitplan_unwind_cycles",
        "exitplan_unwinds_oldest_timestamp_seconds",
        "exitplan_verified_timestamp_seconds",
    }


@pytest.mark.parametrize("spec", METRICS.values(), ids=lambda spec: spec.name)
def test_names_are_as_prometheus_wants_them(spec: Any) -> None:
    assert re.fullmatch(r"exitplan_[a-z0-9_]+", spec.name)
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert ("timestamp" in spec.name or "duration" in spec.name) <= ("_seconds" in spec.name)
    assert set(spec.labels) <= set(LABELS)
    assert spec.meaning.endswith(".")


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard()["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
