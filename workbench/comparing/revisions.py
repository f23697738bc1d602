"""Policies as they were in a revision of git, with what they extended then."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from exitplan.ruleset.errors import UsageError
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import MOST_BYTES, Document, parse_yaml

_LONGEST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a git repository: its name as typed, its commit, and the top folder of the work tree."""

    name: str
    commit: str
    top: Path

    @classmethod
    def of(cls, name: str, folder: Path) -> Revision:
        """Find a revision in the repository that a folder belongs to; raises UsageError."""
        top = _git(folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise UsageError(f"{folder} is in no git repository", hint="without one, name two files: OLD NEW")
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if commit is None:
            raise UsageError(f"git knows no revision {name!r} here", hint="such as main, HEAD~1 or a tag")
        return cls(name, commit.decode().strip(), Path(os.fsdecode(top.rstrip(b"\n"))))

    def read(self, path: Path) -> Document:
        """Read a YAML file as it was; raises FileHasProblems."""
        real = Path(os.path.realpath(path.parent)) / path.name
        if not real.is_relative_to(self.top):
            raise _problem(display_name(path), f"it is outside of the repository, so it is not in {self.name}")
        inside = real.relative_to(self.top).as_posix()
        name = f"{self.name}:{inside}"
        content = _git(self.top, "cat-file", "blob", f"{self.commit}:{inside}")
        if content is None:
            raise _problem(name, "there is no such file in this revision")
        if len(content) > MOST_BYTES:
            raise _problem(name, f"the file is larger than {MOST_BYTES:,} bytes")
        return parse_yaml(content, name)


def _problem(name: str, message: str) -> FileHasProblems:
    return FileHasProblems([Diagnostic(Mark(name), (), message)])


def _git(folder: Path, *words: str) -> bytes | None:
    """Ask git; None where it says no. Raises UsageError where there is no git."""
    line = ["git", "-C", str(folder), *words]
    try:
        asked = subprocess.run(line, capture_output=True, check=False, timeout=_LONGEST_SECONDS)  # noqa: S603 - no shell
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="without it, name two files: OLD NEW") from None
    return asked.stdout if asked.returncode == 0 else None
