"""A child of a worker: does what it is told with shards, one after another, and can be killed at any moment.

It talks with its worker in lines of JSON over a socket, and ends with it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from typing import Any

from exitplan.executor.logs import Entry
from exitplan.fleet.runner.board import Board
from exitplan.fleet.runner.performing import Means, Performer, ShardTask, make_performer
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


Tell = Callable[[Mapping[str, Any]], None]


class Talk:
    """Tells the worker something, whole, whichever thread says it."""

    def __init__(self, talk: socket.socket) -> None:
        """Talk through a socket."""
        self._talk, self._one = talk, Lock()

    def __call__(self, document: Mapping[str, Any]) -> None:
        """Say a document in a line."""
        with self._one:
            self._talk.sendall(json.dumps(document, default=str).encode() + b"\n")


class _ToWorker(logging.Handler):
    """Has the worker log what is logged here: it knows where to, and takes secrets out."""

    def __init__(self, tell: Talk) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record."""
        event = record.msg if isinstance(record.msg, Entry) else Entry(record.getMessage(), {})
        with suppress(OSError):
            self._tell({"log": [record.name, record.levelno, event.event, dict(event.fields)]})


def start_logging(tell: Talk, level: int) -> None:
    """Log through the worker, from this level on."""
    logger = logging.getLogger("exitplan")
    logger.addHandler(_ToWorker(tell))
    logger.setLevel(level)


def main() -> None:
    """Serve the worker behind the socket, until it ends or says no more."""
    _die_with_parent(int(sys.argv[3]))
    gc.set_threshold(50_000, 20, 100)  # as the command line does: plans are made of no circles
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the worker, which says what is to become of the shard
        signal.signal(number, signal.SIG_IGN)
    talk, board = socket.socket(fileno=int(sys.argv[1])), Board(int(sys.argv[2]))
    with talk, talk.makefile("r", encoding="utf-8") as lines:
        tell = Talk(talk)
        performer: Performer | None = None
        for line in lines:
            said = json.loads(line)
            if "means" in said:
                start_logging(tell, said["level"])
                performer = _made(Means(**said["means"]), tell)
            elif performer is not None:
                tell(_worked(performer, _task_of(said), tell, board))


def task_line(task: ShardTask) -> str:
    """Write a task for a child."""
    return json.dumps(asdict(task)) + "\n"


def _task_of(said: dict[str, Any]) -> ShardTask:
    only = said.pop("only")
    return ShardTask(**{**said, "skip": tuple(said["skip"])}, only=None if only is None else tuple(only))


def _made(means: Means, tell: Talk) -> Performer | None:
    """Make the performer; where that fails, the worker is told why, and ends this process."""
    try:
        performer = make_performer(means)
    except ExitplanError as problem:
        tell({"problem": str(problem), "again": isinstance(problem, DataFolderUnusable)})
    except Exception as problem:  # noqa: BLE001 - it is told, as below
        tell({"problem": f"{type(problem).__name__}: {problem}", "again": False})
    else:
        gc.freeze()  # what was loaded stays: no search for garbage goes through it
        tell({"ready": True})
        return performer
    return None


def _worked(performer: Performer, task: ShardTask, tell: Tell, board: Board) -> dict[str, Any]:
    """Work on a shard; whatever goes wrong is told, and whether asking again may help."""
    has_stopped = False

    def is_to_stop() -> bool:
        nonlocal has_stopped  # a lease that is renewed later does not make up for the accounts that were left out
        has_stopped = has_stopped or board.is_to_stop()
        return has_stopped

    try:
        accounts = performer.accounts(task)
        tell({"accounts": [account.id for account in accounts]})
        figures = performer.perform(task, accounts, board.take_in_hand, is_to_stop)
    except DataFolderUnusable as problem:
        return {"problem": str(problem), "again": True}
    except ExitplanError as problem:
        return {"problem": str(problem), "again": False}
    except Exception as problem:  # noqa: BLE001 - a fault of ours in one shard must not stop the others
        return {"problem": f"{type(problem).__name__}: {problem}", "again": False}
    return {"figures": dict(figures), "stopped": is_to_stop()}


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process with the one that started it, also in the middle of C code; Linux only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        sys.exit()


if __name__ == "__main__":
    main()
