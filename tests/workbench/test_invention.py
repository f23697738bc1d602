"""An account can be built for whatever a position may be, and none for what it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.invention import FactsDisagree, replay

MICRO = 1_000_000
BOOKS = {name: Rulebook.of(load_policy(shipped_policy(name)).policy) for name in ("default", "conservative")}


def numbers(least: int, most: int) -> st.SearchStrategy[int]:
    """Numbers in millionths, near the borders as well."""
    return st.one_of(st.sampled_from([least, least + 1, most - 1, most]), st.integers(least, most))


@st.composite
def facts(draw: st.DrawFn) -> dict[str, Any]:
    """Facts that a spot or derivative position can have together."""
    wanted: dict[str, Any] = {
        "side": draw(st.sampled_from(["long", "short"])),
        "market_active": draw(st.booleans()),
        "price_status": draw(st.sampled_from(["ok", "ok", "ok", "missing", "unavailable", "implausible"])),
        "tracked": draw(st.booleans()),
        "has_entry_price": draw(st.booleans()),
        "age_minutes": draw(st.one_of(st.none(), numbers(0, 10**6 * MICRO))),
        "failed_exits": draw(st.sampled_from([0, MICRO, 3 * MICRO])),
        "unwind_cycle": draw(st.sampled_from([0, MICRO, 4 * MICRO])),
        "api_mismatch": draw(st.booleans()),
        "protected": draw(st.booleans()),
    }
    if wanted["market_active"]:
        wanted["sellable"] = draw(st.booleans())
    if wanted["price_status"] == "ok":
        wanted["value_usd"] = draw(numbers(0, 10**7 * MICRO))
        wanted["account_pct"] = draw(numbers(0, 900_000))
        wanted["price_basis"] = draw(st.sampled_from(["last", "mid", "one_side"]))
        wanted["equity_complete"] = draw(st.booleans())
        if wanted["has_entry_price"]:
            wanted["pnl_pct"] = draw(numbers(-999_999, 999_998))
    if wanted["tracked"]:
        wanted["has_exit_logic"] = draw(st.booleans())
        wanted["strategy"] = draw(st.sampled_from([None, "core"]))
        wanted["opened_by_strategy"] = draw(st.booleans())
        wanted["untracked_pct"] = draw(numbers(0, 990_000))
    return wanted


@given(facts())
def test_facts_that_fit_together_come_out_as_they_are_wanted(wanted: dict[str, Any]) -> None:
    told = replay(BOOKS["default"], wanted).facts
    assert {name: told.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(("name", "tracked"), [("default", True), ("default", False), ("conservative", False)])
def test_the_cap_chooses_the_position_that_is_meant(name: str, tracked: bool) -> None:
    replayed = replay(BOOKS[name], {"over_cap": True, "tracked": tracked})
    assert [one.key for one in replayed.draft.decisions if one.view.facts["over_cap"]] == [replayed.decision.key]


@pytest.mark.parametrize(
    "wanted",
    [
        {"market_known": False, "price_status": "ok"},
        {"market_active": False, "sellable": True},
        {"tracked": False, "has_exit_logic": True},
        {"tracked": False, "opened_by_strategy": True},
        {"price_status": "missing", "value_usd": MICRO},
        {"price_status": "unavailable", "over_cap": True},
        {"position_source": "somebody_else", "opened_by_strategy": True},
        {"value_usd": 0, "account_pct": MICRO, "market_active": False},
    ],
)
def test_facts_that_no_position_has_together_are_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(FactsDisagree, match="do not fit together"):
        replay(BOOKS["default"], wanted)


@pytest.mark.parametrize("name", ["category", "colour"])
def test_what_is_no_fact_of_a_position_is_refused(name: str) -> None:
    with pytest.raises(FactsDisagree, match=name):
        replay(BOOKS["default"], {name: "x"})


def test_what_the_policy_keeps_as_money_is_no_position() -> None:
    with pytest.raises(FactsDisagree, match="money"):
        replay(BOOKS["default"], {"asset": "EUR"})
