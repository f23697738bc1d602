"""The files of a project as an editor has them: what is open counts, saved or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.group_files import GROUPS_FOLDER
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.text import edited
from exitplan.schemas.loading.yaml_loader import Document
from exitplan.schemas.merging.extends import read_chain
from exitplan.schemas.policies import SHIPPED, LoadedPolicy, load_policy
from exitplan.schemas.validation import CASES_ENDING, CHANNELS_FILE


@dataclass(slots=True)
class Project:
    """The texts that are open by real path, and what each policy last came to when it was good."""

    buffers: dict[str, str] = field(default_factory=dict)
    good: dict[str, LoadedPolicy] = field(default_factory=dict)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read what is open in place of what is saved."""
        with edited(self.buffers):
            yield

    def put(self, path: FilePath, text: str) -> None:
        """Note what an editor holds of a file."""
        self.buffers[os.path.realpath(path)] = text

    def drop(self, path: FilePath) -> None:
        """Forget a file that was closed."""
        self.buffers.pop(os.path.realpath(path), None)

    def text(self, path: FilePath) -> str:
        """Return the text of a file that is open."""
        return self.buffers.get(os.path.realpath(path), "")

    def policy_of(self, path: FilePath) -> LoadedPolicy | None:
        """Return what a policy comes to: now, else as it was when it was last good."""
        key = os.path.realpath(path)
        try:
            with self.reading():
                self.good[key] = load_policy(path)
        except FileHasProblems:
            pass
        return self.good.get(key)

    def chain_of(self, path: FilePath) -> list[tuple[FilePath, Document]]:
        """List the files that a policy is made of, as far as they can be read, itself first."""
        with self.reading():
            chain = read_chain(path)
        return list(zip(reversed(chain.files), reversed(chain.documents), strict=True))


def is_cases(path: FilePath) -> bool:
    """Check whether a file is one of policy tests."""
    return path.name.endswith(CASES_ENDING)


def kind_of_file(path: FilePath) -> str:
    """Return the kind of a file by its name, as its schema is called."""
    if path.name == CHANNELS_FILE:
        return "alerts"
    if path.parent.name == GROUPS_FOLDER:
        return "group"
    return "cases" if is_cases(path) else "policy"


def block_ids(loaded: LoadedPolicy, block: str) -> list[str]:
    """List the ids of the rules of a block, merged."""
    return [str(rule["id"]) for rule in loaded.document.get(block) or () if "id" in rule]


def rule_path(loaded: LoadedPolicy, block: str, name: str) -> Path | None:
    """Return the place of a rule in the merged policy."""
    ids = block_ids(loaded, block)
    return (block, ids.index(name)) if name in ids else None


def extendable(path: FilePath) -> list[str]:
    """List the policies that a file may extend, relative to it."""
    near = [*path.parent.glob("*.yaml"), *path.parent.parent.glob("*.yaml")]
    files = [file for file in near if not is_cases(file) and file.resolve() != path.resolve()]
    return sorted({os.path.relpath(file, path.parent) for file in files if file.parent != SHIPPED.parent})
