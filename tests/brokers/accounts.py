"""Small accounts and requests that the scenarios of this room start from."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exitplan.brokers.paper.engine import MatchingEngine
from exitplan.brokers.paper.options import PaperOptions, read_options
from exitplan.brokers.protocol import Done, OrderReference, OrderReport, OrderRequest, Outcome, Refused
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, Position, Snapshot

NOW = datetime(2026, 2, 18, 22, 0, tzinfo=UTC)


def d(text: str) -> Decimal:
    return Decimal(text)


MARKETS = {
    "ETH/USD": Market(
        amount_step=d("0.001"),
        price_step=d("0.01"),
        min_amount=d("0.01"),
        min_notional=d("10"),
        bid=d("99"),
        ask=d("101"),
        last=d("100"),
    ),
    "LAST/USD": Market(last=d("100")),
    "DARK/USD": Market(),
    "DOWN/USD": Market(last=d("100"), price_status="unavailable"),
    "HALT/USD": Market(active=False, last=d("100")),
    "ETH/EUR": Market(last=d("100"), bid=d("100"), ask=d("100")),
    "ETH/JPY": Market(last=d("100"), bid=d("100"), ask=d("100")),
    "BTC/USDT:USDT": Market(amount_step=d("1"), last=d("50000"), bid=d("50000"), ask=d("50000")),
    "BTC/USD:BTC": Market(amount_step=d("1"), last=d("50000"), bid=d("50000"), ask=d("50000"), inverse=True),
}
RATES = {"EUR": d("1.08"), "USDT": d("1")}


def snapshot(**parts: object) -> Snapshot:
    """Return an account with 1,000 USD and 5 ETH."""
    eth = Position("ETH/USD", "long", d("5"), entry_price=d("80"))
    standard: dict[str, Any] = {
        "cash": Cash(d("1000")),
        "positions": (eth,),
        "markets": MARKETS,
        "rates": RATES,
    }
    return Snapshot("platform", "paper", "USD", NOW, **{**standard, **parts})


def engine(account: Snapshot | None = None, **options: object) -> MatchingEngine:
    """Return an engine without fees unless the options say otherwise."""
    free = {"taker_fee": 0, "maker_fee": 0, "spread": 0}
    return MatchingEngine(account or snapshot(), None, read_options({**free, **options}))


def charging() -> PaperOptions:
    return read_options({"taker_fee": "0.002", "maker_fee": "0.001", "slippage": "0.0013", "depth": "1.5"})


def order(side: str = "sell", quantity: str = "1", symbol: str = "ETH/USD", **parts: object) -> OrderRequest:
    """Return a market order; texts among the parts are prices where the order has them."""
    prices = {"price", "trigger_price"}
    given = {name: d(str(part)) if name in prices else part for name, part in parts.items()}
    every: dict[str, Any] = {"client_order_id": None, "type": "market", "side": side, **given}
    return OrderRequest(symbol=symbol, quantity=d(quantity), **every)


def limit(side: str, quantity: str, price: str, **parts: object) -> OrderRequest:
    every: dict[str, Any] = {"type": "limit", "price": price, **parts}
    return order(side, quantity, **every)


def stop(side: str, quantity: str, trigger: str, **parts: object) -> OrderRequest:
    every: dict[str, Any] = {"type": "stop", "trigger_price": trigger, **parts}
    return order(side, quantity, **every)


def recorded(order_id: str, side: str, quantity: str, price: str | None, **parts: object) -> OpenOrder:
    """Return an order as a recorded snapshot lists it."""
    every: dict[str, Any] = {"side": side, "price": None if price is None else d(price), **parts}
    return OpenOrder(order_id, "ETH/USD", type="limit", quantity=d(quantity), **every)


def by_id(report: OrderReport) -> OrderReference:
    return OrderReference(symbol=report.symbol, order_id=report.order_id)


def by_client_id(name: str) -> OrderReference:
    return OrderReference(symbol="ETH/USD", client_order_id=name)


def done(outcome: Outcome) -> OrderReport:
    assert isinstance(outcome, Done), outcome
    return outcome.report


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason.value


def position(engine: MatchingEngine, symbol: str = "ETH/USD", side: str = "long") -> Position | None:
    held = [entry for entry in engine.snapshot(NOW).positions if (entry.symbol, entry.side) == (symbol, side)]
    return held[0] if held else None


def cash(engine: MatchingEngine) -> tuple[Decimal, Decimal]:
    money = engine.snapshot(NOW).cash
    return money.free, money.locked
