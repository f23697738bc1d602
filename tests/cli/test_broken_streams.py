"""Readers that go away, full disks behind a stream, streams that are closed, pipes and files of others as targets."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.cli.test_start_up import environment

STARTED = f"{sys.executable} -m exitplan"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in which $XP is exitplan; its first part's exit code is printed last."""
    script = f'{line}; echo "code ${{PIPESTATUS[0]}}"'
    return subprocess.run(
        ["/bin/bash", "-c", script],
        env=environment(XP=STARTED),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def outcomes() -> dict[str, int]:
    """Count what became of the orders, and how the run ended, by the journal."""
    with sqlite3.connect("data/journal.db") as journal:
        counted = dict(journal.execute("SELECT status, count(*) FROM intents GROUP BY 1"))
        (ended,) = journal.execute("SELECT exit_code FROM runs").fetchone()
    journal.close()
    return {**counted, "exit code": ended}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$XP apply --auto-approve | true", 0),
        pytest.param("$XP apply --auto-approve --json | true", 0, marks=pytest.mark.thorough),
        ("$XP apply --auto-approve > /dev/full", 0),
        ("$XP apply --auto-approve --json-into /dev/full > /dev/null", 0),
        ("$XP apply --auto-approve -vv --log-file /dev/full 2> /dev/full > /dev/null", 0),
        ("$XP apply --auto-approve >&- 2>&- <&-", 0),
        ("$XP run | true", 2),
        pytest.param("$XP run -vv 2>&1 | true", 2, marks=pytest.mark.thorough),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_run_whose_stream_breaks_is_finished_and_journalled(line: str, code: int) -> None:
    ended = shell(line)
    assert (outcomes(), ended.stdout.split()[-1]) == ({"done": 16, "exit code": 0}, str(code))
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [("show nowhere.json", 65), ("show nowhere.json --json", 65), ("plan --json", 1), ("plan --zzz --json", 64)],
)
@pytest.mark.usefixtures("folder")
def test_a_failure_that_stdout_cannot_take_is_told_on_stderr(line: str, code: int) -> None:
    ended = shell(f"$XP {line} > /dev/full")
    assert "Traceback" not in ended.stderr
    assert (ended.stdout.split()[-1], "error" in ended.stderr) == (str(code), True)


@pytest.mark.parametrize("line", ["show nowhere.json --json | true", "show nowhere.json 2> /dev/full"])
@pytest.mark.usefixtures("folder")
def test_a_failure_that_nobody_can_read_leaves_its_code(line: str) -> None:
    ended = shell(f"$XP {line}")
    assert (ended.stdout.split()[-1], ended.stderr) == ("65", "")


@pytest.mark.parametrize("line", ["plan", "verify", "--version", "plan --json", "--help"])
@pytest.mark.usefixtures("folder")
def test_a_closed_stdout_is_no_traceback(line: str) -> None:
    ended = shell(f"$XP {line} >&-")
    assert (ended.stdout.split()[-1] in {"0", "2"}, ended.stderr) == (True, "")


@pytest.mark.parametrize(
    "line",
    [
        "plan --policy pipe",
        "plan --snapshot pipe",
        "apply pipe",
        "show pipe",
        "diff pipe plan.json",
        "validate pipe",
        "state take-tracker pipe",
        "--log-file pipe plan",
        "apply --auto-approve --json-into pipe",
    ],
)
@pytest.mark.usefixtures("saved")
def test_a_named_pipe_in_place_of_a_file_is_not_waited_for(line: str) -> None:
    os.mkfifo("pipe")
    assert xp(*line.split()).code in {1, 65}


@pytest.mark.parametrize("name", ["data/positions.json", "data/legacy_exit_protocol_state.json"])
@pytest.mark.usefixtures("folder")
def test_a_named_pipe_in_the_data_folder_is_not_waited_for(name: str) -> None:
    Path("data").mkdir(exist_ok=True)
    os.mkfifo(name)
    assert xp("plan").code == 65


def kept(path: Path) -> object:
    """Return what a file holds; of a journal its runs, since that a command has failed is noted in it."""
    content = path.read_bytes()
    if not content.startswith(b"SQLite"):
        return content
    with closing(sqlite3.connect(path)) as journal:
        return journal.execute("SELECT run_id, plan_id, ended_at FROM runs").fetchall()


@pytest.mark.parametrize(
    "line",
    [
        "apply --auto-approve --json-into {}",
        "plan --out {}",
        "snapshot --out {}",
        "--log-file {} plan",
    ],
)
@pytest.mark.parametrize("name", ["data/journal.db", "data/positions.json", "policies/default.yaml", "a-link"])
@pytest.mark.usefixtures("saved")
def test_no_output_is_written_over_a_file_of_the_project(line: str, name: str) -> None:
    assert xp("apply", "plan.json").code == 0
    Path("a-link").symlink_to("data/journal.db")
    before = kept(Path(name))
    shown = xp(*line.format(name).split(), "--json")
    assert (shown.code, "is a file of the project" in json.dumps(shown.error)) == (64, True)
    assert kept(Path(name)) == before
