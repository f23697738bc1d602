"""The policies of groups of accounts: read, checked and compiled, with the place of everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath

from exitplan.ruleset.groups.compiling import compile_group
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.language.problems import Problem
from exitplan.schemas.checking import check
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, locate
from exitplan.schemas.loading.yaml_loader import Document, load_yaml
from exitplan.schemas.validators import passes


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """The policy of a group, with what it was read from."""

    policy: GroupPolicy
    path: FilePath
    document: Document
    warnings: tuple[Diagnostic, ...] = ()


def load_group(path: FilePath) -> LoadedGroup:
    """Load the policy of a group; raises FileHasProblems with all that is wrong in it."""
    document = load_yaml(path)
    problems = [] if passes("group", document.value) else check("group", document.value)
    policy = None
    if not problems:
        policy, problems = compile_group(document.value)
        problems += _name_problems(document, path)
    sources = {document.name: document.source}
    diagnostics = tuple(locate(problem, document.marks, sources) for problem in problems)
    if policy is None or any(problem.severity == "error" for problem in problems):
        raise FileHasProblems(diagnostics)
    return LoadedGroup(policy, path, document, diagnostics)


def _name_problems(document: Document, path: FilePath) -> list[Problem]:
    name = document.value["name"]
    if name == path.stem:
        return []
    hint = f"call the file {name}{path.suffix}, or the group {path.stem}"
    return [Problem(("name",), f"the group is called {name!r}, and its file {path.name}", hint=hint)]
