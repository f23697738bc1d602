"""What a shell is offered: accounts, symbols, rules and schemas of the project in place; and never a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exitplan.cli.main import app
from tests.cli.conftest import xp


def asked(line: str) -> dict[str, str]:
    """Return what bash sets to ask for the last word of a line."""
    words = line.split(" ")
    return {"_EXITPLAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}


def offered(line: str) -> list[str]:
    ran = CliRunner().invoke(app, [], prog_name="exitplan", env=asked(line))
    assert not ran.stderr
    return ran.stdout.split()


@pytest.mark.usefixtures("folder")
def test_a_process_of_its_own_offers_words_as_bash_asks_for_them() -> None:
    program = "import sys; sys.argv[0] = 'exitplan'; from exitplan.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **asked("exitplan plan --account us")}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["user123"], "")


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
        ("exitplan policies show hed", ["hedged"]),
        ("exitplan policies test pr", ["prop-desk"]),
    ],
)
def test_words_of_the_project_are_offered(line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_channels_and_plans_that_wait_are_offered(folder: Path) -> None:
    (folder / "alerts.yaml").write_text("version: 1\nchannels: {desk: {url: env:DESK_URL}}\n", encoding="utf-8")
    assert xp("watch", "--once").code == 2
    (request,) = xp("pending", "--json").json["requests"]
    waiting = str(request["request"])
    assert offered("exitplan alerts test d") == ["desk"]
    for verb in ("approve", "reject", "pending"):
        assert offered(f"exitplan {verb} {waiting[:3]}") == [waiting]


def test_where_nothing_can_be_read_nothing_is_offered(nothing: Path) -> None:
    (nothing / "accounts").mkdir()
    (nothing / "accounts/broken.yaml").write_text("{", encoding="utf-8")
    for line in ("exitplan plan --account ", "exitplan explain ", "exitplan plan --rule ", "exitplan approve "):
        assert offered(line) == []
