"""The plan as a document: deterministic to the byte, and carrying a hash of itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from msgspec.structs import replace

from exitplan.ruleset.engine.durable import ENGINE_NAME, ENGINE_VERSION
from exitplan.ruleset.errors import FileIsInvalid, PlanIsAltered
from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.language.policy import Policy, Protection
from exitplan.ruleset.model.account_view import Debt, OtherCash
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.hashing import digest_of
from exitplan.ruleset.model.records import Document as Document  # noqa: PLC0414 - handed on to those who read plans
from exitplan.ruleset.model.records import read_record, write_record
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.snapshot_writing import snapshot_sha256
from exitplan.ruleset.model.values import EXACT, ZERO, later, micro_text
from exitplan.ruleset.planning.actions import SELLING, SIX_PLACES, Action, UnwindStep
from exitplan.ruleset.planning.checks import Checks
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.guards import Verdict
from exitplan.ruleset.planning.plan_text import HASHED, digest, position_documents, positions_text
from exitplan.ruleset.planning.plan_types import (
    CashLine,
    CheckReport,
    DebtLine,
    FactShown,
    FourChecks,
    GuardResult,
    LeftOrder,
    Plan,
    PlanAccount,
    PlanEngine,
    PlanGroup,
    PlanHealth,
    PlannedPosition,
    PlanPolicy,
    PlanSnapshot,
    PlanSummary,
    PositionCount,
    RegisteredPositions,
    ShownProtection,
    StaleOrders,
    ZombiePositions,
)
from exitplan.ruleset.planning.planner import Draft, PlanInput, StaleOrder, draft_plan
from exitplan.ruleset.version import VERSION

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _DIGITS for low in _DIGITS]
_ID_PAIRS = 8


def make_plan(given: PlanInput, *, overrides: Mapping[str, Any] | None = None) -> Plan:
    """Make the plan of an account.

    ``overrides`` are the parameters that the command line set over the policy; they are recorded, so that apply can
    check the policy again. The same input gives the same bytes. Raises EngineDisagreement.
    """
    return write_plan(given, draft_plan(given), overrides or {})


def write_plan(
    given: PlanInput, draft: Draft, overrides: Mapping[str, Any], *, address: str | None = None, key: str | None = None
) -> Plan:
    """Write a draft as a plan: its ids and its hash are made of its content.

    ``address`` and ``key`` say where and by which API key the account was read; None where that is not known.
    """
    with localcontext(EXACT):
        plan = _plan_of(given, draft, overrides)
    numbers = zip(plan.actions, action_ids(plan.actions), strict=True)
    plan = replace(
        plan,
        account=replace(plan.account, address=address, key=key),
        actions=tuple(replace(action, id=number) for action, number in numbers),
    )
    body, texts = write_record(replace(plan, positions=())), list[bytes]()
    documents: list[Document] = []
    for documents in position_documents(plan.positions):
        texts.append(positions_text(documents, HASHED))
    made = digest(_without_ids(body), texts)
    plan_id = f"{given.now:%Y%m%dT%H%M%SZ}-{made[:12]}"
    ids = [client_order_id(f"{plan_id}-{made}", action.id) for action in plan.actions]
    body["plan_id"] = plan_id
    for action, own in zip(body["actions"], ids, strict=True):
        action["client_order_id"] = own
    body["sha256"] = digest(_without(body, "sha256"), texts)
    actions = tuple(replace(action, client_order_id=own) for action, own in zip(plan.actions, ids, strict=True))
    plan = replace(plan, plan_id=plan_id, actions=actions, sha256=body["sha256"])
    if len(texts) <= 1:  # as it would be written anew
        vars(plan)["document"] = {**body, "positions": documents}
    return plan


def _without_ids(document: Document) -> Document:
    """Return what the ids of a plan are made of: everything but them, the versions, and the hash."""
    body = _without(document, "format_version", "tool_version", "plan_id", "sha256")
    return {**body, "actions": [_without(action, "client_order_id") for action in body["actions"]]}


def _without(document: Document, *names: str) -> Document:
    return {key: value for key, value in document.items() if key not in names}


def read_plan(document: Mapping[str, Any]) -> Plan:
    """Read a plan from its JSON form.

    Raises PlanIsAltered where it does not match its own hash, FileIsInvalid for what is no plan of this version.
    """
    ensure_unaltered(document)
    plan = parse_plan(document)
    if plan.document != document:  # a number that is spelled otherwise than exitplan spells it
        raise _altered()
    return plan


def parse_plan(document: Mapping[str, Any]) -> Plan:
    """Read a plan without asking whether it was altered; raises FileIsInvalid for what is no plan of this version."""
    try:
        plan = read_record(Plan, document)
        for action in plan.actions:  # what it expects is text, and has to be numbers
            _ = action.expected_quantity, action.expected_price, action.expected_fill, action.expected_cost_pct
        for position in plan.positions:
            _ = position.key, [Decimal(position.facts[name]) for name in ("unwind_cycle", "failed_exits")]
    except (TypeError, ValueError, ArithmeticError, KeyError) as error:
        raise FileIsInvalid(f"this is not a plan that this exitplan understands: {error}") from error
    return plan


def report_of(checks: Checks) -> CheckReport:
    """Return checks in the shape that plans and screens have."""
    return CheckReport(
        state=checks.state,
        checks=FourChecks(
            PositionCount(checks.counted <= checks.max_positions, checks.counted, checks.max_positions),
            ZombiePositions(not checks.zombies, len(checks.zombies), checks.zombies, checks.tolerated),
            RegisteredPositions(not checks.unregistered, checks.registered, checks.unregistered, checks.unwinding),
            StaleOrders(not checks.stale, checks.stale, checks.orders),
        ),
        deferred=checks.deferred,
        unjudged_orders=checks.unjudged,
        implausible=checks.implausible,
        debts=checks.debts,
        reopening_orders=checks.reopening,
        proceeds=checks.proceeds,
        balance_surprise=checks.surprise,
        unread=checks.unread,
    )


def checks_document(checks: Checks) -> Document:
    """Write checks in the form that they have in plans."""
    return write_record(report_of(checks))


def plan_sha256(document: Mapping[str, Any]) -> str:
    """Hash a plan without the hash it carries."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return digest_of(rest)


