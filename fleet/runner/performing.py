"""What a child does with a shard: found by its name, so that a benchmark or a test can bring venues of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

AtWork = Callable[[int], None]
"""Is told the place of each account in its shard before that is worked on."""
Stopped = Callable[[], bool]
Figures = Mapping[str, Any]

WORST = "exit_code"
"""The figure that is not added up: the one that asks most of a person counts."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to be worked on, or a part of it: ``only`` these accounts, or all but those to ``skip``.

    ``worker`` holds the shard's lease ``shard:N`` with this ``fence``.
    """

    tick: int
    shard: int
    worker: str
    fence: int
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None

    def wants(self, account: str) -> bool:
        """Check whether an account belongs to the part."""
        return account not in self.skip if self.only is None else account in self.only


class Performer(Protocol):
    """Works on shards, in a process of its own."""

    def accounts(self, task: ShardTask) -> Sequence[Any]:
        """Return the accounts of a task, each with its ``id``, in the order in which they are worked on."""
        ...

    def perform(self, task: ShardTask, accounts: Sequence[Any], at_work: AtWork, stopped: Stopped) -> Figures:
        """Work on accounts; returns figures: numbers by name, nested at will, which can be added up."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a performer is made of: where the database is, which performer it is, and its own settings."""

    url: str
    performer: str = "exitplan.fleet.runner.shards:make_performer"
    settings: Mapping[str, Any] = field(default_factory=dict)


def make_performer(means: Means) -> Performer:
    """Make the performer that is named ``module:function``, which is called with the means."""
    module, _, name = means.performer.partition(":")
    return cast("Performer", getattr(importlib.import_module(module), name)(means))
