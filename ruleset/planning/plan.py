"""The plan as a document: deterministic to the byte, and carrying a hash of itself."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import orjson

from exitplan.ruleset.engine.durable import ENGINE_NAME, ENGINE_VERSION
from exitplan.ruleset.errors import PlanIsAltered
from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.language.policy import Policy, Protection
from exitplan.ruleset.model.account_view import Debt, Equity, OtherCash
from exitplan.ruleset.model.snapshot import FORMAT_VERSION, Snapshot, snapshot_to_document
from exitplan.ruleset.model.values import EXACT, ZERO, later, micro_text, plain, time_text
from exitplan.ruleset.planning.actions import SELLING, Action, Blocked, UnwindStep
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.planner import Draft, PlanInput, PlanScope, StaleOrder, draft_plan
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.ruleset.version import VERSION

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _DIGITS for low in _DIGITS]
_ID_PAIRS = 8

Document = dict[str, Any]


def make_plan(given: PlanInput, *, overrides: Mapping[str, Any] | None = None) -> Document:
    """Make the plan document of an account.

    ``overrides`` are the parameters that the command line set over the policy; they are recorded, so that apply can
    check the policy again. The same input gives the same bytes. Raises EngineDisagreement.
    """
    return write_plan(given, draft_plan(given), overrides or {})


def write_plan(given: PlanInput, draft: Draft, overrides: Mapping[str, Any]) -> Document:
    """Write a draft as the plan document."""
    with localcontext(EXACT):
        body = _body(given, draft, overrides)
    digest = _digest(body)
    plan_id = f"{given.now:%Y%m%dT%H%M%SZ}-{digest[:12]}"
    for action in body["actions"]:
        action["client_order_id"] = client_order_id(f"{plan_id}-{digest}", action["id"])
    document: Document = {"format_version": FORMAT_VERSION, "tool_version": VERSION, "plan_id": plan_id, **body}
    document["sha256"] = plan_sha256(document)
    return document


def plan_bytes(document: Document) -> bytes:
    """Write a plan as the bytes of its file."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def plan_sha256(document: Mapping[str, Any]) -> str:
    """Hash a plan without the hash it carries."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return _digest(rest)


def _digest(document: Document) -> str:
    try:
        text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=_number)
    except TypeError:  # integers beyond 64 bits: a tracker's own keys, and altered plans, may hold them
        text = json.dumps(document, sort_keys=True, default=_number).encode()
    return hashlib.sha256(text).hexdigest()


def _number(value: Any) -> str:  # noqa: ANN401 - whatever a file held
    """Write a number with a fraction, which only the tracker's own keys and altered plans hold."""
    if isinstance(value, Decimal):
        return f"decimal:{value}"
    raise TypeError(f"a plan holds no {type(value).__name__}")


def ensure_unaltered(document: Mapping[str, Any]) -> None:
    """Raise PlanIsAltered where a plan's content does not match the hash it carries."""
    if plan_sha256(document) != document.get("sha256"):
        raise PlanIsAltered("the plan was changed after it was made", hint="make a new one with: exitplan plan")


def client_order_id(plan: str, action: str) -> str:
    """Derive the id an order is sent with: ``xp`` and 16 characters of [0-9a-z], from plan and action alone."""
    number = int.from_bytes(hashlib.sha256(f"{plan}/{action}".encode()).digest())
    number %= len(_PAIRS) ** _ID_PAIRS
    pairs = []
    for _ in range(_ID_PAIRS):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return "xp" + "".join(pairs)


def _body(given: PlanInput, draft: Draft, overrides: Mapping[str, Any]) -> Document:
    """Write all of a plan but its ids and its hash, which are made of this."""
    policy, snapshot, now = given.rulebook.policy, given.snapshot, given.now
    steps = {step.key: step for step in draft.unwinds}
    names = draft.account.names
    active = {entry.asset(names): entry for entry in policy.protect if entry.holds(now)}
    return {
        "created_at": time_text(now),
        "expires_at": time_text(_expiry(now, policy.valid_minutes)),
        "account": {"id": snapshot.account, "venue": snapshot.venue, "quote": snapshot.quote},
        "policy": _policy_document(policy, overrides),
        "snapshot": _snapshot_document(snapshot, draft.account.equity),
        "other_cash": [_cash_document(money) for money in draft.account.other_cash],
        "debts": [_debt_document(debt) for debt in draft.account.debts],
        "warnings": [_warning_document(warning) for warning in draft.warnings],
        "engine": {"name": ENGINE_NAME, "version": ENGINE_VERSION, "checked": given.rulebook.checked},
        "scope": _scope_document(given.scope),
        "positions": [_position_document(decision, steps, active) for decision in draft.decisions],
        "actions": [
            _action_document(name, action)
            for name, action in zip(action_ids(draft.actions), draft.actions, strict=True)
        ],
        "blocked": [_blocked_document(blocked) for blocked in draft.blocked],
        "left_orders": [_left_document(order) for order in draft.left_orders],
        "guards": [_guard_document(verdict) for verdict in draft.guards],
        "checks": draft.checks.to_document(),
        "forecast": draft.forecast.to_document(),
        "summary": _summary(draft),
    }


def _expiry(now: datetime, minutes: Decimal) -> datetime:
    return later(now, timedelta(seconds=int(minutes * 60)))


