"""What would have to change for another exit: it is so when the planner is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exitplan.workbench.alternatives import Alternative, find_alternatives
from exitplan.workbench.invention import FactsDisagree, replay
from tests.conftest import examples
from tests.workbench.test_invention import facts
from tests.workbench.test_proofs import BOOKS, POLICIES

MICRO = 1_000_000
DEFAULT = POLICIES["default"]


def ways(wanted: dict[str, Any], name: str = "default") -> list[Alternative]:
    decision = replay(BOOKS[name], wanted).decision
    policy = POLICIES[name]
    known = {fact: value for fact, value in decision.view.facts.items() if fact != "category"}
    return find_alternatives(policy, known, [rule for rule in (*policy.exits, None) if rule is not decision.exit])


def told(wanted: dict[str, Any]) -> dict[str | None, list[tuple[str, ...]]]:
    found: dict[str | None, list[tuple[str, ...]]] = {}
    for way in ways(wanted):
        found.setdefault(way.exit, []).append(way.changes)
    return found


def test_an_ordinary_position_is_near_to_every_exit() -> None:
    found = told({})
    assert found["dust"] == [("value_usd < 1",), ("account_pct < 0.01",)]
    assert ("not has_entry_price",) in found["zombie"]
    assert found["over-cap"] == [("over_cap",)]
    assert ("not has_exit_logic",) in found["legacy"]
    assert None not in found


def test_what_follows_from_another_change_is_not_told_again() -> None:
    found = told({"has_entry_price": False})
    assert found[None] == [("has_entry_price",)]
    assert ("not tracked",) in found["legacy"]


def test_a_position_without_a_market_would_need_one_first() -> None:
    for way in ways({"market_known": False}):
        assert way.changes[0] == "market_known"


def test_a_protected_position_would_have_to_be_protected_no_more() -> None:
    assert all("not protected" in way.changes for way in ways({"protected": True, "has_exit_logic": False}))


@pytest.mark.parametrize("name", ["default", "conservative"])
@examples(20, 500)
@given(st.data())
def test_every_way_is_one_that_the_planner_takes(name: str, data: st.DataObject) -> None:
    try:
        found = ways(data.draw(facts()), name)
    except FactsDisagree:
        assume(False)
    assert found
    assert all(way.is_confirmed or "over_cap" in way.changes for way in found)
