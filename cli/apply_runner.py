"""Carry out a plan with somebody watching: on a screen, as JSON lines, or into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any

import orjson

from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.rendering.run import RunScreen
from exitplan.cli.streams import write_bytes
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.apply.events import ApplyResult, Event
from exitplan.ruleset.errors import ExitplanError

Watch = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is to be carried out."""

    dry_run: bool = False
    auto_approve: bool = False
    refresh: bool = False
    as_json: bool = False
    json_into: Path | None = None


def carry_out(
    account: Account, document: Mapping[str, Any], *, as_json: bool, json_into: Path | None = None
) -> ApplyResult:
    """Apply a plan, telling its events as they happen; the file of ``json_into`` is opened before anything is sent."""
    with ExitStack() as stack:
        watchers: list[Watch] = []
        if json_into is not None:
            watchers.append(stack.enter_context(_into_file(json_into)))
        watchers.append(stack.enter_context(_on_stdout(document, as_json=as_json)))
        stopped = stack.enter_context(asking_to_stop())

        def notify(event: Event) -> None:
            for watch in watchers:
                watch(event)

        return apply_plan(account, document, notify=notify, stopped=stopped)


@contextmanager
def telling_of_many(*, as_json: bool, json_into: Path | None) -> Iterator[Callable[[str], Watch]]:
    """Give who watches the run of an account, by its id; every event of several accounts names its account.

    On a screen the events of several accounts would only mix, so none are drawn there.
    """
    turn = Lock()
    with ExitStack() as stack:
        targets: list[Callable[[bytes], object]] = [write_bytes] if as_json else []
        if json_into is not None:
            file = stack.enter_context(_opened(json_into))
            targets.append(lambda line: (file.write(line), file.flush()))

        def watching(account: str) -> Watch:
            def watch(event: Event) -> None:
                line = event_line(event, account)
                for tell in targets:
                    with turn, suppress(OSError):  # as below
                        tell(line)

            return watch

        yield watching


@contextmanager
def _on_stdout(plan: Mapping[str, Any], *, as_json: bool) -> Iterator[Watch]:
    if as_json:

        def watch(event: Event) -> None:
            with suppress(OSError):  # a reader that went away must not stop a run half-way
                write_bytes(event_line(event))

        yield watch
        return
    with RunScreen(plan) as screen:
        yield screen.notify


@contextmanager
def _into_file(path: Path) -> Iterator[Watch]:
    with _opened(path) as file:

        def watch(event: Event) -> None:
            with suppress(OSError):  # as above; the journal holds everything that the file may lack
                file.write(event_line(event))
                file.flush()

        yield watch


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as problem:
        raise ExitplanError(
            f"cannot write {path}: {problem.strerror or problem}", hint="nothing was sent; name another file"
        ) from problem


def event_line(event: Event, account: str | None = None) -> bytes:
    """Write an event as one line of JSON; where there are several accounts with the one it is about."""
    document = event.to_document()
    if account is not None:
        document = {"event": document.pop("event"), "account": account, **document}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE, default=str)
