"""What account files and the policies of groups say of each other, for ``exitplan validate``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exitplan.executor.accounts.account import read_account_files
from exitplan.executor.accounts.groups import group_files, group_problems, hint_of_group
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.language.problems import Problem
from exitplan.schemas.groups import load_group
from exitplan.schemas.loading.diagnostics import Diagnostic, locate
from exitplan.schemas.validation import Validated


def with_groups_checked(results: Iterable[Validated]) -> list[Validated]:
    """Add to the sound files of the project which groups there are not, and which have not the accounts they need."""
    root, known = project_root().resolve(), group_files(project_root())
    checked: list[Validated] = []
    for result in results:
        is_of_project = result.ok and result.path.resolve().is_relative_to(root / "policies")
        problems = _found_in(result, list(known)) if is_of_project else ()
        checked.append(replace(result, diagnostics=(*result.diagnostics, *problems)))
    return checked


def _found_in(result: Validated, known: list[str]) -> Iterable[Diagnostic]:
    if result.kind == "group":
        loaded, files = load_group(result.path), read_account_files(project_root())
        members = [name for name, file in files.sound.items() if file.group == loaded.policy.name]
        # An account file that is broken may be one of the group's.
        return () if files.broken else group_problems(loaded, sorted(members))
    group = None if result.loaded is None else (result.loaded.account or {}).get("group")
    if result.loaded is None or group is None or group in known:
        return ()
    problem = Problem(("account", "group"), f"there is no group {group!r}", hint=hint_of_group(str(group), known))
    return [locate(problem, result.loaded.marks, {})]
