"""What is wanted and does not happen now: blocked exits, waiting unwinds, what is not judged; and what helps."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import rows, section, words
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.actions import Blocked, BlockedReason
from exitplan.ruleset.planning.exits import HELD_BY
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.remedies import protect_lines
from exitplan.ruleset.planning.words import blocked_text, clock_time

MOST_LISTED = 60
_MOST_NAMED = 5
_FOR_GOOD: frozenset[BlockedReason] = frozenset({"no-market", "market-inactive", "below-minimum", "no-value", "locked"})
"""The reasons that do not pass by themselves: what they block, only a person can keep or move.

What open orders hold is free once a person cancels them, and needs no protection.
"""


def blocked_section(plan: Plan) -> RenderableType | None:
    """Draw the exits that cannot run, each with its reason, and below them what helps."""
    entries = [blocked for blocked in plan.blocked if blocked.reason != "waiting"]
    tolerated = set(plan.checks.checks.zombie_positions.tolerated_dust)
    table = rows("l", "l", "l", "l")
    for blocked in entries[:MOST_LISTED]:
        notes = [blocked_text(blocked)]
        notes += ["tolerated"] if blocked.key in tolerated else []
        notes += ["raises an alert"] if blocked.escalate else []
        table.add_row(
            Text("!", "magenta"), words(_position(blocked)), words(blocked.rule, "dim"), words("; ".join(notes))
        )
    add_rest(table, len(entries))
    helps = _what_helps([blocked for blocked in entries if blocked.key not in tolerated])
    return section("Blocked", "wanted, but not possible", Group(table, *helps)) if entries else None


def _what_helps(entries: Sequence[Blocked]) -> list[Text]:
    """Return a line for each kind of help: what to write into the policy, which command to run."""
    kept = [one.symbol for one in entries if one.reason in _FOR_GOOD and HELD_BY + "order" not in one.because]
    failed = [blocked.symbol for blocked in entries if blocked.reason == "attempts-exhausted"]
    commands = ", ".join(f"exitplan retry {symbol}" for symbol in dict.fromkeys(failed))
    retries = [words(f"to try it again: {commands}", "dim")] if failed else []
    return [*_how_to_keep(kept), *retries]


def _how_to_keep(symbols: Sequence[str]) -> list[Text]:
    """Return the lines to write, alone so that they can be copied."""
    if not symbols:
        return []
    what = "it" if len(set(symbols)) == 1 else "them"
    lines = [words(f"  {line}") for line in protect_lines(symbols)]
    return [words(f"to keep {what}, write in the account's policy:", "dim"), *lines]


def left_to_a_person(plan: Plan) -> str | None:
    """Return what no plan can do, and a person can; None where there is nothing."""
    tolerated = set(plan.checks.checks.zombie_positions.tolerated_dust)
    blocked = [one.symbol for one in plan.blocked if one.reason in _FOR_GOOD and one.key not in tolerated]
    doubted = [one.symbol for one in plan.positions if one.facts.get("price_status") == "implausible"]
    symbols = list(dict.fromkeys([*blocked, *doubted]))
    if not symbols:
        return None
    rest = f" and {len(symbols) - _MOST_NAMED:,} more" if len(symbols) > _MOST_NAMED else ""
    return (
        f"What is left needs a person: {', '.join(symbols[:_MOST_NAMED])}{rest}."
        " Sell or move it at the venue, or protect it in the policy."
    )


def waiting_section(plan: Plan) -> RenderableType | None:
    """Draw the unwinds whose next cycle is not due yet, with the time when it is."""
    entries = [blocked for blocked in plan.blocked if blocked.reason == "waiting"]
    table = rows("l", "l", "l", "l")
    for blocked in entries[:MOST_LISTED]:
        due = f"due at {clock_time(blocked.until)}" if blocked.until else "not due yet"
        table.add_row(
            Text("~", "yellow"), words(_position(blocked)), words(blocked.rule, "dim"), words(f"next cycle {due}")
        )
    add_rest(table, len(entries))
    return section("Waiting", "nothing to do before then", table) if entries else None


def deferred_section(plan: Plan) -> RenderableType | None:
    """Draw the positions that nobody can judge; the cap waits only where a price could not be asked for."""
    deferred = [
        position for position in plan.positions if position.category is Category.DEFERRED and not position.is_protected
    ]
    table = rows("l", "l", "l")
    for position in deferred[:MOST_LISTED]:
        table.add_row(Text("?", "magenta"), words(position.symbol), words(position.because, "dim"))
    add_rest(table, len(deferred))
    unasked = [position for position in deferred if position.facts.get("price_status") == "unavailable"]
    contradicting = [one.symbol for one in deferred if one.facts.get("price_status") == "implausible"]
    note = "nothing is sold, and the cap waits for the missing answers" if unasked else "nothing is sold"
    return section("Not judged", note, Group(table, *_how_to_keep(contradicting))) if deferred else None


def add_rest(table: Table, number: int) -> None:
    """Add how many more there are than are listed."""
    if number > MOST_LISTED:
        cells = [""] * (len(table.columns) - 1)
        table.add_row("", words(f"and {number - MOST_LISTED:,} more", "dim"), *cells[1:])


def _position(blocked: Blocked) -> str:
    return f"{blocked.symbol} short" if blocked.side == "short" else blocked.symbol
