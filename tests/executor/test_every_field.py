"""Every field of a plan, walked along its schema: altered and hashed anew it sends nothing that the policy does not."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.protocol import OrderReference, OrderRequest
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from exitplan.ruleset.planning.plan import plan_sha256
from exitplan.schemas.shapes.plan import plan_schema
from tests.builders import market, order, position, record, snapshot
from tests.conftest import PROFILE
from tests.executor.scene import Scene, stage

Schema = Mapping[str, Any]
Place = tuple[str | int, ...]
Sent = dict[str, Decimal]

SYMBOLS = ("AAA/USD", "SAFE/USD", "OWN/USD", "ZOM/USD", "CAP/USD")
_NUMBERS = itertools.count()
_PARTS = (".", "[]", "{}")


def everything() -> Snapshot:
    """An account that needs nearly everything, and has much to keep."""
    held = [position("AAA/USD", 100, locked=1), position("SAFE/USD", 100, locked=1), position("OWN/USD", 50)]
    held += [
        position("ZOM/USD", 10),
        position("CAP/USD", 5),
        position("LOW/USD", 2),
        position("OFF/USD", 7),
        position("CRUMB/USD", "0.001"),
    ]
    markets = {f"{name}/USD": market(100, step="0.001") for name in ("AAA", "SAFE", "OWN", "ZOM", "CAP", "LOW")}
    markets["OFF/USD"] = market(100, active=False)
    markets["CRUMB/USD"] = market(100, step="0.001")
    markets["CHF/USD"] = market("1.25", step="0.01", bid="1.25", ask="1.25")
    return snapshot(
        *held,
        orders=[
            order("old", "AAA/USD", "sell", 1, minutes=60, price=500),
            order("mine", "SAFE/USD", "sell", 1, minutes=60, price=500),
            order("young", "CAP/USD", "buy", 1, price=1),
        ],
        markets=markets,
        tracked={
            "OWN/USD": record(),
            "ZOM/USD": record(entry=None),
            "CAP/USD": record(),
        },
        other_cash={"CHF": Cash(Decimal(1000))},
        rates={"CHF": "1.25"},
    )


def set_scene(root: Path) -> Scene:
    root.mkdir()
    return stage(
        root,
        everything(),
        parameters={"max_positions": 4},
        cash={"convert": True},
        protect=[{"symbol": "SAFE/USD", "reason": "mine"}],
    )


def sent_by(scene: Scene) -> Sent:
    """Add up what went out: units by side and symbol, and orders that were cancelled."""
    sums: Sent = {}
    for sent in scene.trouble.sent:
        if isinstance(sent, OrderReference):
            name, amount = f"cancel {sent.order_id}", Decimal(1)
        else:
            side = f"{sent.side} {sent.type}" if isinstance(sent, OrderRequest) else "convert"
            name, amount = f"{side} {sent.symbol}", sent.quantity
        sums[name] = sums.get(name, Decimal(0)) + amount
    return sums


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Sent]:
    """The plan of the account, and what it sends as it is."""
    scene = set_scene(tmp_path_factory.mktemp("true") / "scene")
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 0
    sent = sent_by(scene)
    assert {name.split()[0] for name in sent} == {"cancel", "sell"}
    assert {action["kind"] for action in plan["actions"]} == {"cancel_order", "close", "unwind", "convert_cash"}
    return plan, sent


# --- the walk --------------------------------------------------------------------------------------------------------


def fields(schema: Schema, name: str = "") -> Iterator[str]:
    """Name every field that a schema has, such as ``.actions[].side``."""
    if "properties" in schema:
        for key, inner in schema["properties"].items():
            yield from fields(inner, f"{name}.{key}")
    elif "items" in schema:
        yield from fields(schema["items"], f"{name}[]")
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from fields(schema["additionalProperties"], f"{name}{{}}")
    else:
        yield name


def schema_of(name: str) -> Schema:
    """Find the schema of a field."""
    schema: Schema = plan_schema()
    for step in steps(name):
        schema = {"[]": lambda s: s["items"], "{}": lambda s: s["additionalProperties"]}.get(
            step, lambda s, key=step: s["properties"][key]
        )(schema)
    return schema


def steps(name: str) -> list[str]:
    """Split the name of a field: ``actions``, ``[]``, ``side``."""
    return name.replace("[]", ".[]").replace("{}", ".{}").split(".")[1:]


def example(schema: Schema) -> Any:
    """Make something that fits a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        return {key: example(inner) for key, inner in schema.get("properties", {}).items()}
    return {"array": [], "boolean": True, "integer": 1, "string": text_for(schema)}[kind]


def text_for(schema: Schema) -> str:
    if schema.get("format") == "date-time":
        return "2026-02-18T22:00:00Z"
    pattern = schema.get("pattern", "")
    if "{64}$" in pattern and "0-9a-f" in pattern:
        return "0" * 64
    return "1" if pattern.startswith("^-?[0-9]") else "AAA/USD"


