"""The enumerations of the published protocol."""

from __future__ import annotations

from enum import StrEnum

from exitplan.ruleset.model.fact_registry import Category as PositionCategory

__all__ = ["AccountState", "ExitStrategy", "PositionCategory"]


class AccountState(StrEnum):
    """How an account stands; one that could not be read NEEDS_CLEANUP."""

    CLEAN = "CLEAN"
    NEEDS_CLEANUP = "NEEDS_CLEANUP"
    CLEANUP_IN_PROGRESS = "CLEANUP_IN_PROGRESS"


class ExitStrategy(StrEnum):
    """What is to become of a position; EMERGENCY_STOP leaves it to its strategy, or to a stop."""

    MARKET_IMMEDIATE = "MARKET_IMMEDIATE"
    GRADUAL_UNWIND = "GRADUAL_UNWIND"
    WORST_FIRST = "WORST_FIRST"
    EMERGENCY_STOP = "EMERGENCY_STOP"
