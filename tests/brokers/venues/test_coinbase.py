"""Coinbase: every kind of order by its own fields, kinds of accounts, portfolios, and futures beside spot."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.model.snapshot import Cash, OpenOrder
from tests.brokers.venues import coinbase_replies as venue
from tests.brokers.venues.recorded import Recorded, at_venue

d = Decimal


@pytest.fixture
def account() -> Iterator[Recorded]:
    with at_venue("coinbase", venue.replies(), quote="USD", secret=venue.secret()) as recorded:
        yield recorded


@pytest.fixture(params=[("spot", "future"), ("spot", "future", "swap"), ("spot", "swap", "future")])
def with_futures(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    with at_venue(
        "coinbase", venue.replies(), quote="USD", secret=venue.secret(), market_types=request.param
    ) as recorded:
        yield recorded


def resting(account: Recorded, *orders: dict[str, Any]) -> list[OpenOrder]:
    account.answer(venue.ORDERS, venue.orders(*orders))
    return list(account.broker.read_account().open_orders)


# --- orders ---

SIZE, LIMIT = {"base_size": "2.5"}, {"limit_price": "150"}


@pytest.mark.parametrize(
    ("kind", "fields", "word", "price", "trigger"),
    [
        ("limit_limit_gtc", {**SIZE, **LIMIT, "post_only": False}, "limit", 150, None),
        ("limit_limit_gtd", {**SIZE, **LIMIT, "end_time": "2030-01-01T00:00:00Z"}, "limit", 150, None),
        ("limit_limit_fok", {**SIZE, **LIMIT}, "limit", 150, None),
        ("sor_limit_ioc", {**SIZE, **LIMIT}, "limit", 150, None),
        ("stop_limit_stop_limit_gtc", {**SIZE, **LIMIT, "stop_price": "151"}, "stop_limit", 150, 151),
        ("stop_limit_stop_limit_gtd", {**SIZE, **LIMIT, "stop_price": "151"}, "stop_limit", 150, 151),
        ("trigger_bracket_gtc", {**SIZE, **LIMIT, "stop_trigger_price": "120"}, "stop_limit", 150, 120),
        ("trigger_bracket_gtd", {**SIZE, **LIMIT, "stop_trigger_price": "120"}, "stop_limit", 150, 120),
        ("twap_limit_gtd", {**SIZE, **LIMIT, "number_buckets": "5", "bucket_size": "0.5"}, "twap", 150, None),
        ("twap_limit_gtd", {"quote_size": "375", **LIMIT}, "twap", 150, None),
        ("scaled_limit_gtc", {**SIZE, "num_orders": 2, "min_price": "140", "max_price": "160"}, "scaled", None, None),
        (
            "scaled_limit_gtc",
            {"orders": [{"base_size": "1", "limit_price": "140"}, {"base_size": "1.5", "limit_price": "160"}]},
            "scaled",
            None,
            None,
        ),
        ("market_market_fok", SIZE, "market", None, None),
        ("market_market_ioc", SIZE, "market", None, None),
    ],
)
def test_an_order_of_every_kind_is_read_by_its_own_fields(
    account: Recorded, kind: str, fields: dict[str, Any], word: str, price: int | None, trigger: int | None
) -> None:
    told = venue.order(
        kind, fields, order_type="BRACKET" if "bracket" in kind else kind.split("_", maxsplit=1)[0].upper()
    )
    told["order_configuration"]["market_market_ioc" if kind != "market_market_ioc" else "sor_limit_ioc"] = None
    (order,) = resting(account, told)
    assert (order.type, order.quantity, order.filled) == (word, d("2.5"), d(0))
    assert (order.price, order.trigger_price) == (price, trigger)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (venue.order("peg_limit_gtc", {**SIZE, **LIMIT}), "peg_limit_gtc"),
        ({**venue.order("", {}), "order_configuration": {}}, "no kind"),
        (venue.order("limit_limit_gtc", {**SIZE, **LIMIT}, product_type="EQUITY"), "EQUITY"),
    ],
)
def test_an_order_of_an_unknown_kind_is_not_dropped_but_named(
    account: Recorded, told: dict[str, Any], name: str
) -> None:
    assert name in str(account.refuses_to_read(venue.ORDERS, venue.orders(told)))


def test_orders_for_futures_are_none_of_a_spot_account(account: Recorded) -> None:
    future = venue.order("limit_limit_gtc", {**SIZE, **LIMIT}, product_id="BIT-26APR30-CDE", product_type="FUTURE")
    assert resting(account, future) == []


# --- accounts ---


def test_what_is_in_a_vault_is_held_and_not_sellable(account: Recorded) -> None:
    told = [venue.account("SOL", "3", "0.5"), venue.account("SOL", "2", type="ACCOUNT_TYPE_VAULT")]
    account.answer(venue.ACCOUNTS, venue.accounts(*told))
    (held,) = account.broker.read_account().positions
    assert (held.symbol, held.quantity, held.locked) == ("SOL/USD", d("5.5"), d("2.5"))


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"type": "ACCOUNT_TYPE_LOAN"}, "ACCOUNT_TYPE_LOAN"),
        ({"type": "ACCOUNT_TYPE_PERP_FUTURES"}, "ACCOUNT_TYPE_PERP_FUTURES"),
        ({"platform": "ACCOUNT_PLATFORM_INTX"}, "ACCOUNT_PLATFORM_INTX"),
        ({"platform": "ACCOUNT_PLATFORM_NEW"}, "ACCOUNT_PLATFORM_NEW"),
        ({"retail_portfolio_id": "portfolio-2"}, "2 portfolios"),
    ],
)
def test_an_account_of_a_kind_that_cannot_be_read_is_not_dropped_but_named(
    account: Recorded, changed: dict[str, str], name: str
) -> None:
    told = venue.accounts(venue.account("SOL", "3"), venue.account("BTC", "1", **changed))
    assert name in str(account.refuses_to_read(venue.ACCOUNTS, told))


def test_an_empty_account_on_another_platform_hides_nothing(account: Recorded) -> None:
    empty = venue.account("USDC", "0", type="ACCOUNT_TYPE_PERP_FUTURES", platform="ACCOUNT_PLATFORM_INTX")
    account.answer(venue.ACCOUNTS, venue.accounts(venue.account("SOL", "3"), empty))
    assert [held.symbol for held in account.broker.read_account().positions] == ["SOL/USD"]


# --- futures ---


def test_dollars_that_futures_may_draw_on_are_counted_once(with_futures: Recorded) -> None:
    wallet = venue.account("USD", "68.67", platform="ACCOUNT_PLATFORM_CFM_CONSUMER")
    with_futures.answer(venue.ACCOUNTS, venue.accounts(venue.account("USD", "431.31"), wallet))
    # 431.31 of spot and 68.67 of futures, of which 20 are the margin of a position.
    assert with_futures.broker.read_account().cash == Cash(d("479.98"), d(20))


def test_futures_alone_have_their_own_wallet_and_orders() -> None:
    with at_venue(
        "coinbase", venue.replies(), quote="USD", secret=venue.secret(), market_types=("future",)
    ) as recorded:
        told = venue.order("limit_limit_gtc", {"base_size": "2", "limit_price": "70000"})
        future = {**told, "order_id": "order-2", "product_id": "BIT-26APR30-CDE", "product_type": "FUTURE"}
        recorded.answer(venue.ORDERS, venue.orders(told, future))
        snapshot = recorded.broker.read_account()
    assert snapshot.cash == Cash(d("48.67"), d(20))
    assert [(order.id, order.quantity) for order in snapshot.open_orders] == [("order-2", d(2))]


@pytest.mark.parametrize("price", [venue.amount("70980"), "70980"])
def test_every_future_is_read_once_with_its_entry_price_be_it_an_object(with_futures: Recorded, price: Any) -> None:
    told = [
        venue.position("BIT-26APR30-CDE", "LONG", "2", avg_entry_price=price),
        venue.position("BIP-20DEC30-CDE", "SHORT", "3", avg_entry_price=price),
    ]
    with_futures.answer(venue.POSITIONS, {"positions": told})
    snapshot = with_futures.broker.read_account()
    found = {held.symbol: held for held in snapshot.positions if ":" in held.symbol}
    assert found.keys() == {"BTC/USD:USD-300426", "BTC/USD:USD"}
    perpetual, dated = found["BTC/USD:USD"], found["BTC/USD:USD-300426"]
    assert (dated.side, dated.quantity, dated.entry_price) == ("long", d(2), d(70980))
    assert (perpetual.side, perpetual.quantity, perpetual.contract_size) == ("short", d(3), d("0.01"))
    assert snapshot.markets["BTC/USD:USD"].last == d(70000)


def test_a_position_without_a_side_is_no_long_one(with_futures: Recorded) -> None:
    told = {"positions": [venue.position("BIT-26APR30-CDE", "UNKNOWN", "2")]}
    assert "neither long nor short" in str(with_futures.refuses_to_read(venue.POSITIONS, told))


def test_a_summary_without_the_wallet_is_no_empty_one(with_futures: Recorded) -> None:
    told = {"balance_summary": {"total_usd_balance": venue.amount("499.98")}}
    assert "wallet of futures" in str(with_futures.refuses_to_read(venue.WALLET, told))


# --- prices ---


def test_a_price_that_is_told_wrongly_is_asked_for_again_and_spoils_no_other(account: Recorded) -> None:
    products = "GET /api/v3/brokerage/market/products?product_type=SPOT"
    account.answer(products, {"products": [venue.product("SOL-USD", "soon"), venue.product("BTC-USD", "60000")]})
    account.answer("GET /api/v3/brokerage/products/SOL-USD/ticker", {})
    account.answer("GET /api/v3/brokerage/market/products/SOL-USD/ticker", {})
    markets = account.broker.read_account().markets
    assert (markets["SOL/USD"].price_status, markets["BTC/USD"].last) == ("unavailable", d(60000))
