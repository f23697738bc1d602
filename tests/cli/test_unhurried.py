"""A reader that stalls holds no run: what it does not take is dropped, and told."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exitplan.cli import unhurried
from exitplan.cli.unhurried import Unhurried, may_stall, waiting_for_no_reader
from tests.cli.conftest import xp

SMALLEST = 4096


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unhurried, "PATIENCE", 0.1)
    monkeypatch.setattr(unhurried, "LAST_PATIENCE", 0.3)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe that holds little; whatever hangs in a write to it is let go."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALLEST)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_a_reader_that_keeps_up_gets_everything_in_turn(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with Unhurried(writer) as output:
        for word in (b"one ", b"two ", b"three"):
            output.write(word)
            assert os.read(reader, SMALLEST) == word
        assert output.drain() == 0


def test_a_reader_that_stalls_holds_nobody_and_what_is_too_much_for_the_backlog_is_dropped(
    pipe: tuple[int, int],
) -> None:
    output = Unhurried(pipe[1], backlog=2 * SMALLEST)
    for _ in range(4):
        output.write(b"x" * SMALLEST)
    assert output.dropped
    assert output.drain() == 3 * SMALLEST
    output.close()


def test_what_a_slow_reader_takes_in_the_end_is_not_lost(pipe: tuple[int, int]) -> None:
    output = Unhurried(pipe[1])
    output.write(b"x" * 3 * SMALLEST)
    taken = 0
    while taken < 3 * SMALLEST:
        taken += len(os.read(pipe[0], SMALLEST))
    assert output.drain() == 0
    output.close()


def test_a_reader_that_has_gone_is_told_of_as_ever() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = Unhurried(writer)
    with pytest.raises(BrokenPipeError):
        output.write(b"x")
    assert output.drain() == 0
    os.close(writer)


def test_a_file_never_stalls(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        assert not may_stall(file.fileno())


def test_stdout_is_guarded_for_the_time_of_a_run_and_a_loss_told_on_stderr(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = io.TextIOWrapper(io.FileIO(os.dup(pipe[1]), "w"), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", ours)
    with waiting_for_no_reader():
        sys.stdout.write("x" * 3 * SMALLEST)
        assert sys.stdout is not ours
    assert sys.stdout is ours
    assert "warning: nobody read stdout: 8,192 bytes were dropped" in capsys.readouterr().err
    ours.write("this goes nowhere, and waits for nobody")
    ours.close()


def test_a_named_pipe_that_nobody_empties_does_not_hold_a_run(saved: Path) -> None:
    os.mkfifo("events")
    reader = os.open("events", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, SMALLEST)
    shown = xp("apply", saved, "--json-into", "events")
    assert "Applied: 16 done." in shown.out
    assert shown.code == 0
    assert "nobody read the file of --json-into" in shown.err
    os.close(reader)
