"""What exitplan knows of each venue, for the verbs that show it or start from it; ccxt is not loaded for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from exitplan.brokers.live.dialect import Traits
from exitplan.brokers.paper.options import AT_ONCE, PaperOptions
from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.brokers.venues.any_venue import AnyVenue
from exitplan.executor.accounts.env_accounts import usual_credentials, usual_quote

ANY_OTHER = "any other"
"""How the exchanges are called that are spoken to in ccxt's general terms alone."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/:~-]*(?<!:)")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def all_traits() -> list[Traits]:
    """Return the traits of paper, of the venues that are known well, and of any other one, in this order."""
    return [paper_traits(), *(dialect_of(name).traits for name in KNOWN), replace(AnyVenue.traits, venue=ANY_OTHER)]


def traits_of(venue: str) -> Traits:
    """Return the traits of one venue; raises UsageError, with the nearest name, for one that nobody knows."""
    if venue == PAPER:
        return paper_traits()
    if venue in KNOWN:
        return dialect_of(venue).traits
    from exitplan.brokers.live.client import exchange_ids, no_such_venue  # noqa: PLC0415 - only a name that is not known well

    if venue not in exchange_ids():
        raise no_such_venue(venue)
    return replace(AnyVenue.traits, venue=venue, title=f"{venue}, through ccxt alone")


def paper_traits() -> Traits:
    """Return the traits of the paper venue as it is without options."""
    plays = PaperOptions()
    return Traits(
        venue=PAPER,
        title="Paper, an account in a file",
        client_order_ids=plays.client_order_ids,
        unique_client_order_ids=plays.unique_client_order_ids,
        receive_window=0,
        writes_at_once=AT_ONCE,
        stop_market=plays.stop_market,
        stop_limit=plays.stop_limit,
        reduce_only=plays.reduce_only,
        convert=plays.convert,
        past_orders="account",
        permissions="No key: it is a file.",
        limits_known=(
            "Prices stand still until somebody edits the file; orders fill when they are placed.",
            "What it can do is set in its options, so that it plays a poorer venue.",
        ),
    )


def example_block(traits: Traits) -> str:
    """Write an account block to copy."""
    if traits.venue == PAPER:
        options = {"file": "../../data/paper/practice.json", "start_from": "demo"}
        return account_block({"id": "practice", "venue": PAPER, "quote": "USD", "options": options})
    return account_block(
        {
            "id": traits.venue,
            "venue": traits.venue,
            "quote": usual_quote(traits.venue) or "USDT",
            "credentials": usual_credentials(traits.venue),
        }
    )


def account_block(values: Mapping[str, Any]) -> str:
    """Write an account block as YAML, without what is None; ends with a line break."""
    lines = ["account:"]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.append(f"  {key}:")
            lines.extend(f"    {name}: {scalar(inner)}" for name, inner in value.items())
        elif value is not None:
            lines.append(f"  {key}: {scalar(value)}")
    return "\n".join(lines) + "\n"


def scalar(value: str | bool) -> str:
    """Write a value so that YAML reads back the same text."""
    if isinstance(value, bool):
        return str(value).lower()
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return json.dumps(value)