def places(document: Any, schema: Schema, left: list[str], at: Place = ()) -> Iterator[Place]:
    """Find where a field stands in a document; what leads to it and is not there is made."""
    if not left:
        yield at
        return
    step, rest = left[0], left[1:]
    if step == "[]":
        if not document:
            document.append(example(schema["items"]))
        for index in dict.fromkeys((0, len(document) - 1)):
            yield from places(document[index], schema["items"], rest, (*at, index))
    elif step == "{}":
        inner = schema["additionalProperties"]
        for key in list(document) or ["max_positions"]:
            document.setdefault(key, example(inner))
            yield from places(document[key], inner, rest, (*at, key))
    else:
        inner = schema["properties"][step]
        if document.get(step) is None and rest:
            document[step] = example(inner)
        yield from places(document.get(step), inner, rest, (*at, step))


def others(schema: Schema, value: Any, field: str) -> list[Any]:
    """List values that a field could have instead, the worst first."""
    found: list[Any] = []
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if "enum" in schema:
        found = list(schema["enum"])
    elif schema.get("format") == "date-time":
        found = ["2099-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]
    elif schema.get("pattern", "").startswith("^-?[0-9]") or field.endswith("}"):
        found = ["100000", "-5", "0.0001", True, False]
    elif "boolean" in types:
        found = [not value]
    elif "integer" in types:
        found = [0, 999_999, -1]
    elif field.endswith((".rule", "[].exit")) or "rules" in field or "matched" in field:
        found = ["zombie", "over-cap", "legacy", "nothing"]
    elif field.endswith(".order_id"):
        found = ["mine", "young", "old"]
    elif field.endswith(".id"):
        found = ["a1", "a2", "a99", "other"]
    else:
        found = [*SYMBOLS[1:3], "other", SYMBOLS[0]]
    if "null" in types:
        found.append(None)
    return [other for other in found if other != value]


def put(document: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Change one place, and hash the plan anew."""
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    document["sha256"] = plan_sha256(document)
    return document


def alterations(plan: Mapping[str, Any], field: str) -> Iterator[dict[str, Any]]:
    """Make the plans in which one field says something else, each hashed anew."""
    schema, roomy = schema_of(field), copy.deepcopy(dict(plan))
    for place in list(places(roomy, plan_schema(), steps(field))):
        value: Any = roomy
        for key in place:
            value = value.get(key) if isinstance(value, dict) else value[key]
        for other in others(schema, value, field):
            yield put(copy.deepcopy(roomy), place, other)


def restructured(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make the plans in which a whole part is gone, empty, doubled or turned around."""
    for key, value in plan.items():
        if key == "sha256":
            continue
        changed: list[Any] = [[], [*value, *value], value[::-1]] if isinstance(value, list) else [None, {}]
        for other in changed:
            yield put(copy.deepcopy(dict(plan)), (key,), other)
        bare = copy.deepcopy(dict(plan))
        del bare[key]
        yield put(bare, ("sha256",), "")


def without_facts(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make the plans in which a fact that apply asks for is gone, or no number."""
    for name in ("side", "unwind_cycle", "failed_exits"):
        for other in (None, "x"):
            document = copy.deepcopy(dict(plan))
            for position_shown in document["positions"]:
                position_shown["facts"].pop(name)
                if other is not None:
                    position_shown["facts"][name] = other
            yield put(document, ("sha256",), "")


def ensure_harmless(root: Path, sent: Sent, document: Mapping[str, Any]) -> None:
    """Apply an altered plan to a fresh account: it sends a part of what the true one does, or is told to be wrong."""
    scene = set_scene(root / str(next(_NUMBERS)))
    scene.clock.advance(1)
    with suppress(ExitplanError):
        scene.apply(document)
    more = {name: amount for name, amount in sent_by(scene).items() if amount > sent.get(name, Decimal(0))}
    assert more == {}


def thinned(documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Take them all where there is time, else the worst one of each field."""
    return documents if PROFILE == "thorough" else itertools.islice(documents, 1)


# What is done, and what says what is done, is altered in every way also where there is little time.
FIELDS = list(fields(plan_schema()))
DECIDING = [field for field in FIELDS if field.startswith((".actions", ".expires_at", ".created_at", ".account"))]


@pytest.mark.parametrize("field", DECIDING)
def test_a_field_of_what_is_done_is_believed_in_no_other_form(
    tmp_path: Path, true: tuple[dict[str, Any], Sent], field: str
) -> None:
    plan, sent = true
    for document in alterations(plan, field):
        ensure_harmless(tmp_path, sent, document)


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in DECIDING])
def test_a_field_that_tells_decides_nothing(tmp_path: Path, true: tuple[dict[str, Any], Sent], field: str) -> None:
    plan, sent = true
    for document in thinned(alterations(plan, field)):
        ensure_harmless(tmp_path, sent, document)


def test_parts_that_are_gone_doubled_or_turned_around_send_no_more(
    tmp_path: Path, true: tuple[dict[str, Any], Sent]
) -> None:
    plan, sent = true
    for document in (*restructured(plan), *without_facts(plan)):
        ensure_harmless(tmp_path, sent, document)


def test_every_field_has_another_form(true: tuple[dict[str, Any], Sent]) -> None:
    without: list[str] = [field for field in FIELDS if next(alterations(true[0], field), None) is None]
    assert without == [".format_version"]  # which has one form alone
    assert len(FIELDS) > 140
