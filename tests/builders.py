"""Terse builders of snapshots, policies and plans: every test says only what matters to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy, compile_policy
from exitplan.ruleset.model.progress import MissingPrice, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Cash, Market, OpenOrder, OrderSide, Position, Side, Snapshot, TrackerRecord
from exitplan.ruleset.planning.plan import Document, make_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanInput, PlanScope
from exitplan.schemas.policies import load_policy, shipped_policy

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
Amount = str | int
Node = Any
"""A node of a YAML or JSON document."""
Given = Any
"""What is handed on as it is."""
A, B, C, DEFERRED = "STRATEGY_ALIGNED", "LEGACY_NON_COMPLIANT", "ZOMBIE_LEGACY", "DEFERRED"
"""The categories, by the letters people call them."""


def number(value: Amount | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def position(
    symbol: str = "AAA/USD",
    quantity: Amount = 10,
    *,
    side: Side = "long",
    locked: Amount = 0,
    contract_size: Amount = 1,
    entry: Amount | None = None,
    opened_at: datetime | None = None,
    asset: str | None = None,
    debt: Amount = 0,
) -> Position:
    sizes = (Decimal(quantity), Decimal(locked), Decimal(contract_size))
    more: dict[str, Given] = {"entry_price": number(entry), "opened_at": opened_at}
    return Position(symbol, side, *sizes, **more, asset=asset, debt=Decimal(debt))


def market(
    last: Amount | None = 100,
    *,
    step: Amount | None = "0.001",
    min_amount: Amount | None = "0.001",
    min_notional: Amount | None = 1,
    **more: Given,
) -> Market:
    amounts = ("bid", "ask", "price_step", "max_amount", "max_notional", "market_max_amount", "taker_fee")
    prices: dict[str, Given] = {name: number(more.pop(name)) for name in amounts if name in more}
    return Market(
        last=number(last),
        amount_step=number(step),
        min_amount=number(min_amount),
        min_notional=number(min_notional),
        **prices,
        **more,
    )


def order(
    name: str = "o1",
    symbol: str = "AAA/USD",
    side: OrderSide = "sell",
    quantity: Amount = 1,
    *,
    kind: str = "limit",
    price: Amount | None = 200,
    trigger: Amount | None = None,
    filled: Amount = 0,
    minutes: float | None = 5,
    client: str | None = None,
    reduce_only: bool = False,
    position_side: Side | None = None,
) -> OpenOrder:
    return OpenOrder(
        id=name,
        symbol=symbol,
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        filled=Decimal(filled),
        price=number(price),
        trigger_price=number(trigger),
        created_at=None if minutes is None else ago(minutes),
        client_order_id=client,
        reduce_only=reduce_only,
        position_side=position_side,
    )


def record(
    source: str | None = "nija_strategy",
    *,
    entry: Amount | None = 100,
    stop: Amount | None = 50,
    opened: datetime | None = None,
    exit_logic: bool | None = None,
    quantity: Amount | None = None,
    side: Side | None = None,
) -> TrackerRecord:
    return TrackerRecord(
        entry_price=number(entry),
        quantity=number(quantity),
        position_source=source,
        strategy="APEX_v7.1",
        first_entry_time=opened,
        stop_price=number(stop),
        exit_logic=exit_logic,
        side=side,
    )


def snapshot(
    *positions: Position,
    orders: Iterable[OpenOrder] = (),
    markets: Mapping[str, Market | None] | None = None,
    tracked: Mapping[str, TrackerRecord] | Sequence[str] = (),
    cash: Amount = 10_000,
    locked_cash: Amount = 0,
    quote: str = "USD",
    rates: Mapping[str, Amount] | None = None,
    debt: Amount = 0,
    other_cash: Mapping[str, Cash] | None = None,
) -> Snapshot:
    """Make an account; each position has a market unless ``markets`` says otherwise; ``tracked`` may be symbols."""
    orders = tuple(orders)
    symbols = [*(found.symbol for found in positions), *(found.symbol for found in orders)]
    listed: dict[str, Market | None] = {symbol: market() for symbol in symbols}
    listed |= markets or {}
    return Snapshot(
        account="platform",
        venue="paper",
        quote=quote,
        taken_at=NOW,
        cash=Cash(Decimal(cash), Decimal(locked_cash), Decimal(debt)),
        positions=positions,
        open_orders=orders,
        markets={symbol: found for symbol, found in listed.items() if found is not None},
        tracker=tracked if isinstance(tracked, Mapping) else {symbol: record() for symbol in tracked},
        rates={currency: Decimal(rate) for currency, rate in (rates or {}).items()},
        other_cash=other_cash or {},
    )


def unwound(
    cycle: int,
    left: Amount,
    initial: Amount,
    symbol: str = "AAA/USD",
    *,
    started: datetime | None = None,
    last: datetime | None = None,
    added: Amount = 0,
) -> Progress:
    """Make the progress of one unwind: cycles done, the fraction they may leave, and of what."""
    amounts = (Decimal(left), Decimal(initial))
    return Progress({symbol: UnwindProgress(cycle, *amounts, started or ago(60), last, Decimal(added))})


def failed(**exits: int) -> Progress:
    """Make a progress in which exits have failed, named by the base currency."""
    return Progress(failed_exits={f"{base}/USD": count for base, count in exits.items()})


def price_missing(minutes: float, last: Amount | None = 100, key: str = "AAA/USD") -> Progress:
    """Make a progress in which the venue has answered without a price for some minutes."""
    return Progress(price_missing={key: MissingPrice(ago(minutes), number(last))})


@cache
def _shipped(name: str) -> Mapping[str, Any]:
    return load_policy(shipped_policy(name)).document


def policy_document(base: str = "default", /, **changes: Given) -> dict[str, Any]:
    """Copy a shipped policy; parameters are set by their names, mappings merged, lists and the rest replaced."""
    document = deepcopy(dict(_shipped(base)))
    for key, value in changes.items():
        if key in document["parameters"]:
            document["parameters"][key] = value
        elif isinstance(value, Mapping):
            document[key] = {**document.get(key, {}), **value}
        else:
            document[key] = value
    return document


def compiled(document: Mapping[str, Any]) -> Policy:
    policy, problems = compile_policy(document)
    assert policy is not None, problems
    return policy


_BOOKS: dict[str, Rulebook] = {}


def rulebook(document: Mapping[str, Any]) -> Rulebook:
    """Load a policy into the engine, once for each: what the engine has loaded it never lets go."""
    policy = compiled(document)
    if policy.sha256 not in _BOOKS:
        _BOOKS[policy.sha256] = Rulebook.of(policy)
    return _BOOKS[policy.sha256]


def plan_input(
    account: Snapshot,
    progress: Progress | None = None,
    *,
    now: datetime = NOW,
    scope: PlanScope | None = None,
    base: str = "default",
    **changes: Given,
) -> PlanInput:
    book = rulebook(policy_document(base, **changes))
    return PlanInput(book, account, now, progress or Progress(), scope or PlanScope())


def typed_plan_of(account: Snapshot, progress: Progress | None = None, **given: Given) -> Plan:
    """Make the plan of an account in memory."""
    return make_plan(plan_input(account, progress, **given))


def plan_of(account: Snapshot, progress: Progress | None = None, **given: Given) -> Document:
    """Plan an account under the default policy; further arguments are those of :func:`plan_input`."""
    return typed_plan_of(account, progress, **given).document


# --- Readers: the part of a plan that a test is about ---------------------------------------------------------------


def actions(plan: Document) -> list[tuple[str, str, str, str]]:
    """Give (kind, symbol, quantity, rule) of every action, in order."""
    return [(found["kind"], found["symbol"], found["quantity"], found["rule"]) for found in plan["actions"]]


def only_action(plan: Document) -> dict[str, Any]:
    (action,) = plan["actions"]
    return dict(action)


def judged(plan: Document, symbol: str = "AAA/USD", side: str = "long") -> tuple[str, str | None]:
    """Give (category, rule) of one position."""
    found = shown(plan, symbol, side)
    return found["category"], found["rule"]


def shown(plan: Document, symbol: str = "AAA/USD", side: str = "long") -> dict[str, Any]:
    (found,) = (entry for entry in plan["positions"] if (entry["symbol"], entry["facts"]["side"]) == (symbol, side))
    return dict(found)


def facts(plan: Document, symbol: str = "AAA/USD", side: str = "long") -> dict[str, Any]:
    return dict(shown(plan, symbol, side)["facts"])


def blocked(plan: Document) -> dict[str, tuple[str, bool]]:
    """Give {symbol: (reason, escalate)}."""
    return {found["symbol"]: (found["reason"], found["escalate"]) for found in plan["blocked"]}


def guards(plan: Document) -> dict[str, bool]:
    return {found["name"]: found["ok"] for found in plan["guards"]}


def over_cap(plan: Document) -> list[str]:
    return [found["symbol"] for found in plan["positions"] if found["facts"]["over_cap"]]
