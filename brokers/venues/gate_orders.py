"""Gate's orders: their lists, what ccxt misreads of them, and what becomes of cancels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from exitplan.brokers.attempts import attempt
from exitplan.brokers.live.dialect import MAX_PAGES, Exchange, Order, side_by_side
from exitplan.brokers.live.parsing import BadReply, amount_of, only_mappings
from exitplan.ruleset.model.values import is_derivative

PAGE = 100
"""Orders a page, the most that the venue gives."""
OURS = "t-"
"""The venue wants this before a client order id, and keeps its own words (web, api) in the same field."""
MISSING = "ORDER_NOT_FOUND"
"""The venue's word for an order that it does not know."""
WORKING = ("trailing stops of swaps", "chase orders of swaps")
"""What is in lists of their own, and of which only that it is there is read."""
_NOT_OPEN = frozenset({MISSING, "ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED"})
_STATUSES = frozenset({"open", "closed", "canceled", "rejected"})
_OVER = frozenset({"closed", "cancelled", "finished", "finish"})


def open_spot_orders(exchange: Exchange, account: str) -> list[Mapping[str, Any]]:
    """Read open orders by pages, which the venue makes for each market by itself."""
    entries: list[Mapping[str, Any]] = []
    for page in range(1, MAX_PAGES):
        asked = {"account": account, "page": page, "limit": PAGE}
        groups = only_mappings(exchange.privateSpotGetOpenOrders(asked), "markets with orders")
        orders = [only_mappings(group.get("orders"), "orders") for group in groups]
        entries.extend(order for group in orders for order in group)
        if all(len(group) < PAGE for group in orders):
            return entries
    raise BadReply("the pages do not end")


def waiting_spot_orders(exchange: Exchange, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Read spot orders that wait for their trigger, all pages."""
    return _pages(exchange.privateSpotGetPriceOrders, {"status": "open", **asked})


def open_swap_orders(exchange: Exchange, settle: str) -> list[Mapping[str, Any]]:
    """Read swap orders settled in one currency, resting ones and those that wait, all pages."""
    resting = _pages(exchange.privateFuturesGetSettleOrders, {"settle": settle, "status": "open"})
    return [*resting, *waiting_swap_orders(exchange, settle)]


def waiting_swap_orders(exchange: Exchange, settle: str) -> list[Mapping[str, Any]]:
    """Read swap orders that wait for their trigger, all pages."""
    return _pages(exchange.privateFuturesGetSettlePriceOrders, {"settle": settle, "status": "open"})


def working_swap_orders(exchange: Exchange, settle: str) -> dict[str, bool]:
    """Tell of which kinds of swap orders that move by themselves there are some, or nobody could tell.

    Source: https://www.gate.com/docs/developers/apiv4/en/#futures, autoorder.
    """
    asks = (
        exchange.privateFuturesGetSettleAutoorderV1TrailList,
        exchange.privateFuturesGetSettleAutoorderV1ChaseList,
    )
    answers = side_by_side([partial(_has_some, ask, settle) for ask in asks])
    return dict(zip(WORKING, answers, strict=True))


def _has_some(ask: Callable[[Mapping[str, Any]], Any], settle: str) -> bool:
    def look() -> bool:
        data = ask({"settle": settle, "is_finished": "false", "sort_by": 1})["data"]
        return bool(only_mappings(data["orders"], "orders"))

    return attempt(look, lambda _: True)  # whatever broke, there may be some


def _pages(ask: Callable[[Mapping[str, Any]], Any], asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    orders: list[Mapping[str, Any]] = []
    for page in range(MAX_PAGES):
        entries = only_mappings(ask({**asked, "limit": PAGE, "offset": page * PAGE}), "orders")
        orders.extend(entries)
        if len(entries) < PAGE:
            return orders
    raise BadReply("the pages do not end")


def cancel_outcomes(reply: object) -> dict[str, str | None]:
    """Read the outcomes of a batch of cancels: None for taken, else why not; raises BadReply where it is not clear."""
    outcomes: dict[str, str | None] = {}
    for entry in only_mappings(reply, "outcomes"):
        label = str(entry.get("label") or entry.get("message") or "")
        if entry.get("succeeded") is not True and label not in _NOT_OPEN:
            raise BadReply(f"the cancel of {entry.get('id')} was answered with {label[:40]!r}")
        outcomes[str(entry.get("id"))] = None if entry.get("succeeded") is True else label
    return outcomes


def known_order(order: Mapping[str, Any]) -> Order:
    """Correct what ccxt makes of an order: our id, the status of one that is over, the fee where there is one only."""
    info, name, status = order.get("info") or {}, str(order.get("clientOrderId") or ""), order.get("status")
    if status is not None and status not in _STATUSES:
        status = "canceled" if info.get("status") in _OVER else "open"
    fees = [fee for fee in order.get("fees") or [] if amount_of(fee.get("cost"))]
    ours = name.removeprefix(OURS) if name.startswith(OURS) else None
    fee = fees[0] if len(fees) == 1 else order.get("fee")
    return {**_closing(order), "clientOrderId": ours, "status": status, "fee": fee}


def side_that_closes(order: Order) -> str | None:
    """Name the side of an order that closes all of a position; None where the venue says of neither that it is.

    Its size is 0, of which ccxt makes a sell. The venue names the position by the kind of a stop (close-long-position)
    or, where both sides may be held, by ``auto_size`` (close_long):
    https://www.gate.com/docs/developers/apiv4/en/#futurespricetriggeredorder.
    """
    info = order.get("info") or {}
    initial = info.get("initial") or {}
    words = " ".join(str(part.get(name) or "") for part in (info, initial) for name in ("order_type", "auto_size"))
    words = words.replace("_", "-")
    return "sell" if "close-long" in words else "buy" if "close-short" in words else None


def closes_all(order: Order) -> bool:
    """Check whether an order of a contract closes all of a position: then its size is 0."""
    info = order.get("info") or {}
    size = (info.get("initial") or info).get("size")
    return is_derivative(str(order.get("symbol"))) and amount_of(size) == 0


def _closing(order: Order) -> Order:
    if not closes_all(order):
        return order
    return {**order, "amount": "0", "side": side_that_closes(order) or order.get("side"), "reduceOnly": True}


def fired_by(order: Order) -> str | None:
    """Name the order that a trigger has set off."""
    info = order.get("info") or {}
    name = str(info.get("fired_order_id") or info.get("trade_id") or "0")
    return None if name == "0" else name
