"""The order of a stop: at the market where the venue takes that, else with a limit beyond its trigger."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.brokers.protocol import Capabilities, OrderRequest
from exitplan.executor.apply.orders import order_for, takes_stops
from exitplan.ruleset.model.snapshot import Side
from tests.builders import Amount, compiled, market, policy_document, position, snapshot, typed_plan_of

SYMBOL = "AAA/USD:USD"


def venue(*, at_market: bool = False, limited: bool = True) -> Capabilities:
    return Capabilities(
        client_order_ids="A",
        unique_client_order_ids="ever",
        reduce_only=True,
        stop_market=at_market,
        stop_limit=limited,
        convert=False,
        receive_window=5,
        live=False,
    )


def stop(
    side: Side,
    trigger: Amount,
    step: Amount | None = None,
    *,
    takes: Capabilities | None = None,
    is_listed: bool = True,
    **guards: float,
) -> OrderRequest:
    """The order of a stop at a trigger price, in a market of a price step."""
    held = position(SYMBOL, 10, side=side, entry=100)
    action, _ = typed_plan_of(snapshot(held), base="conservative").actions
    listed = {SYMBOL: market(100, price_step=step)} if is_listed else {SYMBOL: None}
    policy = compiled(policy_document("conservative", guards=guards))
    wanted = replace(action, trigger_price=Decimal(trigger))
    return order_for(wanted, Decimal(10), takes or venue(), snapshot(held, markets=listed), policy)


@pytest.mark.parametrize(
    ("side", "trigger", "step", "limit"),
    [
        ("long", 90, None, "85.5"),
        ("long", 90, 1, 85),
        ("short", 110, None, "115.5"),
        ("short", 110, 1, 116),
        ("long", 1, 2, 1),  # a step below is nothing: the trigger itself
        ("long", 2, 1, 1),
    ],
)
def test_the_limit_is_five_percent_beyond_and_rounded_further_away(
    side: Side, trigger: Amount, step: Amount | None, limit: Amount
) -> None:
    sent = stop(side, trigger, step)
    assert (sent.type, sent.trigger_price, sent.price) == ("stop_limit", Decimal(trigger), Decimal(limit))


def test_a_collar_of_the_policy_says_how_far_beyond() -> None:
    assert stop("long", 90, price_collar_pct=0.25).price == Decimal("67.5")


@pytest.mark.parametrize(("side", "limit"), [("long", "85.5"), ("short", "94.5")])
def test_without_a_market_nothing_is_rounded(side: Side, limit: str) -> None:
    assert stop(side, 90, is_listed=False).price == Decimal(limit)


def test_at_the_market_a_stop_has_no_limit() -> None:
    sent = stop("long", 90, takes=venue(at_market=True))
    assert (sent.type, sent.price, sent.trigger_price, sent.reduce_only) == ("stop", None, Decimal(90), True)


@pytest.mark.parametrize(
    ("at_market", "limited", "takes"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_venue_takes_stops_of_either_kind(at_market: bool, limited: bool, takes: bool) -> None:
    assert takes_stops(venue(at_market=at_market, limited=limited)) is takes
