"""Positions as a program's own broker tells them, turned into what the rules work with.

What is told of a position's value is kept to the last digit: it becomes the size of a contract, beside the price that
is told, so that value and price hold both. What a position lacks is never made up: one without a quantity is judged by
its value and cannot be sold, one without a symbol has no market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal
from typing import cast

from msgspec.structs import replace

from exitplan.brokers.attempts import attempt
from exitplan.brokers.duck_typed.values import amount_of, first_amount, moment_of, symbol_of
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Market, Position, PriceStatus, Side
from exitplan.ruleset.model.values import EXACT, ZERO, quote_of

AskPrice = Callable[[str], object]
"""Asks for the price of a symbol in the caller's spelling; may raise anything."""

_UP = Context(prec=40, rounding=ROUND_CEILING)
"""A quotient that does not end is rounded up in its 40th digit, so that a fact, rounded down, is the value's own."""
_DERIVED = Context(prec=18)
_ONE = Decimal(1)
_QUANTITIES = ("quantity", "base_size", "size", "balance")
"""What positions call what is held of them."""
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as it was told: ``name`` as the caller spells it, ``market`` None where the symbol is none.

    ``told_quantity`` is the quantity in the type it was told in. ``is_derived`` says that the entry price was not told
    and follows from a result that was.
    """

    name: str
    position: Position
    market: Market | None
    told_quantity: object
    is_derived: bool = False

    @property
    def value(self) -> Decimal:
        """What the position adds to the account, in its currency; zero where nobody can tell."""
        mark = self.market.last if self.market is not None and self.market.price_status is None else None
        if mark is None or mark <= 0:
            return ZERO
        worth = EXACT.multiply(EXACT.multiply(abs(self.position.quantity), self.position.contract_size), mark)
        return worth.copy_negate() if self.position.side == "short" else worth


def read_holdings(reply: object, ask_price: AskPrice) -> list[Holding]:
    """Read a list of positions; raises AccountUnreadable where it is no list, or tells a symbol twice.

    Those that name no symbol are kept apart as ``UNKNOWN``, ``UNKNOWN.2`` and so on.
    """
    entries = entries_of(reply, "get_open_positions")
    whole = _HUNDRED if any(_is_in_percent(entry) for entry in entries) else _ONE
    holdings: dict[str, Holding] = {}
    for entry in entries:
        holding = _holding(entry, _unknown_name(holdings), ask_price, whole)
        symbol = holding.position.symbol
        if symbol in holdings:
            raise AccountUnreadable(f"get_open_positions tells the position of {holding.name} twice")
        holdings[symbol] = holding
    return list(holdings.values())


def entries_of(reply: object, method: str) -> Sequence[Mapping[str, object]]:
    """Return the entries of a list that a method answered; raises AccountUnreadable for anything but a list."""
    if not isinstance(reply, list | tuple):
        raise AccountUnreadable(f"{method} answered {type(reply).__name__}, not a list")
    return [cast("Mapping[str, object]", entry) if isinstance(entry, Mapping) else {} for entry in reply]


def rates_of(symbols: Sequence[str], quote: str) -> dict[str, Decimal]:
    """Count every currency that symbols are quoted in as the account's: values are told in that one."""
    currencies = {quote_of(symbol) for symbol in symbols} - {None, quote}
    return {str(currency): _ONE for currency in currencies}


def _unknown_name(holdings: Mapping[str, Holding]) -> str:
    unknown = sum(1 for holding in holdings.values() if holding.market is None)
    return f"UNKNOWN.{unknown + 1}" if unknown else "UNKNOWN"


