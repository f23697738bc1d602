"""A venue on loopback, seen from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exitplan.brokers.live.limits import TokenBucket
from exitplan.executor.accounts.env_accounts import usual_quote
from tests.venues.builders import demo_account
from tests.venues.fronts import new_credentials
from tests.venues.server import Handle, serving
from tests.venues.venue import utc_now
from tests.venues.wire import Credentials

NAME = "LOOPBACK"
"""What the variables with the credentials begin with."""


@contextmanager
def live_venue(venue: str, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Handle]:
    """Serve the demo account, its credentials in the environment and the markets cached in a folder.

    Nobody waits for the venue's rate limits, which have tests of their own.
    """
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(cache))
    wait_for_no_limits(monkeypatch)
    with serving(venue, demo_account(utc_now(), usual_quote(venue) or "USD")) as handle:
        use_credentials(handle.credentials, monkeypatch)
        yield handle


def wait_for_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every call at once, whatever the venue's rate limits."""
    monkeypatch.setattr(TokenBucket, "ready_in", lambda *_: 0.0)
    monkeypatch.setattr(TokenBucket, "take", lambda *_: 0.0)


def use_credentials(credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put credentials into the environment."""
    for variable, value in credentials.environment(NAME).items():
        monkeypatch.setenv(variable, value)


def foreign_credentials(venue: str) -> Credentials:
    """Make credentials of the venue's form that nobody there knows."""
    return new_credentials(venue)


def init_words(handle: Handle, *more: str) -> tuple[str, ...]:
    """Give the words that start from that venue."""
    venue, quote = handle.front.name, handle.venue.start.quote
    words = ("init", "--from-venue", venue, "--credentials", f"env:{NAME}", "--base-url", handle.base_url)
    return (*words, *(() if usual_quote(venue) == quote else ("--quote", quote)), *more)
