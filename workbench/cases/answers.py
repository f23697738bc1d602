"""What a plan says of an account and of each position, in the words that cases expect it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from exitplan.ruleset.engine.trace import Trace, trace
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.values import ZERO, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.plan import checks_document
from exitplan.ruleset.planning.planner import Draft

NOTHING, BLOCKED, WAITING = "nothing", "blocked", "waiting"


@dataclass(frozen=True)
class Answers:
    """A plan, asked in the words of cases."""

    draft: Draft

    @cached_property
    def decisions(self) -> Mapping[str, Decision]:
        """The decisions by the key of the position."""
        return {decision.key: decision for decision in self.draft.decisions}

    def category(self, key: str) -> str:
        """Return what phase 1 says."""
        return self.decisions[key].category.value

    def rule(self, key: str) -> str | None:
        """Return the id of the deciding rule; None for the aligned."""
        rule = self.decisions[key].rule
        return None if rule is None else rule.id

    def exit(self, key: str) -> str | None:
        """Return the id of the exit rule; None where none matches."""
        rule = self.decisions[key].exit
        return None if rule is None else rule.id

    def exits(self, key: str) -> list[Action]:
        """Return the actions on a position, cancels aside."""
        return [action for action in self.draft.actions if action.kind != "cancel_order" and action.key == key]

    def do(self, key: str) -> str:
        """Return what is done: the kind and the quantity of all its orders, or blocked, waiting, nothing.

        A stop that is attached comes before its position is adopted, which is about the same quantity once more.
        """
        actions = self.exits(key)
        if actions:
            kind = actions[0].kind
            quantity = sum((action.quantity for action in actions if action.kind == kind), ZERO)
            return f"{kind} {plain(quantity)}"
        reason = self.blocked(key)
        if reason is None:
            return NOTHING
        return WAITING if reason == "waiting" else BLOCKED

    def blocked(self, key: str) -> str | None:
        """Return why the exit cannot run; None where it can, or there is none."""
        return next((blocked.reason for blocked in self.draft.blocked if blocked.key == key), None)

    def escalates(self, key: str) -> bool:
        """Check whether a blocked exit raises an alert."""
        return any(blocked.escalate for blocked in self.draft.blocked if blocked.key == key)

    def sentences(self, key: str) -> list[str]:
        """Return why: the sentences of what is done, or of why it is blocked, and that of the category."""
        told = [action.because for action in self.exits(key)][:1]
        told += [blocked.because for blocked in self.draft.blocked if blocked.key == key]
        return [*told, self.decisions[key].view.words["why"]]

    def over_cap(self) -> list[str]:
        """Return the keys of those that the cap chose."""
        return [key for key, decision in self.decisions.items() if decision.view.facts["over_cap"]]

    def cancels(self) -> list[str]:
        """Return the ids of the orders that are cancelled."""
        return [action.order_id for action in self.draft.actions if action.order_id is not None]

    def guards(self) -> dict[str, str]:
        """Return what each guard says."""
        return {verdict.name: "ok" if verdict.ok else "refused" for verdict in self.draft.guards}

    def checks(self, *, forecast: bool = False) -> dict[str, bool]:
        """Return the four checks, of the account as it is or once the plan is done."""
        document = checks_document(self.draft.forecast if forecast else self.draft.checks)
        return {name: bool(check["pass"]) for name, check in document["checks"].items()}

    def why(self, key: str, place: Callable[[Path], str]) -> list[str]:
        """Say which rule decided, where it stands, and which of its comparisons held, with what was found."""
        decision = self.decisions[key]
        if decision.rule is None:
            return ["no rule of the classification matches"]
        told = _leaves(trace(decision.rule.when, decision.view.facts))
        held = [f"  {leaf.text} (found {leaf.found})" for leaf in told if leaf.holds and leaf.found is not None]
        return [f"{decision.rule.id} decided ({place(decision.rule.path)}):", *held]


def _leaves(part: Trace) -> list[Trace]:
    return [leaf for inner in part.parts for leaf in _leaves(inner)] if part.parts else [part]


def same_deed(wanted: str, told: str) -> bool:
    """Compare what is to be done with what is: the quantity only where one is asked."""
    words, found = wanted.split(), told.split()
    if words[:1] != found[:1]:
        return False
    return len(words) == 1 or (len(found) > 1 and _number(words[1]) == _number(found[1]))


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except ArithmeticError:
        return text
