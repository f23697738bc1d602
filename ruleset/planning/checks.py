"""Phase 4: the four checks of a clean account, on decisions, and the state they come to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.classify import Decision


class AccountState(StrEnum):
    """How an account stands."""

    CLEAN = "CLEAN"
    CLEANUP_IN_PROGRESS = "CLEANUP_IN_PROGRESS"
    NEEDS_CLEANUP = "NEEDS_CLEANUP"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Checks:
    """The four checks, with the positions (by key) and orders (by id) that fail them.

    ``tolerated`` is dust that the venue will not take. ``deferred`` could not be judged: no check holds then.
    ``unwinding`` are the unregistered ones that an unwind is closing.
    """

    counted: int
    max_positions: int
    zombies: tuple[str, ...]
    tolerated: tuple[str, ...]
    registered: int
    unregistered: tuple[str, ...]
    stale: tuple[str, ...]
    orders: int
    deferred: tuple[str, ...]
    unwinding: tuple[str, ...]

    @property
    def state(self) -> AccountState:
        """The state that the checks come to."""
        if self.deferred:
            return AccountState.UNKNOWN
        if not (self.counted > self.max_positions or self.zombies or self.unregistered or self.stale):
            return AccountState.CLEAN
        waiting = set(self.unregistered) - set(self.unwinding)
        above = self.counted - len(self.unwinding) > self.max_positions
        if self.zombies or self.stale or waiting or above:
            return AccountState.NEEDS_CLEANUP
        return AccountState.CLEANUP_IN_PROGRESS

    def to_document(self) -> dict[str, Any]:
        """Write the checks in their JSON form."""
        return {
            "state": self.state.value,
            "checks": {
                "position_count": {
                    "pass": self.counted <= self.max_positions,
                    "current": self.counted,
                    "max": self.max_positions,
                },
                "zombie_positions": {
                    "pass": not self.zombies,
                    "count": len(self.zombies),
                    "symbols": list(self.zombies),
                    "tolerated_dust": list(self.tolerated),
                },
                "registered_positions": {
                    "pass": not self.unregistered,
                    "registered": self.registered,
                    "unregistered": list(self.unregistered),
                    "unwinding": list(self.unwinding),
                },
                "stale_orders": {"pass": not self.stale, "stale": list(self.stale), "total": self.orders},
            },
            "deferred": list(self.deferred),
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """What a plan would have changed when it is done: positions closed (by key) and adopted, orders cancelled."""

    closed: Collection[str] = ()
    adopted: Collection[str] = ()
    cancelled: Collection[str] = ()


def check(
    policy: Policy,
    decisions: Sequence[Decision],
    counted: int,
    stale: Sequence[str],
    orders: Collection[str],
    unwinding: Collection[str],
    changes: Changes,
) -> Checks:
    """Run the four checks on an account as it is, or as ``changes`` would leave it.

    ``counted`` is the number of positions that the cap counts, ``stale`` and ``orders`` are order ids, ``unwinding``
    the keys of positions with an unwind under way.
    """
    judged = [decision for decision in decisions if not decision.is_protected]
    left = [decision for decision in judged if _key(decision) not in changes.closed]
    closed = [decision for decision in judged if _key(decision) in changes.closed]
    gone = sum(1 for found in closed if _was_counted(found))
    strict: list[Decision] = []
    tolerated: list[Decision] = []
    for found in left:
        is_tolerated = policy.tolerate_untradeable_dust and found.is_untradeable_dust
        (tolerated if is_tolerated else strict).append(found)
    deferred = [found for found in strict if found.is_deferred]
    strict = [found for found in strict if not found.is_deferred]
    unregistered = [found for found in strict if not _is_registered(found, policy, changes.adopted)]
    return Checks(
        counted=counted - gone,
        max_positions=policy.max_positions,
        zombies=_keys([found for found in strict if found.is_zombie]),
        tolerated=_keys(tolerated),
        registered=len(strict) - len(unregistered),
        unregistered=_keys(unregistered),
        stale=tuple(order for order in stale if order not in changes.cancelled),
        orders=len(set(orders) - set(changes.cancelled)),
        deferred=_keys(deferred),
        unwinding=_keys([found for found in unregistered if _key(found) in unwinding and _is_unwound(found)]),
    )


def _key(decision: Decision) -> str:
    return decision.found.position.key


def _keys(decisions: Sequence[Decision]) -> tuple[str, ...]:
    return tuple(_key(decision) for decision in decisions)


def _is_registered(decision: Decision, policy: Policy, adopted: Collection[str]) -> bool:
    """Tell whether a strategy manages the position: tracked, and not called legacy by the policy.

    Adoption registers only where the policy counts what is adopted among its strategies.
    """
    if _key(decision) in adopted:
        return ADOPTED_SOURCE in policy.strategy_sources
    return bool(decision.found.facts["tracked"]) and decision.category is not Category.LEGACY_NON_COMPLIANT


def _is_unwound(decision: Decision) -> bool:
    """Tell whether the policy still closes the position: progress may be left from one that did."""
    return decision.exit is not None and decision.exit.action in {"unwind", "close"}


def _was_counted(decision: Decision) -> bool:
    """Tell whether a position that the plan closes was counted by the cap: its dust and zombie exits are not."""
    rule = decision.exit
    return rule is not None and not rule.is_dust and not rule.is_zombie
