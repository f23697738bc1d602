"""Health models beside policies: read, checked, and put into the policy that names them.

A merged policy carries its model whole. So its hash covers the model, and what keeps policies by their hash, such as a
fleet, has no file beside them to lose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.documents import problems_in
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark, Source, locate
from exitplan.schemas.loading.yaml_loader import Document, load_yaml
from exitplan.schemas.merging.extends import Read

SHIPPED_MODELS = FilePath(__file__).parents[1] / "ruleset" / "health" / "models"
"""The folder of the models that come with exitplan."""
DEFAULT_MODEL = "default"
"""The name by which a policy means the model that comes with exitplan."""
_PLACE: Path = ("health", "model")


@dataclass(frozen=True, slots=True)
class Modelled:
    """The layers of a policy with their models in them; ``sources`` are the texts of the models' files by name."""

    documents: tuple[Document, ...]
    files: tuple[FilePath, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def put_models_in(documents: Sequence[Document], folders: Sequence[FilePath], read: Read = load_yaml) -> Modelled:
    """Put the model that each layer names into it; ``folders`` are those that their files are in.

    What is wrong with a model is told with its place in the model's file, a file that cannot be read at the key that
    names it.
    """
    made: list[Document] = []
    files: list[FilePath] = []
    sources: dict[str, Source] = {}
    wrong: list[Diagnostic] = []
    for document, folder in zip(documents, folders, strict=True):
        try:
            found = _model_of(document, folder, read)
            if found is not None:
                path, model = found
                wrong.extend(_problems(model))
                sources[model.name] = model.source
                files.extend(() if path is None else (path,))
                document = _with_model(document, model)  # noqa: PLW2901 - the layer, completed
        except FileHasProblems as error:
            wrong.extend(_told_at(document, error))
        made.append(document)
    return Modelled(tuple(made), tuple(files), sources, tuple(wrong))


def load_model_file(path: FilePath, read: Read = load_yaml) -> dict[str, Any]:
    """Load a health model; raises FileHasProblems with all that is wrong in it."""
    model = read(path)
    wrong = _problems(model)
    if wrong:
        raise FileHasProblems(wrong)
    document: dict[str, Any] = model.value
    return document


def shipped_model(name: str = DEFAULT_MODEL) -> FilePath:
    """Return the file of a model that comes with exitplan."""
    return SHIPPED_MODELS / f"{name}.json"


def model_named(name: str) -> FilePath:
    """Return the file of a model that a person names: a file, else the shipped one for ``default``."""
    path = FilePath(name)
    return shipped_model() if name == DEFAULT_MODEL and not path.is_file() else path


def _model_of(document: Document, folder: FilePath, read: Read) -> tuple[FilePath | None, Document] | None:
    """Return the file and the document of the model that a layer has; None where it has none."""
    block = document.value.get("health") if isinstance(document.value, dict) else None
    said = block.get("model") if isinstance(block, dict) else None
    if isinstance(said, dict):  # a policy that was merged before, and carries it
        marks = {path[2:]: mark for path, mark in document.marks.items() if path[:2] == _PLACE}
        return None, Document(document.source, said, marks)
    if not isinstance(said, str) or not said:
        return None
    if said == DEFAULT_MODEL:
        return None, load_yaml(shipped_model())
    path = FilePath(os.path.normpath(folder / said))
    return path, read(path)


def _problems(model: Document) -> list[Diagnostic]:
    return [locate(problem, model.marks, {model.name: model.source}) for problem in problems_in(model.value, "health")]


def _with_model(document: Document, model: Document) -> Document:
    marks = {path: mark for path, mark in document.marks.items() if path[:2] != _PLACE}
    marks |= {(*_PLACE, *path): mark for path, mark in model.marks.items()}
    return replace(
        document, value={**document.value, "health": {**document.value["health"], "model": model.value}}, marks=marks
    )


def _told_at(document: Document, error: FileHasProblems) -> list[Diagnostic]:
    """Tell what keeps a model's file from being read: in that file, or where it is named if it is not there."""
    told = []
    for problem in error.diagnostics:
        if problem.mark.line:
            told.append(problem)
            continue
        mark = replace(document.marks.get(_PLACE, Mark(document.name)), key=None)
        message = f"{problem.mark.file} cannot be used: {problem.message}"
        hint = problem.hint or f"the path is relative to this file; {DEFAULT_MODEL} is the model that is shipped"
        told.append(Diagnostic(mark, _PLACE, message, hint=hint, excerpt=document.source.excerpt(mark)))
    return told
