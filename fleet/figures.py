"""What a cycle of a shard came to, in numbers that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exitplan.brokers.call_log import Call
from exitplan.executor.watching.rounds import Round
from exitplan.fleet.batch.shard_batch import Written
from exitplan.ruleset.exit_codes import ExitCode

_MOST_FAILURES = 20
"""Failures that are told one by one: a venue that is away fails all accounts of a shard for one cause."""


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """The rounds of a shard by their kind and the states they found; ``failures`` are some of those that failed.

    ``orders`` were sent. ``remembered`` accounts had their answer written with the shard's, ``lost`` had one and did
    not: somebody else was at work on them, or the shard's lease had ended. ``seconds`` are those of the whole cycle.
    """

    accounts: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    orders: int = 0
    remembered: int = 0
    lost: int = 0
    seconds: float = 0.0
    exit_code: ExitCode = ExitCode.DONE
    failures: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, rounds: Iterable[Round], written: Written, seconds: float) -> ShardFigures:
        """Count rounds."""
        rounds = list(rounds)
        failed = [(one.account, one.cause) for one in rounds if one.is_failure]
        return cls(
            accounts=len(rounds),
            kinds=dict(Counter(one.kind for one in rounds)),
            states=dict(Counter(one.state.value for one in rounds if one.state is not None)),
            orders=sum(len(one.result.outcomes) for one in rounds if one.result is not None),
            remembered=len(written.remembered),
            lost=len(written.lost),
            seconds=seconds,
            exit_code=ExitCode.worst(ExitCode(one.exit_code) for one in rounds),
            failures=tuple(failed[:_MOST_FAILURES]),
        )

    @classmethod
    def of_pausing(cls, exit_codes: Iterable[int | None]) -> ShardFigures:
        """Count accounts that pause, by the exit codes of their last failures; None is one that does not."""
        codes = [ExitCode(code) for code in exit_codes if code is not None]
        kinds = {"paused": len(codes)} if codes else {}
        return cls(accounts=len(codes), kinds=kinds, exit_code=ExitCode.worst(codes))

    def __add__(self, other: ShardFigures) -> ShardFigures:
        """Return the figures of both together; their seconds add up too."""
        return ShardFigures(
            self.accounts + other.accounts,
            dict(Counter(self.kinds) + Counter(other.kinds)),
            dict(Counter(self.states) + Counter(other.states)),
            self.orders + other.orders,
            self.remembered + other.remembered,
            self.lost + other.lost,
            self.seconds + other.seconds,
            ExitCode.worst([self.exit_code, other.exit_code]),
            (*self.failures, *other.failures)[:_MOST_FAILURES],
        )

    @property
    def document(self) -> dict[str, Any]:
        """The figures in their JSON form: all numbers, which add up but for the exit code."""
        return {
            "accounts": self.accounts,
            "kinds": dict(sorted(self.kinds.items())),
            "states": dict(sorted(self.states.items())),
            "orders": self.orders,
            "remembered": self.remembered,
            "lost": self.lost,
            "seconds": round(self.seconds, 3),
            "exit_code": int(self.exit_code),
        }


def calls_by_venue(calls: Iterable[Call]) -> dict[str, dict[str, int]]:
    """Count calls to venues by venue and outcome."""
    counted = Counter((call.venue, call.outcome) for call in calls)
    by_venue: dict[str, dict[str, int]] = {}
    for (venue, outcome), count in sorted(counted.items()):
        by_venue.setdefault(venue, {})[outcome] = count
    return by_venue
