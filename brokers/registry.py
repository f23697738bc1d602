"""The venues this version knows, one entry each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brokers.paper.broker import open_paper_account
from brokers.protocol import Broker, Clock
from ruleset.errors import UsageError

Opener = Callable[[Mapping[str, Any], Path, Clock], Broker]


@dataclass(frozen=True, slots=True)
class Venue:
    """A kind of venue: its id as account files name it, what it is, and how an account there is opened."""

    name: str
    summary: str
    open_account: Opener


VENUES: Mapping[str, Venue] = {
    "paper": Venue(
        "paper",
        "An account in a file, with a matching engine of its own: no money moves.",
        open_paper_account,
    ),
}


def open_broker(account: Mapping[str, Any], base: Path, clock: Clock) -> Broker:
    """Open the broker of an ``account`` block: ``id``, ``venue``, ``quote`` and the venue's ``options``.

    Paths among the options are relative to ``base``, the folder of the account file. Raises UsageError for a
    venue that is not in this version, FileIsInvalid for options the venue does not understand.
    """
    name = str(account.get("venue") or "paper")
    venue = VENUES.get(name)
    if venue is None:
        raise _no_such_venue(name)
    return venue.open_account(account, base, clock)


def _no_such_venue(name: str) -> UsageError:
    near = difflib.get_close_matches(name, VENUES, n=1)
    if near:
        return UsageError(f"there is no venue `{name}`", hint=f"did you mean `{near[0]}`?")
    return UsageError(
        f"the venue `{name}` is not in this version: live venues are yet to come",
        hint=f"what works: {', '.join(VENUES)}; a recorded snapshot of a live account is replayed with "
        "`venue: paper` and `start_from` under its options",
    )
