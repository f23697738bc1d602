"""Which methods a program's own broker object has, and how each wants to be called.

Brokers of the published protocol come in several shapes: one closes a position with ``close_position``, another sells
with ``place_market_order``; one tells a price with ``get_current_price``, another the candles of ``get_market_data``.
Where an object has several, the one named first here is called, by keyword where it names what it takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from exitplan.brokers.call_log import LoggedCall
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import OrderSide

VENUE = "adapted"

_SIZES = ("quantity", "base_size", "size", "amount")
"""What methods call the quantity that they sell, in base units."""

Method = Callable[..., object]
Parameters = Mapping[str, inspect.Parameter]


class NoSuchMethod(AccountUnreadable):
    """The object lacks a method without which the account cannot be read."""


class CannotSell(Exception):
    """The object has no method for a sale; nothing was called."""


def has_method(source: object, name: str) -> bool:
    """Check whether the object has a method."""
    return callable(getattr(source, name, None))


def method_of(source: object, *names: str) -> Method:
    """Return the first of these methods that the object has; raises NoSuchMethod where it has none."""
    for name in names:
        if has_method(source, name):
            return getattr(source, name)  # type: ignore[no-any-return] # of somebody's own class
    raise NoSuchMethod(f"the broker object has no method {' or '.join(names)}")


def takes_user(method: Method) -> bool:
    """Check whether a method takes a ``user_id``; one that takes anything, or cannot be looked at, is taken to."""
    parameters = _parameters(method)
    return parameters is None or "user_id" in parameters or _takes_anything(parameters)


def user_argument(method: Method, user: str | None) -> dict[str, str]:
    """Return the argument that names a user, for a method that has such a parameter."""
    return {"user_id": user} if user is not None and "user_id" in (_parameters(method) or {}) else {}


def logged(name: str, method: Method, *arguments: object, **named: object) -> object:
    """Call a method of the object and log the call."""
    with LoggedCall(VENUE, name):
        return method(*arguments, **named)


def ask_price(source: object, name: str) -> object:
    """Ask for a price, or take the close of the last candle; None where the object answers that there is none.

    Raises what the object raises, and NoSuchMethod where it cannot be asked.
    """
    if has_method(source, "get_current_price"):
        return logged("get_current_price", method_of(source, "get_current_price"), name)
    candles = method_of(source, "get_current_price", "get_market_data")
    return _last_close(logged("get_market_data", candles, name, timeframe="1m", limit=1))


def sell(source: object, name: str, quantity: object, *, side: OrderSide, is_all: bool, user: str | None) -> object:
    """Close a quantity of a position and give what the object answers.

    ``is_all`` says that nothing is left of it: a ``close_position`` that takes no quantity is called for that alone.
    Raises what the object raises, and CannotSell where it has no method for this sale.
    """
    if has_method(source, "close_position"):
        method = method_of(source, "close_position")
        arguments, named = _close_call(method, name, quantity, is_all=is_all)
        return logged("close_position", method, *arguments, **named, **user_argument(method, user))
    if not has_method(source, "place_market_order"):
        raise CannotSell("the broker object has neither a method close_position nor place_market_order")
    method = method_of(source, "place_market_order")
    size = next((word for word in _SIZES if word in (_parameters(method) or {})), _SIZES[0])
    order = {"symbol": name, "side": side, size: quantity, "size_type": "base"}
    return logged("place_market_order", method, **order, **user_argument(method, user))


def _close_call(
    method: Method, name: str, quantity: object, *, is_all: bool
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments of a ``close_position``, those that it names by keyword."""
    parameters = _parameters(method)
    if parameters is None:
        return (name, quantity), {}
    kind: dict[str, object] = {"order_type": "market"} if "order_type" in parameters else {}
    by_keyword = _by_keyword(parameters, "symbol")
    arguments: tuple[object, ...] = () if by_keyword else (name,)
    named: dict[str, object] = {"symbol": name} if by_keyword else {}
    size = next((word for word in _SIZES if _by_keyword(parameters, word)), None)
    if size is None and _takes_anything(parameters):
        size = _SIZES[0]
    if size is not None:
        return arguments, {**named, size: quantity, **kind}
    if len(_positional(parameters)) > 1:
        return (name, quantity), kind
    if is_all:
        return arguments, {**named, **kind}
    raise CannotSell("close_position of the broker object takes no quantity, so it cannot close a part")


def _last_close(answer: Any) -> object:  # noqa: ANN401 - a dict of candles, a list of them, or a data frame
    """Return the close of the last candle; None where there are no candles."""
    candles = answer.get("candles") if isinstance(answer, Mapping) else answer
    if candles is None or len(candles) == 0:
        return None
    last = candles.iloc[-1] if hasattr(candles, "iloc") else candles[-1]
    return last["close"]


def _parameters(method: Method) -> Parameters | None:
    """Return what a method takes; None for one that cannot be looked at."""
    try:
        return inspect.signature(method).parameters
    except (TypeError, ValueError):
        return None


def _takes_anything(parameters: Parameters) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _by_keyword(parameters: Parameters, name: str) -> bool:
    parameter = parameters.get(name)
    if parameter is None:
        only = {entry.kind for entry in parameters.values()}
        return name == "symbol" and only == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}


def _positional(parameters: Parameters) -> list[str]:
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [name for name, parameter in parameters.items() if parameter.kind in kinds]
