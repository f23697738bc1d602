"""Opening a broker by the venue an account file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.brokers.registry import open_broker
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.ruleset.errors import CredentialsMissing, FileIsInvalid, UsageError
from tests.brokers.accounts import NOW


def test_a_paper_account_opens(tmp_path: Path) -> None:
    account = {"id": "platform", "venue": "paper", "quote": "USD", "options": {"start_from": "demo"}}
    broker = open_broker(account, tmp_path, lambda: NOW)
    assert broker.venue == "paper"
    assert broker.read_account().account == "platform"


def test_a_venue_that_there_is_not_says_which_is_near(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="krakn") as failure:
        open_broker({"id": "platform", "venue": "krakn", "quote": "USD"}, tmp_path, lambda: NOW)
    assert failure.value.hint == "did you mean `kraken`?"


def test_a_live_account_without_credentials_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissing, match="names no credentials"):
        open_broker({"id": "platform", "venue": "kraken", "quote": "USD"}, tmp_path, lambda: NOW)


def test_wrong_options_are_found_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(FileIsInvalid):
        open_broker({"id": "platform", "venue": "paper", "options": {"fee": 1}}, tmp_path, lambda: NOW)


@pytest.mark.parametrize("venue", KNOWN)
def test_every_known_venue_has_a_dialect_of_its_own(venue: str) -> None:
    assert dialect_of(venue).traits.venue == venue
