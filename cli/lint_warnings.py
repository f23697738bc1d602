"""What ``validate`` tells of policies that are well formed: the warnings of lint that are found at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from exitplan.schemas.loading.diagnostics import Diagnostic, Mark, in_order
from exitplan.schemas.validation import Validated
from exitplan.workbench.lint import Code
from exitplan.workbench.lint.files import Placed, lint_loaded

QUICK = 10_000
"""The effort that lint may take in ``validate``: about 40 ms, twice what a shipped policy needs."""


def with_lint(results: Iterable[Validated]) -> list[Validated]:
    """Add the warnings of lint to the policies that are good, each once; what a comment silences is left out."""
    told: set[tuple[Mark, str]] = set()
    return [_with_lint(result, told) for result in results]


def _with_lint(result: Validated, told: set[tuple[Mark, str]]) -> Validated:
    if result.loaded is None or not result.ok:
        return result
    found = lint_loaded(result.loaded, effort=QUICK)
    ignored = {(one.finding.path, one.mark) for one in found if one.ignored is not None and _is_of_loading(one)}
    kept = [problem for problem in result.diagnostics if (problem.path, problem.mark) not in ignored]
    known = {problem.path for problem in kept}
    sources = result.loaded.sources
    for placed in _warnings(found):
        message = f"{placed.finding.code.value}: {placed.finding.message}"
        if (placed.mark, message) in told or (
            placed.finding.code is Code.NEVER_MATCHES and placed.finding.path in known
        ):
            continue
        told.add((placed.mark, message))
        source = sources.get(placed.mark.file)
        excerpt = source.excerpt(placed.mark) if source else ""
        kept.append(Diagnostic(placed.mark, placed.finding.path, message, "warning", excerpt=excerpt))
    return replace(result, diagnostics=in_order(kept))


def _is_of_loading(placed: Placed) -> bool:
    return placed.finding.code is Code.SUSPICIOUS


def _warnings(found: Iterable[Placed]) -> Iterator[Placed]:
    return (one for one in found if one.ignored is None and one.finding.is_warning and not _is_of_loading(one))