def ensure_unaltered(document: Mapping[str, Any]) -> None:
    """Raise PlanIsAltered where a plan's content does not match the hash it carries."""
    if plan_sha256(document) != document.get("sha256"):
        raise _altered()


def _altered() -> PlanIsAltered:
    return PlanIsAltered("the plan was changed after it was made", hint="make a new one with: exitplan plan")


def client_order_id(plan: str, action: str) -> str:
    """Derive the id an order is sent with: ``xp`` and 16 characters of [0-9a-z], from plan and action alone."""
    number = int.from_bytes(hashlib.sha256(f"{plan}/{action}".encode()).digest())
    number %= len(_PAIRS) ** _ID_PAIRS
    pairs = []
    for _ in range(_ID_PAIRS):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    return "xp" + "".join(pairs)


def _plan_of(given: PlanInput, draft: Draft, overrides: Mapping[str, Any]) -> Plan:
    """Write all of a plan but its ids and its hash, which are made of this."""
    policy, snapshot, now = given.rulebook.policy, given.snapshot, given.now
    steps = {step.key: step for step in draft.unwinds}
    account, checks = draft.account, report_of(draft.checks)
    active = {entry.asset(account.names): entry for entry in policy.protect if entry.holds(now)}
    return Plan(
        format_version=1,
        tool_version=VERSION,
        plan_id="",
        created_at=now,
        expires_at=expiry_after(now, policy.valid_minutes),
        account=PlanAccount(snapshot.account, snapshot.venue, snapshot.quote),
        policy=PlanPolicy(
            policy.name, policy.sha256, {name: Decimal(value) for name, value in sorted(overrides.items())}
        ),
        snapshot=PlanSnapshot(
            snapshot_sha256(snapshot),
            snapshot.taken_at,
            account.equity.total,
            account.equity.managed,
            given.is_recorded,
        ),
        engine=PlanEngine(ENGINE_NAME, ENGINE_VERSION, given.rulebook.checked),
        scope=given.scope,
        positions=tuple(_position(decision, steps, active) for decision in draft.decisions),
        actions=draft.actions,
        blocked=draft.blocked,
        left_orders=tuple(_left(stale) for stale in draft.left_orders),
        guards=tuple(_guard(verdict) for verdict in draft.guards),
        checks=checks,
        forecast=checks if draft.forecast is draft.checks else report_of(draft.forecast),
        summary=_summary(draft),
        other_cash=tuple(_cash_line(money) for money in account.other_cash),
        debts=tuple(_debt_line(debt) for debt in account.debts),
        warnings=draft.warnings,
        group=PlanGroup(given.group.name, given.group.sha256) if given.group.orders else None,
        health=health_of(policy),
    )


