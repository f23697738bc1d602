"""Build the account of a case: in few words, from a recorded one, or as another one with changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.market_data import MARKET_DATA_KEYS
from exitplan.ruleset.model.progress import Progress, progress_from_document
from exitplan.ruleset.model.snapshot import (
    Cash,
    Market,
    OpenOrder,
    Position,
    Side,
    Snapshot,
    TrackerRecord,
    position_key,
)
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import (
    EXACT,
    MICRO,
    ZERO,
    is_derivative,
    parse_decimal,
    quote_of,
    unified_symbol,
)
from exitplan.schemas.documents import check_document, load_document
from exitplan.schemas.loading.diagnostics import Source
from exitplan.schemas.loading.yaml_loader import Document
from exitplan.schemas.validation import check_cases
from exitplan.workbench.invention import NOW, QUOTE

Notation = Mapping[str, Any]
STATUSES = ("missing", "unavailable", "implausible")
_IS = re.compile(r"\s*(\S+)(?:\s*@\s*(\S+))?\s*")
_OF_THE_RECORD = {"tracked", "entry_price", "position_source", "strategy", "exit_logic"}
_SOME_CASE = {"name": "-", "expect": {"do": "nothing"}}
_KEYED = ("positions", "orders", "other_cash", "rates")


class NotAnAccount(ValueError):
    """An account in a case that cannot be built, with the reason; ``path`` is the place inside its notation."""

    def __init__(self, message: str, *path: str) -> None:
        """Word what is wrong."""
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class CaseAccount:
    """The account of a case: what is held, what earlier runs left to remember, and when."""

    snapshot: Snapshot
    progress: Progress = field(default_factory=Progress)

    @property
    def now(self) -> datetime:
        """The moment of the case."""
        return self.snapshot.taken_at

    def key_of(self, name: str) -> str:
        """Return the key of the position that a name stands for: a symbol, or a base currency, ``#short`` behind it."""
        symbol, mark, _ = name.partition("#")
        return position_key(full_symbol(symbol, self.snapshot.quote), "short" if mark else "long")


def full_symbol(name: str, quote: str) -> str:
    """Return the symbol that is meant: ``BTC`` is traded in the account's quote."""
    symbol = unified_symbol(name)
    return symbol if "/" in symbol else f"{symbol}/{quote}"


def laid_over(base: Notation, changes: Notation) -> dict[str, Any]:
    """Lay changes over an account's notation; null takes an entry away."""
    merged = {**base, **{key: value for key, value in changes.items() if key not in _KEYED}}
    for key in _KEYED:
        entries = {name: _long(entry) for name, entry in (base.get(key) or {}).items()}
        for name, change in (changes.get(key) or {}).items():
            longer, known = _long(change), entries.get(name)
            entries[name] = {**known, **longer} if isinstance(known, dict) and isinstance(longer, dict) else longer
        if entries:
            merged[key] = entries
    return merged


def checked_account(notation: Notation) -> Notation:
    """Check that what a program words as an account has the shape of one; raises FileHasProblems."""
    value = {"policy": "-", "account": notation, "cases": [_SOME_CASE]}
    check_cases(Document(Source("account", ""), value, {}))
    return notation


def build_account(notation: Notation, policy: Policy, folder: Path) -> CaseAccount:
    """Build an account; files are relative to ``folder``.

    Raises NotAnAccount for what makes no sense, FileHasProblems for a file that is no snapshot or no state.
    """
    with localcontext(EXACT):
        recorded = notation.get("snapshot")
        start = _empty(notation) if recorded is None else _recorded(folder / recorded, notation)
        builder = _Builder(policy, start)
        for name, entry in (notation.get("positions") or {}).items():
            builder.position(name, _long(entry))
        for name, entry in (notation.get("orders") or {}).items():
            builder.order(name, entry)
        snapshot = builder.finish(notation)
    progress = notation.get("progress")
    return CaseAccount(snapshot, Progress() if progress is None else _progress(folder / progress))


def _long(entry: Any) -> Any:  # noqa: ANN401 - a node of a document
    return {"is": entry} if isinstance(entry, str) and "@" in entry else entry


def _empty(notation: Notation) -> Snapshot:
    return Snapshot("case", notation.get("venue", "paper"), notation.get("quote", QUOTE), NOW)


