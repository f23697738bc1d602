"""The two profiles of the tests, and that they end wherever they are started."""

from __future__ import annotations

import os
import subprocess
import sys

from tools.locks import ROOT


def run_pytest(*arguments: str, ignoring_interrupts: bool = False, profile: str = "ci") -> str:
    line = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *arguments]
    trapped = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *line]
    done = subprocess.run(
        trapped if ignoring_interrupts else line,
        cwd=ROOT,
        env={**os.environ, "TEST_PROFILE": profile},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_tests_that_interrupt_end_also_where_the_shell_ignores_interrupts() -> None:
    names = ("cli/test_start_up.py::test_ctrl_c_while_planning_is_cancelled", "cli/test_apply_command.py")
    selected = [f"tests/{names[0]}", f"tests/{names[1]}::test_on_a_terminal_only_yes_goes_on[\\x03-8]"]
    assert "2 passed" in run_pytest(*selected, ignoring_interrupts=True)


def test_thorough_tests_are_left_out_unless_they_are_asked_for() -> None:
    file, name = "tests/tools/test_mutants.py", "test_the_tool_tells_who_survives"
    usual, thorough = (run_pytest("--collect-only", file, profile=profile) for profile in ("ci", "thorough"))
    assert name not in usual
    assert name in thorough
    assert name in run_pytest("--collect-only", file, "-m", "thorough")
