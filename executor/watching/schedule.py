"""When each account has its round: spread evenly, later after failures. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

LONGEST_PAUSE = timedelta(hours=1)
"""The longest that an account which fails again and again is left alone, where rounds are more frequent."""
_SPREAD = 2**32


@dataclass(frozen=True, slots=True)
class Pace:
    """How often accounts have their round, how far they are spread, and how long one may take.

    ``jobs`` of them are worked on side by side.
    """

    every: timedelta
    jitter: timedelta
    cut_off: timedelta
    jobs: int = 8

    def offset(self, account: str) -> timedelta:
        """Return how much later than others an account has its rounds: always the same, less than the jitter."""
        number = int.from_bytes(hashlib.sha256(account.encode()).digest()[:4])
        return self.jitter * number / _SPREAD

    def pause(self, failures: int) -> timedelta:
        """Return the time between the beginnings of two rounds, twice as long after each failure in a row."""
        longest = max(self.every, LONGEST_PAUSE)
        doublings = min(max(failures - 1, 0), (longest // self.every).bit_length())  # more would change nothing
        return min(self.every * 2**doublings, longest) if failures else self.every
