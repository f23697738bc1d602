"""What reads an account's files alone needs no keys of its venue."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.executor.accounts.account import AccountRequest, open_account
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.errors import AccountUnreadable
from tests.builders import NOW
from tests.cli.conftest import write_account, xp
from tests.cli.live import foreign_credentials, init_words, live_venue, use_credentials

LINES = [
    "status",
    "status --all",
    "status --json",
    "history",
    "retry LUNA/USD",
    "state export",
    "state import",
    "policies show",
    "unlock",
    "resolve",
    "halt",
    "resume",
    "validate",
]


@pytest.fixture
def keyless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work with an account that was run once, whose venue is a live one now and its keys are nowhere."""
    for field in ("KEY", "SECRET"):
        monkeypatch.delenv(f"NOWHERE_API_{field}", raising=False)
    xp("run")
    write_account(folder, "  credentials: env:NOWHERE\n")
    file = folder / "policies/accounts/demo.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("venue: paper", "venue: kraken"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("line", LINES)
def test_no_keys_are_needed_for_what_reads_only_files(line: str, keyless: Path) -> None:
    shown = xp(*line.split())
    assert (shown.code, shown.err) == (0, "")


@pytest.mark.parametrize("line", ["plan", "verify", "snapshot", "run"])
def test_what_asks_the_venue_says_which_variables_to_set(line: str, keyless: Path) -> None:
    shown = xp(line)
    assert shown.code == 3
    assert "export NOWHERE_API_KEY=..., export NOWHERE_API_SECRET=..." in shown.err


def test_breaking_the_lease_of_a_live_account_asks_for_its_id(keyless: Path) -> None:
    with account_lease(Path("data/account.lock"), "platform", NOW):
        shown = xp("unlock")
    assert (shown.code, "Type the account's id" in shown.err) == (8, True)


def test_an_account_opened_without_its_venue_cannot_be_asked_anything(keyless: Path) -> None:
    account = open_account(AccountRequest(clock=lambda: NOW, offline=True, account="platform"))
    assert account.broker.venue == "kraken"
    with pytest.raises(AccountUnreadable, match="kraken cannot be asked"):
        account.broker.read_account()
    with pytest.raises(AccountUnreadable):
        _ = account.broker.capabilities


@pytest.mark.parametrize("venue", ["kraken", "coinbase", "binance", "bybit"])
def test_a_key_that_the_venue_refuses_is_the_same_exit_code_everywhere(
    venue: str, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_venue(venue, monkeypatch, nothing / "cache") as handle:
        assert xp(*init_words(handle)).code == 0
        use_credentials(foreign_credentials(venue), monkeypatch)
        for words in (["plan"], ["verify"], ["verify", "--json"], ["snapshot"]):
            assert xp(*words, "--account", venue).code == 3
