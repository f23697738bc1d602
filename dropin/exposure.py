"""The monitor of coins of high exposure: how much of an account they are, and what deserves an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exitplan.brokers.duck_typed.values import first_amount, symbol_of
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.ruleset.model.values import ZERO

LARGEST_PCT = Decimal(10)
"""One coin above this percentage of the account is oversized."""
LARGEST_SUM_PCT = Decimal(25)
"""All of them above this percentage of the account are too many."""
_LEAST_DUST = Decimal(1)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Monitored:
    """A coin of high exposure that is held, as the caller spells it; its value in the account's currency."""

    symbol: str
    value: Decimal


def find_exposed(positions: Sequence[Mapping[str, Any]], assets: Sequence[str]) -> list[Monitored]:
    """Find the positions in these symbols, in whatever spelling; one of unknown value counts as worth nothing."""
    watched = {symbol_of(name) for name in assets} - {None}
    exposed = []
    for position in positions:
        if symbol_of(position.get("symbol")) in watched:
            value = first_amount(position, "size_usd", "usd_value")
            exposed.append(Monitored(str(position["symbol"]), value or ZERO))
    return exposed


def exposure_report(exposed: Sequence[Monitored], balance: Decimal, dust_pct: Decimal, at: str) -> dict[str, Any]:
    """Return the figures of the published monitor: percentages of the balance as 0 to 100, and its alerts.

    Alerts are for a coin above LARGEST_PCT, one within twice the dust threshold, and all above LARGEST_SUM_PCT.
    """
    dust = max(_LEAST_DUST, balance * dust_pct)
    alerts: list[dict[str, Any]] = []
    for coin in exposed:
        share = _percent(coin.value, balance)
        of_coin = {"symbol": coin.symbol, "size_usd": float(coin.value)}
        if share > LARGEST_PCT:
            message = f"{coin.symbol} is {share:.1f} % of the account, more than {LARGEST_PCT} %"
            advice = "make it smaller, or set a stop"
            alerts.append(
                _alert("OVERSIZED_HIGH_EXPOSURE", message, advice, at, **of_coin, pct_of_account=float(share))
            )
        if coin.value < 2 * dust:
            message = f"{coin.symbol} is worth {coin.value:.2f}; dust begins below {dust:.2f}"
            advice = "the next run may close it as dust"
            alerts.append(_alert("NEAR_DUST_THRESHOLD", message, advice, at, **of_coin, dust_threshold=float(dust)))
    total = sum((coin.value for coin in exposed), ZERO)
    share = _percent(total, balance)
    if share > LARGEST_SUM_PCT:
        message = f"coins of high exposure are {share:.1f} % of the account, more than {LARGEST_SUM_PCT} %"
        figures = {"total_value": float(total), "pct_of_account": float(share)}
        alerts.append(_alert("EXCESSIVE_HIGH_EXPOSURE_CONCENTRATION", message, "spread what is held", at, **figures))
    return {
        "enabled": True,
        "positions_tracked": len(exposed),
        "total_value": float(total),
        "pct_of_account": float(share),
        "positions": [
            {
                "symbol": coin.symbol,
                "size_usd": float(coin.value),
                "pct_of_account": float(_percent(coin.value, balance)),
            }
            for coin in exposed
        ],
        "alerts": alerts,
        "alert_count": len(alerts),
    }


def _alert(kind: str, message: str, recommendation: str, at: str, **figures: object) -> dict[str, Any]:
    words = {"message": message, "recommendation": recommendation, "timestamp": at}
    return {"type": kind, "severity": ALERT_KINDS[kind].severity, **figures, **words}


def _percent(value: Decimal, balance: Decimal) -> Decimal:
    return value / balance * _HUNDRED if balance > 0 else ZERO
