"""Where what stands at the cursor comes from: through ``extends``, to the line that sets it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path as FilePath

from exitplan.cli.editor.hovers import block_of_id, in_condition
from exitplan.cli.editor.places import Place
from exitplan.cli.editor.project import Project, is_cases
from exitplan.schemas.loading.diagnostics import Mark
from exitplan.schemas.loading.yaml_loader import Document
from exitplan.schemas.policies import shipped_policy


def definition(project: Project, path: FilePath, place: Place) -> tuple[FilePath, Mark] | None:
    """Return the file and place where a name is defined; None where it is defined nowhere that can be read.

    On a rule's own id it is the rule that this one replaces or removes.
    """
    if place.path in {("extends",), ("policy",)} and not place.is_key:
        target = FilePath(os.path.normpath(path.parent / place.word))
        if not target.is_file() and is_cases(path):
            target = shipped_policy(place.word)
        return (target, Mark(str(target), 1, 1)) if target.is_file() else None
    if is_cases(path):
        return None
    chain = project.chain_of(path)
    own = os.path.realpath(path)
    block = block_of_id(place)
    for file, document in chain:
        inherited = os.path.realpath(file) != own or place.path[2:3] != ("id",)
        for mark in _marks(document, place, block) if inherited else ():
            return file, mark
    return None


def _marks(document: Document, place: Place, block: str | None) -> Iterator[Mark]:
    """Find where a file defines a name."""
    value = document.value if isinstance(document.value, dict) else {}
    name = place.word.removeprefix("$")
    if block is not None:
        rules = value.get(block)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and rule.get("id") == place.word and not rule.get("remove"):
                yield document.marks[block, index]
        return
    if place.word.startswith("$") or place.path[:1] == ("parameters",):
        paths = [("parameters", name)]
    elif in_condition(place.path) and not place.is_key:
        paths = [("definitions", name)]
    else:
        paths = [(str(place.path[0]), str(place.path[1]))] if len(place.path) == 2 else []  # noqa: PLR2004 - BLOCK.KEY
    for found in paths:
        if found in document.marks:
            mark = document.marks[found]
            yield mark.key or mark
