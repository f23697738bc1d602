"""Carry out the operation for the accounts of a command line, on the screen that it asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
from rich.text import Text

from exitplan.brokers.private_files import OWN
from exitplan.cli.account_set import Answer, Stopped, ask_each, deliver_answers
from exitplan.cli.approval import approve
from exitplan.cli.clock import tell_of_clock
from exitplan.cli.data_folders import tell_of_data_folder
from exitplan.cli.failures import report
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.output import OUTPUT, say, versioned
from exitplan.cli.plan_output import plans_table, show_plan
from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.many import TableSpec, answers_table, show_answers, warnings_table
from exitplan.cli.rendering.refresh import show_changes
from exitplan.cli.rendering.run import RunScreen, show_phases, show_result
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.streams import ensure_output, write_bytes, write_line
from exitplan.cli.unhurried import Unhurried, may_stall, tell_lost, waiting_for_no_reader
from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.accounts.known_folders import note_folder
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.events import Event
from exitplan.executor.apply.refresh import compare_plans
from exitplan.executor.operation import Operation, Outcome, Watch, finish, operate, prepare
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.visible import with_escapes
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.plan_types import Plan

FINISHED = "accounts_finished"
"""The last event of a command on several accounts: what each came to."""

Task = Callable[[AccountFile], tuple[Account, Operation]]
"""Opens an account, and says what is to be done with it."""


@dataclass(frozen=True, slots=True)
class Showing:
    """How an operation is shown, and whether a person is asked; ``approved`` is the plan that a new one replaces."""

    as_json: bool = False
    json_into: Path | None = None
    asks: bool = False
    is_one: bool = True
    is_saved: bool = False
    is_protocol: bool = False
    dry_run: bool = False
    from_recording: bool = False
    approved: Plan | None = None
    jobs: int = 1


def carry_out(selected: Sequence[Selected], task: Task, how: Showing) -> ExitCode:
    """Operate on each account and show what came of it; returns the worst exit code.

    Where a person is asked, all plans are made and shown first, and each account is asked about on its own.
    """
    if how.asks and how.as_json:
        raise UsageError("--json cannot ask", hint="add --auto-approve, or apply saved plans")
    if how.asks and OUTPUT.is_quiet:
        raise UsageError("--quiet cannot ask", hint="add --auto-approve, or apply saved plans")
    guard = nullcontext() if how.dry_run else waiting_for_no_reader()
    with guard, _events_of_many(how) as events:
        answers = _with_questions(selected, task, how, events) if how.asks else _at_once(selected, task, how, events)
        return _deliver(answers, how)


def _at_once(
    selected: Sequence[Selected], task: Task, how: Showing, events: EventLines | None
) -> list[Answer[Outcome]]:
    def work(file: AccountFile, stopped: Stopped) -> tuple[Outcome, int]:
        account, operation = task(file)
        tell_of_data_folder(account, as_json=how.as_json)
        with _reading(account, how) as ended:
            outcome = operate(account, operation, observer=_Screen(how, events, stopped, ended))
        tell_of_clock(account, as_json=how.as_json)
        note_folder(account)
        return outcome, outcome.exit_code

    return ask_each(selected, work, jobs=how.jobs, quiet=how.as_json, is_one=how.is_one)


def _with_questions(
    selected: Sequence[Selected], task: Task, how: Showing, events: EventLines | None
) -> list[Answer[Outcome]]:
    planned: dict[str, tuple[Account, Operation, Plan]] = {}

    def plan(file: AccountFile, stopped: Stopped) -> tuple[Plan, int]:
        account, operation = task(file)
        tell_of_data_folder(account, as_json=how.as_json)
        with _reading(account, how) as ended:
            made = prepare(account, operation, _Screen(how, events, stopped, ended))
        tell_of_clock(account, as_json=how.as_json)
        planned[file.id] = (account, operation, made)
        return made, ExitCode.DONE

    def go_on(file: AccountFile, stopped: Stopped) -> tuple[Outcome, int]:
        account, operation, made = planned[file.id]
        outcome = finish(account, operation, made, approve=_asked_already, observer=_Screen(how, events, stopped))
        note_folder(account)
        return outcome, outcome.exit_code

    plans = ask_each(selected, plan, jobs=how.jobs, quiet=False, is_one=how.is_one)
    if not how.is_one:
        show_answers(answers_table(plans, _PLANS), warnings_table(plans, _PLANS))
    refusals = {answer.account: _ask(answer, planned, how) for answer in plans}
    left = [who for who in selected if refusals[who.name] is None]
    done = {answer.account: answer for answer in ask_each(left, go_on, jobs=how.jobs, quiet=False, is_one=how.is_one)}
    return [refusals[who.name] or done[who.name] for who in selected]


def _reading(account: Account, how: Showing) -> AbstractContextManager[Callable[[], None]]:
    return waiting(f"Reading {account.id} at {account.venue}", is_shown=how.is_one)


def _asked_already(_account: Account, _plan: Plan) -> None:
    """Ask nothing."""


def _ask(
    answer: Answer[Plan], planned: dict[str, tuple[Account, Operation, Plan]], how: Showing
) -> Answer[Outcome] | None:
    """Ask about one account; None where its plan is to be applied, else why nothing is."""
    plan = answer.result
    if plan is None:
        return Answer(answer.account, answer.venue, answer.exit_code, problem=answer.problem)
    if plan.refusals or not plan.has_changes:
        return None
    try:
        if not how.is_one:
            show_plan(plan)
        approve(planned[answer.account][0])
    except ExitplanError as problem:
        return Answer(answer.account, answer.venue, problem.exit_code, Outcome(plan), problem)
    return None


def _deliver(answers: Sequence[Answer[Outcome]], how: Showing) -> ExitCode:
    if not how.is_one:
        table = _DRY_RUNS if how.dry_run else OUTCOMES
        return deliver_answers(answers, table, as_json=how.as_json, last_event=None if how.dry_run else FINISHED)
    (answer,) = answers
    if answer.problem is not None:
        return ExitCode.of(report(answer.problem, as_json=how.as_json))
    if answer.result is not None and not how.as_json:
        _draw_outcome(answer.result, how)
    return ExitCode.of(answer.exit_code)


def _draw_outcome(outcome: Outcome, how: Showing) -> None:
    if outcome.result is not None:
        show_result(outcome.result, outcome.plan.account.quote)
        if how.is_protocol:
            show_phases(outcome.plan, outcome.result)
    elif how.is_saved:
        done = f" {outcome.done_already} of its actions are done already." if outcome.done_already else ""
        say(f"\nDry run: this plan can be applied now; nothing was sent.{done}")


@dataclass(slots=True)
class EventLines:
    """Where events are written as lines of JSON; a reader that has gone away must not stop a run half-way."""

    targets: list[Callable[[bytes], object]]
    turn: Lock = field(default_factory=Lock)

    def write(self, event: Event, account: str | None) -> None:
        """Write an event, of the account where there are several."""
        line = event_line(event, account)
        with self.turn:  # of all targets, so that each has the events in the same order
            for target in self.targets:
                with suppress(OSError):  # the journal holds everything that a full disk may lose here
                    target(line)


@dataclass(frozen=True, slots=True)
class _Screen:
    """The observer of one account: it draws, or writes JSON; of several accounts only their events are written."""

    how: Showing
    events: EventLines | None
    stopped: Stopped
    reading_ended: Callable[[], None] = lambda: None

    def show_plan(self, account: Account, plan: Plan) -> None:  # noqa: ARG002 - as its protocol
        """Show a plan that is new, or looked at in a dry run, unless there are several.

        One that is carried out whatever it says is carried out as well where nobody reads it.
        """
        self.reading_ended()
        with nullcontext() if self.how.asks or self.how.dry_run else suppress(OSError):
            self._show_plan(plan)

    def _show_plan(self, plan: Plan) -> None:
        how = self.how
        if how.approved is not None:
            self._refreshed(how.approved, plan)
        elif how.is_one and how.dry_run and how.as_json:
            write_bytes(plan_bytes(plan))
        elif how.is_one and not how.as_json and (how.dry_run or not how.is_saved):
            show_plan(plan)

    def _refreshed(self, old: Plan, plan: Plan) -> None:
        changes = compare_plans(old, plan)
        if self.how.as_json:
            documents = [change.to_document() for change in changes]
            write_line({"event": "plan_refreshed", "plan": plan.plan_id, "changes": documents})
        else:
            show_changes(changes, plan)

    @contextmanager
    def watch_run(self, account: Account, plan: Plan) -> Iterator[Watch]:
        """Watch a run: of one account on its own screen, with Ctrl-C asking it to stop."""
        if self.events is not None:
            events = self.events
            yield Watch(lambda event: events.write(event, account.id), self.stopped)
            return
        with ExitStack() as stack:
            lines = EventLines(list(event_targets(stack, self.how)))
            screen = None if self.how.as_json else stack.enter_context(RunScreen(plan))
            stopped = stack.enter_context(asking_to_stop())

            def notify(event: Event) -> None:
                lines.write(event, None)
                if screen is not None:
                    screen.notify(event)

            yield Watch(notify, stopped)


@contextmanager
def _events_of_many(how: Showing) -> Iterator[EventLines | None]:
    """Open where the events of several accounts go; of one they go where it is sent, None."""
    if how.is_one or how.dry_run:
        yield None
        return
    with ExitStack() as stack:
        yield EventLines(list(event_targets(stack, how)))


def event_targets(stack: ExitStack, how: Showing) -> Iterator[Callable[[bytes], object]]:
    """Open where events go as lines of JSON."""
    if how.as_json:
        yield write_bytes
    if how.json_into is not None:
        yield _writing(stack, stack.enter_context(_opened(how.json_into)))


def _writing(stack: ExitStack, file: FileIO) -> Callable[[bytes], object]:
    """Return what writes into a file; where that is a pipe, no run waits for its reader."""
    if not may_stall(file.fileno()):
        return file.write
    pipe = Unhurried(file.fileno())

    def end() -> None:
        if lost := pipe.drain():
            tell_lost("the file of --json-into", lost)
        pipe.close()

    stack.callback(end)
    return pipe.write


def _opened(path: Path) -> FileIO:
    ensure_output(path)
    try:
        # A named pipe that nobody reads would be waited for.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK, OWN)
        os.set_blocking(descriptor, True)
        return FileIO(descriptor, "wb")
    except OSError as problem:
        raise ExitplanError(
            f"cannot write {path}: {problem.strerror or problem}", hint="nothing was sent; name another file"
        ) from problem


def event_line(event: Event, account: str | None = None) -> bytes:
    """Return an event as one line of JSON; where there are several accounts with the one it is about."""
    document = event.to_document()
    if account is not None:
        document = {"event": document.pop("event"), "account": account, **document}
    return with_escapes(orjson.dumps(versioned(document), option=orjson.OPT_APPEND_NEWLINE, default=str))


def _cells(outcome: Outcome) -> list[Text | str]:
    statuses = [ended.status for ended in outcome.result.outcomes] if outcome.result else []
    known = {"done", "refused", "skipped", "open"}
    return [
        f"{len(outcome.plan.actions):,}",
        f"{statuses.count('done'):,}",
        f"{statuses.count('refused'):,}",
        f"{sum(status not in known for status in statuses):,}",
        state_text(outcome.state),
    ]


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "plan_id": outcome.plan.plan_id,
        "state": outcome.state.value,
        "result": None if outcome.result is None else outcome.result.to_document(),
    }


OUTCOMES = TableSpec(
    ("actions", "done", "refused", "unknown", "account is"),
    "rrrrl",
    _cells,
    _document,
    lambda outcome: outcome.plan.warnings,
)
"""How several accounts to which plans were applied are shown."""

_PLANS = plans_table()
_DRY_RUNS: TableSpec[Outcome] = TableSpec(
    _PLANS.headings,
    _PLANS.justify,
    lambda outcome: _PLANS.cells(outcome.plan),
    lambda outcome: _PLANS.document(outcome.plan),
    lambda outcome: _PLANS.warnings(outcome.plan),
)
