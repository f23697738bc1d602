"""Which plans are carried out without asking anybody: those within every limit of the policy, judged as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from exitplan.ruleset.language.approval import DAYS, Approval, read_approval
from exitplan.ruleset.planning.actions import ACTION_KINDS
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.self_approval import may_apply_alone, moved_value
from exitplan.schemas.policies import policy_from_document
from tests.builders import NOW, order, position, snapshot, typed_plan_of

CLOSE_AND_CANCEL = typed_plan_of(
    snapshot(
        position("AAA/USD", quantity="0.03"),
        orders=[order(symbol="BBB/USD", side="buy", minutes=120)],
    )
)
"""Closes dust worth 3 and cancels a stale order."""
CANCEL = typed_plan_of(snapshot(orders=[order(symbol="BBB/USD", side="buy", minutes=120)]))
NOTHING = typed_plan_of(snapshot())
MONDAY = datetime(2026, 2, 16, tzinfo=UTC)


def approval(**raw: object) -> Approval:
    read, problems = read_approval({"mode": "auto", **raw})
    assert not problems
    return read


def reasons(plan: Plan = CLOSE_AND_CANCEL, now: datetime = NOW, **raw: Any) -> tuple[str, ...]:
    return may_apply_alone(plan, approval(**raw), now)


def test_manual_is_what_a_policy_says_that_says_nothing() -> None:
    assert may_apply_alone(CLOSE_AND_CANCEL, Approval(), NOW) == ("approval: manual",)
    assert reasons() == ()


def test_a_plan_that_sends_nothing_asks_nobody() -> None:
    assert may_apply_alone(NOTHING, Approval(), NOW) == ()


def test_one_action_of_another_kind_makes_all_of_the_plan_wait() -> None:
    assert reasons(kinds=["close", "cancel_order"]) == ()
    assert reasons(kinds=["cancel_order"]) == ("close is not among the kinds that need no approval",)


def test_the_value_of_a_plan_may_reach_the_limit_and_no_more() -> None:
    value = moved_value(CLOSE_AND_CANCEL)
    assert value is not None
    assert value > 0
    assert reasons(max_value=value) == ()
    assert reasons(max_value=value - Decimal("0.01"))[0].startswith("its value ")


def test_what_cancels_alone_is_worth_nothing() -> None:
    assert [action.kind for action in CANCEL.actions] == ["cancel_order"]
    assert reasons(CANCEL, max_value=0) == ()


@pytest.mark.parametrize(
    ("at", "within"),
    [("06:59", False), ("07:00", True), ("16:59", True), ("17:00", False)],
)
def test_hours_are_by_the_clock_of_their_zone(at: str, within: bool) -> None:
    moment = datetime.fromisoformat(f"2026-02-16T{at}:00+00:00")  # Zurich is an hour ahead in winter
    hours = {"from": "08:00", "to": "18:00", "zone": "Europe/Zurich", "days": ["mon"]}
    assert (reasons(now=moment, hours=hours) == ()) is within


def test_hours_that_pass_midnight_belong_to_the_day_they_begin_on() -> None:
    hours = {"from": "22:00", "to": "06:00", "days": ["mon"]}
    told = [hour for hour in range(48) if not reasons(now=MONDAY + timedelta(hours=hour), hours=hours)]
    assert told == [22, 23, 24, 25, 26, 27, 28, 29]


def test_all_day_is_from_midnight_to_midnight() -> None:
    assert reasons(now=MONDAY, hours={"days": ["mon"]}) == ()
    assert reasons(now=MONDAY + timedelta(days=1), hours={"days": ["mon"]}) == (
        "it is outside the hours 00:00 to 24:00 UTC, mon",
    )


def test_hours_of_nothing_and_unknown_zones_are_told() -> None:
    _, none = read_approval({"mode": "auto", "hours": {"from": "08:00", "to": "08:00"}})
    _, unknown = read_approval({"mode": "auto", "hours": {"zone": "Europe/Zurick"}})
    assert none[0].message == "from 08:00 to 08:00 is no time at all"
    assert unknown[0].hint == "did you mean 'Europe/Zurich'?"


def test_limits_without_auto_are_worth_a_warning() -> None:
    _, problems = read_approval({"max_value": 500})
    assert [problem.severity for problem in problems] == ["warning"]


def test_a_policy_that_says_nothing_of_approval_keeps_its_hash() -> None:
    base = {"version": 1, "name": "x", "extends": "default.yaml"}
    plain, short, long = (
        policy_from_document({**base, **more}).policy
        for more in ({}, {"approval": "auto"}, {"approval": {"mode": "auto"}})
    )
    assert plain.approval == Approval()
    assert short.sha256 == long.sha256 != plain.sha256


def test_a_file_that_says_auto_keeps_the_limits_of_the_one_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "version: 1\nname: b\nexits: []\napproval: {mode: manual, max_value: 500, people: 2}\n"
    )
    loaded = policy_from_document({"version": 1, "extends": "base.yaml", "approval": "auto"}, base=tmp_path)
    assert loaded.policy.approval == approval(max_value=500, people=2)


@for_all(
    kinds=some.none() | some.lists(some.sampled_from(list(ACTION_KINDS)), unique=True),
    most=some.none() | some.decimals(0, 100, places=2),
    days=some.lists(some.sampled_from(DAYS), min_size=1, unique=True),
    after=some.timedeltas(timedelta(0), timedelta(days=7)),
)
def test_law_a_further_limit_never_lets_a_plan_pass(
    kinds: list[str] | None, most: Decimal | None, days: list[str], after: timedelta
) -> None:
    limits: dict[str, Any] = {
        name: limit for name, limit in (("kinds", kinds), ("max_value", most)) if limit is not None
    }
    wider = reasons(now=NOW + after, **limits)
    assert set(wider) <= set(reasons(now=NOW + after, **limits, hours={"days": days}))
