"""What venues can do, as a table of all and as a sheet of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from exitplan.brokers.live.dialect import Traits
from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN
from exitplan.cli.rendering.screen import heading, rows, section, show, titled, words
from exitplan.cli.venue_facts import ANY_OTHER, example_block
from exitplan.executor.accounts.env_accounts import usual_credentials

LOOK_UP_TIERS = {
    "A": "by our id",
    "B": "in lists",
    "C": "no",
}
"""How an order without an answer is found, in two words."""
_TIER_SENTENCES = {
    "A": "an order without an answer is asked for by our id, open or closed (tier A)",
    "B": "an order without an answer is looked for by our id in the lists of orders and trades (tier B)",
    "C": "an order without an answer cannot be asked for: what became of it is told by comparing the position before "
    "and after, and if that is not conclusive, a person is asked (tier C)",
}
GENERIC = (
    "Any other exchange that ccxt speaks to works through its general calls, as tier C: no client ids are sent, what "
    "became of an order without an answer is told by comparing the position before and after, and where that does not "
    "tell, the account stops and a person is asked for. Nothing special is known of it: try it with little money first."
)


@dataclass(frozen=True, slots=True)
class Column:
    """One thing to know of a venue: its heading, what it means, and how it is worded for one."""

    name: str
    meaning: str
    cell: Callable[[Traits], str]


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _uniqueness(traits: Traits) -> str:
    return "-" if traits.client_order_ids == "C" else traits.unique_client_order_ids


def _stops(traits: Traits) -> str:
    kinds = [name for name, has in (("market", traits.stop_market), ("limit", traits.stop_limit)) if has]
    return "both" if len(kinds) > 1 else "".join(kinds) or "none"


COLUMNS = (
    Column("venue", "the name for `venue` in an account block", lambda traits: traits.venue),
    Column(
        "found",
        "how an order without an answer is found: by our id (tier A), in lists of orders (B), or not (C)",
        lambda traits: LOOK_UP_TIERS[traits.client_order_ids],
    ),
    Column(
        "ids", "among which orders the venue refuses an id it has seen: open ones, or all there ever were", _uniqueness
    ),
    Column(
        "window",
        "after how many seconds a signed request is no longer accepted",
        lambda traits: f"{traits.receive_window} s" if traits.receive_window else "-",
    ),
    Column(
        "orders",
        "how many orders are sent side by side",
        lambda traits: "1" if traits.serialize_private else str(traits.writes_at_once),
    ),
    Column("cancels", "how many orders one call cancels", lambda traits: str(max(traits.cancel_batch, 1))),
    Column("stops", "which stop orders there are: market, limit, both or none", _stops),
    Column("reduce", "whether derivatives are closed by orders that can only reduce", lambda t: _yes(t.reduce_only)),
    Column("dust", "whether dust is converted through the venue's own conversion", lambda t: _yes(t.convert)),
    Column("fees", "the coin that fees may be taken from; it is sold last", lambda t: t.fee_asset or "-"),
    Column("in turn", "whether private calls wait for each other", lambda t: _yes(t.serialize_private)),
    Column(
        "password",
        "whether a password (passphrase) goes with the key",
        lambda traits: _yes(traits.needs_password) if is_known(traits) else "?",
    ),
)

BESIDE = (
    Column(
        "past",
        "where a run that the journal misses is looked for: one list of past orders, one for each symbol, or nowhere",
        lambda traits: {"account": "list", "symbol": "symbol", None: "no"}[traits.past_orders],
    ),
    Column(
        "checks",
        "in which markets the venue checks an order without placing it, as before a group's plan is carried out",
        lambda traits: ", ".join(traits.rehearses) or "no",
    ),
)
"""What a table on a screen has no room for."""


def show_table(venues: Sequence[Traits]) -> None:
    """Show a line for each venue, and what the columns mean."""
    table = titled(*(column.name for column in COLUMNS))
    for traits in venues:
        table.add_row(*(words(column.cell(traits)) for column in COLUMNS))
    meanings = rows("l", "l")
    for column in COLUMNS[1:]:
        meanings.add_row(column.name, column.meaning)
    hint = Text("Everything about one of them: exitplan venues kraken")
    show(table, meanings, words(tested_with(venues)), Text(GENERIC), hint)


def tested_with(venues: Sequence[Traits]) -> str:
    """Say in one paragraph which venues are tested on loopback, and which with recorded replies only."""
    live = [traits for traits in venues if traits.venue in KNOWN]
    copied = [f"{traits.venue} ({' and '.join(traits.loopback)})" for traits in live if traits.loopback]
    recorded = [traits.venue for traits in live if not traits.loopback]
    return (
        f"Tested against a copy of the venue on loopback: {_listed(copied)}. Tested with recorded replies only: "
        f"{_listed(recorded)}. No test has used a real venue."
    )


def tested(traits: Traits) -> str:
    """Say what a venue is tested with."""
    if not traits.loopback:
        return "Tested with recorded replies only."
    kinds = " and ".join(traits.loopback)
    return f"Tested against a copy of the venue on loopback: {kinds}. All else is tested with recorded replies only."


def show_sheet(traits: Traits) -> None:
    """Show everything that is known of one venue."""
    is_paper = traits.venue == PAPER
    facts = rows("l", "l", "l")
    for column in (*COLUMNS[2:], *BESIDE):
        facts.add_row(column.name, column.cell(traits), Text(column.meaning, "dim"))
    show(
        heading(traits.title, f"venue: {traits.venue}"),
        Text(_sentence(traits)) if is_known(traits) else Text(GENERIC),
        Text(tested(traits)) if traits.venue in KNOWN else None,
        facts,
        section("The key", "", words(traits.permissions)),
        None if is_paper else section("Credentials", "one of these references", _credentials(traits)),
        section("Known limits", "", _bullets(traits.limits_known)) if traits.limits_known else None,
        section("Account block", "for a file in policies/accounts", _lines(example_block(traits))),
        None if is_paper else words(f"Start from the account as it is: {start_command(traits)}"),
    )


def traits_document(traits: Traits) -> dict[str, Any]:
    """Return what is known of a venue in its JSON form; ``venue`` is null for any other exchange."""
    is_one = traits.venue != ANY_OTHER
    return {
        "venue": traits.venue if is_one else None,
        "title": traits.title,
        "look_up_tier": traits.client_order_ids,
        "look_up": _TIER_SENTENCES[traits.client_order_ids],
        "unique_client_order_ids": None if traits.client_order_ids == "C" else traits.unique_client_order_ids,
        "receive_window_seconds": traits.receive_window,
        "writes_at_once": traits.writes_at_once,
        "serialize_private": traits.serialize_private,
        "cancel_batch": traits.cancel_batch,
        "past_orders": traits.past_orders,
        "past_orders_looked_at": traits.past_page or None,
        "checks_orders": list(traits.rehearses),
        "stop_market": traits.stop_market,
        "stop_limit": traits.stop_limit,
        "reduce_only": traits.reduce_only,
        "convert": traits.convert,
        "fee_asset": traits.fee_asset,
        "needs_password": traits.needs_password,
        "permissions": traits.permissions,
        "tested_on_loopback": list(traits.loopback) if traits.venue in KNOWN else None,
        "limits_known": list(traits.limits_known),
        "account_block": example_block(traits) if is_one else None,
    }


def is_known(traits: Traits) -> bool:
    """Check whether exitplan knows more of a venue than ccxt says."""
    return traits.venue in {PAPER, *KNOWN}


def start_command(traits: Traits) -> str:
    """Return the command that makes a folder from a live account."""
    return f"exitplan init DIR --from-venue {traits.venue} --credentials {usual_credentials(traits.venue)}"


def credential_rows(traits: Traits) -> list[tuple[str, str]]:
    """Return each kind of reference, and what is read by it."""
    reference = usual_credentials(traits.venue)
    name = reference.removeprefix("env:")
    optional = "" if is_known(traits) else " where it has one"
    has_password = traits.needs_password or not is_known(traits)
    fields = ["api_key", "api_secret", *(["api_password"] if has_password else [])]
    named, keys = _listed([f"{name}_{field.upper()}" for field in fields]), _listed(fields)
    return [
        (reference, f"the variables {named}{optional}"),
        (f"keyring:{traits.venue}", f"that service in the system's keyring, with {keys}{optional}"),
        (f"file:{traits.venue}.json", f"a JSON or YAML file of mode 0600, with {keys}{optional}"),
    ]


def _credentials(traits: Traits) -> Any:  # noqa: ANN401 - a grid of rich
    table = rows("l", "l")
    for reference, meaning in credential_rows(traits):
        table.add_row(words(reference), words(meaning))
    return table


def _bullets(texts: Sequence[str]) -> Any:  # noqa: ANN401 - as above
    table = rows("l", "l")
    for text in texts:
        table.add_row("-", words(text))
    return table


def _lines(block: str) -> Text:
    return Text("\n").join(words(line) for line in block.splitlines())


def _sentence(traits: Traits) -> str:
    sentence = _TIER_SENTENCES[traits.client_order_ids]
    return f"{sentence[0].upper()}{sentence[1:]}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
