"""The four checks of phase 4, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import titled, words
from exitplan.cli.rendering.words import counted

_MOST_NAMED = 4
STATE_STYLES = {
    "CLEAN": "bold green",
    "CLEANUP_IN_PROGRESS": "bold yellow",
    "NEEDS_CLEANUP": "bold red",
    "UNKNOWN": "bold magenta",
}
_NAMES = {
    "position_count": "within the cap",
    "zombie_positions": "no zombies",
    "registered_positions": "all registered",
    "stale_orders": "no stale orders",
}
CHECKS = tuple(_NAMES)
"""The four checks, in their order."""

_FAILURES = {
    "position_count": "too many positions",
    "zombie_positions": "zombies",
    "registered_positions": "positions that nobody registered",
    "stale_orders": "stale orders",
}
Document = Mapping[str, Any]


def checks_table(checks: Document) -> Table:
    """Draw the checks as they stand, and the state they come to."""
    table = titled("Checks", "", "found")
    for name, label in _NAMES.items():
        check = checks["checks"][name]
        table.add_row(Text(f"  {label}", no_wrap=True), _verdict(checks, check), words(found_by(name, check)))
    for label, note in _notes(checks):
        table.add_row(words(f"  {label}", "dim"), "", words(note, "dim"))
    return table


def before_and_after(before: Document | None, after: Document) -> Table:
    """Draw the checks as they stand and as they would stand."""
    table = titled("Checks", "", "now", "", "after this plan")
    for name, label in _NAMES.items():
        then = after["checks"][name]
        now = before["checks"][name] if before else None
        table.add_row(
            Text(f"  {label}", no_wrap=True),
            _verdict(before, now) if before and now else "",
            words(found_by(name, now)) if now else "",
            _verdict(after, then),
            words(found_by(name, then)),
        )
    table.add_row("  account is", "", state_text(before) if before else "", "", state_text(after))
    return table


def state_text(checks: Document) -> Text:
    """Write the state that checks come to, in its colour."""
    text = words(checks["state"], STATE_STYLES.get(checks["state"], ""))
    text.no_wrap = True
    return text


def failures(checks: Document) -> str:
    """Name what keeps the account from being clean."""
    said = [failure for name, failure in _FAILURES.items() if not checks["checks"][name]["pass"]]
    if checks.get("deferred"):
        said.append("positions that could not be judged")
    return ", ".join(said)


def found_by(name: str, check: Document) -> str:
    """Say what one check found."""
    if name == "position_count":
        return f"{check['current']:,} of {check['max']:,}"
    if name == "zombie_positions":
        return named(check["symbols"]) or "none"
    if name == "registered_positions":
        if check["pass"]:
            return f"{check['registered']:,}"
        unwinding = check.get("unwinding") or []
        under_way = f"; {len(unwinding):,} unwinding" if unwinding else ""
        return f"not {named(check['unregistered'])}{under_way}"
    stale = check["stale"]
    return (
        f"none of {counted(check['total'], 'order')}"
        if not stale
        else f"{len(stale):,} of {check['total']:,}: {named(stale)}"
    )


def named(names: Sequence[str]) -> str:
    """List names, of many the first few."""
    rest = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _verdict(checks: Document, check: Document) -> Text:
    if checks.get("deferred"):
        return Text("?", "magenta")
    return Text("ok", "green") if check["pass"] else Text("no", "bold red")


def _notes(checks: Document) -> list[tuple[str, str]]:
    notes = []
    dust = checks["checks"]["zombie_positions"].get("tolerated_dust") or []
    if dust:
        notes.append(("dust nobody takes", named(dust)))
    if checks.get("deferred"):
        notes.append(("could not be judged", named(checks["deferred"])))
    return notes
