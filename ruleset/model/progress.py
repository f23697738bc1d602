"""What earlier runs have left to remember of an account: unwinds, failures, missing prices, and what it held."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.snapshot import Position
from exitplan.ruleset.model.values import ZERO, parse_time, plain, time_text, unified_symbol

T = TypeVar("T")


class UnwindProgress(Struct, frozen=True, gc=False):
    """How far the unwind of one position has come.

    ``cycle`` counts the cycles done, ``remaining_pct`` is the fraction of ``initial_quantity`` they may leave.
    ``added`` is the part of ``initial_quantity`` that came after the start.
    """

    cycle: int
    remaining_pct: Decimal
    initial_quantity: Decimal
    started_at: datetime
    last_cycle_at: datetime | None = None
    added: Decimal = ZERO


class MissingPrice(Struct, frozen=True, gc=False):
    """Since when a venue has answered without a price, and the last one that was seen, in the market's quote."""

    since: datetime
    last_price: Decimal | None = None


class Balance(Struct, frozen=True, gc=False):
    """What an account held at a time: quantities by asset, the quote currency among them, and its equity."""

    at: datetime
    held: Mapping[str, Decimal]
    equity: Decimal = ZERO


class Progress(Struct, frozen=True, gc=False):
    """What plans depend on beside the account itself, by position key (``BTC/USD``, ``BTC/USD#short``)."""

    unwinds: Mapping[str, UnwindProgress] = field(default_factory=dict)
    failed_exits: Mapping[str, int] = field(default_factory=dict)
    price_missing: Mapping[str, MissingPrice] = field(default_factory=dict)
    last_balance: Balance | None = None

    def says_the_same(self, other: Progress) -> bool:
        """Check whether both say the same of every position, whatever the last balance was."""
        mine = (self.unwinds, self.failed_exits, self.price_missing)
        return mine == (other.unwinds, other.failed_exits, other.price_missing)


class Kept(Struct, Generic[T], frozen=True, gc=False):
    """What progress keeps by position key, found under the own key, else under the first of the asset and side."""

    entries: Mapping[str, T]
    by_asset: Mapping[tuple[str, bool], str]

    @classmethod
    def of(cls, entries: Mapping[str, T], names: AssetNames) -> Kept[T]:
        """Index entries by asset and side."""
        if not entries:
            return _NOTHING
        by_asset: dict[tuple[str, bool], str] = {}
        for key in sorted(entries):
            symbol, mark, _ = key.partition("#")
            by_asset.setdefault((names.of_symbol(symbol), bool(mark)), key)
        return cls(entries, by_asset)

    def find(self, position: Position, asset: str) -> T | None:
        """Find what is kept of a position; None where nothing is."""
        key = self.key_of(position, asset)
        return None if key is None else self.entries[key]

    def key_of(self, position: Position, asset: str) -> str | None:
        """Find the key under which something is kept of a position."""
        if not self.entries:
            return None
        if position.key in self.entries:
            return position.key
        return self.by_asset.get((asset, position.side == "short"))


_NOTHING: Kept[Any] = Kept({}, {})


def progress_from_document(document: Mapping[str, Any]) -> Progress:
    """Read the progress out of a state file's JSON form; only ``unwind_progress`` is required."""
    balance = document.get("last_balance")
    missing = document.get("price_missing") or {}
    return Progress(
        unwinds={_key(name): _unwind(entry) for name, entry in document["unwind_progress"].items()},
        failed_exits={_key(name): int(count) for name, count in (document.get("failed_exits") or {}).items()},
        price_missing={_key(name): _missing_price(entry) for name, entry in missing.items()},
        last_balance=None if balance is None else balance_from_document(balance),
    )


def progress_document(progress: Progress) -> dict[str, Any]:
    """Format the progress as keys of a state file, sorted; what there is nothing of is left out, but for unwinds."""
    document: dict[str, Any] = {
        "unwind_progress": {name: _unwind_document(unwind) for name, unwind in sorted(progress.unwinds.items())},
        "failed_exits": dict(sorted(progress.failed_exits.items())),
    }
    if progress.price_missing:
        document["price_missing"] = {
            name: {"since": time_text(entry.since), "last_price": _text(entry.last_price)}
            for name, entry in sorted(progress.price_missing.items())
        }
    if progress.last_balance is not None:
        document["last_balance"] = balance_document(progress.last_balance)
    return document


def balance_document(balance: Balance) -> dict[str, Any]:
    """Format what an account held, by asset."""
    return {
        "at": time_text(balance.at),
        "equity": plain(balance.equity),
        "held": {asset: plain(quantity) for asset, quantity in sorted(balance.held.items())},
    }


def _key(name: str) -> str:
    symbol, mark, side = name.partition("#")
    return unified_symbol(symbol) + mark + side


def _unwind(entry: Mapping[str, Any]) -> UnwindProgress:
    last = entry.get("last_cycle_at")
    return UnwindProgress(
        cycle=int(entry["cycle"]),
        remaining_pct=Decimal(entry["remaining_pct"]),
        initial_quantity=Decimal(entry["initial_quantity"]),
        started_at=parse_time(entry["started_at"]),
        last_cycle_at=None if last is None else parse_time(last),
        added=Decimal(entry.get("added") or 0),
    )


def _missing_price(entry: Mapping[str, Any]) -> MissingPrice:
    price = entry.get("last_price")
    return MissingPrice(parse_time(entry["since"]), None if price is None else Decimal(price))


def balance_from_document(entry: Mapping[str, Any]) -> Balance:
    """Read what an account held from its JSON form."""
    held = {asset: Decimal(quantity) for asset, quantity in (entry.get("held") or {}).items()}
    return Balance(parse_time(entry["at"]), held, Decimal(entry.get("equity") or 0))


def _unwind_document(unwind: UnwindProgress) -> dict[str, Any]:
    return {
        "cycle": unwind.cycle,
        "remaining_pct": plain(unwind.remaining_pct),
        "initial_quantity": plain(unwind.initial_quantity),
        "started_at": time_text(unwind.started_at),
        "last_cycle_at": None if unwind.last_cycle_at is None else time_text(unwind.last_cycle_at),
        **({"added": plain(unwind.added)} if unwind.added else {}),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
