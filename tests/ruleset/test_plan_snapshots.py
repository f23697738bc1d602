"""Whole plans of the shipped policies, kept as snapshots: a change of meaning shows as a change of file.

Accept a change that is meant with ``pytest --snapshot-update``.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.planning.plan import Document, ensure_unaltered, make_plan
from exitplan.ruleset.planning.planner import PlanInput
from tests.builders import ago, market, order, policy_document, position, record, rulebook, snapshot

DEMO = Path(__file__).parents[2] / "brokers" / "paper" / "demo-account.json"
VOLATILE = ("tool_version", "plan_id", "sha256")
"""What changes with the version of the tool, and with every wording of a policy."""


def demo() -> Snapshot:
    return snapshot_from_document(json.loads(DEMO.read_text("utf-8"), parse_float=Decimal))


def mixed() -> Snapshot:
    """Make an account with a case of every category, exit and obstacle."""
    held = [
        position("ALIGNED/USD", opened_at=ago(500)),
        position("LEGACY/USD", 20),
        position("SHORT/USD:USD", "-4", side="short"),
        position("DUST/USD", "0.05"),
        position("CRUMB/USD", "0.0004"),
        position("GONE/USD"),
        position("NOPRICE/USD", locked=2),
        position("HALT/USD", 3),
        position("LOCKED/USD", 6, locked=6),
        position("MINE/USD", 50),
        position("TWIN/EUR", 7),
    ]
    resting = [
        order("7", "NOPRICE/USD", quantity=2),
        order("8", "LEGACY/USD", "buy", 3, minutes=31),
        order("9", "MINE/USD", minutes=99),
    ]
    markets = {"GONE/USD": None, "NOPRICE/USD": market(None), "HALT/USD": market(active=False)}
    return snapshot(
        *held, orders=resting, markets=markets, tracked={"ALIGNED/USD": record(), "LEGACY/USD": record("manual")},
        rates={"EUR": "1.08"},
    )  # fmt: skip


def crowded() -> Snapshot:
    """Make an account over its cap, half of it managed by a strategy."""
    held = [position(f"P{number:02}/USD", 1 + number) for number in range(12)]
    return snapshot(*held, tracked=[found.symbol for found in held[::2]], cash=1500)


def down() -> Snapshot:
    """Make an account whose venue tells no prices."""
    held = [position(f"P{number}/USD") for number in range(3)]
    return snapshot(*held, markets={found.symbol: market(100, price_status="unavailable") for found in held})


def clean() -> Snapshot:
    return snapshot(position(), orders=[order(kind="stop", price=None, trigger=80, minutes=999)], tracked=["AAA/USD"])


ACCOUNTS = {"clean": clean, "crowded": crowded, "demo": demo, "down": down, "mixed": mixed}
PROGRESS = Progress(
    {"LEGACY/USD": UnwindProgress(1, Decimal("0.75"), Decimal(27), ago(1440), ago(720))}, {"GONE/USD": 1}
)


@pytest.fixture
def as_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("policy", ["default", "conservative"])
@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_plan(account: str, policy: str, as_json: SnapshotAssertion) -> None:
    found = ACCOUNTS[account]()
    book = rulebook(policy_document(policy, protect=[{"symbol": "MINE/USD", "reason": "a keepsake"}]))
    plan = make_plan(PlanInput(book, found, found.taken_at, PROGRESS)).document
    ensure_unaltered(plan)
    assert _lasting(plan) == as_json


def _lasting(plan: Document) -> dict[str, Any]:
    """Leave out ids and hashes: they say only that something changed, which the rest shows."""
    kept = {key: value for key, value in plan.items() if key not in VOLATILE}
    for part in ("policy", "snapshot"):
        kept[part] = {key: value for key, value in plan[part].items() if key != "sha256"}
    kept["actions"] = [
        {key: value for key, value in action.items() if key != "client_order_id"} for action in plan["actions"]
    ]
    return kept
