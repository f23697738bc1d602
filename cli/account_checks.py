"""What account files say of their venue, checked without opening it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN
from exitplan.ruleset.language.problems import Problem, did_you_mean
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
    for problem in venue_problems(loaded):
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


def _by_likelihood(others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((PAPER, *KNOWN, *others)))


def _exchange_ids() -> tuple[str, ...]:
    from exitplan.brokers.live.client import exchange_ids  # noqa: PLC0415 - ccxt is loaded only where it is asked

    return exchange_ids()
