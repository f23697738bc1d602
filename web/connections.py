"""Connections of those who are slow to ask or to read: they end, so that nobody can take all places and do nothing."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_HEAD = 10.0
"""Seconds that somebody may take to send the head of a request, or what nobody waits for any more."""
LONGEST_PAUSE = 30.0
"""Seconds that somebody may take before reading on."""


class Connection(H11Protocol):
    """One connection; it ends where nothing whole comes in time, however it dribbles in, or where nobody reads."""

    _head: asyncio.TimerHandle | None = None
    _pause: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what has come; a head that is whole is waited for no more."""
        super().data_received(data)
        if self._is_idle():
            self._wait()
        else:
            self._wait_no_more()

    def pause_writing(self) -> None:
        """Wait for whoever does not read, for a while."""
        super().pause_writing()
        self._pause = self.loop.call_later(LONGEST_PAUSE, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with whoever reads again."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait_no_more()
        if self._pause is not None:
            self._pause.cancel()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        """Check whether nothing is being answered; a body that comes after its answer is of no use."""
        is_answered = getattr(self.cycle, "response_complete", False)  # it is None before the first request
        return self.conn.their_state is h11.IDLE or is_answered

    def _wait(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(LONGEST_HEAD, self._give_up)

    def _wait_no_more(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _give_up(self) -> None:
        self._head = None
        if self._is_idle():
            self.transport.abort()
