"""What a forced cleanup has come to, in figures."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from exitplan.dropin.results import Finished
from exitplan.executor.accounts.account import Account
from exitplan.executor.operation import Unobserved
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.planning.actions import CLOSING
from exitplan.ruleset.planning.plan_types import Plan

DUST_RULE, CAP_RULE, NAMED_RULE = "dust", "over-cap", "named"
"""The exit rules of a forced cleanup."""


class Initial(Unobserved):
    """Notes how many positions there were as soon as there is a plan, also where nothing comes of it."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures

    def show_plan(self, account: Account, plan: Plan) -> None:  # noqa: ARG002 - as its protocol
        """Note how many positions there were."""
        self.figures["initial_positions"] = len(plan.positions)


def closed(finished: Finished, rules: Collection[str]) -> set[str]:
    """Return the symbols whose closes by these rules were all done."""
    closes = [action for action in finished.plan.actions if action.kind in CLOSING and action.rule in rules]
    open_ones = {action.symbol for action in closes if action.id not in finished.done}
    return {action.symbol for action in closes} - open_ones


def figures_of(account: Account, finished: Finished) -> dict[str, Any]:
    """Count what was closed as dust and for the cap, and what is left; ``status`` says how it ended."""
    dust, cap = closed(finished, {DUST_RULE}), closed(finished, {CAP_RULE, NAMED_RULE})
    held = len(finished.plan.positions)
    left = held - len(dust | cap) if finished.outcome.result is None else _held(account)
    is_resolved = finished.is_resolved and left is not None
    has_closes = any(action.kind in CLOSING for action in finished.plan.actions)
    return {
        "dust_closed": len(dust),
        "cap_closed": len(cap),
        "final_positions": left,
        "status": "error" if not is_resolved else "cleaned" if has_closes else "clean",
    }


def _held(account: Account) -> int | None:
    try:
        return len(account.broker.read_account().positions)
    except ExitplanError:
        return None
