"""A project with a run, and ``exitplan metrics`` as a process beside it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.cli.test_start_up import environment


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in the demo project, in which the demo account was run once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("project")
        for name in ("EXITPLAN_DATA", "EXITPLAN_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("EXITPLAN_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        assert xp("init").code == 0
        assert xp("run").code == 2
        yield folder


@contextmanager
def listening(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a project's metrics for the time of the block; gives the process and where it listens."""
    line = [sys.executable, "-m", "exitplan", "-C", str(folder), "metrics", "--listen", "127.0.0.1:0", *words]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        match = re.search(r"http://(\S+)/metrics", said)
        assert match, said
        yield process, match[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