def _recorded(path: Path, notation: Notation) -> Snapshot:
    known = snapshot_from_document(load_document(path, "snapshot"))
    return replace(known, venue=notation.get("venue", known.venue), quote=notation.get("quote", known.quote))


def _progress(path: Path) -> Progress:
    return progress_from_document(load_document(path, "state"))


@dataclass
class _Builder:
    policy: Policy
    start: Snapshot
    positions: dict[tuple[str, str], Position] = field(init=False)
    markets: dict[str, Market] = field(init=False)
    records: dict[str, TrackerRecord] = field(init=False)
    orders: dict[str, OpenOrder] = field(init=False)
    said_locked: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.positions = {(entry.symbol, entry.side): entry for entry in self.start.positions}
        self.markets, self.records = dict(self.start.markets), dict(self.start.tracker)
        self.orders = {order.id: order for order in self.start.open_orders}

    @property
    def now(self) -> datetime:
        return self.start.taken_at

    def position(self, name: str, entry: Notation | None) -> None:
        """Hold what a person wrote of one position; None takes both sides of it away."""
        symbol = full_symbol(name, self.start.quote)
        if entry is None:
            self.positions.pop((symbol, "long"), None)
            self.positions.pop((symbol, "short"), None)
            self.records.pop(symbol, None)
            return
        side: Side = entry.get("side") or "long"
        known = self.positions.get((symbol, side))
        quantity, price = _quantity_and_price(entry.get("is"), "positions", name, "is")
        if known is None and quantity is None:
            raise NotAnAccount(f"{symbol} is not held: say how much of it, as in `is: 2 @ 150`", "positions", name)
        held = known or Position(symbol, side, ZERO)
        self._list(symbol, entry, price)
        mark = self.markets[symbol].mark(side)[0] if symbol in self.markets else None
        entry_price = _amount(entry.get("entry_price"), "positions", name, "entry_price")
        is_new = known is None
        if is_new or entry.keys() & _OF_THE_RECORD:
            self._register(symbol, side, entry, entry_price, mark, is_new=is_new)
        self._hold(held, quantity, entry, name, entry_price)

    def _hold(
        self, held: Position, quantity: Decimal | None, entry: Notation, name: str, entry_price: Decimal | None
    ) -> None:
        key = (held.symbol, held.side)
        age = entry.get("age_minutes", 1440 if held.opened_at is None else None)
        opened = held.opened_at if age is None else self.now - _minutes(age)
        amounts = {
            part: _amount(entry[part], "positions", name, part)
            for part in ("locked", "debt", "contract_size")
            if part in entry
        }
        if "locked" in entry:
            self.said_locked.add(key)
        is_untracked = held.symbol not in self.records
        self.positions[key] = replace(
            held,
            quantity=held.quantity if quantity is None else quantity,
            opened_at=None if "age_minutes" in entry and entry["age_minutes"] is None else opened,
            asset=entry.get("asset", held.asset),
            entry_price=entry_price if is_untracked and "entry_price" in entry else held.entry_price,
            **cast("dict[str, Any]", amounts),
        )

    def _list(self, symbol: str, entry: Notation, price: Decimal | str | None) -> None:
        """List the market of a position, at its price."""
        if "market" in entry and entry["market"] is None:
            self.markets.pop(symbol, None)
            return
        market = self.markets.get(symbol, Market())
        if isinstance(price, str):
            market = replace(market, last=None, bid=None, ask=None, price_status=cast("Any", price))
        elif price is not None:
            market = replace(market, last=price, bid=None, ask=None, price_status=None)
        if entry.get("market"):
            market = _listing(entry["market"], market)
        self.markets[symbol] = market

    def _register(
        self,
        symbol: str,
        side: str,
        entry: Notation,
        entry_price: Decimal | None,
        mark: Decimal | None,
        *,
        is_new: bool,
    ) -> None:
        """Write the record of a position, an ordinary one where the notation says nothing of it."""
        if not entry.get("tracked", is_new or symbol in self.records):
            self.records.pop(symbol, None)
            return
        sources = sorted(self.policy.strategy_sources)
        ordinary = TrackerRecord(
            entry_price=mark, position_source=sources[0] if sources else "strategy", exit_logic=True
        )
        record = self.records.get(symbol, ordinary)
        changes = {key: entry[key] for key in ("position_source", "strategy", "exit_logic") if key in entry}
        if "entry_price" in entry:
            changes["entry_price"] = entry_price
        is_derivative_side = is_derivative(symbol) and record.side is None and side == "short"
        self.records[symbol] = replace(record, side="short" if is_derivative_side else record.side, **changes)

    def order(self, name: str, entry: Notation | None) -> None:
        """Let an order rest; None takes it away."""
        if entry is None:
            self.orders.pop(name, None)
            return
        amounts = {
            part: _amount(entry[part], "orders", name, part)
            for part in ("quantity", "filled", "price", "trigger_price")
            if part in entry
        }
        kind = "stop" if "trigger_price" in entry else "limit" if "price" in entry else "market"
        age = entry.get("age_minutes", 1)
        self.orders[name] = OpenOrder(
            id=name,
            symbol=full_symbol(entry["symbol"], self.start.quote),
            side=entry["side"],
            type=entry.get("type", kind),
            created_at=None if age is None else self.now - _minutes(age),
            reduce_only=entry.get("reduce_only", False),
            position_side=entry.get("position_side"),
            **cast("dict[str, Any]", amounts),
        )

    def finish(self, notation: Notation) -> Snapshot:
        """Return the account; what orders hold is locked, unless the notation says otherwise."""
        recorded = {order.id for order in self.start.open_orders}
        for order in self.orders.values():
            key = (order.symbol, "long")
            is_new = order.id not in recorded
            holds = is_new and order.side == "sell" and not order.trigger_price
            if holds and key in self.positions and key not in self.said_locked:
                held = self.positions[key]
                self.positions[key] = replace(held, locked=held.locked + order.remaining)
        cash, bought = self.start.cash, self._paid()
        if "cash" in notation:
            whole = _amount(notation["cash"], "cash") or ZERO
            cash = Cash(whole - bought, bought)
        other = {
            name: Cash(_amount(value, "other_cash", name) or ZERO)
            for name, value in (notation.get("other_cash") or {}).items()
        }
        rates = {name: _amount(value, "rates", name) or ZERO for name, value in (notation.get("rates") or {}).items()}
        return replace(
            self.start,
            cash=cash,
            positions=tuple(self.positions.values()),
            open_orders=tuple(self.orders.values()),
            markets=self.markets,
            tracker=self.records,
            other_cash={**self.start.other_cash, **other},
            rates={**self.start.rates, **rates},
        )

    def _paid(self) -> Decimal:
        """Return what resting buys hold of the account's own money."""
        buys = [order for order in self.orders.values() if order.side == "buy" and not is_derivative(order.symbol)]
        return sum(
            (
                order.remaining * order.price
                for order in buys
                if order.price and quote_of(order.symbol) == self.start.quote
            ),
            ZERO,
        )


