"""A live account that is about to be worked on without its history, and a tracker that is not read, are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.cli.live import init_words, live_venue
from tests.venues.server import Handle

RECORD = {"entry_price": 45000, "quantity": 0.02, "position_source": "nija_strategy"}


@pytest.fixture
def kraken(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handle]:
    """Work in a folder made from a kraken on loopback."""
    with live_venue("kraken", monkeypatch, nothing / "cache") as handle:
        assert xp(*init_words(handle)).code == 0
        yield handle


@pytest.mark.parametrize("line", ["plan", "verify", "apply --dry-run", "run --dry-run", "plan --all"])
def test_a_first_run_says_that_nothing_is_known(kraken: Handle, nothing: Path, line: str) -> None:
    told = xp(*line.split(), *(() if "--all" in line else ("-a", "kraken"))).err
    assert f"the data folder {nothing / 'data'} is new for kraken: unwinds begin at cycle 1" in told


def test_where_an_account_was_run_nothing_is_said(kraken: Handle) -> None:
    assert xp("apply", "-a", "kraken", "--auto-approve").code in {0, 4}
    assert "data folder" not in xp("plan", "-a", "kraken").err


@pytest.mark.parametrize("line", ["plan", "apply --dry-run", "verify", "plan --json"])
def test_a_history_elsewhere_is_named(
    kraken: Handle, nothing: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    assert xp("apply", "-a", "kraken", "--auto-approve").code in {0, 4}
    told = xp(*line.split(), "-a", "kraken", "--data", "other").err
    assert f"the data folder {nothing / 'other'} is new: kraken has its history in {nothing / 'data'}" in told
    assert f"--data {nothing / 'data'}" in told


def test_two_histories_are_told_at_each_change_between_them(kraken: Handle) -> None:
    line = ("apply", "-a", "kraken", "--auto-approve")
    accept = ("accept-balance", "-a", "kraken", "--auto-approve")  # the orders of one are unknown to the other
    xp(*line)
    xp(*accept, "--data", "other")
    xp(*line, "--data", "other")
    assert "is not where it was worked on last" in xp(*line).err
    xp(*accept)
    xp(*line)
    assert "data folder" not in xp(*line).err


def test_a_history_that_was_removed_is_no_longer_named(kraken: Handle, nothing: Path) -> None:
    xp("apply", "-a", "kraken", "--auto-approve")
    (nothing / "data").rename(nothing / "moved")
    assert "has its history" not in xp("plan", "-a", "kraken").err
    assert "data folder" not in xp("plan", "-a", "kraken", "--data", "moved").err


def test_a_paper_account_may_begin_anew_without_a_word(folder: Path) -> None:
    assert xp("plan").err == ""


# --- a tracker that was there before ---


@pytest.fixture
def tracker(nothing: Path) -> Path:
    """Leave the tracker of a bot that exitplan is to be used beside."""
    path = nothing / "data/positions.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"positions": {"BTC-USD": RECORD, "ETH-USD": RECORD}, "last_updated": None}))
    return path


def test_a_tracker_is_told_and_taken_over_on_request(
    tracker: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_venue("kraken", monkeypatch, nothing / "cache") as handle:
        made = xp(*init_words(handle))
        line = "exitplan state take-tracker data/positions.json --account kraken"
        assert line in made.out
        assert "data/positions.json is that of the account platform" in " ".join(
            xp("verify", "-a", "kraken").out.split()
        )
        assert line.removeprefix("exitplan ") in " ".join(xp("plan", "-a", "kraken").err.split())
        taken = xp(*line.removeprefix("exitplan ").split())
        assert "Took over 2 records" in taken.out
        assert (
            "BTC/USD"
            not in xp("verify", "-a", "kraken", "--json").json["checks"]["registered_positions"]["unregistered"]
        )
    assert (nothing / "data/users/kraken/positions.json").read_bytes() == tracker.read_bytes()


def test_without_a_tracker_none_is_told(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_venue("kraken", monkeypatch, nothing / "cache") as handle:
        assert "take-tracker" not in xp(*init_words(handle)).out


def test_records_that_are_there_are_not_taken_over(tracker: Path, folder: Path) -> None:
    line = ("state", "take-tracker", tracker, "-a", "user123")
    assert (xp(*line).code, xp(*line).code) == (0, 0)
    tracker.write_text(json.dumps({"positions": {"BTC-USD": {**RECORD, "quantity": 1}}}))
    refused = xp(*line)
    assert (refused.code, "has records already" in refused.err) == (64, True)


@pytest.mark.parametrize(("content", "code"), [("{", 65), ('{"positions": {"BTC-USD": {"quantity": "x"}}}', 65)])
def test_what_is_no_tracker_is_not_taken_over(folder: Path, content: str, code: int) -> None:
    Path("t.json").write_text(content)
    assert xp("state", "take-tracker", "t.json", "-a", "user123").code == code
    assert not Path("data/users/user123/positions.json").exists()


def test_nobody_begins_anew_unattended_where_the_history_is_gone(kraken: Handle, nothing: Path) -> None:
    xp("watch", "--once", "-a", "kraken")
    (nothing / "data").rename(nothing / "away")
    gone = xp("watch", "--once", "-a", "kraken")
    assert gone.code == 1
    assert "the journal of kraken in" in gone.out
    xp("verify", "-a", "kraken")  # a person says so
    assert xp("watch", "--once", "-a", "kraken").code == 2


@pytest.mark.parametrize("data", ["a-file", "a-file/below", "dangling"])
@pytest.mark.parametrize("line", ["plan", "verify", "status", "alerts", "gate", "halt", "pending", "history", "report"])
def test_a_file_in_place_of_the_data_folder_is_no_account_without_history(
    nothing: Path, monkeypatch: pytest.MonkeyPatch, line: str, data: str
) -> None:
    assert xp("init").code == 0
    Path("a-file").write_text("", encoding="utf-8")
    Path("dangling").symlink_to("nowhere")
    told = xp(line, "--data", data)
    assert (told.code, told.out) == (64, "")
    assert f"the data folder {data} is no folder" in told.err
    monkeypatch.setenv("EXITPLAN_DATA", data)
    assert xp(line).code == 64


def test_a_file_in_place_of_the_projects_data_folder_is_told(nothing: Path) -> None:
    assert xp("init").code == 0
    Path("data").write_text("", encoding="utf-8")
    assert "the data folder data is no folder" in xp("verify").err
