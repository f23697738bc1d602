"""Compare a plan with the account as it is now, to see whether it is still the one that was approved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.executor.accounts.account import Account
from exitplan.executor.store.halt import find_halt
from exitplan.executor.store.journal import SETTLED, Intent
from exitplan.ruleset.errors import PlanIsExpired, PlanIsStale, RefusedByGuard
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import price_of
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Position, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO, plain, time_text
from exitplan.ruleset.planning.actions import SELLING, Action, Phase
from exitplan.ruleset.planning.guards import Sale, Verdict, judge_sales
from exitplan.ruleset.planning.plan import ensure_unaltered
from exitplan.ruleset.planning.plan_types import GuardResult, Plan

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a plan may come from the future, for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How an account differs from a plan: what is done already, whose price cannot be read, and what moved."""

    done: Mapping[str, str]
    unreadable: Collection[str]
    moved: tuple[str, ...]


def ensure_applicable(account: Account, plan: Plan) -> None:
    """Raise PlanIsStale for another account or policy, RefusedByGuard for a plan that its guards refused."""
    ensure_unaltered(plan.document)
    meant = plan.account
    if (meant.id, meant.venue, meant.quote) != (account.id, account.venue, account.quote):
        raise PlanIsStale(
            f"the plan is for account {meant.id} at {meant.venue} in {meant.quote}; "
            f"this is {account.id} at {account.venue} in {account.quote}"
        )
    policy = account.loaded.policy
    if plan.policy.sha256 != policy.sha256:
        raise PlanIsStale(
            f"the policy is not the one that the plan was made with ({plan.policy.name}, {plan.policy.sha256[:12]}; "
            f"now {policy.name}, {policy.sha256[:12]})",
            hint="make a new plan; a plan made with --policy is applied with the same --policy",
        )
    ensure_not_refused(plan)


def ensure_not_refused(plan: Plan) -> None:
    """Raise RefusedByGuard, naming the guards, where one refuses the plan."""
    if plan.refusals:
        refusals = "; ".join(_refusal_text(guard) for guard in plan.refusals)
        raise RefusedByGuard(
            f"the plan is refused by {refusals}",
            hint="narrow it with --target, --exclude or --rule, or set another limit under guards in the policy",
        )


def _refusal_text(guard: GuardResult) -> str:
    about = f" ({guard.detail})" if guard.detail else ""
    if guard.value is None:
        return f"{guard.name}{about}: its value cannot be computed"
    return f"{guard.name}{about}: {plain(Decimal(guard.value))} is above {plain(Decimal(guard.limit))}"


def ensure_not_halted(account: Account) -> None:
    """Raise AccountIsHalted where a halt file exists, unless the policy lets exits through."""
    halt = find_halt(account.folder)
    if halt is not None and not account.rulebook.policy.halt_allows_exits:
        raise halt.error()


def ensure_fresh(plan: Plan, now: datetime) -> None:
    """Raise PlanIsExpired where the plan's validity has run out, or where the clock says that it is yet to be made."""
    if now >= plan.expires_at:
        raise PlanIsExpired(
            f"the plan expired at {time_text(plan.expires_at)}", hint="make a new one with: exitplan plan"
        )
    if now < plan.created_at - CLOCK_TOLERANCE:
        raise PlanIsExpired(
            f"the plan was made at {time_text(plan.created_at)}, which is yet to come",
            hint="look at the clock of this machine, then make a new plan",
        )


def ensure_same_progress(plan: Plan, progress: Progress) -> None:
    """Raise PlanIsStale where the exits of a position have come further than the plan knew.

    That is what an order of an earlier run does that is settled only after the plan was made, even where what is held
    tells nothing: a plan made between the two would begin the unwind anew.
    """
    touched = {action.key for action in plan.actions if action.kind != "cancel_order"} | set(plan.steps)
    moved = [key for key in sorted(touched) if not _is_known(plan, progress, key)]
    if moved:
        raise PlanIsStale(
            f"the plan does not know how far the exits of {', '.join(moved)} have come: an order of an earlier run was "
            "settled only now, or another plan was applied",
            hint="make a new plan and look at it",
        )


def _is_known(plan: Plan, progress: Progress, key: str) -> bool:
    """Tell whether a plan goes on from this progress of a position."""
    facts, step, unwind = plan.by_key[key].facts, plan.steps.get(key), progress.unwinds.get(key)
    if step is not None and step.counts and unwind is not None and unwind.started_at == step.started_at:
        return unwind.cycle >= step.cycle - 1  # a cycle with no order counts once, however often it was planned
    counts = (Decimal(unwind.cycle if unwind else 0), Decimal(progress.failed_exits.get(key, 0)))
    if (Decimal(facts["unwind_cycle"]), Decimal(facts["failed_exits"])) != counts:
        return False
    if step is None or unwind is None or step.regrown:
        return True
    return (step.initial_quantity, step.started_at) == (unwind.initial_quantity, unwind.started_at)


