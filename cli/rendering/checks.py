"""The four checks of phase 4, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import titled, words
from exitplan.ruleset.planning.check_words import (
    CHECK_NAMES,
    FURTHER,
    Check,
    check_notes,
    found_by,
    named,
)
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import (
    CheckReport,
)
from exitplan.ruleset.planning.remedies import protect_lines

_NO = Text("no", "bold red")
STATE_STYLES = {
    "CLEAN": "bold green",
    "CLEANUP_IN_PROGRESS": "bold yellow",
    "NEEDS_CLEANUP": "bold red",
    "UNKNOWN": "bold magenta",
}


def checks_table(checks: CheckReport) -> Table:
    """Draw the checks as they stand, and the state they come to."""
    table = titled("Checks", "", "found")
    for name, label in CHECK_NAMES.items():
        check: Check = getattr(checks.checks, name)
        table.add_row(Text(f"  {label}", no_wrap=True), _verdict(checks, check), words(found_by(check)))
    for further in FURTHER:
        names = further.failing(checks)
        if names:
            table.add_row(Text(f"  {further.label}", no_wrap=True), _NO.copy(), words(named(names)))
    for label, note in check_notes(checks):
        table.add_row(words(f"  {label}", "dim"), "", words(note, "dim"))
    return table


def before_and_after(before: CheckReport, after: CheckReport) -> Table:
    """Draw the checks as they stand and as they would stand."""
    table = titled("Checks", "", "now", "", "after this plan")
    for name, label in CHECK_NAMES.items():
        now: Check = getattr(before.checks, name)
        then: Check = getattr(after.checks, name)
        table.add_row(
            Text(f"  {label}", no_wrap=True),
            _verdict(before, now),
            words(found_by(now)),
            _verdict(after, then),
            words(found_by(then)),
        )
    for further in FURTHER:
        found_now, found_then = further.failing(before), further.failing(after)
        if found_now or found_then:
            table.add_row(
                Text(f"  {further.label}", no_wrap=True), *_further_cells(found_now), *_further_cells(found_then)
            )
    table.add_row("  account is", "", state_text(before.state), "", state_text(after.state))
    return table


def state_text(state: AccountState | None) -> Text:
    """Write a state in its colour; None is one that nobody knows yet."""
    text = words(state.value if state else "not verified yet", STATE_STYLES.get(state, "") if state else "")
    text.no_wrap = state is not None
    return text


def next_step(checks: CheckReport) -> tuple[str, ...]:
    """Return in a line what a person does next about an account that is not clean, and what to write where it helps."""
    if checks.state is AccountState.UNKNOWN:
        return (_to_know(checks),)
    if checks.state is not AccountState.NEEDS_CLEANUP:
        return ()
    four = checks.checks
    judged = (four.position_count, four.zombie_positions, four.registered_positions, four.stale_orders)
    if all(check.passed for check in judged) and checks.debts:
        return ("Next: repay what is owed, or buy it back.",)
    if all(check.passed for check in judged) and checks.implausible:
        symbols = [key.partition("#")[0] for key in checks.implausible]
        lines = (f"  {line}" for line in protect_lines(symbols))
        return ("To keep what has no price to believe, write in the account's policy:", *lines)
    return ("Next: exitplan plan shows what can be done, and what only you can do.",)


def _to_know(checks: CheckReport) -> str:
    """Return what makes an UNKNOWN account known."""
    if checks.balance_surprise is not None:
        return "Look at the account at its venue; if what it holds is right: exitplan accept-balance"
    if checks.deferred:
        return "Next: verify again in a moment; the venue could not be asked for every price."
    if checks.unread:
        return f"Look at the venue for what exitplan cannot read there: {named(checks.unread)}."
    return "Next: cancel the orders of unknown age or kind at the venue, or place them anew."


def _further_cells(failing: Sequence[str]) -> tuple[Text, Text]:
    return (_NO.copy(), words(named(failing))) if failing else (Text("ok", "green"), Text("none"))


def _verdict(checks: CheckReport, check: Check) -> Text:
    if checks.deferred:
        return Text("?", "magenta")
    return Text("ok", "green") if check.passed else Text("no", "bold red")
