"""What a worker and one of its children see of each other at every moment: a few numbers in shared memory.

A child that dies or hangs cannot be asked any more, so it says beforehand which account it takes in hand. Each number
has one who writes it, and is written whole.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time

_NOTHING = -1
_IN_HAND, _STEPS, _UNTIL, _STOP = range(4)
_SIZE = 64


def _now() -> int:
    """Return nanoseconds by a clock that all processes of a machine share, and that goes on while it sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns()


class Board:
    """Four numbers, shared by the processes that have the same file open."""

    def __init__(self, descriptor: int) -> None:
        """Look at the file with this descriptor, which is closed with the board."""
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._view = memoryview(self._memory)
        self._numbers = self._view.cast("q")

    @classmethod
    def make(cls) -> Board:
        """Make a board of one's own, in a file without a name."""
        with tempfile.TemporaryFile() as file:
            file.truncate(_SIZE)
            board = cls(os.dup(file.fileno()))
        board.clear()
        return board

    def clear(self) -> None:
        """Begin anew: nothing is in hand."""
        self._numbers[_IN_HAND] = _NOTHING

    def take_in_hand(self, index: int) -> None:
        """Note which account is worked on from now on, by its place in the shard."""
        self._numbers[_IN_HAND] = index
        self._numbers[_STEPS] += 1

    @property
    def in_hand(self) -> int | None:
        """The place of the account that is worked on, None where there is none."""
        index = self._numbers[_IN_HAND]
        return None if index == _NOTHING else index

    @property
    def steps(self) -> int:
        """How many accounts have been taken in hand: while it grows, nothing hangs."""
        return self._numbers[_STEPS]

    def allow(self, seconds: float) -> None:
        """Let the child work for this long from now."""
        self._numbers[_UNTIL] = _now() + int(seconds * 1e9)

    def ask_to_stop(self, *, is_wanted: bool = True) -> None:
        """Have the child end after the account in hand."""
        self._numbers[_STOP] = int(is_wanted)

    def is_to_stop(self) -> bool:
        """Check whether somebody wants the child to end, or the shard's lease is not sure any more."""
        return bool(self._numbers[_STOP]) or _now() > self._numbers[_UNTIL]

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._view.release()
        self._memory.close()
        os.close(self.descriptor)
