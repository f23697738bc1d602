"""Check what a plan says of itself, before the account is looked at: whose it is, its guards, its age, its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.brokers.identity import Identity
from exitplan.executor.accounts.account import Account
from exitplan.ruleset.errors import PlanIsAltered, PlanIsExpired, PlanIsStale, RefusedByGuard
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.language.reasons import percent_text
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.progress import Kept, Progress
from exitplan.ruleset.model.snapshot import Position
from exitplan.ruleset.model.values import ZERO, plain, time_text
from exitplan.ruleset.planning.actions import SELLING
from exitplan.ruleset.planning.plan import ensure_unaltered, expiry_after, health_of
from exitplan.ruleset.planning.plan_types import GuardResult, Plan
from exitplan.ruleset.planning.remedies import protect_line

_OF_NO_POSITION = frozenset({"cancel_order", "convert_cash"})
"""Kinds of actions that need no position of the plan."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a plan may come from the future, for clocks that differ."""


def ensure_applicable(account: Account, plan: Plan, of_group: str | None = None) -> None:
    """Raise PlanIsStale for another account or policy, RefusedByGuard for a plan that its guards refused.

    ``of_group`` is the hash of the group's policy where the plan is applied as part of the group's.
    """
    ensure_unaltered(plan.document)
    if plan.group is not None and plan.group.sha256 != of_group:
        raise PlanIsStale(
            f"the plan is part of one of the group {plan.group.name}, and does not stand alone",
            hint="apply the plan of the group, or make one of this account alone",
        )
    meant = plan.account
    if (meant.id, meant.venue, meant.quote) != (account.id, account.venue, account.quote):
        raise PlanIsStale(
            f"the plan is for account {meant.id} at {meant.venue} in {meant.quote}; "
            f"this is {account.id} at {account.venue} in {account.quote}"
        )
    difference = Identity(meant.venue, meant.address, meant.key).difference(account.identity)
    if difference is not None:
        raise PlanIsStale(
            f"the plan was made for another account at {meant.venue}: {difference}",
            hint="make a new plan and look at it",
        )
    policy = account.loaded.policy
    ensure_same_model(plan, policy)
    if plan.policy.sha256 != policy.sha256:
        raise PlanIsStale(
            f"the policy is not the one that the plan was made with ({plan.policy.name}, {plan.policy.sha256[:12]}; "
            f"now {policy.name}, {policy.sha256[:12]})",
            hint="make a new plan; a plan made with --policy is applied with the same --policy",
        )
    ensure_not_refused(plan)
    ids = [action.id for action in plan.actions]
    names = [action.client_order_id for action in plan.actions]
    if len(set(ids)) < len(ids) or len(set(names)) < len(names):
        raise PlanIsAltered("two actions of the plan have one id", hint="make a new one with: exitplan plan")
    exits = [action for action in plan.actions if action.kind not in _OF_NO_POSITION]
    homeless = [action for action in exits if action.key not in plan.by_key]
    if homeless:
        raise PlanIsAltered(
            f"the plan has an action for {homeless[0].symbol}, and no such position",
            hint="make a new one with: exitplan plan",
        )


def ensure_same_model(plan: Plan, policy: Policy) -> None:
    """Raise PlanIsStale where positions are scored by another health model now, or by none."""
    now = health_of(policy)
    if plan.health != now:
        was, is_now = ("none" if one is None else f"{one.model}, {one.sha256[:12]}" for one in (plan.health, now))
        raise PlanIsStale(
            f"the health model is not the one that the plan was made with ({was}; now {is_now})",
            hint="make a new plan and look at it",
        )


def ensure_not_refused(plan: Plan) -> None:
    """Raise RefusedByGuard, naming the guards, where one refuses the plan."""
    if plan.refusals:
        refusals = "; ".join(_refusal_text(guard) for guard in plan.refusals)
        raise RefusedByGuard(
            f"the plan is refused by {refusals}",
            hint=way_out(plan),
        )


def way_out(plan: Plan) -> str:
    """Return what helps: narrowing a plan changes what it does, and nothing of how the account looks."""
    names = [guard.name for guard in plan.refusals]
    return "; ".join(dict.fromkeys(_WAYS_OUT[name](plan) if name in _WAYS_OUT else _NARROWER for name in names))


def _keep_unpriced(plan: Plan) -> str:
    judged = [position for position in plan.positions if not position.is_protected]
    blind = [position.symbol for position in judged if position.facts.get("price_status") == "missing"]
    return f"keep what nobody can price: write in the account's policy {protect_line(blind, 'delisted')}"


def _keep_unvalued(plan: Plan) -> str:
    unvalued = [action.symbol for action in plan.actions if action.kind in SELLING and action.est_value is None]
    return f"keep it: write in the account's policy {protect_line(unvalued)}; or {_NARROWER}" if unvalued else _NARROWER