def _listing(given: Notation, market: Market) -> Market:
    """Read a market as a snapshot file writes it, over one that is known."""
    texts = {
        key: str(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
        for key, value in given.items()
    }
    document = {
        "format_version": 1, "account": "case", "venue": "paper", "quote": "USD", "taken_at": "2026-01-01T00:00:00Z",
        "cash": {"free": "0"}, "positions": [], "open_orders": [], "markets": {"X/USD": texts},
    }  # fmt: skip
    read = snapshot_from_document(check_document(document, "snapshot", "market")).markets["X/USD"]
    told = {key: getattr(read, key) for key in given if key not in MARKET_DATA_KEYS}
    return replace(market, **told, data=market.data.plus(read.data))


def _quantity_and_price(text: str | None, *path: str) -> tuple[Decimal | None, Decimal | str | None]:
    if text is None:
        return None, None
    match = _IS.fullmatch(text)
    quantity, price = match.groups() if match else (text, None)
    if price in STATUSES:
        return _amount(quantity, *path), price
    return _amount(quantity, *path), None if price is None else _amount(price, *path)


def _amount(value: object, *path: str) -> Decimal | None:
    if value is None or (isinstance(value, Decimal | int) and not isinstance(value, bool)):
        return None if value is None else Decimal(value)
    try:
        return parse_decimal(str(value))
    except ValueError as problem:
        wanted = "write `2 @ 150`: a quantity and a price, or @ missing, unavailable, implausible"
        raise NotAnAccount(f"{problem}; {wanted}" if path[-1:] == ("is",) else str(problem), *path) from problem


def _minutes(minutes: Decimal | int) -> timedelta:
    return timedelta(microseconds=int(Decimal(minutes) * 60 * MICRO))
