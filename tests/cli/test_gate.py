"""The trading gate: open only where the last verification is CLEAN and fresh, and never by mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease
from tests.cli.conftest import Ran, xp


@pytest.fixture
def clean(folder: Path) -> Path:
    """A demo account that is CLEAN: whatever it holds is registered, nothing else is asked of it."""
    make_tolerant(folder)
    for _ in range(6):
        if xp("run").code == 0:
            return folder
    raise AssertionError(xp("verify").out)


def make_tolerant(folder: Path) -> None:
    """Give the demo account a policy under which it becomes CLEAN: the coin that nobody lists is out of its hands."""
    path = folder / "policies/tolerant.yaml"
    path.write_text(
        "version: 1\nname: tolerant\nextends: default.yaml\n"
        "protect: [{symbol: LUNA/USD, reason: nobody lists it}, {symbol: VOUCHER/USD, reason: an airdrop}]\n"
        "exits: [{id: legacy, rule: 3, when: {category: LEGACY_NON_COMPLIANT}, action: close}]\n",
        encoding="utf-8",
    )
    account = folder / "policies/accounts/demo.yaml"
    account.write_text(
        account.read_text(encoding="utf-8").replace("../default.yaml", "../tolerant.yaml"), encoding="utf-8"
    )


def later(monkeypatch: pytest.MonkeyPatch, **passed: float) -> None:
    monkeypatch.setattr("exitplan.cli.commands.gate.present", lambda: datetime.now(UTC) + timedelta(**passed))


def gate(*words: str) -> Ran:
    return xp("gate", *words)


@pytest.mark.usefixtures("clean")
def test_a_clean_account_that_was_just_verified_may_trade() -> None:
    shown = gate("--account", "platform")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("platform: open, the account was CLEAN at ")
    assert shown.out.count("\n") == 1
    told = gate("--json").json
    assert (told["account"], told["open"], told["state"], told["max_age_seconds"]) == ("platform", True, "CLEAN", 3600)


@pytest.mark.usefixtures("clean")
def test_a_verification_that_is_too_old_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, minutes=59)
    assert gate().code == 0
    assert gate("--max-age", "15m").code == 2
    later(monkeypatch, minutes=61)
    shown = gate()
    assert (shown.code, "is older than" in shown.out) == (2, True)
    assert gate("--max-age", "1d").code == 0
    later(monkeypatch, hours=-1)
    assert "lies in the future" in gate().out


@pytest.mark.usefixtures("folder")
def test_an_account_that_was_never_verified_may_not_trade() -> None:
    shown = gate()
    assert (shown.code, shown.out) == (2, "platform: closed, the account was never verified\n")
    assert not Path("data/journal.db").exists()


@pytest.mark.usefixtures("folder")
def test_an_account_that_is_not_clean_may_not_trade() -> None:
    xp("verify")
    shown = gate("--json")
    assert (shown.code, shown.json["state"], shown.json["exit_code"]) == (2, "NEEDS_CLEANUP", 2)


def test_neither_the_venue_nor_its_keys_are_needed_and_a_verification_of_another_venue_opens_nothing(
    clean: Path,
) -> None:
    path = clean / "policies/accounts/demo.yaml"
    text = path.read_text(encoding="utf-8").partition("  options:")[0].replace("venue: paper", "venue: kraken")
    path.write_text(text + "  credentials: env:NOBODY_HAS_SET\n", encoding="utf-8")
    shown = gate()
    assert (shown.code, "it was at paper and is at kraken" in shown.out) == (2, True)
    with open_journal(Path("data/journal.db")) as journal:
        bound = {"venue": "kraken", "address": "production", "key": "the fingerprint of a key"}
        journal.put_state({**(journal.state() or {}), "bound_to": bound})
    Path("data/legacy_exit_protocol_state.json").unlink()
    assert gate().code == 0


def test_an_account_without_a_file_that_was_verified_before_is_found_by_its_id(clean: Path) -> None:
    for path in clean.glob("policies/accounts/*.yaml"):
        path.unlink()
    assert gate().code == 0
    assert gate("--account", "platform").code == 0
    assert gate("--account", "user9").code == 64
    assert "cannot be '..'" in gate("--account", "..").err


@pytest.mark.usefixtures("clean")
def test_a_state_that_was_edited_by_hand_closes_it() -> None:
    path = Path("data/legacy_exit_protocol_state.json")
    path.write_text(path.read_text(encoding="utf-8").replace("cleaned", "cleaned "), encoding="utf-8")
    shown = gate()
    assert (shown.code, "the state cannot be read" in shown.out) == (2, True)


def test_of_several_accounts_each_is_told_and_one_closes_for_all(clean: Path) -> None:
    shown = gate("--all")
    assert shown.code == 2
    assert [line.split(",")[0] for line in shown.out.splitlines()] == ["platform: open", "user123: closed"]
    (clean / "policies/accounts/broken.yaml").write_text("version: [", encoding="utf-8")
    broken = gate("--all", "--json")
    assert (broken.code, [entry["exit_code"] for entry in broken.json["accounts"]]) == (65, [0, 2, 65])
    assert "this is not YAML" in gate("--all").err


@pytest.mark.parametrize("text", ["0s", "1", "h", "-1h", "1w", "1.5h", "", "9999999d"])
@pytest.mark.usefixtures("folder")
def test_what_is_no_duration_is_refused(text: str) -> None:
    shown = gate(f"--max-age={text}")
    assert (shown.code, "such as 90s, 15m, 1h or 1d" in shown.err) == (64, True)


@pytest.mark.usefixtures("folder")
def test_an_account_that_is_mistyped_is_told() -> None:
    assert "did you mean 'platform'?" in gate("--account", "plaform").err


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("line", ["run --dry-run", "plan"])
def test_a_run_or_plan_that_cannot_read_the_account_closes_it(line: str) -> None:
    Path("data/positions.json").write_text("{broken", encoding="utf-8")
    assert xp(*line.split()).code == 65
    assert (gate().code, gate("--json").json["state"]) == (2, "UNKNOWN")


@pytest.mark.usefixtures("clean")
def test_a_run_of_several_that_cannot_read_one_closes_that_one() -> None:
    Path("data/positions.json").write_text("{broken", encoding="utf-8")
    assert xp("run", "--all", "--json").code == 65
    assert gate("--account", "platform", "--json").json["state"] == "UNKNOWN"


@pytest.mark.parametrize("line", ["--max-positions 100", "--stale-minutes 9000", "--policy policies/lax.yaml"])
def test_a_verification_under_other_rules_than_its_own_closes_it(line: str, clean: Path) -> None:
    lax = "version: 1\nname: lax\nextends: tolerant.yaml\nparameters: {max_positions: 100}\n"
    (clean / "policies/lax.yaml").write_text(lax, encoding="utf-8")
    assert xp("verify", *line.split()).code == 0
    shown = gate()
    assert (shown.code, "verified under another policy" in shown.out) == (2, True)
    assert xp("verify").code == 0
    assert gate().code == 0


def test_a_policy_that_was_changed_since_closes_it(clean: Path) -> None:
    path = clean / "policies/tolerant.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "parameters: {max_positions: 7}\n", encoding="utf-8")
    assert (gate().code, gate("--all").code) == (2, 2)


def test_while_the_account_is_in_use_it_is_closed(clean: Path) -> None:
    with account_lease(clean / "data/account.lock", "platform", datetime.now(UTC)):
        shown = gate()
    assert (shown.code, "is in use by process" in shown.out) == (2, True)
    assert gate().code == 0


@pytest.mark.usefixtures("clean")
def test_a_halted_account_may_not_trade() -> None:
    xp("halt", "something is wrong")
    shown = gate()
    assert (shown.code, "everything is halted" in shown.out, shown.out.count("\n")) == (2, True, 1)
    xp("resume")
    assert gate().code == 0