def _explain_share(plan: Plan) -> str:
    unknown = any(guard.name == "max_run_pct" and guard.value is None for guard in plan.refusals)
    if not unknown:
        return _NARROWER
    return "what is sold has to be a share of equity, and equity is not known: repay debts, or wait for prices"


_NARROWER = "narrow it with --target, --exclude or --rule, or set another limit under guards in the policy"
_WAYS_OUT: Mapping[str, Callable[[Plan], str]] = {
    "max_equity_change_pct": lambda _: (
        "look at the account at its venue; if what it holds is right, say so with: exitplan accept-balance"
    ),
    "max_zombie_pct": _keep_unpriced,
    "max_deferred_pct": lambda _: "wait until the venue answers, then plan again",
    "max_order_value": _keep_unvalued,
    "max_run_pct": _explain_share,
}
"""What helps against a refusal, by guard; narrowing the plan helps against all others."""


def _refusal_text(guard: GuardResult) -> str:
    about = f" ({guard.detail})" if guard.detail else ""
    if guard.value is None:
        return f"{guard.name}{about}: its value cannot be computed"
    value, limit = Decimal(guard.value), Decimal(guard.limit)
    if guard.name.endswith("_pct"):
        return f"{guard.name}{about}: {_share_above(value, limit)} is above {plain(limit * 100)} %"
    return f"{guard.name}{about}: {plain(value)} is above {plain(limit)}"


def _share_above(value: Decimal, limit: Decimal) -> str:
    """Write a share in percent, rounded unless that would make it look within its limit."""
    text = percent_text(value)
    return text if Decimal(text.removesuffix(" %")) > limit * 100 else f"{plain(value * 100)} %"


def ensure_not_halted(account: Account) -> None:
    """Raise AccountIsHalted where a halt file exists, unless the policy lets exits through."""
    halt = account.store.find_halt()
    if halt is not None and not account.rulebook.policy.halt_allows_exits:
        raise halt.error()


def expiry_of(plan: Plan, policy: Policy) -> datetime:
    """Return when a plan expires: never later than the policy lets it."""
    return min(plan.expires_at, expiry_after(plan.created_at, policy.valid_minutes))


def is_expired(plan: Plan, policy: Policy, now: datetime) -> bool:
    """Check whether a plan's validity has run out."""
    return now >= expiry_of(plan, policy)


def ensure_fresh(plan: Plan, policy: Policy, now: datetime) -> None:
    """Raise PlanIsExpired where the plan's validity has run out, or where the clock says that it is yet to be made."""
    if is_expired(plan, policy, now):
        raise PlanIsExpired(
            f"the plan expired at {time_text(expiry_of(plan, policy))}", hint="make a new one with: exitplan plan"
        )
    if now < plan.created_at - CLOCK_TOLERANCE:
        raise PlanIsExpired(
            f"the plan was made at {time_text(plan.created_at)}, which is yet to come",
            hint="look at the clock of this machine, then make a new plan",
        )


def ensure_same_progress(plan: Plan, progress: Progress, names: AssetNames) -> None:
    """Raise PlanIsStale where the exits of a position have come further than the plan knew.

    That is what an order of an earlier run does that is resolved only after the plan was made, even where what is held
    tells nothing: a plan made between the two would begin the unwind anew.
    """
    touched = {action.key for action in plan.actions if action.kind != "cancel_order"} | set(plan.steps)
    moved = [key for key in sorted(touched) if not _is_known(plan, progress, key, names)]
    if moved:
        raise PlanIsStale(
            f"the plan does not know how far the exits of {', '.join(moved)} have come: an order of an earlier run was "
            "resolved only now, or another plan was applied",
            hint="make a new plan and look at it",
        )


def _is_known(plan: Plan, progress: Progress, key: str, names: AssetNames) -> bool:
    """Check whether a plan goes on from this progress of a position."""
    if key not in plan.by_key:  # of no position that the plan has: apply finds nothing to do for it
        return True
    planned, step = plan.by_key[key], plan.steps.get(key)
    facts, asset = planned.facts, names.of_symbol(planned.symbol)
    position = Position(planned.symbol, "short" if planned.side == "short" else "long", ZERO)
    unwind = Kept.of(progress.unwinds, names).find(position, asset)
    failed = Kept.of(progress.failed_exits, names).find(position, asset)
    if step is not None and step.counts and unwind is not None and unwind.started_at == step.started_at:
        return unwind.cycle >= step.cycle - 1  # a cycle with no order counts once, however often it was planned
    counts = (Decimal(unwind.cycle if unwind else 0), Decimal(failed or 0))
    if (Decimal(facts["unwind_cycle"]), Decimal(facts["failed_exits"])) != counts:
        return False
    if step is None or unwind is None or step.regrown:
        return True
    began = (step.initial_quantity - step.added, step.started_at)
    return began == (unwind.initial_quantity - unwind.added, unwind.started_at)