def _policy_document(policy: Policy, overrides: Mapping[str, Any]) -> Document:
    written = {name: plain(Decimal(value)) for name, value in sorted(overrides.items())}
    return {"name": policy.name, "sha256": policy.sha256, "overrides": written}


def _snapshot_document(snapshot: Snapshot, equity: Equity) -> Document:
    digest = _digest(snapshot_to_document(snapshot))
    return {
        "sha256": digest,
        "taken_at": time_text(snapshot.taken_at),
        "equity": plain(equity.total),
        "managed_equity": plain(equity.managed),
    }


def action_ids(actions: Sequence[Action]) -> list[str]:
    """Return the ids of a plan's actions, in order; the orders that one exit is divided into are ``a3.1``, ``a3.2``."""
    ids, number = [], 0
    for action in actions:
        number += action.part <= 1
        ids.append(f"a{number}.{action.part}" if action.part else f"a{number}")
    return ids


def _cash_document(money: OtherCash) -> Document:
    return {
        "currency": money.currency,
        "free": plain(money.free),
        "locked": plain(money.locked),
        "rate": None if money.rate is None else plain(money.rate),
        "value": None if money.value is None else plain(money.value),
    }


def _debt_document(debt: Debt) -> Document:
    value = None if debt.value is None else plain(debt.value)
    return {debt.kind: debt.name, "amount": plain(debt.amount), "value": value}


def _warning_document(warning: PlanWarning) -> Document:
    return {"kind": warning.kind, "symbol": warning.symbol, "text": warning.text, "nearest": warning.nearest}


def _scope_document(scope: PlanScope) -> Document:
    return {
        "targets": list(scope.targets),
        "excludes": list(scope.excludes),
        "rules": list(scope.rules),
        "phase": scope.phase,
    }


def _position_document(
    decision: Decision, steps: Mapping[str, UnwindStep], protected: Mapping[str, Protection]
) -> Document:
    position, facts = decision.view.position, decision.view.facts
    document: Document = {
        "symbol": position.symbol,
        "category": decision.category.value,
        "rule": decision.rule.id if decision.rule else None,
        "matched": list(decision.matched),
        "because": decision.view.words["why"],
        "exit": decision.exit.id if decision.exit else None,
        "facts": {name: micro_text(value) if type(value) is int else value for name, value in facts.items()},
    }
    step = steps.get(position.key)
    if step is not None:
        document["unwind"] = _step_document(step)
    if decision.view.asset in protected:
        document["protection"] = _protection_document(protected[decision.view.asset])
    return document


def _step_document(step: UnwindStep) -> Document:
    return {
        "cycle": step.cycle,
        "cycles": step.cycles,
        "initial_quantity": plain(step.initial_quantity),
        "remaining_pct": plain(step.remaining_pct),
        "target_quantity": plain(step.target),
        "started_at": time_text(step.started_at),
        "counts": step.counts,
        "regrown": step.regrown,
        **({"added": plain(step.added)} if step.added else {}),
    }


def _protection_document(entry: Protection) -> Document:
    return {"reason": entry.reason, "until": None if entry.until is None else time_text(entry.until)}


def _action_document(name: str, action: Action) -> Document:
    return {
        "id": name,
        "phase": action.phase,
        "kind": action.kind,
        "symbol": action.symbol,
        "side": action.side,
        "quantity": plain(action.quantity),
        "order_id": action.order_id,
        "est_value": None if action.est_value is None else plain(action.est_value),
        "trigger_price": None if action.trigger_price is None else plain(action.trigger_price),
        "position_side": action.position_side,
        "rule": action.rule,
        "because": action.because,
        "expects": dict(action.expects),
        **({} if action.limit_price is None else {"limit_price": plain(action.limit_price)}),
    }


def _blocked_document(blocked: Blocked) -> Document:
    return {
        "symbol": blocked.symbol,
        "side": blocked.side,
        "rule": blocked.rule,
        "reason": blocked.reason,
        "escalate": blocked.escalate,
        "because": blocked.because,
        **({} if blocked.until is None else {"until": time_text(blocked.until)}),
    }


def _left_document(left: StaleOrder) -> Document:
    return {
        "order_id": left.order.id,
        "symbol": left.order.symbol,
        "side": left.order.side,
        "quantity": plain(left.order.remaining),
        "rule": left.rule.id,
        "reason": "protected",
    }


def _guard_document(verdict: Verdict) -> Document:
    write = _whole if GUARDS[verdict.name].type == "integer" else plain
    return {
        "name": verdict.name,
        "limit": write(verdict.limit),
        "value": None if verdict.value is None else write(verdict.value),
        "ok": verdict.ok,
        **({} if verdict.detail is None else {"detail": verdict.detail}),
    }


def _whole(value: Decimal) -> int:
    return int(value)


def _summary(draft: Draft) -> Document:
    kinds = Counter(action.kind for action in draft.actions)
    sold = sum((action.est_value or ZERO for action in draft.actions if action.kind in SELLING), ZERO)
    categories = Counter(decision.category.value for decision in draft.decisions)
    return {
        "actions": dict(sorted(kinds.items())),
        "categories": dict(sorted(categories.items())),
        "blocked": len(draft.blocked),
        "protected": sum(1 for decision in draft.decisions if decision.is_protected),
        "est_value": plain(sold),
    }
