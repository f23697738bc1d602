"""The mark price, its status and its currency."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exitplan.ruleset.model.snapshot import (
    Market,
    PriceStatus,
    Snapshot,
)
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import Document
from tests.builders import DEFERRED, B, C, Given, actions, facts, judged, market, number, plan_of, position, snapshot


def priced(listed: Market | None, symbol: str = "AAA/USD", **more: str) -> Document:
    account = snapshot(position(symbol), position("ZZZ/USD"), tracked=[symbol], markets={symbol: listed}, rates=more)
    return plan_of(account)


def value_of(listed: Market | None, symbol: str = "AAA/USD", **rates: str) -> str | None:
    value: str | None = facts(priced(listed, symbol, **rates), symbol).get("value_usd")
    return value


def test_last_is_the_mark() -> None:
    assert value_of(market(100, bid=99, ask=101)) == "1000.000000"


def test_without_last_the_mid_is_the_mark() -> None:
    assert value_of(market(None, bid="99.99", ask="100.02")) == "1000.050000"


@pytest.mark.parametrize("quotes", [{"ask": 99}, {}])
def test_without_the_side_that_an_exit_would_hit_there_is_no_price(quotes: dict[str, int]) -> None:
    plan = priced(market(None, **quotes))
    assert facts(plan)["price_status"] == "missing"
    assert "value_usd" not in facts(plan)
    assert judged(plan) == (C, "zombie.no-price")


def test_the_side_that_an_exit_would_hit_is_the_mark_where_it_is_alone() -> None:
    plan = priced(market(None, bid=99))
    assert (facts(plan)["value_usd"], facts(plan)["price_basis"]) == ("990.000000", "one_side")


@pytest.mark.parametrize("last", ["0", "-1", "-0.00000001"])
def test_a_last_not_above_zero_counts_as_none_and_the_mid_is_taken(last: str) -> None:
    plan = priced(market(last, bid=99, ask=101))
    assert facts(plan)["api_mismatch"] is False
    assert (facts(plan)["value_usd"], facts(plan)["price_basis"]) == ("1000.000000", "mid")


def test_a_negative_price_is_a_mismatch_where_no_mark_is_left() -> None:
    plan = priced(market(None, bid=-1, ask=1))
    assert judged(plan) == (C, "zombie.api-mismatch")
    assert "value_usd" not in facts(plan)


@pytest.mark.parametrize(("status", "rule"), [("missing", (C, "zombie.no-price")), ("unavailable", (DEFERRED, None))])
@pytest.mark.parametrize("last", ["100", "0", None])
def test_a_price_beside_a_status_that_is_not_ok_is_ignored(
    status: PriceStatus, rule: tuple[str, str | None], last: str | None
) -> None:
    plan = priced(market(last, bid=99, ask=101, price_status=status))
    assert facts(plan)["price_status"] == status
    assert facts(plan)["api_mismatch"] is False
    assert "value_usd" not in facts(plan)
    assert judged(plan)[0] == rule[0]


def test_status_ok_without_a_price_is_missing() -> None:
    assert facts(priced(market(None, price_status="ok")))["price_status"] == "missing"


def test_without_a_market_the_status_is_missing() -> None:
    plan = priced(None)
    assert facts(plan)["price_status"] == "missing"
    assert facts(plan)["market_known"] is False
    assert facts(plan)["market_active"] is False
    assert judged(plan) == (C, "zombie.unknown-asset")


def test_a_market_in_another_currency_is_valued_at_its_rate() -> None:
    assert value_of(market(100), "AAA/EUR", EUR="1.08") == "1080.000000"


def test_without_its_rate_a_price_is_unavailable() -> None:
    plan = priced(market(100), "AAA/EUR", GBP="1.3")
    assert facts(plan, "AAA/EUR")["price_status"] == "unavailable"
    assert judged(plan, "AAA/EUR") == (DEFERRED, "deferred.price-unavailable")


def test_neither_rate_nor_price_is_unavailable() -> None:
    assert facts(priced(market(None), "AAA/EUR"), "AAA/EUR")["price_status"] == "unavailable"


def test_an_unknown_market_in_another_currency_is_missing_all_the_same() -> None:
    assert judged(priced(None, "AAA/EUR"), "AAA/EUR") == (C, "zombie.unknown-asset")


def test_a_symbol_without_a_quote_needs_no_rate() -> None:
    assert judged(priced(None, "DUSTCOIN"), "DUSTCOIN") == (C, "zombie.unknown-asset")


@pytest.mark.parametrize(("least", "sold"), [("1000", True), ("1000.01", False)])
def test_the_minimum_value_is_in_the_market_s_own_quote_before_any_rate(least: str, sold: bool) -> None:
    account = snapshot(
        position("AAA/EUR"), rates={"EUR": "0.5"}, markets={"AAA/EUR": market(100, min_notional=least, step=1)}
    )
    assert bool(actions(plan_of(account))) is sold


def test_the_settle_currency_is_not_the_quote() -> None:
    assert value_of(market(50_000), "BTC/USD:BTC") == "500000.000000"
    assert value_of(market(50_000), "BTC/USDT:USDT", USDT="0.999") == "499500.000000"


def test_an_inverse_contract_is_worth_its_size_in_quote() -> None:
    assert value_of(market(50_000, inverse=True), "BTC/USD:BTC") == "10.000000"


def test_an_inverse_contract_without_a_price_has_no_value() -> None:
    assert value_of(market(None, inverse=True), "BTC/USD:BTC") is None


def test_a_contract_counts_by_its_size() -> None:
    account = snapshot(position("BTC/USD:USD", 3, contract_size="0.01"), markets={"BTC/USD:USD": market(50_000)})
    assert facts(plan_of(account), "BTC/USD:USD")["value_usd"] == "1500.000000"


def test_tiny_prices_and_quantities_keep_all_their_digits() -> None:
    account = snapshot(position("PEPE/USD", "30000000.00000001"), markets={"PEPE/USD": market("0.00001234")})
    plan = plan_of(account)
    assert facts(plan, "PEPE/USD")["value_usd"] == "370.200000"
    assert plan["snapshot"]["equity"] == "10370.2000000000001234"
    assert number("0.00001234") is not None


CALL = "BTC/USD:BTC-261225-60000-C"


@pytest.mark.parametrize("inverse", [True, False])
def test_an_option_is_priced_in_what_it_is_settled_in(inverse: bool) -> None:
    listed = _told(market("0.05", min_notional=None), inverse=inverse)
    plan = plan_of(_held(CALL, listed, rates={"BTC": "60000"}))
    assert facts(plan, CALL)["value_usd"] == "6000.000000"
    assert judged(plan, CALL) == (B, "legacy.untracked")


def test_an_option_without_a_rate_for_that_has_no_price_and_is_not_sold() -> None:
    plan = plan_of(_held(CALL, _told(market("0.05", min_notional=None))))
    assert judged(plan, CALL) == (DEFERRED, "deferred.price-unavailable")
    assert (actions(plan), plan["checks"]["state"]) == ([], "UNKNOWN")


@pytest.mark.parametrize("symbol", ["AAA-EUR", "AAA_EUR"])
def test_a_price_is_in_the_currency_that_the_symbol_names_however_it_is_written(symbol: str) -> None:
    plan = plan_of(_held(symbol, _told(market(100)), rates={"EUR": "0.5"}))
    assert facts(plan, "AAA/EUR")["value_usd"] == "100.000000"
    plan = plan_of(_held(symbol, _told(market(100))))
    assert judged(plan, "AAA/EUR") == (DEFERRED, "deferred.price-unavailable")


def _told(listed: Market, **more: Given) -> Document:
    """Tell of a market as a snapshot's file does."""
    prices = {"last": listed.last, "min_notional": listed.min_notional, "amount_step": listed.amount_step}
    return {name: None if value is None else str(value) for name, value in prices.items()} | more


def _held(symbol: str, told: Document, *, rates: Mapping[str, str] | None = None) -> Snapshot:
    """Read an account that holds two of a symbol from its file's form."""
    return snapshot_from_document(
        snapshot_to_document(snapshot(rates=rates or {}))
        | {"positions": [{"symbol": symbol, "quantity": "2"}], "markets": {symbol: told}}
    )
