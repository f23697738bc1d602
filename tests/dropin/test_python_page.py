"""The examples of docs/python.md run as they stand, and importing exitplan loads nothing that is not asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import exitplan
from tests.docs.console import ROOT

BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/python.md").read_text(), re.MULTILINE | re.DOTALL)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_of_the_page_does_what_it_shows(number: int, tmp_path: Path) -> None:
    made = run(tmp_path, "-m", "exitplan", "init", ".")
    assert made.returncode == 0, made.stderr
    done = run(tmp_path, "-c", BLOCKS[number])
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_exitplan_loads_nothing_that_is_not_asked_for(tmp_path: Path) -> None:
    rooms = ("ccxt", "exitplan.cli", "exitplan.dropin", "exitplan.executor")
    code = f"import sys, exitplan; print([name for name in {rooms} if name in sys.modules])"
    assert run(tmp_path, "-c", code).stdout == "[]\n"


def test_every_name_is_there_and_no_other() -> None:
    assert all(getattr(exitplan, name) for name in exitplan.__all__)
    assert set(exitplan.__all__) <= set(dir(exitplan))
    with pytest.raises(AttributeError):
        exitplan.Nothing  # noqa: B018
