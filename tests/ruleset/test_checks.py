"""What the checks find of an account, and the state that they come to: each finding alone, and what excuses it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.planning.checks import AccountState, Checks
from exitplan.ruleset.planning.plan import checks_document
from tests.builders import Given, market, order, plan_of, position, record, snapshot, unwound

KEYS = ("A", "B", "C")
QUIET = Checks(
    counted=2,
    max_positions=2,
    zombies=(),
    tolerated=("D",),
    registered=2,
    unregistered=(),
    stale=(),
    orders=3,
    deferred=(),
    unwinding=(),
)
"""As many positions as are allowed, all registered."""


def test_an_account_at_its_cap_is_clean() -> None:
    assert QUIET.state is AccountState.CLEAN


@pytest.mark.parametrize("name", ["deferred", "unjudged", "unread"])
def test_what_could_not_be_judged_makes_it_unknown_whatever_else_there_is(name: str) -> None:
    for one in (QUIET, replace(QUIET, zombies=KEYS)):
        finding: dict[str, Given] = {name: KEYS}
        assert replace(one, **finding).state is AccountState.UNKNOWN


def test_a_balance_that_nobody_expected_makes_it_unknown() -> None:
    assert replace(QUIET, surprise="").state is AccountState.UNKNOWN


@pytest.mark.parametrize(
    "finding",
    [
        {"counted": 3},
        *({name: ("A",)} for name in ("zombies", "unregistered", "stale")),
        *({name: ("A",)} for name in ("implausible", "debts", "reopening", "proceeds")),
    ],
    ids=str,
)
def test_each_finding_alone_needs_cleanup(finding: dict[str, Given]) -> None:
    assert replace(QUIET, **finding).state is AccountState.NEEDS_CLEANUP
    under_way = {"unregistered": ("X",), "unwinding": ("X",)}
    if "unregistered" not in finding:
        assert replace(QUIET, **{**under_way, **finding, "counted": 2 + 2 * ("counted" in finding)}).state is (
            AccountState.NEEDS_CLEANUP
        )


def test_unregistered_positions_that_are_all_being_unwound_are_in_progress() -> None:
    unwinding = replace(QUIET, unregistered=KEYS, unwinding=KEYS)
    assert unwinding.state is AccountState.CLEANUP_IN_PROGRESS
    assert replace(unwinding, unwinding=("A", "B")).state is AccountState.NEEDS_CLEANUP


@pytest.mark.parametrize(("counted", "state"), [(5, "CLEANUP_IN_PROGRESS"), (6, "NEEDS_CLEANUP")])
def test_what_is_being_unwound_does_not_count_against_the_cap(counted: int, state: str) -> None:
    assert replace(QUIET, unregistered=KEYS, unwinding=KEYS, counted=counted).state == state


def test_what_could_not_be_read_is_named_where_there_is_any() -> None:
    assert "unread" not in checks_document(QUIET)
    assert checks_document(replace(QUIET, unread=("a",)))["unread"] == ["a"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("position_count", {"counted": 3}),
        ("zombie_positions", {"zombies": KEYS}),
        ("registered_positions", {"unregistered": KEYS}),
        ("stale_orders", {"stale": KEYS}),
    ],
)
def test_a_check_passes_where_it_finds_nothing(name: str, changes: dict[str, Given]) -> None:
    assert checks_document(QUIET)["checks"][name]["pass"] is True
    assert checks_document(replace(QUIET, **changes))["checks"][name]["pass"] is False


# --- what of an account is found, by its plan ------------------------------------------------------------------------

ZOMBIE = {"AAA/USD": record(entry=None)}


def found(account: Snapshot, progress: Progress | None = None, **given: Given) -> dict[str, Any]:
    """Give the checks of an account as it is: the four, and what stands beside them."""
    checks = plan_of(account, progress, **given)["checks"]
    return {**checks["checks"], **checks}


def test_registered_positions_are_counted_and_the_others_named() -> None:
    held = (position(), position("BBB/USD"), position("CCC/USD"))
    registered = found(snapshot(*held, tracked=["BBB/USD", "CCC/USD"]))["registered_positions"]
    assert (registered["registered"], registered["unregistered"]) == (2, ["AAA/USD"])


@pytest.mark.parametrize(
    ("exits", "unwinding"),
    [
        ([{"id": "out", "when": {"tracked": False}, "action": "unwind"}], ["AAA/USD"]),
        ([{"id": "out", "when": {"tracked": False}, "action": "close"}], ["AAA/USD"]),
        ([{"id": "stop", "when": {"tracked": False}, "action": "attach_stop", "stop_pct": Decimal("0.1")}], []),
        ([], []),
    ],
    ids=["unwound", "closed", "kept under a stop", "kept"],
)
def test_an_unwind_is_under_way_only_while_the_policy_closes_the_position(
    exits: list[dict[str, Given]], unwinding: list[str]
) -> None:
    checks = found(snapshot(position(quantity="7.5")), unwound(1, "0.75", 10), exits=exits)
    assert checks["registered_positions"]["unwinding"] == unwinding
    assert checks["state"] == ("CLEANUP_IN_PROGRESS" if unwinding else "NEEDS_CLEANUP")


CRUMB = position(quantity="0.0005")
"""Half of what the market takes."""
LEGACY = [{"id": "legacy", "category": "LEGACY_NON_COMPLIANT", "when": {"tracked": False}}]


@pytest.mark.parametrize(
    ("account", "policy", "tolerated"),
    [
        (snapshot(CRUMB), {}, True),
        (snapshot(CRUMB), {"clean": {"tolerate_untradeable_dust": False}}, False),
        (snapshot(CRUMB), {"exits": []}, False),
        (snapshot(CRUMB), {"classification": LEGACY}, False),
        (snapshot(position(quantity="0.01")), {}, False),
    ],
    ids=["by default", "not allowed", "nothing would close it", "no zombie", "it can be sold"],
)
def test_dust_is_tolerated_where_it_is_a_zombie_whose_exit_is_blocked(
    account: Snapshot, policy: dict[str, Given], tolerated: bool
) -> None:
    assert found(account, **policy)["zombie_positions"]["tolerated_dust"] == (["AAA/USD"] if tolerated else [])


def test_what_has_no_price_yet_may_be_worth_something_and_is_not_tolerated() -> None:
    exits = [{"id": "dust", "rule": 1, "when": {"price_status": "missing"}, "action": "close"}]
    for listed, tolerated in ((market(None), []), (None, ["AAA/USD"])):
        zombies = found(snapshot(position(), markets={"AAA/USD": listed}), exits=exits)["zombie_positions"]
        assert zombies["tolerated_dust"] == tolerated


def test_where_no_rule_is_about_orders_none_has_to_be_judged() -> None:
    account = snapshot(orders=[order(minutes=None)])
    assert found(account)["unjudged_orders"] == ["o1"]
    assert found(account, orders=[])["unjudged_orders"] == []


def test_only_orders_that_open_what_is_closed_would_open_it_again() -> None:
    account = snapshot(
        *(position(), position("AAA/EUR"), position("BBB/USD")),
        orders=[order("buys", "AAA/EUR", "buy"), order("sells", "AAA/EUR"), order("other", "BBB/USD", "buy", price=90)],
        tracked={**ZOMBIE, "AAA/EUR": record(), "BBB/USD": record()},
        rates={"EUR": 1},
    )
    assert plan_of(account)["forecast"]["reopening_orders"] == ["buys"]


@pytest.mark.parametrize(("tracked", "proceeds"), [(record(), []), (record(entry=None), ["BTC"])])
def test_an_asset_that_is_held_and_kept_is_no_new_position_where_a_sale_is_paid_in_it(
    tracked: TrackerRecord, proceeds: list[str]
) -> None:
    account = snapshot(
        *(position("XMR/BTC"), position("BTC/USD", 50)),
        tracked={"XMR/BTC": record(entry=None), "BTC/USD": tracked},
        rates={"BTC": 100},
    )
    assert plan_of(account, guards={"max_run_pct": 1})["forecast"]["proceeds"] == proceeds
