"""Which positions a forced cleanup would close, of those that a caller hands over as dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from exitplan.brokers.attempts import attempt
from exitplan.brokers.duck_typed.values import amount_of, first_amount, moment_of
from exitplan.ruleset.model.values import ZERO, base_of, unified_symbol

LEAST_CLOSE = Decimal(3)
"""The least value that exchanges take an order of, where nobody knows the exchange's own minimum."""
EXCHANGE_MIN_CLOSE_USD = float(LEAST_CLOSE)
_SIZES = ("quantity", "base_size", "size", "balance")


class CleanupType(StrEnum):
    """Why a position is cleaned up."""

    DUST = "DUST"
    CAP_EXCEEDED = "CAP_EXCEEDED"
    UNHEALTHY = "UNHEALTHY"
    STAGNANT = "STAGNANT"


@dataclass(frozen=True, slots=True)
class Money:
    """What a position is said to be worth, and its result as whoever tells it counts it; 0 where it says nothing."""

    value: Decimal
    result: Decimal

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> Money:
        """Read a position."""
        return cls(first_amount(position, "size_usd", "usd_value") or ZERO, amount_of(position.get("pnl_pct")) or ZERO)


def found_of(position: Mapping[str, Any], kind: CleanupType, reason: str) -> dict[str, Any]:
    """Return a position with why it would be closed, in the published shape."""
    return {
        "symbol": position["symbol"],
        "size_usd": position.get("size_usd") or position.get("usd_value") or 0,
        "quantity": _quantity(position),
        "pnl_pct": position.get("pnl_pct", 0),
        "cleanup_type": kind.value,
        "reason": reason,
        "priority": "HIGH",
    }


def ranked(positions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort positions as the cap closes them: the smallest first, then the worst, then the oldest."""
    return sorted(positions, key=lambda position: (*_worth(position), *_age(position)))


def is_position_closable(pos_data: Mapping[str, Any], broker: Any, base_size: object = None) -> bool:  # noqa: ANN401
    """Tell whether a position could be sold: a quantity, worth EXCHANGE_MIN_CLOSE_USD, and still held.

    ``base_size`` replaces the position's own quantity. A broker that cannot be asked for ``get_asset_balance`` says
    nothing against it.
    """
    quantity = amount_of(base_size or _quantity(pos_data))
    if quantity is None or quantity <= 0 or Money.of(pos_data).value < LEAST_CLOSE:
        return False
    asset = base_of(unified_symbol(str(pos_data.get("symbol", ""))))
    # Whatever the object raises, or lacks: it was asked as a courtesy.
    held = attempt(lambda: amount_of(broker.get_asset_balance(asset)), lambda _: None)
    return held is None or held > 0


def _quantity(position: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the caller wrote it
    return next((position[key] for key in _SIZES if position.get(key)), None)


def _worth(position: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    money = Money.of(position)
    return money.value, money.result


def _age(position: Mapping[str, Any]) -> tuple[bool, float]:
    opened: datetime | None = moment_of(position.get("entry_time") or position.get("opened_at"))
    return opened is None, 0.0 if opened is None else opened.timestamp()
