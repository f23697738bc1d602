"""The bar that moves while an account is read: on a terminal only, late, and gone afterwards."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = """
import time
from exitplan.cli.rendering.waiting import waiting
with waiting("Reading it") as end:
    time.sleep(1)
    end()
    print("read")
"""
QUICK = SLOW.replace("time.sleep(1)", "pass")
FAILING = SLOW.replace("end()", "raise SystemExit(3)")
ANSWERED = SLOW.replace(
    "    time.sleep(1)",
    """
    from exitplan.brokers.call_log import log_call
    for number in range(4):
        log_call("coinbase", "GET /orders", 0.1, "ok" if number else "NetworkError")
    time.sleep(1)
""",
)
QUIET = "from exitplan.cli.output import OUTPUT\nOUTPUT.is_quiet = True" + SLOW


def on_a_terminal(code: str, **environment: str) -> tuple[str, str, int]:
    """Run code with a terminal as its stderr; returns its stdout, what the terminal got, and its exit code."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**known, "TERM": "xterm", **environment},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=False,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # what Linux answers when the other side has gone
        pass
    os.close(ours)
    return ran.stdout, shown.decode(errors="replace"), ran.returncode


def test_what_takes_long_is_told_on_the_terminal_and_erased() -> None:
    out, shown, code = on_a_terminal(SLOW)
    assert (out, code) == ("read\n", 0)
    assert "Reading it " in shown
    assert shown.rstrip().endswith("\x1b[2K")


def test_answers_and_failures_are_counted() -> None:
    assert "3 answers, 1 failed" in on_a_terminal(ANSWERED)[1]


@pytest.mark.parametrize("code", [QUICK, QUIET])
def test_what_is_quick_or_quiet_is_not(code: str) -> None:
    assert on_a_terminal(code) == ("read\n", "", 0)


def test_a_terminal_that_cannot_erase_gets_nothing() -> None:
    assert on_a_terminal(SLOW, TERM="dumb") == ("read\n", "", 0)


def test_no_color_turns_without_colours() -> None:
    shown = on_a_terminal(SLOW, NO_COLOR="1")[1]
    assert "Reading it " in shown
    assert not re.search(r"\x1b\[[0-9;]*m", shown)


def test_a_failure_ends_the_line_too() -> None:
    _, shown, code = on_a_terminal(FAILING)
    assert code == 3
    assert shown.rstrip().endswith("\x1b[2K")


def test_what_is_no_terminal_gets_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SLOW], env={**os.environ, "FORCE_COLOR": "1"}, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("read\n", "")
