"""Read what binance is asked for: an order, or the two orders of a list, and what is wrong with it in binance's words.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#new-order-trade
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from exitplan.brokers.protocol import OrderRequest, RefusalReason
from exitplan.ruleset.model.snapshot import OrderSide
from exitplan.ruleset.model.values import ZERO, floor_to_step
from tests.venues.binance_shapes import REFUSALS, TYPES, Asked
from tests.venues.wire import Document, RefusedInWords

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_SIDES: Mapping[str, OrderSide] = {"BUY": "buy", "SELL": "sell"}
_TIMES = ("GTC", "IOC")
"""How long an order may stay; the matching engine knows no all-or-nothing."""
_MANDATORY: Mapping[str, tuple[str, ...]] = {
    "MARKET": (),
    "LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
    "STOP_LOSS": ("quantity", "stopPrice"),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
}
"""What an order must have beside symbol, side and type; none of these may stand where it is not asked for."""
_LEAST_STRATEGY = 1_000_000
_DETAILS = ("timeInForce", "price", "stopPrice")


def read_order(
    params: Document, symbol: str, touch: Callable[[OrderSide], Decimal | None], step: Decimal | None
) -> tuple[OrderRequest, Asked]:
    """Read an order; ``touch`` gives what a market order is filled at, by which one that names its worth is sized."""
    side, kind = _SIDES.get(text(params, "side")), text(params, "type")
    if side is None:
        raise RefusedInWords("-1117 Invalid side.")
    if kind not in TYPES:
        raise RefusedInWords("-1116 Invalid orderType.")
    for name in _MANDATORY[kind]:
        text(params, name)
    unwanted = next((name for name in _DETAILS if name in params and name not in _MANDATORY[kind]), None)
    if unwanted is not None:
        raise RefusedInWords(f"-1106 Parameter '{unwanted}' sent when not required.")
    if params.get("timeInForce", "GTC") not in _TIMES:
        raise RefusedInWords("-1115 Invalid timeInForce.")
    spent = number(params, "quoteOrderQty") if "quoteOrderQty" in params else ZERO
    request = OrderRequest(
        client_order_id=client_id(params, "newClientOrderId"),
        symbol=symbol,
        side=side,
        type=TYPES[kind],
        quantity=_worth(spent, touch(side), step, params) if spent else number(params, "quantity"),
        price=number(params, "price") if "price" in params else None,
        trigger_price=number(params, "stopPrice") if "stopPrice" in params else None,
    )
    strategy: dict[str, int] = {name: int(params[name]) for name in ("strategyId", "strategyType") if name in params}
    if strategy.get("strategyType", _LEAST_STRATEGY) < _LEAST_STRATEGY:
        raise RefusedInWords("-1134 strategyType was less than 1000000.")
    return request, Asked(kind, params.get("timeInForce", "GTC"), spent, strategy)


def _worth(spent: Decimal, price: Decimal | None, step: Decimal | None, params: Document) -> Decimal:
    """Return the quantity of a market order that names what it is worth."""
    if "quantity" in params:
        raise RefusedInWords("-1106 Parameter 'quoteOrderQty' sent when not required.")
    if price is None:
        raise RefusedInWords(REFUSALS[RefusalReason.NO_PRICE])
    return floor_to_step(spent / price, step)


def read_legs(params: Document, symbol: str) -> tuple[OrderRequest, OrderRequest]:
    """Read the limit order and the stop of a list, whichever of them is above."""
    side = _SIDES.get(text(params, "side"))
    if side is None:
        raise RefusedInWords("-1117 Invalid side.")
    by_type = {text(params, f"{place}Type"): place for place in ("above", "below")}
    limit = by_type.get("LIMIT_MAKER")
    stop = by_type.get("STOP_LOSS") or by_type.get("STOP_LOSS_LIMIT")
    if limit is None or stop is None:
        raise RefusedInWords("-1158 Order type not supported in OCO.")
    kind = TYPES[params[f"{stop}Type"]]
    quantity = number(params, "quantity")
    return (
        OrderRequest(
            client_order_id=client_id(params, f"{limit}ClientOrderId"),
            symbol=symbol,
            side=side,
            type="limit",
            quantity=quantity,
            price=number(params, f"{limit}Price"),
        ),
        OrderRequest(
            client_order_id=client_id(params, f"{stop}ClientOrderId"),
            symbol=symbol,
            side=side,
            type=kind,
            quantity=quantity,
            price=number(params, f"{stop}Price") if kind == "stop_limit" else None,
            trigger_price=number(params, f"{stop}StopPrice"),
        ),
    )


def text(params: Document, name: str) -> str:
    if not params.get(name):
        raise RefusedInWords(f"-1102 Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return str(params[name])


def number(params: Document, name: str) -> Decimal:
    try:
        value = Decimal(text(params, name))
    except InvalidOperation as problem:
        raise RefusedInWords(f"-1100 Illegal characters found in parameter '{name}'.") from problem
    if value.normalize().as_tuple().exponent < -8:  # type: ignore[operator] # a number that is finite
        raise RefusedInWords(f"-1111 Parameter '{name}' has too much precision.")
    return value


def client_id(params: Document, name: str) -> str | None:
    value = params.get(name)
    if value is not None and not _CLIENT_ID.fullmatch(value):
        raise RefusedInWords(f"-1100 Illegal characters found in parameter '{name}'.")
    return value
