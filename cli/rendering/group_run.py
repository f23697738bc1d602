"""A group's run as it happens: a line for each order with its account, and what became of every pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rich.text import Text

from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.run import costs_text, hung, print_break, run_line
from exitplan.cli.rendering.screen import console, heading, show, titled, words
from exitplan.executor.apply.costs import costs_of
from exitplan.executor.apply.events import Event
from exitplan.executor.groups.results import BundleEnd, GroupResult
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.words import counted, money

Document = Mapping[str, Any]
_ENDS = {
    BundleEnd.DONE: "green",
    BundleEnd.NOT_BEGUN: "dim",
    BundleEnd.PARTLY: "yellow",
    BundleEnd.APART: "bold red",
    BundleEnd.UNKNOWN: "bold magenta",
}


class GroupScreen:
    """Draws the events of a group's run; where nobody can read them any more, the run goes on all the same."""

    def __init__(self, accounts: Mapping[str, object]) -> None:
        self._width = max(map(len, accounts), default=0)
        self._console = console()

    def notify(self, account: str, event: Event) -> None:
        """Draw one event, with its account where it is of one."""
        line = run_line(event, 0) if account else _group_line(event)
        if line is None:
            return
        gap = "" if line.plain.startswith(" ") else "  "
        named = Text(f"{account:<{self._width}}{gap}", "dim").append_text(line) if account else line
        with suppress(OSError):  # as in a run of one account
            self._console.print(hung(named, self._console))


def _group_line(event: Event) -> Text | None:
    drawn: dict[str, Callable[[Document], Text]] = {
        "group_started": _started,
        "bundle_started": _pair,
        "leg_failed": _failed,
    }
    draw = drawn.get(event.kind)
    return None if draw is None else draw(event.data)


def _started(data: Document) -> Text:
    again = "Going on with" if data["resumed"] else "All accounts are ready for"
    told = heading(f"{again} {data['group_plan_id']}", counted(len(data["accounts"]), "account"))
    for account, reasons in data["unchecked"].items():
        for symbol, why in reasons.items():
            said = f"  not checked beforehand  {account} {symbol}: {why}"
            told.append("\n").append_text(words(said, "dim"))
    return told


def _pair(data: Document) -> Text:
    return heading(f"{data['asset']}", f"{data['bundle']}, {counted(data['slices'], 'slice')}")


def _failed(data: Document) -> Text:
    return words(f"  leg failed  {data['message']}; the other legs: {data['course']}", "bold red")


def show_group_result(result: GroupResult, quotes: Mapping[str, str]) -> None:
    """Draw what a group's plan came to on stdout: its pairs, and how its accounts are now."""
    with suppress(OSError):  # as in a run of one account: the exit code tells how it ended
        print_break()
        if result.bundles:
            show(_pairs(result))
        if result.accounts:
            show(_accounts(result, quotes))
        show(_end(result))


def _pairs(result: GroupResult) -> Any:  # noqa: ANN401 - what rich draws
    table = titled("pair", "asset", "came to", "apart by", "", justify="lllrl")
    for bundle in result.bundles:
        style = _ENDS[bundle.end]
        apart = money(bundle.imbalance) if bundle.imbalance else ""
        row = (words(bundle.bundle), words(bundle.asset), words(bundle.end.value, style), words(apart))
        table.add_row(*row, words(bundle.reason or "", "dim"))
    return table


def _accounts(result: GroupResult, quotes: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above
    table = titled("account", "actions done", "account is", "", justify="lrll")
    for name, ended in result.accounts.items():
        done = sum(outcome.status == "done" for outcome in ended.outcomes)
        state = AccountState.UNKNOWN if ended.checks is None else ended.checks.state
        costs = costs_text(costs_of(ended.outcomes), quotes[name])
        table.add_row(words(name), words(f"{done:,}"), state_text(state), words(costs, "dim"))
    return table


def _end(result: GroupResult) -> Text:
    if result.is_open:
        said = f"It is not at its end. Go on with it: exitplan apply --group {result.group}"
        return heading(said)
    if result.note is not None:
        return heading(result.note)
    return heading("Done." if result.exit_code is ExitCode.DONE else f"Ended: {result.exit_code.label}.")
