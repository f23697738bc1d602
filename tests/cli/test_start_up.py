"""The command line as a process: what it imports, and what it does when a stream breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import position, snapshot
from tests.cli.conftest import write_snapshot

ROOT = Path(__file__).parents[2]
HEAVY = {"rich", "yaml", "jsonschema", "durable_rules_engine", "sqlite3", "orjson", "pydantic", "ccxt", "asyncio"}


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def process(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "exitplan", *words]
    return subprocess.run(line, capture_output=True, text=True, env=environment(**more), check=False, timeout=60)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); from exitplan.cli.main import main; sys.argv = ['exitplan', '--help']\n"
        "try: main()\n"
        "except SystemExit: print('LOADED', *set(sys.modules) - before)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    loaded = set(shown.stdout.partition("LOADED ")[2].split())
    assert "exitplan.cli.verbs" in loaded
    assert not loaded & HEAVY
    rooms = {name for name in loaded if name.startswith(("exitplan.executor", "exitplan.brokers", "exitplan.schemas"))}
    # Where the project is has to be known for -C; that needs nothing but the standard library.
    known = {"exitplan.executor", "exitplan.executor.accounts", "exitplan.executor.accounts.project"}
    assert rooms <= known | {"exitplan.brokers", "exitplan.brokers.private_files"}


def test_a_paper_plan_loads_nothing_of_live_venues_of_groups_of_signing_keys_or_of_bars(folder: Path) -> None:
    code = (
        "import sys; from exitplan.cli.main import main; sys.argv = ['exitplan', 'plan']\n"
        "try: main()\n"
        "except SystemExit: print('LOADED', *sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=environment(), check=True
    )
    loaded = set(shown.stdout.partition("LOADED ")[2].split())
    assert "exitplan.ruleset.planning.planner" in loaded
    rooms = (
        "exitplan.brokers.venues",
        "exitplan.brokers.live.dialect",
        "exitplan.executor.escalation",
        "exitplan.ruleset.groups",
    )
    assert not {name for name in loaded if name.startswith(rooms)}
    assert loaded & {"ccxt", "rich.progress", "exitplan.executor.signing.keys", "exitplan.executor.gate"} == set()


def test_python_m_exitplan_is_the_command() -> None:
    shown = process("--version")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("exitplan ")


def test_a_closed_pipe_is_no_error_message() -> None:
    assert process("init").returncode == 0
    line = f"{sys.executable} -m exitplan schema policy | head -1; exit $PIPESTATUS"
    shown = subprocess.run(  # noqa: S602 - a pipe of the shell is what is tested
        line, shell=True, executable="/bin/bash", capture_output=True, text=True, env=environment(), check=False
    )
    assert shown.stderr == ""
    assert shown.stdout == "{\n"
    assert shown.returncode in {0, 141}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_an_error_of_one_line() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        shown = subprocess.run(
            [sys.executable, "-m", "exitplan", "schema", "policy"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert shown.returncode == 1
    assert shown.stderr == "error: No space left on device\n"


def test_a_stream_that_knows_no_unicode_shows_codes() -> None:
    path = write_snapshot(snapshot(position("ÄÄÄ/USD")))
    shown = process("plan", "--snapshot", str(path), PYTHONIOENCODING="ascii:strict")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\xc4\\xc4\\xc4/USD" in shown.stdout


def test_ctrl_c_while_planning_is_cancelled() -> None:
    code = (
        "import os, signal, sys, exitplan.cli.commands.plan, exitplan.executor.plan\n"
        "exitplan.cli.commands.plan.make_requested_plan = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "from exitplan.cli.main import main; sys.argv = ['exitplan', 'plan']; main()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False, timeout=60
    )
    assert shown.returncode == 8
    assert shown.stderr == "error: interrupted\n"


def test_an_engine_that_cannot_be_imported_is_named_with_the_line_that_builds_it(tmp_path: Path) -> None:
    broken = tmp_path / "durable_rules_engine.py"
    broken.write_text("raise ImportError('undefined symbol: PyEval_CallObject')", encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    assert process("init", "here").returncode == 0
    line = [sys.executable, "-m", "exitplan", "plan"]
    shown = subprocess.run(
        line, cwd="here", capture_output=True, text=True, env=environment(PYTHONPATH=path), check=False, timeout=60
    )
    assert shown.returncode == 1
    assert "durable-rules cannot be imported: undefined symbol: PyEval_CallObject" in shown.stderr
    assert 'CC="cc -DPyEval_CallObject=PyObject_CallObject" pip install' in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("line", ["plan", "verify", "apply", "run", "validate", "explain BTC/USD"])
def test_an_engine_that_cannot_be_imported_is_told_with_what_builds_it(line: str, folder: Path) -> None:
    code = "import sys; sys.modules['durable_rules_engine'] = None; from exitplan.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, *line.split()],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "unexpected" not in ended.stderr
    assert line == "validate" or (ended.returncode, "PyEval_CallObject" in ended.stderr) == (1, True)
