"""Whether the policies that come with exitplan keep what they promise: for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from exitplan.cli.rendering.reports import failed_parts, report_document
from exitplan.cli.rendering.screen import show, titled, words
from exitplan.ruleset.planning.words import counted
from exitplan.workbench.shipped import Tried


def show_tried(tried: Sequence[Tried]) -> None:
    """Show a line for each policy, and everything that went wrong."""
    table = titled("policy", "cases", "invariants")
    for one in tried:
        table.add_row(words(one.shipped.name), words(_cases(one)), words(_proofs(one)))
    kept = all(one.is_kept for one in tried)
    done = f"{counted(len(tried), 'policy', 'policies')}: all is as promised."
    wrong = [one.shipped.name for one in tried if not one.is_kept]
    told = Text(done, "green") if kept else Text(f"Not as promised: {', '.join(wrong)}.", "bold red")
    broken = [words(f"{one.shipped.name}: {each.message}") for one in tried for each in one.broken]
    show(table, *failed_parts([one.report for one in tried]), *broken, told)


def _cases(one: Tried) -> str:
    if one.report.problem is not None:
        return "not usable"
    passed = len(one.report.results) - one.failed
    return f"{passed} passed" + (f", {one.failed} failed" if one.failed else "")


def _proofs(one: Tried) -> str:
    unproved = len({each.path for each in one.broken})
    return f"{unproved} of {len(one.invariants)} not kept" if unproved else f"{len(one.invariants)} proved"


def tried_document(tried: Sequence[Tried]) -> dict[str, Any]:
    """Return what came of trying policies in its JSON form."""
    return {"policies": [_tried(one) for one in tried], "kept": all(one.is_kept for one in tried)}


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "name": one.shipped.name,
        "kept": one.is_kept,
        "tests": report_document([one.report]),
        "invariants": [invariant.text for invariant in one.invariants],
        "broken": [{"message": each.message, "decided": each.is_decided} for each in one.broken],
    }
