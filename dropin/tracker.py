"""The position tracker: what a strategy has opened, and at what price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.duck_typed.values import amount_of, symbol_of
from exitplan.brokers.protocol import Clock
from exitplan.executor.store.tracker import Digits, changed_tracker, is_blank
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import plain, time_text, unified_symbol
from exitplan.schemas.documents import load_document

Record = dict[str, Any]
_AMOUNTS = ("entry_price", "quantity", "size_usd", "stop_price", "previous_profit_pct")
_AVERAGE = Context(prec=28)


def _present() -> datetime:
    return datetime.now(UTC)


class PositionTracker:
    """A position tracker in a file, shared by all threads and processes that open it.

    Nothing is kept in memory: each question reads the file, each change locks it, and replaces it in one step. A broken
    file raises FileIsInvalid and is left as it is; one that says nothing at all (no byte, or ``{}``) has no records.
    Amounts come in as numbers of any type and go out as floats; the file holds them digit by digit. ``BTC-USD`` and
    ``BTC/USD`` are the same symbol.
    """

    def __init__(self, storage_file: str | Path = "positions.json", *, clock: Clock = _present) -> None:
        self.storage_file = str(Path(storage_file).absolute())
        self._clock = clock
        self._read()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.storage_file)

    @property
    def positions(self) -> dict[str, Record]:
        """A copy of all records, by symbol as the file spells it."""
        return {name: _shown(record) for name, record in self._read().items()}

    def track_entry(
        self,
        symbol: str,
        entry_price: object,
        quantity: object,
        size_usd: object,
        strategy: str = "APEX_v7.1",
        position_source: str = "nija_strategy",
        **more: object,
    ) -> bool:
        """Record an entry; one into a symbol that is tracked already averages the price by quantity.

        Who opened a position stays who opened it first. ``more`` are further keys of the record, such as
        ``stop_price``. Returns False, and records nothing, for amounts that are none.
        """
        try:
            price, size = _positive("entry_price", entry_price), _amount("size_usd", size_usd)
            bought, now = _positive("quantity", quantity), time_text(self._clock())
            further = {key: _written(value) for key, value in more.items()}
        except UsageError:
            return False
        if symbol_of(symbol) is None:
            return False
        with changed_tracker(self.path, self._clock()) as positions:
            name = _name_in(positions, symbol) or symbol
            known = positions.get(name) or {}
            positions[name] = {
                **known,
                "strategy": strategy,
                **further,
                **_added(known, price, bought, size),
                "position_source": known.get("position_source") or position_source,
                "first_entry_time": known.get("first_entry_time") or now,
                "last_entry_time": now,
                "num_adds": int(_exact(known.get("num_adds")) or 0) + 1 if known else 0,
                "previous_profit_pct": known.get("previous_profit_pct", Digits("0.0")),
            }
        return True

    def sync_position_snapshot(  # noqa: PLR0913, PLR0917 - the published method
        self,
        symbol: str,
        quantity: object,
        entry_price: object = 0.0,
        current_price: object = 0.0,
        size_usd: object = 0.0,
        strategy: str = "BROKER_SYNC",
        position_source: str = "broker_existing",
        entry_price_source: str = "override",
    ) -> bool:
        """Record what the broker holds exactly: no purchase, so nothing is added up.

        Who opened the position, with what strategy and when, stays as it was known. An entry price that is given
        replaces the known one; without either the record has none, and no market price takes its place. Returns False,
        and records nothing, for a quantity that is none.
        """
        held, told = amount_of(quantity), amount_of(entry_price) or Decimal(0)
        if symbol_of(symbol) is None or held is None or held <= 0:
            return False
        value, mark, now = amount_of(size_usd) or Decimal(0), amount_of(current_price), time_text(self._clock())
        with changed_tracker(self.path, self._clock()) as positions:
            name = _name_in(positions, symbol) or symbol
            known = positions.get(name) or {}
            price: Decimal = told
            source: object = entry_price_source
            if price <= 0:
                price, source = _exact(known.get("entry_price")) or Decimal(0), known.get("entry_price_source")
            positions[name] = {
                **known,
                "entry_price": _written(price),
                "quantity": _written(held),
                "size_usd": _written(_AVERAGE.multiply(held, price) if price > 0 else value),
                "entry_price_source": source or ("execution" if price > 0 else "reconciliation_required"),
                "strategy": known.get("strategy") or strategy,
                "position_source": known.get("position_source") or position_source,
                "first_entry_time": known.get("first_entry_time") or now,
                "last_entry_time": now,
                "num_adds": known.get("num_adds", Digits("0")),
                "previous_profit_pct": known.get("previous_profit_pct", Digits("0.0")),
                "last_broker_snapshot_value_usd": _written(value),
                "last_broker_snapshot_price": _written(mark or Decimal(0)),
            }
        return True

    def track_exit(self, symbol: str, exit_quantity: object = None) -> bool:
        """Record an exit of a quantity, or of all; False where the symbol is not tracked.

        Raises UsageError for a quantity that is none.
        """
        sold = None if exit_quantity is None else _amount("exit_quantity", exit_quantity)
        if sold is not None and sold < 0:
            raise UsageError(f"exit_quantity is {exit_quantity!r}; nothing less than zero is sold")
        if _name_in(self._read(), symbol) is None:
            return False
        with changed_tracker(self.path, self._clock()) as positions:
            name = _name_in(positions, symbol)
            if name is None:
                return False
            _reduce(positions, name, sold)
        return True

    def get_position(self, symbol: str) -> Record | None:
        """Return a copy of the record of a symbol, its amounts as floats; None where it is not tracked."""
        positions = self._read()
        name = _name_in(positions, symbol)
        return None if name is None else _shown(positions[name])

    def get_all_positions(self) -> list[str]:
        """List the tracked symbols as the file spells them."""
        return list(self._read())

    def calculate_pnl(self, symbol: str, current_price: object) -> Record | None:
        """Return the result of a position at a price, ``pnl_percent`` as a fraction; None where it is not tracked.

        ``previous_profit_pct`` is what the last question was answered, which the record keeps. None too for a record
        without an entry price or a quantity. Raises UsageError for a price that is none.
        """
        positions = self._read()
        name = _name_in(positions, symbol)
        record = {} if name is None else positions[name]
        price, quantity = _exact(record.get("entry_price")), _exact(record.get("quantity"))
        if price is None or quantity is None:
            return None
        mark, size = _amount("current_price", current_price), _exact(record.get("size_usd"))
        paid = quantity * price if size is None else size
        gain = quantity * mark - paid
        share = _AVERAGE.divide(gain, paid) if paid > 0 else Decimal(0)
        before = self._note_profit(symbol, share)
        return {
            "symbol": symbol,
            "entry_price": float(price),
            "current_price": float(mark),
            "quantity": float(quantity),
            "entry_value": float(paid),
            "current_value": float(quantity * mark),
            "pnl_dollars": float(gain),
            "pnl_percent": float(share),
            "previous_profit_pct": float(before),
        }

    def _note_profit(self, symbol: str, share: Decimal) -> Decimal:
        """Keep a result in the record, and return the one that was kept before."""
        with changed_tracker(self.path, self._clock()) as positions:
            name = _name_in(positions, symbol)
            if name is None:
                return Decimal(0)
            before = _exact(positions[name].get("previous_profit_pct")) or Decimal(0)
            positions[name]["previous_profit_pct"] = _written(share)
        return before

    def sync_with_broker(self, broker_positions: Iterable[Mapping[str, Any]]) -> int:
        """Drop the records of what the broker no longer holds; gives how many.

        ``broker_positions`` are dicts with a ``symbol``. Raises UsageError for anything but a list of them: an answer
        that is missing must not empty the tracker.
        """
        if not isinstance(broker_positions, list | tuple):
            raise UsageError(f"positions come as a list, not as {type(broker_positions).__name__}")
        held = {unified_symbol(str(entry.get("symbol"))) for entry in broker_positions if entry.get("symbol")}
        if not self._gone(self._read(), held):
            return 0
        with changed_tracker(self.path, self._clock()) as positions:
            gone = self._gone(positions, held)
            for name in gone:
                del positions[name]
        return len(gone)

    def clear_all(self) -> bool:
        """Drop every record."""
        with changed_tracker(self.path, self._clock()) as positions:
            positions.clear()
        return True

    def _read(self) -> dict[str, Record]:
        if not self.path.exists() or is_blank(self.path):
            return {}
        positions: dict[str, Record] = load_document(self.path, "tracker")["positions"]
        return positions

    @staticmethod
    def _gone(positions: Mapping[str, object], held: set[str]) -> list[str]:
        return [name for name in positions if unified_symbol(name) not in held]


def _name_in(positions: Mapping[str, object], symbol: str) -> str | None:
    """Find a symbol in whichever spelling the file has it."""
    wanted = unified_symbol(symbol)
    return next((name for name in positions if unified_symbol(name) == wanted), None)


def _added(known: Mapping[str, object], price: Decimal, bought: Decimal, size: Decimal) -> dict[str, object]:
    """Add an entry to what a record holds already; what it does not tell counts as this entry's."""
    held, average = _exact(known.get("quantity")) or Decimal(0), _exact(known.get("entry_price")) or price
    total = held + bought
    paid = _AVERAGE.divide(held * average + bought * price, total)
    known_size = _exact(known.get("size_usd"))
    before = held * average if known_size is None else known_size
    amounts = {"entry_price": paid if known else price, "quantity": total, "size_usd": before + size}
    return {key: _written(amount) for key, amount in amounts.items()}


