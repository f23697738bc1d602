"""Accounts at different venues at once, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.cli.live import live_venue
from tests.venues.server import Handle

VENUES = ("coinbase", "kraken")


@pytest.fixture
def venues(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Handle]]:
    """Work in a folder with an account at each of two venues on loopback."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(live_venue(name, monkeypatch, nothing / "cache")) for name in VENUES}
        for name, handle in found.items():
            for variable, value in handle.credentials.environment(name.upper()).items():
                monkeypatch.setenv(variable, value)
            words = ("--from-venue", name, "--credentials", f"env:{name.upper()}", "--base-url", handle.base_url)
            assert xp("init", *words).code == 0
        yield found


def test_a_folder_of_plans_is_applied_at_both_venues(venues: dict[str, Handle]) -> None:
    shown = xp("plan", "--account", "coinbase", "--account", "kraken", "--out", "plans")
    assert (shown.code, shown.err.count("is new for")) == (0, 2)
    applied = xp("apply", "plans")
    assert (applied.code, applied.err.count("is new for")) == (0, 2)
    assert xp("plan", "--account", "coinbase", "--account", "kraken").err == ""
    assert all(handle.venue.calls("writes") for handle in venues.values())


def test_the_keys_of_one_that_are_missing_are_told_of_that_one(
    venues: dict[str, Handle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    shown = xp("verify", "--account", "coinbase", "--account", "kraken", "--json")
    assert (shown.code, [entry["exit_code"] for entry in shown.json["accounts"]]) == (3, [2, 3])
    assert "KRAKEN_API_KEY is missing" in shown.json["accounts"][1]["error"]["message"]


def test_an_account_at_a_live_venue_asks_for_its_name(venues: dict[str, Handle]) -> None:
    shown = xp("apply", "--account", "coinbase", "--account", "kraken")
    assert shown.code == 8
    assert shown.err.count("Type the account's id to go on") == 2
    assert not any(handle.venue.calls("writes") for handle in venues.values())
