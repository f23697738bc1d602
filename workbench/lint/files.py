"""Lint policy files: each finding with its place, less what comments silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from exitplan.ruleset.language.policy import Invariant, Policy
from exitplan.ruleset.language.problems import Path
from exitplan.schemas.loading.diagnostics import Diagnostic, Mark
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.workbench.invariants import find_broken_invariants
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.lint.ignoring import Ignore, Ignores, idle_ignore, read_ignores
from exitplan.workbench.lint.rules import lint
from exitplan.workbench.lint.settings import find_settings


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding with the place it is about; ``ignored`` is the comment that silences it."""

    mark: Mark
    finding: Finding
    ignored: Ignore | None = None


def lint_files(files: Iterable[FilePath], under: Sequence[Invariant] = ()) -> list[Placed]:
    """Lint policies; what several inherit is told once. ``under`` are the invariants of an outer policy.

    Raises FileHasProblems where one is not well formed.
    """
    seen: dict[tuple[Mark, Code, str], Placed] = {}
    for file in files:
        for placed in lint_loaded(load_policy(file), under):
            key = (placed.mark, placed.finding.code, placed.finding.message)
            if key not in seen or (seen[key].ignored is not None and placed.ignored is None):
                seen[key] = placed
    return list(seen.values())


def lint_loaded(loaded: LoadedPolicy, under: Sequence[Invariant] = (), *, effort: int | None = None) -> list[Placed]:
    """Lint one policy: what is silenced is there as well, with the comment that does it.

    What is for information is told of the file itself alone, not of what it inherits. ``effort`` as in :func:`lint`;
    where it is limited, invariants are not looked at.
    """
    ignores, own = read_ignores(loaded.sources), _own_name(loaded)
    found = [_silenced(loaded, _placed(loaded, finding), ignores) for finding in _findings(loaded, effort)]
    if effort is None:
        found += [_placed(loaded, finding) for finding in _of_invariants(loaded.policy, under)]
    placed = [one for one in found if one.mark.file == own or one.finding.is_warning or one.finding.is_open]
    used = {id(one.ignored) for one in placed}
    wrong = [Placed(mark, finding) for mark, finding in ignores.wrong if mark.file == own]
    is_all_decided = effort is None or not any(one.finding.is_open for one in placed)  # else it may silence that
    idle = [
        Placed(ignore.mark, idle_ignore(ignore))
        for ignore in ignores.all
        if is_all_decided and ignore.mark.file == own and id(ignore) not in used
    ]
    return [*placed, *wrong, *idle]


def _findings(loaded: LoadedPolicy, effort: int | None) -> Iterator[Finding]:
    """Find what is warned of while loading, what is proved, and what the file itself sets for nothing."""
    proved = lint(loaded.policy, effort=effort)
    never = {finding.path for finding in proved if finding.code is Code.NEVER_MATCHES}
    yield from (_of_warning(warning) for warning in loaded.warnings if warning.path not in never)
    yield from proved
    own = _own_name(loaded)
    for finding in find_settings(loaded.policy, loaded.document):
        if loaded.marks[finding.path].file == own:
            yield finding


def _of_warning(warning: Diagnostic) -> Finding:
    hint = f"; {warning.hint}" if warning.hint else ""
    is_setting = warning.path[:1] in {("parameters",), ("definitions",)}
    about = str(warning.path[1]) if is_setting and len(warning.path) > 1 else ""
    return Finding(Code.SUSPICIOUS, warning.path, f"{warning.message}{hint}", about=about, on_key=is_setting)


def _of_invariants(policy: Policy, under: Sequence[Invariant]) -> Iterator[Finding]:
    """Prove that a policy keeps its invariants and those of an outer policy, or find how it breaks them."""
    for broken in find_broken_invariants(policy, under):
        code = Code.INVARIANT_BROKEN if broken.is_decided else Code.INVARIANT_NOT_DECIDED
        yield Finding(code, broken.path, broken.message, broken.witness)


def _own_name(loaded: LoadedPolicy) -> str:
    """Return the name of the file itself, which is not one that it extends."""
    return display_name(loaded.files[-1])


def _placed(loaded: LoadedPolicy, finding: Finding) -> Placed:
    path = finding.path
    while path and path not in loaded.marks:
        path = path[:-1]
    mark = loaded.marks.get(path) or Mark(_own_name(loaded))
    if finding.on_key and mark.key is not None:
        mark = mark.key
    return Placed(replace(mark, key=None), finding)


def _silenced(loaded: LoadedPolicy, placed: Placed, ignores: Ignores) -> Placed:
    if not ignores.all:
        return placed
    lines = _lines(loaded, placed)
    ignored = next((one for one in ignores.all if one.silences(placed.finding, lines, placed.mark.file)), None)
    return replace(placed, ignored=ignored)


def _lines(loaded: LoadedPolicy, placed: Placed) -> range:
    """Return the lines of what a finding is about: all those of its rule or setting."""
    whole: Path = placed.finding.path[:2]
    if len(whole) < 2:  # noqa: PLR2004 - a block, of which only the line of its name is meant
        return range(placed.mark.line, placed.mark.line + 1)
    marks = [mark for path, mark in loaded.marks.items() if path[:2] == whole and mark.file == placed.mark.file]
    keys = [mark.key for mark in marks if mark.key is not None]
    lines = [mark.line for mark in (*marks, *keys, placed.mark)]
    return range(min(lines), max(lines) + 1)
