"""Carry out a plan with somebody watching: on a screen, as JSON lines, or into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson

from cli.interrupts import asking_to_stop
from cli.rendering.run import RunScreen
from cli.streams import write_bytes
from executor.accounts import Account
from executor.apply import apply_plan
from executor.events import ApplyResult, Event
from ruleset.errors import ExitplanError

Watch = Callable[[Event], None]


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


def event_line(event: Event) -> bytes:
    """Write an event as one line of JSON."""
    return orjson.dumps(event.to_document(), option=orjson.OPT_APPEND_NEWLINE, default=str)
