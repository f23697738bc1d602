"""The accounts that a command line is about: the same is done for each of them, and one account is a set of one.

Several are worked on side by side, each by itself. A failure is reported for its account and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from exitplan.brokers.call_log import as_caller
from exitplan.cli.arguments import AccountRef, request_of
from exitplan.cli.failures import as_error, error_document, report
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.options import DEFAULT_DATA, DEFAULT_JOBS
from exitplan.cli.rendering.many import AccountsBar, TableSpec, answers_table, show_answers, warnings_table
from exitplan.cli.streams import write_json, write_line
from exitplan.executor.accounts.account import AccountFile, find_account
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.accounts.selection import AccountSelection, Selected
from exitplan.executor.tracing import span
from exitplan.ruleset.errors import CancelledByUser, ExitplanError
from exitplan.ruleset.exit_codes import ExitCode

T = TypeVar("T")
Stopped = Callable[[], bool]
Work = Callable[[AccountFile, Stopped], tuple[T, int]]
"""What is done for one account: returns what came of it, and its exit code."""


@dataclass(frozen=True, slots=True)
class AccountSet:
    """The accounts that a command line is about, and how many of them are worked on side by side."""

    selection: AccountSelection
    jobs: int = DEFAULT_JOBS
    data: DataPlace = DEFAULT_DATA

    @classmethod
    def of(
        cls,
        accounts: Sequence[str] | None,
        tags: Sequence[str] | None,
        *,
        every: bool,
        data: DataPlace,
        jobs: int = DEFAULT_JOBS,
    ) -> AccountSet:
        """Collect what was typed; ``data`` is where the accounts are found."""
        return cls(AccountSelection(tuple(accounts or ()), tuple(tags or ()), every), jobs, data)

    @property
    def is_one(self) -> bool:
        """Whether one account is meant, which may be left to be guessed."""
        return self.selection.is_for_one

    @property
    def only_name(self) -> str | None:
        """The one account that is named, None where none is."""
        return self.selection.only_name

    def select(self, policy: Path | None = None) -> tuple[Selected, ...]:
        """Find the accounts; raises NoSuchAccount, UsageError, and for one account FileIsInvalid.

        ``policy`` is the one that was named: it may be an account file.
        """
        if self.is_one:
            file = find_account(request_of(AccountRef(self.only_name, policy, self.data)))
            return (Selected(file.id, file),)
        return self.data.select(self.selection)

    def ask(self, work: Work[T], *, quiet: bool) -> list[Answer[T]]:
        """Select the accounts and do the same for each; see :func:`ask_each`."""
        return ask_each(self.select(), work, jobs=self.jobs, quiet=quiet, is_one=self.is_one)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What one account came to: what was asked of it, or why there is nothing to tell."""

    account: str
    venue: str | None
    exit_code: int
    result: T | None = None
    problem: ExitplanError | None = None

    @classmethod
    def failed(cls, who: Selected, problem: ExitplanError) -> Answer[T]:
        """Return the answer of an account with which something went wrong."""
        return cls(who.name, who.venue, problem.exit_code, problem=problem)


def ask_each(
    selected: Sequence[Selected], work: Work[T], *, jobs: int, quiet: bool, is_one: bool = False
) -> list[Answer[T]]:
    """Do the same for each account, ``jobs`` of them side by side; answers come in the order of the accounts.

    Whatever is raised for one of several is its answer; what is raised for the one that is meant is raised. Ctrl-C lets
    those that have begun finish what is in flight; those that have not begun answer that they were cancelled.
    ``quiet`` draws no bar.
    """
    if is_one:
        return [_only_answer(who, work) for who in selected]
    with asking_to_stop() as stopped, nullcontext() if quiet else AccountsBar(len(selected)) as bar:

        def task(who: Selected) -> Callable[[], Answer[T]]:
            return as_caller(lambda: _answer(who, work, stopped))

        return _side_by_side([task(who) for who in selected], jobs, lambda: bar.advance() if bar else None)


def _only_answer(who: Selected, work: Work[T]) -> Answer[T]:
    if isinstance(who.file, ExitplanError):
        raise who.file
    with span("account", account=who.name, venue=who.venue):
        result, code = work(who.file, lambda: False)
    return Answer(who.name, who.venue, code, result)


def _answer(who: Selected, work: Work[T], stopped: Stopped) -> Answer[T]:
    if isinstance(who.file, ExitplanError):
        return Answer.failed(who, who.file)
    if stopped():
        return Answer.failed(who, CancelledByUser("cancelled before it was begun"))
    try:
        with span("account", account=who.name, venue=who.venue):
            result, code = work(who.file, stopped)
    except BaseException as problem:  # noqa: BLE001 - becomes the answer of this account; the others go on
        return Answer.failed(who, as_error(problem))
    return Answer(who.name, who.venue, code, result)


def _side_by_side(tasks: Sequence[Callable[[], T]], jobs: int, ended: Callable[[], object]) -> list[T]:
    """Run tasks, none of which raises, in threads that do not keep a process alive which is told to break off."""
    waiting: SimpleQueue[tuple[int, Callable[[], T]]] = SimpleQueue()
    finished: SimpleQueue[tuple[int, T]] = SimpleQueue()
    for entry in enumerate(tasks):
        waiting.put(entry)

    def work() -> None:
        while True:
            try:
                number, task = waiting.get_nowait()
            except Empty:
                return
            finished.put((number, task()))

    for _ in range(min(jobs, len(tasks))):
        Thread(target=work, daemon=True).start()
    results: dict[int, T] = {}
    for _ in tasks:
        number, result = finished.get()
        results[number] = result
        ended()
    return [results[number] for number in range(len(tasks))]


def deliver_answers(
    answers: Sequence[Answer[T]], table: TableSpec[T], *, as_json: bool, last_event: str | None = None
) -> ExitCode:
    """Show what each of several accounts came to, and what went wrong with which; returns the worst exit code.

    After events that were told as JSON, one a line, the document is one more of them: ``last_event`` is its kind.
    """
    code = ExitCode.worst(answer.exit_code for answer in answers)
    if as_json:
        document = answers_document(answers, table.document)
        if last_event is None:
            write_json(document)
        else:
            write_line({"event": last_event, **document})
        return code
    show_answers(answers_table(answers, table), warnings_table(answers, table))
    for answer in answers:
        if answer.problem is not None:
            report_of(answer.account, answer.problem)
    return code


def answers_document(answers: Sequence[Answer[T]], document: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Return answers as one document: the worst exit code, and one entry per account."""
    return {
        "exit_code": ExitCode.worst(answer.exit_code for answer in answers),
        "accounts": [_answer_document(answer, document) for answer in answers],
    }


def _answer_document(answer: Answer[T], document: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {
        "account": answer.account,
        "venue": answer.venue,
        "exit_code": answer.exit_code,
        "error": None if answer.problem is None else error_document(answer.problem),
        **({} if answer.result is None else document(answer.result)),
    }


def report_of(account: str, problem: ExitplanError) -> None:
    """Write to stderr what went wrong with one of several accounts."""
    named = str(problem).startswith(account)
    report(problem if named else ExitplanError(f"{account}: {problem}", hint=problem.hint), as_json=False)
