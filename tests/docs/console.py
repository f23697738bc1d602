"""Run the console examples of a page, in order, and compare what they print and how they end."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from exitplan.cli.main import app

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\s+#\s*exit (\d+)\s*$")


@dataclass(frozen=True)
class Example:
    """One ``$ exitplan ...`` line with the lines shown below it; ``line`` is its place in the page."""

    line: int
    command: str
    exit_code: int
    shown: tuple[str, ...]


def examples_in(page: str) -> list[Example]:
    """Find the console examples of a page."""
    found = []
    for block in _BLOCK.finditer(page):
        number = page.count("\n", 0, block.start()) + 2
        lines = block[1].splitlines()
        starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            command = lines[start].removeprefix("$ ")
            match = _EXIT.search(command)
            code = int(match[1]) if match else 0
            shown = tuple(line for line in lines[start + 1 : end] if line.strip() not in {"", "..."})
            found.append(Example(number + start, _EXIT.sub("", command), code, shown))
    return found


def differences(example: Example, folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run an example; yield how its exit code differs from what is shown, and the first shown line it did not print.

    ``environ`` are further variables that it runs with. It runs in this process: most of what a process of its own
    takes is its start.
    """
    words = _arguments(example)
    with chdir(folder):
        run = CliRunner().invoke(app, words, prog_name="exitplan", input="", env=_environment(environ or {}))
    if run.exception is not None and not isinstance(run.exception, SystemExit):
        raise run.exception
    if run.exit_code != example.exit_code:
        yield f"exit {run.exit_code} instead of {example.exit_code}\n{run.stderr}{run.stdout}"
    missing = first_missing(example.shown, run.stdout + run.stderr)
    if missing is not None:
        yield f"not printed, or not here: {missing}\nThe whole output:\n{run.stdout}{run.stderr}"


def first_missing(shown: tuple[str, ...], printed: str) -> str | None:
    """Return the first shown line that does not follow in the output; ``…`` matches anything, spaces any spaces."""
    lines = iter(printed.splitlines())
    for line in shown:
        pattern = re.compile(r"\s*" + ".*".join(map(_loosely, line.strip().split("…"))) + r"\s*")
        if not any(pattern.fullmatch(candidate) for candidate in lines):
            return line
    return None


def _loosely(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", text))


def _arguments(example: Example) -> list[str]:
    name, *arguments = shlex.split(example.command)
    if name != "exitplan":
        raise ValueError(f"line {example.line}: only exitplan is run, not {name}")
    return arguments


def _environment(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables to be set for an example, and with None those that it runs without."""
    without: dict[str, str | None] = {name: None for name in os.environ if name.startswith("EXITPLAN_")}
    return {**without, "COLUMNS": "120", "NO_COLOR": "1", **environ}
