"""Plans and runs in the shapes of the published protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exitplan.dropin.names import AccountState
from exitplan.dropin.sources import Spelling
from exitplan.executor.operation import Outcome
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.planning.actions import NEVER_ESCALATED, Phase
from exitplan.ruleset.planning.checks import AccountState as Known
from exitplan.ruleset.planning.plan import report_of
from exitplan.ruleset.planning.plan_types import CheckReport, Plan

_ENDED = frozenset({ExitCode.DONE, ExitCode.ACTION_FAILED})
"""Exit codes of runs that came to their end, also where something was refused."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An operation in the shapes of the published protocol; a dry run counts as if all of it had been done."""

    outcome: Outcome

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.outcome.plan

    @property
    def checks(self) -> CheckReport | None:
        """The four checks as they stand; None where the account could not be read any more."""
        result = self.outcome.result
        if result is None:
            return self.plan.checks
        return None if result.checks is None else report_of(result.checks)

    @property
    def done(self) -> frozenset[str]:
        """The ids of the actions that were done; where the plan was only looked at, all of them."""
        result = self.outcome.result
        if result is None:
            return frozenset(action.id for action in self.plan.actions)
        return frozenset(ended.action.id for ended in result.outcomes if ended.status == "done")

    @property
    def is_resolved(self) -> bool:
        """Whether nothing was left open or unknown."""
        result = self.outcome.result
        return result is None or result.exit_code in _ENDED

    def left(self) -> dict[str, Decimal]:
        """Return the value of each position that is still held, by symbol, as it was before what was sold of it."""
        closed = {action.symbol for action in self.plan.actions if action.kind == "close" and action.id in self.done}
        values = {position.symbol: position.facts.get("value_usd") for position in self.plan.positions}
        return {
            symbol: Decimal(str(value))
            for symbol, value in values.items()
            if value is not None and symbol not in closed
        }

    def cancelled(self) -> tuple[int, float]:
        """Count the stale orders that were cancelled, and what they held, in the account's currency."""
        done = [action for action in self.plan.of_phase(Phase.CANCEL) if action.id in self.done]
        freed = sum((action.est_value for action in done if action.est_value is not None), ZERO)
        return len(done), float(freed)

    def exits(self, spelling: Spelling) -> dict[str, bool]:
        """Return for every symbol with an exit whether it was done; one that was blocked was not.

        One that only waits, for its next cycle or for a price to come back, has none now.
        """
        ended: dict[str, bool] = {}
        for action in self.plan.of_phase(Phase.EXIT):
            if action.kind != "cancel_order":
                ended[action.symbol] = ended.get(action.symbol, True) and action.id in self.done
        ended.update((exit_.symbol, False) for exit_ in self.plan.blocked if exit_.reason not in NEVER_ESCALATED)
        for position in self.plan.positions:
            if position.counts:
                ended.setdefault(position.symbol, True)
        return {spelling(symbol): done for symbol, done in sorted(ended.items())}


def state_of(checks: CheckReport | None) -> AccountState:
    """Return the state that checks come to; what could not be read NEEDS_CLEANUP."""
    if checks is None or checks.state is Known.UNKNOWN:
        return AccountState.NEEDS_CLEANUP
    return AccountState(checks.state.value)


def diagnostics_of(
    checks: CheckReport | None, at: str, spelling: Spelling, error: str | None = None, *, most: int | None = None
) -> dict[str, Any]:
    """Return the four checks in the published shape; ``error`` says why they could not be made.

    A check that could not be made did not pass, and its figures are None; ``most`` is the cap.
    """
    if checks is None:
        why = error or "the account could not be read"
        failed = {"account_state": AccountState.NEEDS_CLEANUP.value, "all_checks_pass": False, "error": why}
        unknown: dict[str, dict[str, Any]] = {
            "position_count": {"pass": False, "current": None, "max": most},
            "zombie_positions": {"pass": False, "count": None},
            "registered_positions": {"pass": False, "registered": None, "unregistered": None},
            "stale_orders": {"pass": False, "stale": None, "total": None},
        }
        return {"timestamp": at, "checks": unknown, **failed}
    counts, zombies = checks.checks.position_count, checks.checks.zombie_positions
    registered, stale = checks.checks.registered_positions, checks.checks.stale_orders
    diagnostics: dict[str, Any] = {
        "timestamp": at,
        "checks": {
            "position_count": {"pass": counts.passed, "current": counts.current, "max": counts.max},
            "zombie_positions": {"pass": zombies.passed, "count": zombies.count},
            "registered_positions": {
                "pass": registered.passed,
                "registered": registered.registered,
                "unregistered": len(registered.unregistered),
            },
            "stale_orders": {"pass": stale.passed, "stale": len(stale.stale), "total": stale.total},
        },
        "account_state": state_of(checks).value,
        "all_checks_pass": checks.state is Known.CLEAN,
        "zombies": _spelled(zombies.symbols, spelling),
        "tolerated_dust": _spelled(zombies.tolerated_dust, spelling),
        "unregistered": _spelled(registered.unregistered, spelling),
        "stale_order_ids": list(stale.stale),
        "deferred": _spelled(checks.deferred, spelling),
    }
    if error is not None or checks.deferred:
        diagnostics["error"] = error or f"no price could be read for {', '.join(diagnostics['deferred'])}"
    elif checks.balance_surprise is not None:
        diagnostics["error"] = checks.balance_surprise
    return diagnostics


def _spelled(keys: Sequence[str], spelling: Spelling) -> list[str]:
    """Return keys of positions as callers spell the symbols; a short keeps its mark."""
    parts = [key.partition("#") for key in keys]
    return [f"{spelling(symbol)}{mark}{side}" for symbol, mark, side in parts]
