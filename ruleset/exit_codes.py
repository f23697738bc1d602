"""Exit codes: what a command line came to, and which of several asks most of a person."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Every exit code of exitplan, the one that asks most of a person first."""

    UNKNOWN = 9
    ACTION_FAILED = 4
    ERROR = 1
    CREDENTIALS = 3
    INVALID_FILE = 65
    USAGE = 64
    PLAN_UNUSABLE = 6
    REFUSED = 5
    LOCKED = 7
    CANCELLED = 8
    PENDING = 2
    DONE = 0

    @property
    def label(self) -> str:
        """The code in a word or two."""
        return _WORDS[self][0]

    @property
    def meaning(self) -> str:
        """What the code says, in a sentence."""
        return _WORDS[self][1]

    @classmethod
    def of(cls, number: int) -> ExitCode:
        """Return the code with this number; any other number is an ERROR."""
        return cls(number) if number in cls._value2member_map_ else cls.ERROR

    @classmethod
    def worst(cls, codes: Iterable[int]) -> ExitCode:
        """Return the code that asks most of a person; DONE where there are none."""
        return min(map(cls.of, codes), key=_PLACES.__getitem__, default=cls.DONE)


_PLACES = {code: place for place, code in enumerate(ExitCode)}
_WORDS = {
    ExitCode.UNKNOWN: ("unknown", "What became of an order, or how an account stands, is not known."),
    ExitCode.ACTION_FAILED: ("some failed", "The venue refused an action; everything else was done."),
    ExitCode.ERROR: ("error", "Something went wrong, such as an account or a price that cannot be read."),
    ExitCode.CREDENTIALS: ("credentials", "Credentials are missing, or the venue refuses them."),
    ExitCode.INVALID_FILE: ("invalid file", "A file that a person can edit is wrong."),
    ExitCode.USAGE: ("usage", "The command line asks for something impossible."),
    ExitCode.PLAN_UNUSABLE: ("plan unusable", "The plan is stale, expired, altered or used."),
    ExitCode.REFUSED: ("refused", "A guard of the policy refuses the plan, or the account is halted."),
    ExitCode.LOCKED: ("locked", "Another process is writing to the account."),
    ExitCode.CANCELLED: ("cancelled", "A person said no, or pressed Ctrl-C."),
    ExitCode.PENDING: ("pending", "Changes are pending, the account is not clean, or the gate is closed."),
    ExitCode.DONE: ("ok", "Done, clean, or nothing to do."),
}
