"""What is wrong in an account block beyond its shape: what it does not say, and what its venue does not understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path as FilePath

from exitplan.brokers.live.addresses import address_problem
from exitplan.brokers.live.egress import egress_problem
from exitplan.brokers.paper.options import option_problems
from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN
from exitplan.executor.accounts.account import NEEDED, is_account_file
from exitplan.ruleset.language.problems import Problem, did_you_mean
from exitplan.schemas.policies import LoadedPolicy


def block_problems(loaded: LoadedPolicy, path: FilePath) -> Iterator[Problem]:
    """Find an account block that does not say all it must, and an account file without one."""
    if loaded.account is None:
        if is_account_file(path):
            hint = "add account: {id: ..., venue: ..., quote: ...}, or move the policy out of this folder"
            yield Problem(
                (), f"this is a policy without an account block, and {path.parent} is for accounts", hint=hint
            )
        return
    for name, example in NEEDED.items():
        if not loaded.account.get(name):
            yield Problem(("account",), f"{name!r} is missing", hint=f"write {name}: {example}")


def venue_problems(loaded: LoadedPolicy) -> Iterator[Problem]:
    """Find a venue that there is not, a live one without credentials, and an address that is none or not safe.

    ccxt is loaded only for rarer venues.
    """
    account = loaded.account or {}
    venue = account.get("venue")
    if venue == PAPER:
        yield from option_problems(account.get("options") or {})
    if not isinstance(venue, str) or venue == PAPER:
        return
    others = () if venue in KNOWN else _exchange_ids()
    if venue not in {*KNOWN, *others}:
        hint = did_you_mean(venue, _by_likelihood(others)) or "exitplan venues lists them"
        yield Problem(("account", "venue"), f"there is no venue {venue!r}", hint=hint)
    elif not account.get("credentials"):
        hint = "add a reference: credentials: env:NAME, keyring:NAME or file:PATH"
        yield Problem(("account", "venue"), f"an account at {venue} needs credentials, and names none", hint=hint)
    base_url = account.get("base_url")
    wrong = base_url and address_problem(str(base_url), allow_http=account.get("allow_http") is True)
    if wrong:
        yield Problem(("account", "base_url"), wrong[0], hint=wrong[1])
    way = egress_problem(account)
    if way is not None:
        yield Problem(("account", *way[0]), way[1], hint=way[2])


def _by_likelihood(others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((PAPER, *KNOWN, *others)))


def _exchange_ids() -> tuple[str, ...]:
    from exitplan.brokers.live.client import exchange_ids  # noqa: PLC0415 - ccxt is loaded only where it is asked

    return exchange_ids()
