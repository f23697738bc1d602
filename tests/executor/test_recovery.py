"""What is remembered of a position goes when it is gone, and follows its asset to another market."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.executor.apply.recovery import still_held
from exitplan.executor.store.state import State
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import MissingPrice, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW, compiled, market, policy_document, position, snapshot

POLICY = compiled(policy_document())
UNWIND = UnwindProgress(1, Decimal("0.75"), Decimal(100), NOW, NOW, Decimal(0))
LONG, SHORT = "AAA/USD:USD", "AAA/USD:USD#short"


def remembering(*keys: str) -> State:
    return State(
        unwinds=dict.fromkeys(keys, UNWIND),
        failed_exits=dict.fromkeys(keys, 1),
        price_missing=dict.fromkeys(keys, MissingPrice(NOW, None)),
        last_prices=dict.fromkeys(keys, Decimal(100)),
    )


def kept(state: State, account: Snapshot) -> State:
    return still_held(state, observe(account, POLICY, Progress(), NOW))


def known(state: State) -> list[set[str]]:
    """The positions of which progress, a missing price and a last price are remembered."""
    return [set(state.unwinds), set(state.price_missing), set(state.last_prices)]


def test_what_is_gone_is_forgotten_and_what_is_held_is_not() -> None:
    state = kept(remembering("AAA/USD", "BBB/USD"), snapshot(position("AAA/USD")))
    assert known(state) == [{"AAA/USD"}] * 3


@pytest.mark.parametrize(("side", "left"), [("long", LONG), ("short", SHORT)])
def test_the_two_sides_of_a_symbol_are_two_positions(side: str, left: str) -> None:
    account = snapshot(position(LONG, side="short" if side == "short" else "long"))
    assert known(kept(remembering(LONG, SHORT), account)) == [{left}] * 3


@pytest.mark.parametrize(
    "account",
    [snapshot(cash=0), replace(snapshot(position("BBB/USD")), unread=("positions",))],
    ids=["empty", "unread"],
)
def test_an_account_that_says_nothing_of_its_positions_makes_nothing_forgotten(account: Snapshot) -> None:
    state = remembering("AAA/USD")
    assert kept(state, account) == state


def test_what_else_could_not_be_read_says_nothing_of_positions() -> None:
    account = replace(snapshot(position("BBB/USD")), unread=("orders",))
    assert known(kept(remembering("AAA/USD"), account)) == [set()] * 3


def moved(*symbols: str) -> Snapshot:
    """An account that holds one asset under these markets."""
    listed = {symbol: market() for symbol in symbols}
    return snapshot(*map(position, symbols), markets=listed, rates={"EUR": 1, "GBP": 1})


def test_progress_and_failures_follow_an_asset_to_its_market_of_now() -> None:
    state = kept(remembering("AAA/USD"), moved("AAA/EUR"))
    assert (state.unwinds, state.failed_exits) == ({"AAA/EUR": UNWIND}, {"AAA/EUR": 1})


def test_where_two_markets_share_an_asset_its_progress_stays_under_its_name() -> None:
    state = kept(remembering("AAA/USD"), moved("AAA/EUR", "AAA/GBP"))
    assert (state.unwinds, state.failed_exits) == ({"AAA/USD": UNWIND}, {"AAA/USD": 1})


def test_failures_of_what_is_not_held_stay() -> None:
    assert kept(remembering("AAA/USD"), snapshot(position("BBB/USD"))).failed_exits == {"AAA/USD": 1}