def _reduce(positions: Record, name: str, sold: Decimal | None) -> None:
    """Take a quantity from a record, and its share of what was paid; the record goes with the last of it."""
    record = positions[name]
    held = _exact(record.get("quantity"))
    if sold is None or held is None or sold >= held:
        del positions[name]
        return
    record["quantity"] = _written(held - sold)
    size = _exact(record.get("size_usd"))
    if size is not None:
        record["size_usd"] = _written(_AVERAGE.divide(size * (held - sold), held))


def _exact(value: object) -> Decimal | None:
    """Read an amount of the file: a number, a text, or one on its way from file to file."""
    return amount_of(value.text if isinstance(value, Digits) else value)


def _written(value: object) -> object:
    """Return what the file holds of a value: numbers digit by digit, all else as it is."""
    if isinstance(value, bool) or not isinstance(value, Decimal | float | int):
        return value
    amount = amount_of(value)
    if amount is None:
        raise UsageError(f"{value!r} is no amount that a file could hold")
    return Digits(plain(amount))


def _amount(name: str, value: object) -> Decimal:
    amount = amount_of(value)
    if amount is None:
        raise UsageError(f"{name} is {value!r}, which is no amount")
    return amount


def _positive(name: str, value: object) -> Decimal:
    amount = _amount(name, value)
    if amount <= 0:
        raise UsageError(f"{name} is {value!r}; it must be above zero")
    return amount


def _shown(record: Mapping[str, Any]) -> Record:
    """Return a record to a caller, its amounts as floats."""
    return {key: _as_float(key, value) for key, value in record.items()}


def _as_float(key: str, value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    amount = amount_of(value) if key in _AMOUNTS else None
    return value if amount is None else float(amount)
