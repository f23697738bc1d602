"""A folder to work in, and the command line as a function."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exitplan.cli.main import app
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def said(self) -> dict[str, Any]:
        """The document without the version of its format."""
        return {key: value for key, value in self.json.items() if key != "format_version"}

    @property
    def error(self) -> dict[str, Any]:
        (line,) = [
            line for line in (self.out + self.err).splitlines() if line.startswith(('{"error"', '{"format_version"'))
        ]
        told: dict[str, Any] = json.loads(line)["error"]
        return told


def xp(*words: str | Path, debug: bool = False, typed: str | None = None) -> Ran:
    """Run ``exitplan`` with these arguments in the working folder; a traceback fails the test unless it debugs."""
    result = CliRunner().invoke(app, [str(word) for word in words], prog_name="exitplan", input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert debug or "Traceback" not in result.output
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(autouse=True)
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, on a screen of 100 columns."""
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("EXITPLAN_DATA", "EXITPLAN_HOME", "EXITPLAN_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(nothing: Path) -> Path:
    """Work in a folder that ``exitplan init`` has filled."""
    assert xp("init").code == 0
    return nothing


@pytest.fixture
def saved(folder: Path) -> Path:
    """Work in such a folder, in which the demo account's plan is saved."""
    assert xp("plan", "--out", "plan.json").code == 0
    return folder / "plan.json"


def write_snapshot(account: Snapshot, name: str = "snapshot.json") -> Path:
    """Save an account as a snapshot file in the working folder."""
    path = Path(name)
    path.write_text(json.dumps(snapshot_to_document(account)), encoding="utf-8")
    return path


def write_account(folder: Path, extra: str) -> None:
    """Rewrite the demo account's file with more lines, in place of its options."""
    text = (folder / "policies/accounts/demo.yaml").read_text(encoding="utf-8")
    head = text.partition("  options:")[0]
    (folder / "policies/accounts/demo.yaml").write_text(head + extra, encoding="utf-8")


def with_options(folder: Path, **options: str) -> None:
    """Give the demo account further options of the paper venue."""
    standing = {"file": "../../data/paper/platform.json", "start_from": "demo", **options}
    write_account(folder, "  options:\n" + "".join(f"    {name}: {value}\n" for name, value in standing.items()))
