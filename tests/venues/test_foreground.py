"""``python -m tests.venues`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exitplan.executor.accounts.env_accounts import usual_quote
from tests.venues.fronts import FRONTS

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.venues", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str], lines: int) -> str:
    """Return the first lines; the first one comes when the venue listens."""
    assert process.stdout is not None
    return "".join(process.stdout.readline() for _ in range(lines))


@pytest.mark.parametrize("name", FRONTS)
def test_a_venue_says_how_to_go_on_and_ends_quietly_on_ctrl_c(name: str) -> None:
    with start(name) as process:
        said = told(process, 6)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=20)
    base_url = re.search(r"http://127\.0\.0\.1:\d+", said.splitlines()[0])
    assert base_url is not None
    assert f"exitplan init practice --from-venue {name} --credentials env:{name.upper()}_DEMO" in said
    assert f"--base-url {base_url[0]}" in said
    assert ("--quote USD" in said) == (usual_quote(name) != "USD")
    assert (process.returncode, complaints) == (0, "")


def test_a_shell_takes_the_credentials_from_the_export_lines() -> None:
    with start("coinbase", "--env") as process:
        lines = told(process, 3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    script = lines + 'printf %s "$COINBASE_DEMO_API_SECRET"'
    shown = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert shown.stdout.startswith("-----BEGIN EC PRIVATE KEY-----\\n")
