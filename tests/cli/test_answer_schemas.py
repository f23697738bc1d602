"""What commands print with ``--json`` is what their schemas say, and carries the version of its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

pytestmark = pytest.mark.usefixtures("folder")


def ensure(kind: str, document: dict[str, Any]) -> None:
    Draft7Validator(ANSWERS[kind]()).validate(document)
    assert document["format_version"] == 1


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_schema_is_a_good_one(kind: str) -> None:
    Draft7Validator.check_schema(ANSWERS[kind]())
    assert xp("schema", kind).json["$id"] == f"exitplan/{kind}.schema.json"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("verify", "verify"),
        ("status", "status"),
        ("positions", "positions"),
        ("explain", "explain XRP/USD"),
        ("explain", "explain BTC/USD"),
        ("history", "history"),
        ("run", "history 1"),
        ("alerts-shown", "alerts"),
        ("gate", "gate"),
        ("validate", "validate"),
        ("validate", "validate broken.yaml"),
        ("policy-shown", "policies show"),
        ("policy-shown", "policies show hedged"),
        ("policies-listed", "policies list"),
        ("policies-tested", "policies test forced-cleanup"),
        ("diff", "diff plan.json part.json"),
        ("pending", "pending"),
        ("round", "watch --once"),
        ("accounts", "verify --all"),
        ("accounts", "status --all"),
        ("accounts", "plan --all"),
        ("error", "plan --account nobody"),
        ("error", "plan --policy broken.yaml"),
        ("error", "plan --no-such-option"),
    ],
)
def test_what_a_command_prints_fits_its_schema(kind: str, line: str) -> None:
    xp("plan", "--out", "plan.json")
    xp("plan", "--target", "XRP", "--out", "part.json")
    xp("apply", "plan.json")
    Path("broken.yaml").write_text("version: 1\nname: x\nexit: []\n", encoding="utf-8")
    ensure(kind, xp(*line.split(), "--json").json)


def test_every_event_fits_its_schema() -> None:
    xp("plan", "--out", "plan.json")
    events = xp("apply", "plan.json", "--json").lines
    assert len(events) > 10
    for event in events:
        ensure("event", event)
    for event in xp("run", "--all", "--json").lines:
        ensure("event", event)
