"""A performer that plans nothing: it notes which account it worked on, and does what the account's name says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from exitplan.fleet.runner.performing import AtWork, Means, ShardTask, Stopped
from exitplan.ruleset.errors import DataFolderUnusable

TABLE = "CREATE TABLE IF NOT EXISTS public.worked (account TEXT, tick BIGINT, worker TEXT, pid INT, at TIMESTAMPTZ)"


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect, and fail as a store does where the database is away."""
    try:
        with psycopg.connect(url) as connection:
            yield connection
    except psycopg.OperationalError as problem:
        raise DataFolderUnusable(str(problem)) from problem


@dataclass(frozen=True, slots=True)
class Name:
    id: str


class Noting:
    """Works ``seconds`` on each account; names with ``crash`` end the process, ``hang`` never come back."""

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        self.url, self.seconds = url, float(settings.get("seconds", 0))

    def accounts(self, task: ShardTask) -> Sequence[Name]:
        statement = "SELECT account FROM exitplan.accounts WHERE shard = %s AND standing = 'active' ORDER BY account"
        with connected(self.url) as connection:
            names = [row[0] for row in connection.execute(statement, (task.shard,))]
        return [Name(name) for name in names if task.wants(name)]

    def perform(
        self, task: ShardTask, accounts: Sequence[Name], at_work: AtWork, stopped: Stopped
    ) -> Mapping[str, object]:
        worked: list[str] = []
        for place, account in enumerate(accounts):
            if stopped():
                break
            at_work(place)
            self._work(account.id)
            worked.append(account.id)
        with connected(self.url) as connection:
            for name in worked:
                connection.execute(
                    "INSERT INTO public.worked VALUES (%s, %s, %s, %s, clock_timestamp())",
                    (name, task.tick, task.worker, os.getpid()),
                )
        return {"accounts": len(worked), "kinds": {"quiet": len(worked)}, "exit_code": 0}

    def _work(self, name: str) -> None:
        if "crash" in name:
            os.kill(os.getpid(), signal.SIGSEGV)
        while "hang" in name:
            pass
        time.sleep(self.seconds)


class Idle:
    """Does nothing, so that what a runner costs can be seen."""

    def accounts(self, task: ShardTask) -> Sequence[Name]:
        return ()

    def perform(
        self, task: ShardTask, accounts: Sequence[Name], at_work: AtWork, stopped: Stopped
    ) -> Mapping[str, object]:
        return {}


def make_idle(means: Means) -> Idle:
    return Idle()


def make_performer(means: Means) -> Noting:
    return Noting(means.url, means.settings)