def _holding(entry: Mapping[str, object], unknown: str, ask_price: AskPrice, whole: Decimal) -> Holding:
    name, told_quantity = entry.get("symbol"), _told_quantity(entry)
    symbol, quantity = symbol_of(name), amount_of(told_quantity)
    bare = Position(symbol or unknown, _side(entry), quantity or ZERO, opened_at=_opened_at(entry))
    if symbol is None:
        return Holding(unknown, bare, None, told_quantity)
    market = _priced(entry, str(name), ask_price)
    value = first_amount(entry, "size_usd", "usd_value")
    known = first_amount(entry, "entry_price")
    is_known = known is not None and known > 0
    entry_price = known if is_known else _derived_entry(entry, market, whole)
    position, market = _valued(replace(bare, entry_price=entry_price), market, quantity, value)
    return Holding(str(name), position, market, told_quantity, is_derived=not is_known)


def _told_quantity(entry: Mapping[str, object]) -> object:
    """Return the quantity under whichever name it is told."""
    told = (entry[key] for key in _QUANTITIES if entry.get(key) is not None)
    return next(told, None)


def _priced(entry: Mapping[str, object], name: str, ask_price: AskPrice) -> Market:
    """Return the market with its price; what cannot be told of it is unrestricted."""
    answer, status = _told_price(entry, name, ask_price)
    price = amount_of(answer)
    if status is None and answer is not None and price is None:
        status = "unavailable"  # an answer that is no number answers nothing
    if status is None and (price is None or price <= 0):
        status = "missing"
    return Market(last=price if status is None else None, price_status=status)


def _told_price(entry: Mapping[str, object], name: str, ask_price: AskPrice) -> tuple[object, PriceStatus | None]:
    """Return the price that stands in the position, else ask for one: none and zero say that nobody has looked."""
    told = entry.get("current_price")
    if told is not None and amount_of(told) != 0:
        return told, None
    unavailable: tuple[object, PriceStatus | None] = (None, "unavailable")  # whatever the object raises, or lacks
    return attempt(lambda: (ask_price(name), None), lambda _: unavailable)


def _valued(
    position: Position, market: Market, quantity: Decimal | None, value: Decimal | None
) -> tuple[Position, Market]:
    """Return position and market the value that was told beside quantity and price."""
    price = market.last
    if quantity is None:
        return _without_quantity(position, market, value)
    if value is None or price is None or quantity <= 0:
        return position, market
    if value <= 0:  # something is held and said to be worth nothing: the numbers contradict each other
        return position, replace(market, last=ZERO)
    size = _UP.divide(value, EXACT.multiply(quantity, price))
    return replace(position, contract_size=size), market


def _without_quantity(position: Position, market: Market, value: Decimal | None) -> tuple[Position, Market]:
    """Judge a position by its value alone; without an order that could sell it."""
    price = market.last
    if value is None or price is None or value <= 0:
        unpriced: PriceStatus = market.price_status or "missing"
        return position, replace(market, last=None, price_status=unpriced)
    quantity = _DERIVED.divide(value, price)
    size = _UP.divide(value, EXACT.multiply(quantity, price))
    held = replace(position, quantity=quantity, contract_size=size)
    return held, replace(market, min_amount=EXACT.multiply(quantity, Decimal(2)))


def _side(entry: Mapping[str, object]) -> Side:
    return "short" if str(entry.get("side")).casefold() == "short" else "long"


def _is_in_percent(entry: Mapping[str, object]) -> bool:
    """Check whether a result can only be in percent: as a fraction a long position would have lost all, or more."""
    result = amount_of(entry.get("pnl_pct"))
    return result is not None and result <= -_ONE and _side(entry) == "long"


def _derived_entry(entry: Mapping[str, object], market: Market, whole: Decimal) -> Decimal | None:
    """Return the price that the position was bought at as it follows from its result, a share of ``whole``."""
    result = amount_of(entry.get("pnl_pct"))
    if not result or market.last is None:
        return None
    gained = _DERIVED.divide(result, whole)
    paid = EXACT.subtract(_ONE, gained) if _side(entry) == "short" else EXACT.add(_ONE, gained)
    return _DERIVED.divide(market.last, paid) if paid > 0 else None


def _opened_at(entry: Mapping[str, object]) -> datetime | None:
    return moment_of(entry.get("opened_at") or entry.get("entry_time"))
