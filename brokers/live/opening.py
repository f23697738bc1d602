"""Open a live account from its account block."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from exitplan.brokers.live.addresses import address_problem
from exitplan.brokers.live.broker import LiveBroker
from exitplan.brokers.live.client import Connection, Pace, exchange_ids, no_such_venue
from exitplan.brokers.live.credentials import read_credentials
from exitplan.brokers.live.dialect import Dialect, MarketType
from exitplan.brokers.live.egress import egress_of
from exitplan.brokers.protocol import Clock
from exitplan.brokers.venues import dialect_of
from exitplan.ruleset.errors import CredentialsMissing, FileIsInvalid
from exitplan.ruleset.language.policy import CASH_KEPT


def open_live_account(
    account: Mapping[str, Any], base: Path, clock: Clock, keep: tuple[str, ...] = CASH_KEPT
) -> LiveBroker:
    """Open the account of an ``account`` block; nothing is asked of the venue yet.

    Raises UsageError for a venue that there is not, CredentialsMissing, FileIsInvalid for options of another account.
    """
    venue, name = str(account["venue"]), str(account["id"])
    if venue not in exchange_ids():
        raise no_such_venue(venue)
    reference = account.get("credentials")
    if reference is None:
        raise CredentialsMissing(
            f"the account {name} at {venue} names no credentials",
            hint="add a reference to its account block: credentials: env:NAME, keyring:NAME or file:PATH",
        )
    dialect = dialect_of(venue)
    credentials = read_credentials(str(reference), base, os.environ)
    if dialect.traits.needs_password and credentials.api_password is None:
        raise CredentialsMissing(
            f"{venue} wants a password (passphrase) beside key and secret", hint="it is named when the key is made"
        )
    connection = connection_of(account, clock)
    _refuse_own_options(dialect, connection)
    return LiveBroker(dialect, connection, credentials, name, str(account["quote"]), keep)


def connection_of(account: Mapping[str, Any], clock: Clock) -> Connection:
    """Return how an account is reached, without its credentials; raises FileIsInvalid for an address that is none."""
    options, base_url = account.get("options") or {}, account.get("base_url")
    wrong = base_url and address_problem(str(base_url), allow_http=account.get("allow_http") is True)
    if wrong:
        message, hint = wrong
        raise FileIsInvalid(f"base_url of the account {account.get('id')}: {message}", hint=hint)
    return Connection(
        venue=str(account["venue"]),
        clock=clock,
        base_url=base_url,
        sandbox=bool(account.get("sandbox")),
        market_types=_market_types(account, options),
        options=options,
        pace=_pace(account.get("rate_limit")),
        egress=egress_of(account),
    )


def _refuse_own_options(dialect: Dialect, connection: Connection) -> None:
    """Refuse options on which it depends what is read, and for how long an order may still arrive."""
    if connection.options.get("portfolioMargin"):
        raise FileIsInvalid("exitplan does not read portfolio margin accounts", hint="leave portfolioMargin out")
    own = dialect.config(connection.market_types).get("options", {}).keys() & connection.options.keys()
    if own:
        raise FileIsInvalid(
            f"the option {min(own)} is set by exitplan itself at {connection.venue}", hint="leave it out"
        )


def _pace(limit: Mapping[str, Any] | None) -> Pace | None:
    return None if limit is None else Pace(float(limit["burst"]), float(limit["per_second"]))


def _market_types(account: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[MarketType, ...]:
    """Return the kinds of markets an account trades in; ccxt's own ``defaultType`` names one as well."""
    named = account.get("market_types") or [options.get("defaultType") or "spot"]
    known = {"spot", "swap", "future"}
    if unknown := [kind for kind in named if kind not in known]:
        raise FileIsInvalid(
            f"there are no markets of type {unknown[0]!r}", hint=f"allowed are {', '.join(sorted(known))}"
        )
    return tuple(dict.fromkeys(cast("MarketType", kind) for kind in named))
