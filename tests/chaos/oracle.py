"""Judge an account by its venue's own records: what was lost, what was doubled, which files are broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.snapshot import Snapshot, position_key
from tests.chaos.world import World

STEP = Decimal("0.001")
"""The amount step of every market played."""
DUST = Decimal("0.01")
"""What is worth less than the minimum of every market played: a clean account may contain it."""
KEPT = frozenset({"OWN/USD", "OWN/USDT"})
"""What a strategy manages and nobody may touch."""

Kind = Literal["lost", "doubled", "invalid", "slow"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must never be."""

    kind: Kind
    text: str


def broken_files(world: World) -> list[Violation]:
    """Check what others read, whoever has just died."""
    found = []
    try:
        if world.has_state():
            world.state_document()
        if world.has_tracker():
            world.tracked()
    except ExitplanError as error:
        found.append(Violation("invalid", str(error)))
    return found + _false_clean(world)


def _false_clean(world: World) -> list[Violation]:
    """CLEAN while the venue holds what nobody manages; the file may be older than what others have done since."""
    if world.has_foreign_trades() or not world.has_state():
        return []
    try:
        clean = world.state_document().get("account_state") == "CLEAN"
    except ExitplanError:
        return []
    stray = _sellable(world) - set(world.tracked() if world.has_tracker() else KEPT) - KEPT
    return [Violation("invalid", f"CLEAN with {', '.join(sorted(stray))}")] if clean and stray else []


def _sellable(world: World) -> set[str]:
    return {symbol for symbol, quantity in world.holdings().items() if quantity >= DUST}


def judge(world: World) -> list[Violation]:
    """Compare the journal and the plans with what the venue did."""
    plans, stopped = world.saved_plans(), world.is_stopped()
    sold, orders = world.sold(), world.orders()
    intents = {(row["plan_id"], row["action_id"]): row for row in world.intents()}
    found = []
    for plan in plans:
        for action in plan["actions"]:
            row = intents.get((plan["plan_id"], action["id"]))
            found += _too_much(action, sold, orders)
            found += _disagreement(action, row, sold, orders, stopped=stopped)
    known = {action["client_order_id"] for plan in plans for action in plan["actions"]}
    found += [Violation("doubled", f"nobody planned the order {name}") for name in sold if name not in known]
    return found


def _too_much(
    action: Mapping[str, Any], sold: Mapping[str, Decimal], orders: list[Mapping[str, Any]]
) -> list[Violation]:
    name, planned = action["client_order_id"], Decimal(action["quantity"])
    filled = sold.get(name, Decimal(0))
    stops = sum(1 for entry in orders if entry["client_order_id"] == name) if action["kind"] == "attach_stop" else 0
    if filled > planned:
        return [Violation("doubled", f"{action['kind']} {action['symbol']}: {filled} of {planned} filled")]
    return [Violation("doubled", f"{stops} stops for {action['symbol']}")] if stops > 1 else []


def _disagreement(
    action: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    sold: Mapping[str, Decimal],
    orders: list[Mapping[str, Any]],
    *,
    stopped: bool,
) -> list[Violation]:
    """Say where the journal tells something else of an action than the venue."""
    status = "planned" if row is None else row["status"]
    told = Decimal((row or {})["filled"] or 0) if row and status == "done" else Decimal(0)
    filled = sold.get(action["client_order_id"], Decimal(0))
    about = f"{action['kind']} {action['symbol']} is {status}"
    if status in {"sending", "needs_human"}:
        return [] if stopped else [Violation("lost", f"{about} to the end")]
    if action["kind"] == "cancel_order":
        rests = any(entry["id"] == action["order_id"] and entry["status"] == "open" for entry in orders)
        return [Violation("lost", f"{about}, and the order rests")] if status == "done" and rests else []
    if action["kind"] == "attach_stop":
        name = action["client_order_id"]
        taken = {entry["status"] for entry in orders if entry["client_order_id"] == name}
        # A venue that takes a stop and cancels it at once may be believed either way.
        right = bool(taken) if status == "done" else taken <= {"cancelled"}
        return [] if right else [Violation("lost", f"{about}, the venue's word: {', '.join(taken) or 'no order'}")]
    if action["kind"] != "adopt" and told != filled:
        return [Violation("lost", f"{about} with {told} filled, the venue filled {filled}")]
    return []


def judge_progress(world: World, plan: Mapping[str, Any], start: Snapshot) -> list[Violation]:
    """Check, after a plan was finished, that its unwinds stand where the venue's fills put them."""
    if world.has_foreign_trades():
        return []
    held, progress = world.holdings(), world.state().unwinds
    first = {entry.key: entry.quantity for entry in start.positions}
    found = [
        Violation("lost", f"{symbol}: the unwind of {first[symbol]} goes on from {unwind.initial_quantity}")
        for symbol, unwind in progress.items()
        if unwind.initial_quantity != first[symbol]
    ]
    for entry in plan["positions"]:
        if not entry.get("unwind"):
            continue
        symbol, step = position_key(entry["symbol"], entry["facts"]["side"]), entry["unwind"]
        left, target = held.get(symbol, Decimal(0)), Decimal(step["target_quantity"])
        if left <= target - STEP:
            found.append(Violation("doubled", f"{symbol}: {left} is left, the target was {target}"))
        counted = symbol not in progress if not left else symbol in progress and progress[symbol].cycle >= step["cycle"]
        if counted != (left - target < STEP):
            found.append(Violation("lost", f"{symbol}: {left} is left of {target}, counted: {counted}"))
    return found


def judge_rest(world: World, start: Snapshot) -> list[Violation]:
    """Check that an account at rest holds what it should, and that what is gone was sold."""
    held, foreign = world.holdings(), world.has_foreign_trades()
    gone = {entry.key: abs(entry.quantity) - held.get(entry.key, Decimal(0)) for entry in start.positions}
    told: dict[str, Decimal] = {}
    for entry in world.orders():
        filled = sum((Decimal(fill["quantity"]) for fill in entry["fills"]), Decimal(0))
        key = position_key(entry["symbol"], entry["position_side"] or "long")
        told[key] = told.get(key, Decimal(0)) + filled
    found = [
        Violation("lost", f"{symbol}: {gone[symbol]} is gone, {told.get(symbol, 0)} was sold")
        for symbol in gone
        if gone[symbol] != told.get(symbol, Decimal(0))
    ]
    managed = set(world.tracked() if world.has_tracker() else KEPT) | KEPT | set(world.state().escalated)
    left = _sellable(world) - managed
    if left and not foreign:
        found.append(Violation("lost", f"at rest with {', '.join(sorted(left))}"))
    return found
