"""The set-up of a checkout: one process at a time, and only what is locked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import venv

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from tools import venv
venv.LOCK_FILE = pathlib.Path(sys.argv[2])
with venv.one_at_a_time():
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(lock: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(ROOT), str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    with hold(tmp_path / "lock") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with hold(tmp_path / "lock") as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "waiting for another process that is setting up .venv\n"
            first.communicate("")
            assert second.communicate("")[0] == "held\n"


def test_a_killed_set_up_leaves_no_lock_behind(tmp_path: Path) -> None:
    with hold(tmp_path / "lock") as first:
        assert first.stdout is not None
        first.stdout.readline()
        first.kill()
    with hold(tmp_path / "lock") as second:
        assert second.communicate("")[0] == "held\n"


def test_nothing_is_resolved_or_fetched_to_build_with(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(venv, "_run", lambda command, **_: commands.append(list(command)))
    venv._install("dev")
    (command,) = commands
    assert {"--no-deps", "--no-build-isolation", "--require-hashes"} <= set(command)
