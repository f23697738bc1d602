"""What a shell is offered: accounts, symbols, rules and schemas of the project in place; and never a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])


def offered(line: str) -> list[str]:
    """Ask as bash does for the last word of a line."""
    words = line.split(" ")
    asked = {"_EXITPLAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    program = "import sys; sys.argv[0] = 'exitplan'; from exitplan.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ROOT, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ran.stderr
    return ran.stdout.split()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exitplan plan --account ", ["platform", "user123"]),
        ("exitplan plan --account us", ["user123"]),
        ("exitplan explain X", ["XLM/USD", "XRP/USD"]),
        ("exitplan plan --account user123 --target XR", ["XRP/USD"]),
        ("exitplan plan --rule ov", ["over-cap"]),
        ("exitplan schema pl", ["plan"]),
        ("exitplan posi", ["positions"]),
    ],
)
def test_words_of_the_project_are_offered(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_where_nothing_can_be_read_nothing_is_offered(nothing: Path) -> None:
    (nothing / "accounts").mkdir()
    (nothing / "accounts/broken.yaml").write_text("{", encoding="utf-8")
    for line in ("exitplan plan --account ", "exitplan explain ", "exitplan plan --rule "):
        assert offered(line) == []
