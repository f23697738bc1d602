"""The original's command lines, word for word after ``exitplan run``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.env_accounts import implied_account
from tests.cli.conftest import Ran, xp
from tests.cli.live import NAME, live_venue
from tests.venues.server import Handle

LINES = [
    "--verify-only",
    "--phase 2",
    "--phase all",
    "--max-positions 10 --dust-pct 0.02 --dry-run",
    "--user-id user123",
    "--mode platform-first",
    "--mode user-background --user-id user123",
    "--account-id user123",
    "--phase 1",
    "--phase 3 --dust-threshold-pct 0.02 --stale-minutes 45",
    "--verify-only --data-dir elsewhere",
]


def run(line: str) -> Ran:
    return xp("run", *line.split())


def code_of(line: str) -> int:
    """The exit code of a line for an account that is not CLEAN: a phase that was done is no failure."""
    return 0 if any(f"--phase {number}" in line for number in (1, 2, 3)) else 2


@pytest.fixture
def coinbase(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handle]:
    """Work in an empty folder; the keys of a coinbase on loopback are in the environment, and there is nothing else."""
    with live_venue("coinbase", monkeypatch, nothing / "cache") as handle:
        for variable, value in handle.credentials.environment("COINBASE").items():
            monkeypatch.setenv(variable, value)

        def on_loopback(policy: Path, block: Mapping[str, Any]) -> AccountFile:
            return implied_account(policy, {**block, "base_url": handle.base_url})

        monkeypatch.setattr("exitplan.cli.compat.implied_account", on_loopback)
        yield handle


# --- at paper ---


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("broker", ["", "--broker paper "])
def test_a_line_works_for_an_account_that_has_a_file(broker: str, line: str) -> None:
    shown = run(broker + line)
    assert (shown.code, shown.err) == (code_of(line), ""), "the demo account is not CLEAN yet"


@pytest.mark.usefixtures("folder")
def test_a_line_ends_with_0_only_where_the_account_is_clean() -> None:
    Path("policies/accounts/demo.yaml").write_text(
        Path("policies/accounts/demo.yaml").read_text(encoding="utf-8")
        + "protect: [{symbol: LUNA/USD, reason: mine}, {symbol: VOUCHER/USD, reason: mine}]\n",
        encoding="utf-8",
    )
    codes = [run("--broker paper").code for _ in range(5)]
    assert codes == sorted(codes, reverse=True)
    assert codes[-1] == run("--verify-only").code == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--mode user-background", "name it with --user-id"),
        ("--mode fast", "--mode"),
        ("--phase 5", "there is no phase 5"),
        ("--broker kraken", "the account platform is at paper, not at kraken"),
        ("--broker paper --user-id user12", "did you mean 'user123'?"),
        ("--account-id platform --account user123", "are two accounts"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(line: str, said: str) -> None:
    shown = run(line)
    assert (shown.code, shown.out) == (64, "")
    assert said in shown.err


@pytest.mark.usefixtures("folder")
def test_full_means_everybody_unless_one_is_named() -> None:
    assert "user123" in run("--mode full --dry-run").out
    assert "user123" not in run("--mode full --dry-run --user-id platform").out


def test_an_account_may_be_named_by_the_path_of_its_file(folder: Path) -> None:
    path = "policies/accounts/user123.yaml"
    assert run(f"--broker paper --account {path} --dry-run").code == 2
    assert "is at paper, not at kraken" in run(f"--broker kraken --account {path}").err


def test_of_several_accounts_at_a_venue_one_must_be_named(folder: Path) -> None:
    demo = folder / "policies/accounts/demo.yaml"
    demo.write_text(demo.read_text(encoding="utf-8").replace("id: platform", "id: demo"), encoding="utf-8")
    shown = run("--broker paper --dry-run")
    assert (shown.code, "name one with --user-id or --account: demo, user123" in shown.err) == (64, True)


def test_a_broken_account_file_may_be_the_one_that_is_meant(folder: Path) -> None:
    for path in folder.glob("policies/accounts/*.yaml"):
        path.write_text("version: [", encoding="utf-8")
    assert run("--broker coinbase").code == 65


@pytest.mark.usefixtures("folder")
def test_all_at_a_venue_are_picked_and_one_that_was_named_must_be_there() -> None:
    assert run("--all --broker paper --dry-run").code == 2
    shown = run("--account platform --account user123 --broker kraken --dry-run")
    assert (shown.code, shown.err.count("is at paper, not at kraken")) == (64, 2)


# --- with nothing but keys in the environment ---


def test_a_venue_and_its_keys_are_all_that_is_needed(coinbase: Handle) -> None:
    shown = run("--broker coinbase")
    assert shown.code == 2
    assert "no account file is at coinbase: platform is the account of env:COINBASE, in USD" in shown.err
    assert coinbase.venue.calls("writes")
    assert Path("data/legacy_exit_protocol_state.json").is_file()
    assert xp("gate").code == 2


def test_a_user_has_keys_and_a_state_of_their_own(coinbase: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("--broker coinbase --user-id user123 --phase 2")
    assert (shown.code, "COINBASE_USER123_API_KEY is missing" in shown.err) == (3, True)
    for variable, value in coinbase.credentials.environment("COINBASE_USER123").items():
        monkeypatch.setenv(variable, value)
    assert run("--broker coinbase --user-id user123 --phase 2").code == 0
    assert Path("data/users/user123/journal.db").is_file()
    assert not Path("data/journal.db").exists()
    assert "cannot be '..'" in run("--broker coinbase --user-id ..").err


@pytest.mark.parametrize("line", ["--verify-only", "--phase 1", "--max-positions 10 --dust-pct 0.02 --dry-run"])
def test_without_a_venue_and_account_files_the_keys_of_coinbase_are_meant(coinbase: Handle, line: str) -> None:
    shown = run(line)
    assert (shown.code, "platform is the account of env:COINBASE" in shown.err) == (code_of(line), True)
    assert not coinbase.venue.calls("writes")


@pytest.mark.parametrize("line", ["", "--phase 2"])
def test_so_they_are_for_lines_that_trade(coinbase: Handle, line: str) -> None:
    assert run(line).code == code_of(line)
    assert coinbase.venue.calls("writes")


def test_a_user_without_keys_never_trades_with_those_of_the_platform(coinbase: Handle) -> None:
    shown = run("--user-id user123")
    assert (shown.code, "COINBASE_USER123_API_KEY is missing" in shown.err) == (3, True)
    assert not coinbase.venue.calls()


def test_an_account_file_at_the_venue_is_taken_before_the_keys(coinbase: Handle) -> None:
    xp("init", "--from-venue", "coinbase", "--credentials", f"env:{NAME}", "--base-url", coinbase.base_url)
    shown = run("--broker coinbase --dry-run --json")
    assert (shown.code, "no account file" in shown.err) == (2, False)
    assert shown.json["account"]["id"] == "coinbase"


@pytest.mark.parametrize(
    ("venue", "said"),
    [("coinbse", "coinbase"), ("paper", "exitplan init"), ("bitfinex", "exitplan init --from-venue bitfinex")],
)
def test_a_venue_without_usual_keys_or_quote_needs_an_account_file(venue: str, said: str) -> None:
    shown = run(f"--broker {venue}")
    assert (shown.code, said in shown.err) == (64, True)


def test_keys_that_are_not_there_are_told_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY", raising=False)
    shown = run("--broker kraken")
    assert (shown.code, "KRAKEN_API_KEY is missing" in shown.err) == (3, True)
