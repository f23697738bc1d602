"""Opening a broker by the venue an account file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from brokers.registry import VENUES, open_broker
from ruleset.errors import FileIsInvalid, UsageError
from tests.brokers.accounts import NOW


def test_a_paper_account_opens(tmp_path: Path) -> None:
    account = {"id": "platform", "venue": "paper", "quote": "USD", "options": {"start_from": "demo"}}
    broker = open_broker(account, tmp_path, lambda: NOW)
    assert broker.venue == "paper"
    assert broker.read_account().account == "platform"


@pytest.mark.parametrize(("venue", "hint"), [("papr", "did you mean `paper`"), ("kraken", "what works: paper")])
def test_a_venue_that_is_not_here_says_what_is(tmp_path: Path, venue: str, hint: str) -> None:
    with pytest.raises(UsageError, match=venue) as failure:
        open_broker({"id": "platform", "venue": venue}, tmp_path, lambda: NOW)
    assert hint in str(failure.value.hint)


def test_wrong_options_are_found_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(FileIsInvalid):
        open_broker({"id": "platform", "venue": "paper", "options": {"fee": 1}}, tmp_path, lambda: NOW)


def test_every_venue_says_what_it_is() -> None:
    assert all(venue.name == name and venue.summary for name, venue in VENUES.items())
