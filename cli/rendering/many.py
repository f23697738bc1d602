"""Several accounts: a bar while they are worked on, and a table of what each came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.blocked import MOST_LISTED, add_rest
from exitplan.cli.rendering.screen import console, rows, section, show, titled, words
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.plan_words import warning_text
from exitplan.ruleset.planning.warnings import PlanWarning

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_LONG = 4
"""From this many accounts on, a terminal shows a bar."""

_STYLES = {
    ExitCode.DONE: "green",
    ExitCode.PENDING: "yellow",
    ExitCode.LOCKED: "yellow",
    ExitCode.CANCELLED: "yellow",
    ExitCode.UNKNOWN: "bold magenta",
}
"""How exit codes are coloured; all others are bold red."""


@dataclass(frozen=True, slots=True)
class TableSpec(Generic[T]):
    """How a verb shows what accounts came to: the columns of its table, its JSON form, and what is worth a look."""

    headings: tuple[str, ...]
    justify: str
    cells: Callable[[T], Sequence[Text | str]]
    document: Callable[[T], dict[str, Any]]
    warnings: Callable[[T], Sequence[PlanWarning]] = lambda _: ()


class AccountResult(Protocol[T_co]):
    """What is drawn of an answer."""

    @property
    def account(self) -> str: ...  # noqa: D102 - as the fields of an answer
    @property
    def venue(self) -> str | None: ...  # noqa: D102
    @property
    def exit_code(self) -> int: ...  # noqa: D102
    @property
    def result(self) -> T_co | None: ...  # noqa: D102
    @property
    def problem(self) -> ExitplanError | None: ...  # noqa: D102


class AccountsBar:
    """A bar of how many accounts are done; on a terminal only, and for many only."""

    def __init__(self, accounts: int) -> None:
        target = console()
        self._bar: Progress | None = None
        if target.is_terminal and accounts >= _LONG:
            from rich.progress import (  # noqa: PLC0415 - only a terminal shows it
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
            )

            self._bar = Progress(
                TextColumn("  accounts"), BarColumn(), MofNCompleteColumn(), console=target, transient=True
            )
            self._task = self._bar.add_task("", total=accounts)

    def __enter__(self) -> AccountsBar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self) -> None:
        """Count one account more."""
        if self._bar:
            self._bar.advance(self._task)


def answers_table(answers: Sequence[AccountResult[T]], sheet: TableSpec[T]) -> Table:
    """Draw one row an account: what it came to, or in the last column that it failed."""
    table = titled("account", "venue", *sheet.headings, "exit", "", justify=f"ll{sheet.justify}rl")
    for answer in answers:
        cells = [""] * len(sheet.headings) if answer.result is None else sheet.cells(answer.result)
        code = ExitCode.of(answer.exit_code)
        drawn = [cell if isinstance(cell, Text) else words(cell) for cell in cells]
        table.add_row(
            words(answer.account, "bold"),
            words(answer.venue or "?"),
            *drawn,
            words(answer.exit_code),
            words(code.label, _STYLES.get(code, "bold red")),
        )
    return table


def warnings_table(answers: Sequence[AccountResult[T]], sheet: TableSpec[T]) -> RenderableType | None:
    """Draw what a person should know of accounts, each with its name; None where there is nothing."""
    found = [
        (answer.account, warning)
        for answer in answers
        if answer.result is not None
        for warning in sheet.warnings(answer.result)
    ]
    table = rows("l", "l", "l")
    for account, warning in found[:MOST_LISTED]:
        table.add_row(Text("!", "yellow"), words(account), words(warning_text(warning)))
    add_rest(table, len(found))
    return section("Warnings", "worth a look", table) if found else None


def show_answers(*parts: RenderableType | None) -> None:
    """Write the table, and what goes with it, to stdout."""
    with suppress(OSError):  # the exit code must tell how the accounts fared, not how the drawing did
        show(*parts)
