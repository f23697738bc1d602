"""What account files say of their venue and name of what it holds, checked without opening it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN
from exitplan.cli.arguments import present
from exitplan.cli.offline_warnings import offline_warnings
from exitplan.cli.project import project_data
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, locate
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.schemas.validation import Validated


def with_venues_checked(results: Iterable[Validated]) -> list[Validated]:
    """Add to the account files that are sound what is wrong with their venue, each mistake once."""
    known: set[Diagnostic] = set()
    checked: list[Validated] = []
    for result in results:
        problems = tuple(_found_in(result))
        news = tuple(problem for problem in problems if problem not in known)
        known.update(news)
        repeated = result.repeated + len(problems) - len(news)
        checked.append(replace(result, diagnostics=(*result.diagnostics, *news), repeated=repeated))
    return checked


def _found_in(result: Validated) -> Iterator[Diagnostic]:
    if not result.ok or result.kind != "policy":
        return
    try:
        loaded = load_policy(result.path)
    except FileHasProblems as error:  # it was changed a moment ago
        yield from error.diagnostics
        return
    for problem in (*venue_problems(loaded), *file_warnings(AccountFile(result.path, loaded))):
        yield locate(problem, loaded.marks, {})


def venue_problems(loaded: LoadedPolicy) -> Iterator[Problem]:
    """Find a venue that there is not, and a live one without credentials; ccxt is loaded only for rarer venues."""
    account = loaded.account or {}
    venue = account.get("venue")
    if not isinstance(venue, str) or venue == PAPER:
        return
    others = () if venue in KNOWN else _exchange_ids()
    if venue not in {*KNOWN, *others}:
        hint = did_you_mean(venue, _by_likelihood(others)) or "exitplan venues lists them"
        yield Problem(("account", "venue"), f"there is no venue {venue!r}", hint=hint)
    elif not account.get("credentials"):
        hint = "add a reference: credentials: env:NAME, keyring:NAME or file:PATH"
        yield Problem(("account", "venue"), f"an account at {venue} needs credentials, and names none", hint=hint)


def file_warnings(file: AccountFile) -> Iterator[Problem]:
    """Find what names nothing in the account's latest reading: protection, aliases, conditions, tracker records.

    The tracker is that of the project's own data folder. A state or tracker that is broken is told by whoever opens it.
    """
    if not all(file.block.get(name) for name in ("id", "venue", "quote")):
        return
    folder = DataFolder.of(project_data([str(file.path)]), file.id)
    with suppress(FileIsInvalid):
        for warning in offline_warnings(file, folder, present()):
            near = warning.nearest
            hint = None if near is None or near in warning.text else f"did you mean {near!r}?"
            yield Problem(_place_of(warning, file.loaded), warning.text, "warning", hint)


def _place_of(warning: PlanWarning, loaded: LoadedPolicy) -> Path:
    """Return the place that names what a warning is about; the account block where it is in no policy."""
    if warning.kind == "protects-nothing":
        names = [entry.name for entry in loaded.policy.protect]
        return ("protect", names.index(warning.symbol)) if warning.symbol in names else ("protect",)
    if warning.symbol in loaded.policy.aliases:
        return ("aliases", warning.symbol)
    for section in ("classification", "orders", "exits"):
        for number, rule in enumerate(loaded.document.get(section) or ()):
            if warning.kind == "matches-nothing" and warning.symbol in str(rule.get("when")):
                return (section, number, "when")
    return ("account",)


def _by_likelihood(others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((PAPER, *KNOWN, *others)))


def _exchange_ids() -> tuple[str, ...]:
    from exitplan.brokers.live.client import exchange_ids  # noqa: PLC0415 - ccxt is loaded only where it is asked

    return exchange_ids()
