"""Why something is not done with a position: what keeps each exit that would do it, and what would lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exitplan.ruleset.engine.trace import Trace, trace
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.parameters import DEEDS
from exitplan.ruleset.language.policy import ExitRule, Policy
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.values import parse_decimal, plain
from exitplan.ruleset.planning.actions import BLOCKED_REASONS, Blocked
from exitplan.ruleset.planning.classify import Decision


def exits_meant(asked: str, policy: Policy) -> list[ExitRule | None]:
    """Return the exits that are asked for, by what they do or by their id; None among them is that nothing is done.

    Raises UsageError where no exit of the policy is meant.
    """
    deed = DEEDS.get(asked)
    wanted: list[ExitRule | None] = [rule for rule in policy.exits if rule.id == asked]
    if deed is not None:
        wanted = [rule for rule in policy.exits if rule.action in deed.actions]
        wanted += [None] if None in deed.actions else []
    if wanted:
        return wanted
    if deed is not None:
        raise UsageError(f"the policy {policy.name} has no exit that does {asked}", hint="so it is never done")
    known = [*DEEDS, *(rule.id for rule in policy.exits)]
    hint = did_you_mean(asked, known) or f"known are {', '.join(known)}"
    raise UsageError(f"--why-not {asked!r} is nothing that is done", hint=hint)


def reasons_against(
    decision: Decision, exits: Sequence[ExitRule | None], policy: Policy, blocked: Blocked | None
) -> list[str]:
    """Say, a sentence each, what keeps a position from some exits."""
    if decision.is_protected:
        return ["it is protected: never touched"]
    if decision.is_deferred:
        return ["it is not judged while its price cannot be known: nothing is sold on a failed question"]
    if decision.exit in exits:
        done = "nothing" if decision.exit is None else decision.exit.id
        if blocked is not None:
            return [f"{done} decides, and is blocked: {BLOCKED_REASONS[blocked.reason]}"]
        return [f"it is what decides: {done}"]
    return [_reason(rule, decision, policy) for rule in exits]


def _reason(rule: ExitRule | None, decision: Decision, policy: Policy) -> str:
    decided = decision.exit
    if rule is None:
        return f"{decided.id if decided else 'no exit'} decides"
    traced = trace(rule.when, decision.view.facts)
    if traced.holds and decided is not None:
        return f"{rule.id} matches too, and {decided.id} stands before it"
    missing = list(dict.fromkeys(_failing(traced)))
    said = f"{rule.id} does not match: {'; '.join(missing)}"
    if not any(part.startswith("category ") for part in missing):
        return said
    by = next((one.id for one in policy.classification if one is decision.rule), "no rule, for none matches")
    return f"{said} (by {by})"


def _failing(traced: Trace) -> Iterator[str]:
    """List the comparisons for which a condition does not hold."""
    if traced.holds:
        return
    if not traced.parts:
        yield f"{traced.text}, found {_short(traced.found or '')}"
    elif traced.text == "not":
        yield f"not {traced.parts[0].text}"
    else:
        for part in traced.parts:
            yield from _failing(part)


def _short(found: str) -> str:
    """Write a number without zeros that say nothing."""
    try:
        return plain(parse_decimal(found))
    except ValueError:
        return found
