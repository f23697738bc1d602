"""The published options of the forced cleanup that ask for open orders to be cancelled."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exitplan.brokers.duck_typed.values import amount_of
from exitplan.dropin.closing import CleanupType, Money
from exitplan.executor.logs import PROTOCOL, note
from exitplan.ruleset.model.values import ZERO

Conditions = Mapping[str, float | bool]
_ALWAYS = "FORCED_CLEANUP_CANCEL_OPEN_ORDERS"
_STARTUP = "FORCED_CLEANUP_STARTUP_ONLY"
_IF = "FORCED_CLEANUP_CANCEL_OPEN_ORDERS_IF"
_YES = {"true", "1", "yes"}


@dataclass(frozen=True, slots=True)
class CancelMode:
    """When the orders of a position are to be cancelled; ``conditions`` is None where there are none."""

    wanted: bool
    startup_only: bool
    conditions: Conditions | None

    @classmethod
    def of(cls, conditions: str | None, *, wanted: bool, startup_only: bool) -> CancelMode:
        """Read the options of the constructor and, where they ask for nothing, those of the environment."""
        if conditions:
            return cls(wanted=True, startup_only=startup_only, conditions=parse_conditions(conditions))
        if wanted:
            return cls(wanted=True, startup_only=startup_only, conditions=None)
        chosen = os.environ.get(_IF)
        known = parse_conditions(chosen) if chosen else None
        return cls(environment_flag(_ALWAYS) or known is not None, environment_flag(_STARTUP), known)

    def asks_for(self, position: Mapping[str, Any], *, is_startup: bool, has_run: bool) -> bool:
        """Tell whether the orders of this position are to be cancelled."""
        if not self.wanted or (self.startup_only and (has_run or not is_startup)):
            return False
        if not self.conditions:
            return True
        least = amount_of(self.conditions.get("usd_value")) or ZERO
        is_excess = position.get("cleanup_type") == CleanupType.CAP_EXCEEDED.value
        return Money.of(position).value < least or ("rank_exceeds_cap" in self.conditions and is_excess)


def environment_flag(name: str) -> bool:
    """Return whether a switch of the environment is on."""
    return os.environ.get(name, "").casefold() in _YES


def parse_conditions(text: str) -> Conditions:
    """Read ``usd_value<1.0,rank>max_positions``; what cannot be read is left out, and logged."""
    conditions: dict[str, float | bool] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key, _, limit = part.partition("<")
        amount = amount_of(limit)
        if part.replace(" ", "") == "rank>max_positions":
            conditions["rank_exceeds_cap"] = True
        elif amount is not None:
            conditions[key.strip()] = float(amount)
        else:
            note(PROTOCOL, "condition_ignored", level=logging.WARNING, condition=part)
    return conditions
