"""Validate files and folders: everything that is wrong in all of them, each mistake once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from exitplan.schemas.checking import check
from exitplan.schemas.documents import kind_of, parse_document
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark, locate
from exitplan.schemas.loading.json_loader import load_json, parse_json
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import Document, load_yaml
from exitplan.schemas.policies import LoadedPolicy, load_policy

CASES_ENDING = ".test.yaml"
"""How files of policy tests are named."""
CHANNELS_FILE = "alerts.yaml"
"""The file of a project that says who is told of alerts."""
_POLICY_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Validated:
    """What validating one file gave; ``repeated`` counts problems told already for a file that this one extends.

    ``loaded`` is the policy of a file that is a good one.
    """

    path: FilePath
    kind: str
    diagnostics: tuple[Diagnostic, ...] = ()
    repeated: int = 0
    loaded: LoadedPolicy | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Check whether the file is good; warnings do not count."""
        return not self.repeated and all(problem.severity != "error" for problem in self.diagnostics)


def validate_paths(paths: Iterable[FilePath]) -> list[Validated]:
    """Validate files, and the policies in folders; a problem of a shared base is reported once.

    A JSON file is taken for a snapshot, plan, state, tracker or alert by its keys, ``*.test.yaml`` for policy tests,
    ``alerts.yaml`` for channels, what is in a folder ``groups`` for the policy of a group; anything else for a policy.
    """
    results: list[Validated] = []
    reported: set[tuple[Mark, str]] = set()
    for path in paths:
        for result in _validated(path):
            news = tuple(problem for problem in result.diagnostics if (problem.mark, problem.message) not in reported)
            old = [problem for problem in result.diagnostics if problem not in news and problem.severity == "error"]
            reported |= {(problem.mark, problem.message) for problem in news}
            results.append(replace(result, diagnostics=news, repeated=len(old)))
    return results


def policies_in(folder: FilePath) -> list[FilePath]:
    """List the YAML files of a folder and the folders in it, sorted; what is hidden is left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _POLICY_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def check_cases(document: Document) -> None:
    """Check that a file of policy tests has the shape of one; raises FileHasProblems with all that is wrong."""
    _ensure_shape("cases", document)


def check_channels(document: Document) -> None:
    """Check that a file of channels has the shape of one; raises FileHasProblems with all that is wrong."""
    _ensure_shape("alerts", document)


def is_channels_file(path: FilePath) -> bool:
    """Check whether a file is one of channels: by its name, unless it says of itself that it is a policy."""
    if path.name != CHANNELS_FILE:
        return False
    value = load_yaml(path).value
    return not (isinstance(value, dict) and value.keys() & {"name", "extends", "classification", "exits"})


def _ensure_shape(kind: str, document: Document) -> None:
    problems = check(kind, document.value)
    if problems:
        sources = {document.name: document.source}
        raise FileHasProblems(locate(problem, document.marks, sources) for problem in problems)


def _validated(path: FilePath) -> Iterator[Validated]:
    if not path.is_dir():
        yield _file(path)
        return
    files = policies_in(path)
    if not files:
        message = "there is no policy (*.yaml, *.yml) in this folder"
        yield Validated(path, "folder", (Diagnostic(Mark(display_name(path)), (), message),))
    yield from map(_file, files)


def _file(path: FilePath) -> Validated:
    kind = "policy"
    try:
        if path.suffix == ".json":
            source = load_json(path)
            value: Any = parse_json(source)
            known = kind_of(value)
            if known:
                kind = known
                parse_document(source.text.encode(), known, source.name)
                return Validated(path, kind)
        if path.name.endswith(CASES_ENDING):
            kind = "cases"
            check_cases(load_yaml(path))
            return Validated(path, kind)
        if is_channels_file(path):
            kind = "alerts"
            check_channels(load_yaml(path))
            return Validated(path, kind)
        from exitplan.schemas.group_files import is_group_file  # noqa: PLC0415 - many ask for file names alone
        from exitplan.schemas.groups import load_group  # noqa: PLC0415 - many ask for file names alone

        if is_group_file(path):
            kind = "group"
            return Validated(path, kind, load_group(path).warnings)
        loaded = load_policy(path)
        return Validated(path, kind, loaded.warnings, loaded=loaded)
    except FileHasProblems as error:
        return Validated(path, kind, error.diagnostics)
