"""The loggers of the executor: what is logged, with its fields.

``exitplan.run`` has plans, the events of runs, verifications and alerts; ``exitplan.journal`` leases and every step of
the order journal; ``exitplan.protocol`` the phases of the published protocol's methods; ``exitplan.alerts`` what is
delivered of alerts. The brokers log their calls under ``exitplan.venue``. Nothing here configures logging: a program
does that with the standard library, and the command line with its own options.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

RUN = logging.getLogger("exitplan.run")
JOURNAL = logging.getLogger("exitplan.journal")
PROTOCOL = logging.getLogger("exitplan.protocol")
ALERTS = logging.getLogger("exitplan.alerts")


@dataclass(frozen=True, slots=True)
class Entry:
    """The message of a record: what happened, and the figures of the case; as text it reads by itself."""

    event: str
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        """Return the event and its fields in one line."""
        return " ".join([self.event, *(f"{name}={value}" for name, value in self.fields.items() if value is not None)])


_IS_IMAGINED: ContextVar[bool] = ContextVar("is_imagined", default=False)


@contextmanager
def imagined() -> Iterator[None]:
    """Log nothing of what is done in the block: it happens to an account that is made up, as a test of a policy is."""
    before = _IS_IMAGINED.set(True)
    try:
        yield
    finally:
        _IS_IMAGINED.reset(before)


def note(logger: logging.Logger, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with its fields, unless it is imagined."""
    if logger.isEnabledFor(level) and not _IS_IMAGINED.get():
        logger.log(level, Entry(event, fields))
