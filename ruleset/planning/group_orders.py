"""What a group of accounts says of single positions of one of them: an exit of the group's own, less of one, or none.

An order of a group never does more than an exit could by itself: protected and deferred positions, invariants, what is
free and what the venue takes bound it as they bound an exit of the account's own policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.language.conditions import AllOf
from exitplan.ruleset.language.policy import ExitRule
from exitplan.ruleset.planning.actions import Blocked, Exit, UnwindStep
from exitplan.ruleset.planning.classify import Decision

GroupRule = Literal["group.pair", "group.over-cap", "group.dust"]
GROUP_RULES: Mapping[GroupRule, str] = {
    "group.pair": "The other side of a hedged pair is closed, and this side with it, in the same share.",
    "group.over-cap": "The group holds more positions than its cap allows.",
    "group.dust": "What the group holds of it, both sides together, is worth less than its dust threshold.",
}
"""The exits that no account's own policy has; an exit rule of a policy cannot be called so."""
_DUST_NUMBER = 1


class GroupOrder(Struct, frozen=True, gc=False):
    """What a group says of one position.

    With a ``rule`` it exits by that rule, whatever its own policy says; with ``step`` by a slice, else by a close.
    Without one its own exit stands, and ``step`` is its own cycle, bound as well. ``most`` is what it sells at most, in
    the position's units; None is no bound. ``holds`` keeps it: its exit is blocked.
    """

    because: str
    rule: GroupRule | None = None
    step: UnwindStep | None = None
    most: Decimal | None = None
    holds: bool = False


class GroupOrders(Struct, frozen=True, gc=False):
    """All that a group says of one account, by position; ``name`` and ``sha256`` are those of the group's policy."""

    name: str = ""
    sha256: str = ""
    orders: Mapping[str, GroupOrder] = field(default_factory=dict)


NO_GROUP = GroupOrders()
"""No group says anything."""


def directed(decisions: Sequence[Decision], group: GroupOrders) -> Sequence[Decision]:
    """Return decisions with the exits that a group has for them; the same ones where it has none."""
    if not any(order.rule for order in group.orders.values()):
        return decisions
    return [_directed(decision, group.orders.get(decision.key)) for decision in decisions]


def _directed(decision: Decision, order: GroupOrder | None) -> Decision:
    if order is None or order.rule is None:
        return decision
    return replace(decision, exit=_rule_of(order, order.rule))


def _rule_of(order: GroupOrder, name: GroupRule) -> ExitRule:
    """Write what a group says as the exit rule that it stands for."""
    return ExitRule(
        name,
        AllOf(()),
        (),
        order.because.replace("{", "{{").replace("}", "}}"),
        action="close" if order.step is None else "unwind",
        number=_DUST_NUMBER if name == "group.dust" else None,
    )


def kept_by(order: GroupOrder, decision: Decision, exit_: Exit) -> Exit:
    """Block an exit that a group keeps from running; one that sells nothing stays what it is."""
    if not any(action.reduces for action in exit_.actions):
        return exit_
    position, rule = decision.view.position, decision.exit
    name = "" if rule is None else rule.id
    return Exit(blocked=Blocked(position.symbol, position.side, name, "group", escalate=False, because=order.because))
