"""Logging: a trace of everything a command does, for people and as JSON, and never a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from exitplan.cli.logs import ROOT, globals_first, start_logging, stop_logging
from exitplan.executor.logs import RUN, note
from tests.cli.conftest import xp


def lines(file: str = "log.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("folder")
def test_a_run_leaves_every_step_in_the_log_in_its_order() -> None:
    assert xp("run", "--log-file", "log.jsonl").code == 2
    entries = lines()
    journal = [entry["event"] for entry in entries if entry["logger"] == "exitplan.journal"]
    run = [entry["event"] for entry in entries if entry["logger"] == "exitplan.run"]
    assert journal[:3] == ["lease_taken", "plan_added", "run_begun"]
    assert journal[-3:] == ["run_ended", "plan_ended", "lease_released"]
    assert journal.count("sending") == journal.count("done") == 16
    assert (run[0], run[-1]) == ("planned", "run_finished")
    assert "ZOMBIE_ESCALATED" in run
    escalated = next(entry for entry in entries if entry["event"] == "ZOMBIE_ESCALATED")
    assert (escalated["level"], escalated["account"], escalated["symbol"]) == ("CRITICAL", "platform", "LUNA/USD")
    assert all(entry["at"].endswith("Z") for entry in entries)


@pytest.mark.usefixtures("folder")
def test_the_file_may_be_named_in_the_environment_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_LOG", "log.jsonl")
    xp("verify")
    xp("verify")
    assert [entry["event"] for entry in lines()].count("verified") == 2


@pytest.mark.usefixtures("folder")
def test_people_see_what_is_done_with_v_and_every_step_with_vv() -> None:
    quiet, verbose, very = xp("verify"), xp("verify", "-v"), xp("-vv", "verify")
    assert (quiet.err, quiet.out) == ("", verbose.out)
    assert "INFO     exitplan.run: verified account=platform state=NEEDS_CLEANUP" in verbose.err
    assert "lease_taken" not in verbose.err
    assert "DEBUG    exitplan.journal: lease_taken account=platform" in very.err


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_in_the_log() -> None:
    Path("data").mkdir(exist_ok=True)
    Path("data/positions.json").write_text("{", encoding="utf-8")
    assert "verified account=platform state=UNKNOWN" in xp("verify", "-v").err


@pytest.mark.usefixtures("folder")
def test_a_log_that_cannot_be_written_is_told_before_anything_is_done() -> None:
    shown = xp("run", "--log-file", "no/such/log")
    assert (shown.code, "cannot write the log no/such/log" in shown.err) == (1, True)
    assert not Path("data/journal.db").exists()


def test_secrets_are_taken_out_whoever_logged_them(tmp_path: Path) -> None:
    start_logging(0, tmp_path / "log")
    note(RUN, "strange", reply="Authorization: Bearer abcdefghijklmnopqrstuvwxyz", count=3)
    venue = logging.getLogger("exitplan.venue")
    venue.warning("api_secret=%s", "hunter2hunter2", extra={"url": "?signature=0123456789abcdef"})
    stop_logging()
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert not any(secret in text for secret in ("abcdefghijklmnop", "hunter2", "0123456789abcdef"))
    assert text.count("[redacted]") >= 3
    assert lines(str(tmp_path / "log"))[0]["count"] == 3


def test_what_another_program_has_set_up_is_left_alone() -> None:
    own = logging.NullHandler()
    ROOT.addHandler(own)
    start_logging(2, None)
    stop_logging()
    assert (ROOT.handlers, ROOT.level) == ([own], logging.NOTSET)
    ROOT.removeHandler(own)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("run -v --json", "-v run --json"),
        ("run --log-file x", "--log-file x run"),
        ("run --log-file=x -a b", "--log-file=x run -a b"),
        ("halt -- -v", "halt -- -v"),
        ("run --log-file", "--log-file run"),
        ("plan -no-color", "--no-color plan"),
        ("-chdir=trading plan -quiet", "-C trading --quiet plan"),
    ],
)
def test_the_options_of_logging_may_stand_anywhere(typed: str, read: str) -> None:
    assert globals_first(typed.split()) == read.split()
