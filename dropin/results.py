"""Plans and runs in the shapes of the published protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exitplan.dropin.names import AccountState
from exitplan.dropin.sources import Spelling
from exitplan.executor.apply.events import ApplyResult
from exitplan.ruleset.model.values import ZERO

Document = Mapping[str, Any]
_CANCEL = "cancel_order"
_ORDERS, _EXITS = 2, 3
_SETTLED = frozenset({0, 4})
"""Exit codes of runs that came to their end, also where something was refused."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A plan, and what became of it; ``result`` is None where it was only looked at."""

    plan: Document
    result: ApplyResult | None

    @property
    def checks(self) -> Document | None:
        """The four checks as they stand; None where the account could not be read any more."""
        if self.result is None:
            found: Document = self.plan["checks"]
            return found
        return None if self.result.checks is None else self.result.checks.to_document()

    @property
    def done(self) -> frozenset[str]:
        """The ids of the actions that were done; where the plan was only looked at, all of them."""
        if self.result is None:
            return frozenset(action["id"] for action in self.plan["actions"])
        return frozenset(outcome.action.id for outcome in self.result.outcomes if outcome.status == "done")

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing was left open or unknown."""
        return self.result is None or self.result.exit_code in _SETTLED

    def cancelled(self) -> tuple[int, float]:
        """Count the stale orders that were cancelled, and what they held, in the account's currency."""
        cancels = [action for action in self.plan["actions"] if action["phase"] == _ORDERS]
        done = [action for action in cancels if action["id"] in self.done]
        freed = sum((Decimal(action["est_value"]) for action in done if action["est_value"] is not None), ZERO)
        return len(done), float(freed)

    def exits(self, spelling: Spelling) -> dict[str, bool]:
        """Tell for every symbol with an exit whether it was done; one that was blocked was not."""
        exits = [action for action in self.plan["actions"] if action["phase"] == _EXITS and action["kind"] != _CANCEL]
        told: dict[str, bool] = {}
        for action in exits:
            told[action["symbol"]] = told.get(action["symbol"], True) and action["id"] in self.done
        for blocked in self.plan["blocked"]:
            told[blocked["symbol"]] = False
        for symbol in self._counting():
            told.setdefault(symbol, True)
        return {spelling(symbol): done for symbol, done in sorted(told.items())}

    def _counting(self) -> list[str]:
        """Name the positions whose unwind is where it should be already, so that a cycle counts with no order."""
        steps = [entry for entry in self.plan["positions"] if (entry.get("unwind") or {}).get("counts")]
        return [entry["symbol"] for entry in steps]


def state_of(checks: Document | None) -> AccountState:
    """Give the state that checks come to; what could not be read NEEDS_CLEANUP."""
    found = "UNKNOWN" if checks is None else checks["state"]
    return AccountState.NEEDS_CLEANUP if found == "UNKNOWN" else AccountState(found)


def diagnostics_of(checks: Document | None, at: str, spelling: Spelling, error: str | None = None) -> dict[str, Any]:
    """Give the four checks in the published shape; ``error`` says why they could not be made."""
    if checks is None:
        told = error or "the account could not be read"
        failed = {"account_state": AccountState.NEEDS_CLEANUP.value, "all_checks_pass": False, "error": told}
        return {"timestamp": at, "checks": {}, **failed}
    known: Document = checks["checks"]
    counts, zombies = known["position_count"], known["zombie_positions"]
    registered, stale = known["registered_positions"], known["stale_orders"]
    found: dict[str, Any] = {
        "timestamp": at,
        "checks": {
            "position_count": {"pass": counts["pass"], "current": counts["current"], "max": counts["max"]},
            "zombie_positions": {"pass": zombies["pass"], "count": zombies["count"]},
            "registered_positions": {
                "pass": registered["pass"],
                "registered": registered["registered"],
                "unregistered": len(registered["unregistered"]),
            },
            "stale_orders": {"pass": stale["pass"], "stale": len(stale["stale"]), "total": stale["total"]},
        },
        "account_state": state_of(checks).value,
        "all_checks_pass": checks["state"] == "CLEAN",
        "zombies": _spelled(zombies["symbols"], spelling),
        "tolerated_dust": _spelled(zombies["tolerated_dust"], spelling),
        "unregistered": _spelled(registered["unregistered"], spelling),
        "stale_order_ids": list(stale["stale"]),
        "deferred": _spelled(checks["deferred"], spelling),
    }
    if error is not None or checks["deferred"]:
        found["error"] = error or f"no price could be read for {', '.join(found['deferred'])}"
    return found


def _spelled(keys: list[str], spelling: Spelling) -> list[str]:
    """Give keys of positions as callers spell the symbols; a short keeps its mark."""
    parts = [key.partition("#") for key in keys]
    return [f"{spelling(symbol)}{mark}{side}" for symbol, mark, side in parts]
