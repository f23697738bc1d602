"""Read a policy file and all it extends, from the base to the file itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import Document, load_yaml

MOST_LEVELS = 20
Read = Callable[[FilePath], Document]
"""Reads one file; raises FileHasProblems where it cannot."""
_EXTENDS = ("extends",)
_MOST_UP = 3
"""How many folders up a file that is missing is looked for."""


@dataclass(slots=True)
class Chain:
    """The files of a policy, the base first, with what went wrong while reading them."""

    files: list[FilePath] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def read_chain(path: FilePath, read: Read = load_yaml) -> Chain:
    """Read a policy and what it extends, as far as it can be read; ``read`` says from where."""
    chain, seen = Chain(), dict[str, str]()
    upper: Document | None = None
    folder = path.parent
    while True:
        identity, name = os.path.realpath(path), display_name(path)
        if identity in seen:
            loop = [*list(seen.values())[list(seen).index(identity) :], name]
            _note(chain, upper, f"the files extend one another in a circle: {' -> '.join(loop)}")
            break
        if len(seen) >= MOST_LEVELS:
            _note(chain, upper, f"more than {MOST_LEVELS} files extend one another")
            break
        seen[identity] = name
        document = _read(chain, path, upper, read, folder)
        parent = _parent(document)
        if document is None or parent is None:
            break
        upper, folder, path = document, path.parent, FilePath(os.path.normpath(path.parent / parent))
    chain.files.reverse()
    chain.documents.reverse()
    return chain


def _read(chain: Chain, path: FilePath, upper: Document | None, read: Read, folder: FilePath) -> Document | None:
    """Read one file; what is wrong with it as a whole is noted at the ``extends`` above it, in ``folder``."""
    try:
        document = read(path)
    except FileHasProblems as error:
        for problem in error.diagnostics:
            if problem.mark.line or upper is None:
                chain.diagnostics.append(problem)
            else:
                _note(
                    chain,
                    upper,
                    f"{problem.mark.file} cannot be used: {problem.message}",
                    _elsewhere(path, folder) or problem.hint,
                )
        return None
    chain.files.append(path)
    chain.documents.append(document)
    return document


def _elsewhere(path: FilePath, folder: FilePath) -> str | None:
    """Offer the file of the name that is missing from where it is: some folders up, or in the folder of policies."""
    if os.path.lexists(path):
        return None
    start = folder.absolute()
    with suppress(OSError, ValueError):  # a folder that may not be looked into, a NUL in the name
        for place in (*list(start.parents)[:_MOST_UP], start / "policies"):
            if (place / path.name).is_file():
                return f"did you mean {FilePath(os.path.relpath(place / path.name, start)).as_posix()!r}?"
    return None


def _parent(document: Document | None) -> str | None:
    value = document.value if document else None
    parent = value.get("extends") if isinstance(value, dict) else None
    return parent if isinstance(parent, str) and parent else None


def _note(chain: Chain, document: Document | None, message: str, hint: str | None = None) -> None:
    """Note a problem at the ``extends`` of the file that asks for what is wrong."""
    if document is None:
        return
    mark: Mark = replace(document.marks[_EXTENDS], key=None)
    chain.diagnostics.append(Diagnostic(mark, _EXTENDS, message, hint=hint, excerpt=document.source.excerpt(mark)))
