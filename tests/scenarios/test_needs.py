"""What is asked of a venue beyond the account: trades and terms of conversion, only where rules care."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.ruleset.engine.data_requirements import positions_needing_basis, positions_needing_conversion
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Conversion, Snapshot
from tests.builders import (
    NOW,
    Given,
    Node,
    ago,
    market,
    plan_of,
    policy_document,
    position,
    record,
    rulebook,
    snapshot,
)

UNPRICED = record(entry=None)
LOSERS = [{"id": "losers", "when": {"pnl_pct": {"lt": 0}}, "action": "close"}]


def basis(account: Snapshot, **changes: Given) -> list[str]:
    book = rulebook(policy_document(changes.pop("base", "default"), **changes))
    seen = Observation.of(account, book.policy, Progress(), NOW)
    return [found.key for found in positions_needing_basis(book.policy, seen.account.positions)]


def conversion(account: Snapshot, *, convert: bool = True, **changes: Given) -> list[str]:
    book = rulebook(policy_document(dust={"convert": convert}, **changes))
    return [found.key for found in positions_needing_conversion(book, account, Progress(), NOW)]


def ruled(when: Node, category: str = "ZOMBIE_LEGACY") -> list[Node]:
    return [{"id": "r", "category": category, "when": when}]


@pytest.mark.parametrize("base", ["default", "conservative"])
def test_an_untracked_position_needs_nothing(base: str) -> None:
    assert basis(snapshot(position()), base=base) == []


@pytest.mark.parametrize("base", ["default", "conservative"])
def test_a_tracked_one_without_an_entry_price_does(base: str) -> None:
    assert basis(snapshot(position(), tracked={"AAA/USD": UNPRICED}), base=base) == ["AAA/USD"]


@pytest.mark.parametrize(("entry", "recorded"), [(90, None), (None, 90)])
def test_an_entry_price_of_tracker_or_venue_is_enough(entry: int | None, recorded: int | None) -> None:
    assert basis(snapshot(position(entry=entry), tracked={"AAA/USD": record(entry=recorded)})) == []


def test_an_untracked_one_does_where_an_invariant_asks_for_its_result() -> None:
    losers = [{"when": {"not": {"pnl_pct": {"gt": 0}}}, "do": "sell"}]
    assert basis(snapshot(position()), never=losers) == ["AAA/USD"]
    assert basis(snapshot(position(entry=90)), never=losers) == []


def test_an_entry_price_of_zero_is_none() -> None:
    assert basis(snapshot(position(entry=0), tracked={"AAA/USD": record(entry=0)})) == ["AAA/USD"]


def test_dust_needs_nothing_for_it_is_a_zombie_already() -> None:
    assert basis(snapshot(position(quantity="0.005"), tracked={"AAA/USD": UNPRICED})) == []


def test_a_deferred_position_needs_nothing() -> None:
    down = {"AAA/USD": market(100, price_status="unavailable")}
    assert basis(snapshot(position(), markets=down, tracked={"AAA/USD": UNPRICED}), exits=LOSERS) == []


def test_a_position_without_a_market_needs_nothing() -> None:
    account = snapshot(position(), markets={"AAA/USD": None}, tracked={"AAA/USD": UNPRICED})
    assert basis(account, classification=ruled({"has_entry_price": False})) == []


def test_a_protected_position_needs_nothing() -> None:
    account = snapshot(position(), tracked={"AAA/USD": UNPRICED})
    assert basis(account, protect=[{"symbol": "AAA/USD"}]) == []


def test_exits_that_ask_for_the_result_need_the_basis() -> None:
    assert basis(snapshot(position(), position("BBB/USD", entry=90)), exits=LOSERS) == ["AAA/USD"]


@pytest.mark.parametrize(
    ("ranks", "asked"),
    [
        (["pnl_pct"], ["AAA/USD", "CCC/USD"]),
        (["oldest"], ["AAA/USD", "BBB/USD", "CCC/USD"]),
        (["value_usd", "pnl_pct"], ["AAA/USD"]),
        (["value_usd"], []),
    ],
)
def test_what_the_cap_ranks_by_is_asked_for_where_it_is_needed_to_tell_positions_apart(
    ranks: list[str], asked: list[str]
) -> None:
    account = snapshot(position(), position("BBB/USD", entry=90), position("CCC/USD", 30))
    ranked = {"cap": {"scope": "all", "rank_by": ranks, "count_untradeable": False}}
    assert basis(account, max_positions=1, **ranked) == asked
    assert basis(account, max_positions=3, **ranked) == []


def test_without_a_price_there_is_no_result_to_know() -> None:
    assert basis(snapshot(position(), markets={"AAA/USD": market(None)}), exits=LOSERS) == []


@pytest.mark.parametrize("when", [{"pnl_pct": {"exists": True}}, {"not": {"pnl_pct": {"gt": 0}}}])
def test_presence_and_negation_ask_as_well(when: Node) -> None:
    assert basis(snapshot(position()), classification=ruled(when)) == ["AAA/USD"]


def test_a_condition_that_is_settled_otherwise_asks_nothing() -> None:
    when = {"tracked": True, "pnl_pct": {"lt": 0}}
    assert basis(snapshot(position()), classification=ruled(when)) == []


def test_an_exit_before_the_one_that_asks_settles_it() -> None:
    first = {"id": "all", "when": {"tracked": False}, "action": "close"}
    assert basis(snapshot(position()), exits=[first, *LOSERS]) == []


@pytest.mark.parametrize(("opened", "recorded", "asks"), [(None, None, True), (5, None, False), (None, 5, False)])
def test_an_age_that_a_rule_asks_for_is_needed(opened: int | None, recorded: int | None, asks: bool) -> None:
    held = position(opened_at=None if opened is None else ago(opened))
    tracked = {"AAA/USD": record(opened=None if recorded is None else ago(recorded))}
    account = snapshot(held, tracked=tracked)
    assert basis(account, classification=ruled({"age_minutes": {"gt": 60}})) == (["AAA/USD"] if asks else [])


def test_rules_whose_outcome_is_the_same_deferral_ask_nothing() -> None:
    rules = [
        {"id": "a", "category": "DEFERRED", "when": {"pnl_pct": {"gt": 0}}},
        {"id": "b", "category": "DEFERRED", "when": {"tracked": False}},
    ]
    assert basis(snapshot(position()), classification=rules) == []


def test_an_exit_for_what_the_cap_chooses_asks_only_above_the_cap() -> None:
    exits = [{"id": "cap", "when": {"over_cap": True, "pnl_pct": {"lt": 0}}, "action": "close"}]
    assert basis(snapshot(position()), exits=exits, max_positions=1) == []
    assert basis(snapshot(position()), exits=exits, max_positions=0) == ["AAA/USD"]


def test_the_cap_s_ranking_alone_asks_nothing() -> None:
    assert basis(snapshot(position()), cap={"rank_by": ["pnl_pct", "oldest"]}, max_positions=0) == []


def test_a_derivative_may_need_it_for_its_share_of_the_account() -> None:
    short = position("X/USD:USD", 4, side="short")
    assert basis(snapshot(short)) == ["X/USD:USD#short"]
    assert basis(snapshot(replace(short, entry_price=Decimal(90)))) == []


def test_an_empty_account_needs_nothing() -> None:
    assert basis(snapshot()) == conversion(snapshot()) == []


def test_terms_are_asked_for_dust_too_small_to_sell() -> None:
    account = snapshot(position(quantity="0.0005"), position("BBB/USD", "0.05"), position("CCC/USD"))
    assert conversion(account) == ["AAA/USD"]


def test_but_not_where_the_policy_converts_nothing() -> None:
    assert conversion(snapshot(position(quantity="0.0005")), convert=False) == []


def test_terms_that_are_there_already_change_nothing() -> None:
    account = snapshot(position(quantity="0.0005"))
    known = replace(account, conversions={"AAA/USD": Conversion(Decimal("0.01"))})
    assert conversion(known) == ["AAA/USD"]


def test_locked_protected_and_derivative_dust_asks_for_no_terms() -> None:
    held = [position("A/USD", "0.0005", locked="0.0005"), position("B/USD", "0.0005"), position("C/USD:USD", "0.0005")]
    assert conversion(snapshot(*held), protect=[{"symbol": "B/USD"}]) == []


def test_dust_whose_terms_were_asked_is_converted() -> None:
    account = snapshot(position(quantity="0.0005"))
    terms = {key: Conversion(Decimal("0.01")) for key in conversion(account)}
    plan = plan_of(replace(account, conversions=terms), dust={"convert": True})
    assert [found["kind"] for found in plan["actions"]] == ["convert_dust"]