def health_of(policy: Policy) -> PlanHealth | None:
    """Return the health model of a policy as plans name it; None where it has none."""
    return None if policy.health is None else PlanHealth(policy.health.name, policy.health.sha256)


def expiry_after(now: datetime, minutes: Decimal) -> datetime:
    """Return when a plan of this moment expires."""
    return later(now, timedelta(seconds=int(minutes * 60)))


def action_ids(actions: Sequence[Action]) -> Iterator[str]:
    """Yield the ids of actions: ``a1``, ``a2``, and ``a3.1``, ``a3.2`` for the parts of one exit."""
    number = 0
    for action in actions:
        number += action.part <= 1
        part = f".{action.part}" if action.part else ""
        yield f"a{number}{part}"


def _position(
    decision: Decision, steps: Mapping[str, UnwindStep], protected: Mapping[str, Protection]
) -> PlannedPosition:
    position = decision.view.position
    entry = protected.get(decision.view.asset)
    return PlannedPosition(
        symbol=position.symbol,
        category=decision.category,
        rule=decision.rule.id if decision.rule else None,
        matched=tuple(decision.matched),
        because=decision.view.words["why"],
        exit=decision.exit.id if decision.exit else None,
        facts=shown_facts(decision.view.facts),
        unwind=steps.get(position.key),
        protection=None if entry is None else ShownProtection(entry.reason, entry.until),
    )


def shown_facts(facts: Facts) -> dict[str, FactShown]:
    """Return facts as plans and explanations show them: numbers with their six places."""
    # A truth value is an int too, but not by its very type.
    return {name: micro_text(value) if type(value) is int else value for name, value in facts.items()}  # type: ignore[misc]


def _cash_line(money: OtherCash) -> CashLine:
    return CashLine(money.currency, money.free, money.locked, money.rate, money.value)


def _debt_line(debt: Debt) -> DebtLine:
    if debt.kind == "symbol":
        return DebtLine(debt.amount, debt.value, symbol=debt.name)
    return DebtLine(debt.amount, debt.value, currency=debt.name)


def _left(stale: StaleOrder) -> LeftOrder:
    order = stale.order
    return LeftOrder(order.id, order.symbol, order.side, order.remaining, stale.rule.id, "protected")


def _guard(verdict: Verdict) -> GuardResult:
    whole = GUARDS[verdict.name].type == "integer"
    limit = int(verdict.limit) if whole else verdict.limit
    value = int(verdict.value) if whole and verdict.value is not None else verdict.value
    return GuardResult(verdict.name, limit, value, verdict.ok, verdict.detail)


def _summary(draft: Draft) -> PlanSummary:
    sales = [action for action in draft.actions if action.kind in SELLING]
    spreads = [spread_cost(action, draft.account.snapshot.markets.get(action.symbol)) for action in sales]
    known = [cost for cost in spreads if cost is not None]
    fees = [(sale, fee) for sale in sales if (fee := sale.est_fee) is not None]
    return PlanSummary(
        actions=dict(sorted(Counter(action.kind for action in draft.actions).items())),
        categories=dict(sorted(Counter(decision.category.value for decision in draft.decisions).items())),
        blocked=len(draft.blocked),
        protected=sum(1 for decision in draft.decisions if decision.is_protected),
        est_value=sum((action.est_value or ZERO for action in sales), ZERO),
        est_spread_cost=sum(known, ZERO) if known else None,
        unknown_spreads=len(spreads) - len(known),
        est_fees=sum((fee for _, fee in fees), ZERO) if fees else None,
        unknown_fees=len(sales) - len(fees) if fees else 0,
        listed_fees=sum(sale.fee_is_listed for sale, _ in fees),
    )


def spread_cost(sale: Action, market: Market | None) -> Decimal | None:
    """Return what half the spread takes of a sale, in the account's quote, to six places; None without bid and ask."""
    bid, ask = (market.bid, market.ask) if market else (None, None)
    if sale.est_value is None or not bid or not ask or bid <= 0 or ask <= 0:
        return None
    share = EXACT.divide(max(ask - bid, ZERO), ask + bid)
    return EXACT.multiply(sale.est_value, share).quantize(SIX_PLACES, context=EXACT)
