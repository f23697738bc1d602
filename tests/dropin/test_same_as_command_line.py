"""The Python API and the command line plan and do the same for the same account, at a venue of exitplan's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exitplan import AccountState, ForcedPositionCleanup, LegacyPositionExitProtocol, get_broker_integration
from exitplan.cli.main import app
from exitplan.ruleset.errors import CredentialsMissing, NoSuchAccount, UsageError
from tests.docs.console import ROOT

OPTIONS = {
    "max_positions": "--max-positions",
    "dust_pct_threshold": "--dust-pct",
    "stale_order_minutes": "--stale-minutes",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as ``exitplan init`` makes it, to work in."""
    monkeypatch.chdir(tmp_path)
    run("init", ".")
    return tmp_path


def run(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments)).stdout


def essence(plan: dict[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("kind", "symbol", "side", "quantity", "order_id", "est_value", "phase")
    return [tuple(action[key] for key in keys) for action in plan["actions"]]


def categories(plan: dict[str, Any]) -> dict[str, str]:
    return {entry["symbol"].replace("/", "-"): entry["category"] for entry in plan["positions"]}


def protocol(**more: Any) -> LegacyPositionExitProtocol:
    return LegacyPositionExitProtocol(None, get_broker_integration("paper"), **more)


def test_both_classify_alike(folder: Path) -> None:
    run("plan")  # starts the paper account
    records = json.loads((folder / "data/paper/platform.json").read_text())["tracker"]
    (folder / "data/positions.json").write_text(json.dumps({"positions": records}))
    plan = json.loads(run("plan", "--json"))
    venue = get_broker_integration("paper")
    told = protocol().classify_all_positions(venue.get_open_positions(), venue.get_account_balance())
    mine = {name: entry["category"] for name, entry in told.items()}
    assert mine == categories(plan)


@pytest.mark.parametrize("chosen", [{}, {"max_positions": 3, "dust_pct_threshold": 0.02, "stale_order_minutes": 10}])
def test_both_do_the_same(folder: Path, chosen: dict[str, Any]) -> None:
    options = [part for name, value in chosen.items() for part in (OPTIONS[name], str(value))]
    planned = essence(json.loads(run("plan", "--json", *options)))
    results = protocol(data_dir=folder / "data", **chosen).run_full_protocol()
    stale = [action for action in planned if action[6] == 2]
    assert results["phase2_order_cleanup"]["orders_cancelled"] == len(stale)
    sold = {action[1] for action in planned if action[0] in {"close", "unwind"}}
    assert results["phase3_controlled_exits"]["successful"] == len(sold)
    assert json.loads(run("history", "--json"))["runs"][0]["exit_code"] in {0, 4}


def test_the_journal_of_one_is_the_journal_of_the_other(folder: Path) -> None:
    protocol(data_dir="data").run_full_protocol()
    assert json.loads(run("history", "--json"))["runs"][0]["exit_code"] in {0, 4}


def test_each_takes_the_state_file_as_the_other_left_it(folder: Path) -> None:
    file = folder / "data/legacy_exit_protocol_state.json"
    protocol().run_full_protocol()
    assert "BTC-USD" in json.loads(file.read_text())["classified_positions"]
    assert json.loads(run("status", "--json"))["account_state"] == "NEEDS_CLEANUP"
    run("verify")
    assert "BTC/USD" in json.loads(file.read_text())["classified_positions"]
    assert "BTC-USD" in protocol().state["classified_positions"]
    protocol().verify_clean_state()
    assert "BTC-USD" in json.loads(file.read_text())["classified_positions"]


def test_a_venue_is_asked_and_told_through_the_published_methods(folder: Path) -> None:
    venue = get_broker_integration("paper")
    positions = {entry["symbol"]: entry for entry in venue.get_open_positions()}
    name, found = "SOL-USD", positions["SOL-USD"]
    assert venue.get_current_price(name) == found["current_price"]
    order = venue.get_open_orders()[0]
    assert (venue.cancel_order(order["order_id"]), venue.cancel_order("unknown")) == (True, False)
    assert venue.close_position(name, found["quantity"] / 2)
    left = {entry["symbol"]: entry["quantity"] for entry in venue.get_open_positions()}
    assert left[name] == pytest.approx(found["quantity"] / 2)
    assert venue.close_position("NOTHING-USD") is False


def test_a_protocol_given_a_venue_works_with_it_directly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = get_broker_integration("paper")
    monkeypatch.setattr(type(venue), "close_position", lambda *_: 1 / 0)
    results = LegacyPositionExitProtocol(None, venue, data_dir="data").run_full_protocol()
    assert results["phase3_controlled_exits"]["successful"] > 0
    assert results["phase4_verification"]["account_state"] in {state.value for state in AccountState}


def test_the_forced_cleanup_finds_the_account_files_by_itself(folder: Path) -> None:
    found = ForcedPositionCleanup(max_positions=4).cleanup_positions()
    assert found["status"] == "cleaned", found
    assert found["final_positions"] < found["initial_positions"]


def test_a_user_without_an_account_file_does_not_trade_with_the_keys_of_the_platform(folder: Path) -> None:
    with pytest.raises(NoSuchAccount):
        get_broker_integration("paper", user_id="nobody")


def test_an_account_at_another_venue_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="is at paper"):
        get_broker_integration("coinbase")


def test_credentials_come_from_the_environment_where_there_is_no_account_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COINBASE_API_KEY", raising=False)
    with pytest.raises(CredentialsMissing, match="COINBASE_API_KEY"):
        get_broker_integration("coinbase", root=tmp_path)


def test_a_user_without_an_account_file_has_keys_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINBASE_API_KEY", "the platform's")
    with pytest.raises(CredentialsMissing, match="COINBASE_USER123_API_KEY"):
        get_broker_integration("coinbase", user_id="user123", root=tmp_path)


def test_an_account_that_cannot_be_opened_is_not_clean(folder: Path) -> None:
    state, told = protocol().verify_clean_state("nobody")
    assert (state, told["all_checks_pass"]) == (AccountState.NEEDS_CLEANUP, False)
    assert "'nobody'" in told["error"]
    assert protocol().run_full_protocol("nobody")["success"] is False
    assert protocol().should_enable_trading("nobody") is False


def test_the_only_account_file_at_a_venue_is_meant_whatever_its_id(folder: Path) -> None:
    (folder / "policies/accounts/user123.yaml").unlink()
    demo = folder / "policies/accounts/demo.yaml"
    demo.write_text(demo.read_text().replace("id: platform", "id: kraken-paper"))
    venue = get_broker_integration("Paper")
    mine = LegacyPositionExitProtocol(None, venue)
    mine.run_full_protocol()
    assert json.loads(run("history", "--json", "--account", "kraken-paper"))["runs"]
    assert mine.state == mine.state_of("kraken-paper")
    assert (venue.id, mine.state["account_state"]) == ("kraken-paper", "NEEDS_CLEANUP")
    assert not (folder / "data/journal.db").exists()


def test_of_several_account_files_at_a_venue_one_must_be_named(folder: Path) -> None:
    demo = folder / "policies/accounts/demo.yaml"
    demo.write_text(demo.read_text().replace("id: platform", "id: demo"))
    with pytest.raises(UsageError, match="which account at paper"):
        get_broker_integration("paper")
    assert get_broker_integration("paper", user_id="demo").id == "demo"


@pytest.mark.parametrize(("venue", "quote"), [("alpaca", "USD"), ("binance", "USDT"), ("bybit", "USDT")])
def test_an_implied_account_is_in_the_currency_that_the_command_line_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, quote: str
) -> None:
    monkeypatch.setenv(f"{venue.upper()}_API_KEY", "a-key-of-sixteen")
    monkeypatch.setenv(f"{venue.upper()}_API_SECRET", "a-secret-of-more-than-sixteen")
    assert get_broker_integration(venue, root=tmp_path).account.quote == quote
    assert get_broker_integration(venue, root=tmp_path, quote="EUR").account.quote == "EUR"


def test_a_paper_account_needs_no_file_but_its_own(tmp_path: Path) -> None:
    shutil.copy(ROOT / "brokers/paper/demo-account.json", tmp_path / "platform.paper.json")
    assert get_broker_integration("paper", root=tmp_path).get_open_positions()
