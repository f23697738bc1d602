"""What the laws of a journal are tried with: a plan of two actions, and what is done with its intents."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Intent, Resolution
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import NOW, position, snapshot, typed_plan_of

ONE = Decimal(1)
EMPTY: dict[str, Any] = {"unwind_progress": {}}
_MADE = typed_plan_of(snapshot(position(), position("BBB/USD")))


def plan_named(plan_id: str) -> Plan:
    """A plan of two actions, a1 and a2, with client order ids of its own."""
    actions = tuple(replace(action, client_order_id=f"{plan_id}-{action.id}") for action in _MADE.actions)
    return replace(_MADE, plan_id=plan_id, actions=actions)


PLAN = plan_named("p1")


def begun(journal: Journal, plan: Plan = PLAN) -> int:
    return journal.begin_run(plan, EMPTY, NOW)


def asking(intent: Intent) -> Intent:
    return replace(intent, quantity=ONE, held_before=ONE)


def filled(quantity: str, price: str | None = "100", fee: str | None = None) -> Resolution:
    """An order that was done, and what the venue told of it."""
    number: Callable[[str | None], Decimal | None] = lambda text: None if text is None else Decimal(text)  # noqa: E731 - short
    currency = None if fee is None else "USD"
    return Resolution("done", Decimal(quantity), "o1", None, number(price), number(fee), currency)


def statuses(journal: Journal, plan_id: str = "p1") -> list[str]:
    return [intent.status for intent in journal.intents(plan_id).values()]
