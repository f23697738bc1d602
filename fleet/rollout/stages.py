"""When a rollout goes on, waits or stops: decided from what is counted and how long it has held. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.values import plain

LOOKS = 3
"""A hold lasts at least so many looks: one jump of every clock at once takes a third of it at most."""
PATIENCE = 3
"""How many holds accounts have to be planned under their new policy before their silence is a failure."""


class Standing(StrEnum):
    """How a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    ABORTED = "aborted"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes of it any more."""
        return self in {Standing.DONE, Standing.ABORTED}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a rollout goes: the share of accounts that each stage reaches, and how long each is held.

    ``max_failures`` is the share of the accounts that have moved that may fail anew.
    """

    stages: tuple[Decimal, ...]
    hold: timedelta
    max_failures: Decimal

    def __post_init__(self) -> None:
        """Raise UsageError where the stages do not grow to all accounts, or a share is none."""
        shown = ", ".join(f"{plain(share * 100)}%" for share in self.stages)
        grows = all(one < other for one, other in zip(self.stages, self.stages[1:], strict=False))
        if not self.stages or not grows or self.stages[0] <= 0 or self.stages[-1] != 1:
            raise UsageError(f"stages grow up to 100%, found {shown}", hint="such as --canary 1% --stages 10%,100%")
        if not 0 <= self.max_failures < 1:
            raise UsageError("--max-failures is a share below 100%", hint="such as 1%")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the accounts that have moved: how many, how many fail that did not before, how many were not planned yet."""

    moved: int = 0
    failing: int = 0
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a worker's clock and the database's say of one moment."""

    ours: datetime
    theirs: datetime


class Step(StrEnum):
    """What is to be done with a rollout."""

    WAIT = "wait"
    NEXT = "next"
    STOP = "stop"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a rollout, and why."""

    step: Step
    why: str = ""


def decide(pace: Pace, stage: int, held: timedelta, counts: Counts, *, is_halted: bool = False) -> Decision:
    """Decide what to do with a rollout that is running, in this stage since so long.

    While all accounts are halted it may stop, and does nothing else.
    """
    if _is_too_many(counts.failing, counts.moved, pace):
        return Decision(Step.STOP, f"{_part(counts.failing, counts)} fail that did not before{_limit(pace)}")
    if is_halted:
        return Decision(Step.WAIT, "all accounts are halted: the hold waits")
    if held < pace.hold:
        return Decision(Step.WAIT, "the stage is held")
    silent = counts.failing + counts.unseen
    if _is_too_many(silent, counts.moved, pace):
        if held < pace.hold * PATIENCE:
            return Decision(Step.WAIT, f"{_part(counts.unseen, counts)} have not been planned since they moved")
        return Decision(Step.STOP, f"{_part(silent, counts)} fail, or were not planned since they moved{_limit(pace)}")
    return Decision(Step.FINISH if stage + 1 >= len(pace.stages) else Step.NEXT)


def credited(hold: timedelta, earlier: Clocks, now: Clocks) -> timedelta:
    """Return how much of a hold has passed between two looks.

    It is what the slower of two clocks says, never less than nothing and at most a third of the hold: no clock that
    jumps ends a hold.
    """
    gone = min(now.ours - earlier.ours, now.theirs - earlier.theirs)
    return min(max(gone, timedelta()), hold / LOOKS)


def _is_too_many(number: int, moved: int, pace: Pace) -> bool:
    return number > pace.max_failures * moved


def _part(number: int, counts: Counts) -> str:
    return f"{number:,} of {counts.moved:,} moved accounts"


def _limit(pace: Pace) -> str:
    return f"; {plain(pace.max_failures * 100)} % may"