def ensure_sales_allowed(policy: Policy, plan: Plan, snapshot: Snapshot) -> None:
    """Ask the guards of single orders again, with the prices of now; raises RefusedByGuard."""
    sales = [_sale(action, snapshot) for action in plan.actions if action.kind in SELLING]
    refused = [verdict for verdict in judge_sales(policy, sales) if not verdict.ok]
    if refused:
        told = "; ".join(f"{verdict.name}: {_verdict_text(verdict)}" for verdict in refused)
        raise RefusedByGuard(
            f"a guard refuses the plan with the prices of now ({told})",
            hint="wait, narrow the plan with --exclude, or raise the limit in the policy",
        )


def _sale(action: Action, snapshot: Snapshot) -> Sale:
    market = snapshot.markets.get(action.symbol)
    mark, then = price_of(snapshot, action.symbol, market).mark, action.expected_price
    value = action.est_value
    if value is not None and mark is not None and then is not None:
        value = EXACT.divide(EXACT.multiply(value, mark), then)
    return Sale(action.symbol, value, market)


def _verdict_text(verdict: Verdict) -> str:
    value = "unknown" if verdict.value is None else plain(verdict.value)
    return f"{verdict.detail}, {value}, the limit is {plain(verdict.limit)}"


def find_drift(plan: Plan, snapshot: Snapshot, intents: Mapping[str, Intent], max_move: Decimal) -> Drift:
    """Compare every action that is not settled with the account as it is now.

    ``intents`` are those of a plan that is resumed, none for a new one; ``max_move`` is how far a price may have moved,
    as a fraction.
    """
    positions = {position.key: position for position in snapshot.positions}
    open_orders = {order.id: order for order in snapshot.open_orders}
    done: dict[str, str] = {}
    unreadable: list[str] = []
    moved: list[str] = []
    for action in plan.actions:
        intent = intents.get(action.id)
        if intent is not None and intent.status in SETTLED:
            continue
        if action.kind == "cancel_order":
            if action.order_id not in open_orders:
                done[action.id] = "the order is no longer open"
            elif action.phase == Phase.EXIT and price_status(snapshot, action) == "unavailable":
                unreadable.append(action.id)  # the exit it makes way for cannot be sent
            continue
        if price_status(snapshot, action) == "unavailable":
            unreadable.append(action.id)
        told = _compare(plan, action, positions.get(action.key), snapshot, intents, max_move)
        if told is None and action.key not in positions:
            done[action.id] = "the position is gone"
        elif told is not None:
            moved.append(told)
    return Drift(done, frozenset(unreadable), tuple(dict.fromkeys(moved)))


def _compare(
    plan: Plan,
    action: Action,
    position: Position | None,
    snapshot: Snapshot,
    intents: Mapping[str, Intent],
    max_move: Decimal,
) -> str | None:
    """Say what moved; None where nothing did, or where the position is gone and with it what was to be done."""
    if position is None:
        return None
    sold = _sold_already(plan, action.key, intents)
    if action.expected_quantity is not None and abs(position.quantity) != abs(action.expected_quantity) - sold:
        expected = plain(abs(action.expected_quantity) - sold)
        return f"{action.symbol}: the quantity was {expected} and is {plain(position.quantity)}"
    return _registered_since(plan, action, snapshot) or _price_move(action, snapshot, max_move)


def _sold_already(plan: Plan, key: str, intents: Mapping[str, Intent]) -> Decimal:
    """Add up what this plan's own orders, resting ones cancelled by it included, have filled of a position."""
    position = plan.by_key[key]
    alone = sum(1 for other in plan.positions if other.symbol == position.symbol) == 1
    exit_side = "sell" if position.side == "long" else "buy"
    sold = ZERO
    for action in plan.actions:
        intent = intents.get(action.id)
        if intent is None or intent.filled is None:
            continue
        if action.reduces and action.key == key:
            sold += intent.filled
        elif action.kind == "cancel_order" and alone and action.symbol == position.symbol:
            since = max(intent.filled - action.expected_fill, ZERO)
            sold += since if action.side == exit_side else -since
    return sold


def _registered_since(plan: Plan, action: Action, snapshot: Snapshot) -> str | None:
    """Say where a strategy has taken the position over since the plan was made."""
    known = plan.by_key[action.key].facts
    record = snapshot.tracker.get(action.symbol)
    if record is None or not action.reduces:
        return None
    if known.get("tracked") is not True or known.get("position_source") != record.position_source:
        return f"{action.symbol}: the tracker has registered it since"
    return None


def price_status(snapshot: Snapshot, action: Action) -> str:
    """Tell whether there is a price for what an action is about."""
    return price_of(snapshot, action.symbol, snapshot.markets.get(action.symbol)).status


def _price_move(action: Action, snapshot: Snapshot, max_move: Decimal) -> str | None:
    price = price_of(snapshot, action.symbol, snapshot.markets.get(action.symbol))
    then = action.expected_price
    if price.status == "unavailable" or (then is None and price.mark is None):
        return None
    if then is None or price.mark is None:
        return f"{action.symbol}: the price was {_text(then)} and is {_text(price.mark)}"
    if EXACT.subtract(price.mark, then).copy_abs() > EXACT.multiply(max_move, then):
        told = f"{action.symbol}: the price was {plain(then)} and is {plain(price.mark)}"
        return f"{told}, a move above {plain(max_move * 100)} %"
    return None


def _text(price: Decimal | None) -> str:
    return "not there" if price is None else plain(price)
