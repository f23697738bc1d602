"""What a shell completes besides commands, options and files: accounts, symbols and rules of the project in place.

A completion never fails and never asks a venue: where something cannot be read, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from exitplan.ruleset.errors import UsageError

if TYPE_CHECKING:
    from exitplan.executor.accounts.account import AccountFile
    from exitplan.executor.accounts.places import DataPlace

Offers = list[tuple[str, str]]
"""Words, each with a note that shells show beside it."""


def complete_account(incomplete: str) -> Offers:
    """Offer the ids of the account files, with their venues."""
    from exitplan.executor.accounts.account import read_account_files  # noqa: PLC0415 - as above
    from exitplan.executor.accounts.project import project_root  # noqa: PLC0415 - only while a shell asks

    with suppress(Exception):
        files = read_account_files(project_root()).sound
        return _fitting({name: file.venue for name, file in files.items()}, incomplete)
    return []


def complete_symbol(ctx: typer.Context, incomplete: str) -> Offers:
    """Offer what the account held, or had an order for, when it was last read on this machine."""
    from exitplan.executor.offline_warnings import latest_reading  # noqa: PLC0415 - as above

    with suppress(Exception):
        reading = latest_reading(_account_file(ctx))
        held = {} if reading is None else {position.symbol: position.side for position in reading.positions}
        ordered = {} if reading is None else {order.symbol: "order" for order in reading.open_orders}
        return _fitting({**ordered, **held}, incomplete)
    return []


def complete_rule(ctx: typer.Context, incomplete: str) -> Offers:
    """Offer the rules of the account's policy that act."""
    with suppress(Exception):
        policy = _account_file(ctx).loaded.policy
        rules = {rule.id: "cancels" for rule in policy.orders} | {rule.id: rule.action for rule in policy.exits}
        return _fitting(rules, incomplete)
    return []


def _place_of(ctx: typer.Context) -> DataPlace:
    """Return where data is kept; of a database nothing is offered."""
    from exitplan.executor.accounts.places import FilePlace  # noqa: PLC0415 - as above
    from exitplan.executor.accounts.project import project_root  # noqa: PLC0415 - as above

    place = ctx.params.get("data") or FilePlace(project_root() / "data")
    if not isinstance(place, FilePlace):
        raise UsageError("a shell that completes waits for no database")
    return place


def complete_incident(ctx: typer.Context, incomplete: str) -> Offers:
    """Offer the open incidents of all accounts."""
    from exitplan.executor.escalation.ladder import incidents_in  # noqa: PLC0415 - as above

    with suppress(Exception):
        place = _place_of(ctx)
        stores = map(place.store_of, place.files("incidents").sound)
        known = [incident for store in stores for incident in incidents_in(store)]
        return _fitting({incident.id: f"{incident.kind} {incident.subject}" for incident in known}, incomplete)
    return []


def complete_request(ctx: typer.Context, incomplete: str) -> Offers:
    """Offer the plans of all accounts that wait for a person."""
    with suppress(Exception):
        found, _ = _place_of(ctx).requests(closed=False)
        waiting = [one.request for one in found]
        return _fitting({request.id: request.account for request in waiting}, incomplete)
    return []


def complete_channel(incomplete: str) -> Offers:
    """Offer the channels of the project, with what their addresses refer to."""
    from exitplan.executor.accounts.project import project_root  # noqa: PLC0415 - as above
    from exitplan.executor.alerting.channels import load_channels  # noqa: PLC0415 - as above

    with suppress(Exception):
        return _fitting({one.name: one.url for one in load_channels(project_root()) or ()}, incomplete)
    return []


def complete_group(incomplete: str) -> Offers:
    """Offer the groups of the project."""
    from exitplan.executor.accounts.groups import group_files  # noqa: PLC0415 - as above
    from exitplan.executor.accounts.project import project_root  # noqa: PLC0415 - as above

    with suppress(Exception):
        return _fitting({name: str(path) for name, path in group_files(project_root()).items()}, incomplete)
    return []


def complete_policy(incomplete: str) -> Offers:
    """Offer the policies that come with exitplan, with what each is for."""
    from exitplan.schemas.shipped import SHIPPED_POLICIES  # noqa: PLC0415 - as above

    return _fitting({policy.name: policy.purpose for policy in SHIPPED_POLICIES.values()}, incomplete)


def complete_schema(incomplete: str) -> Offers:
    """Offer the kinds of files that have a schema."""
    from exitplan.schemas.build import SHAPES  # noqa: PLC0415 - as above
    from exitplan.schemas.shapes.answers import ANSWERS  # noqa: PLC0415 - as above

    return _fitting(dict.fromkeys([*SHAPES, *ANSWERS], ""), incomplete)


def _account_file(ctx: typer.Context) -> AccountFile:
    from exitplan.cli.arguments import AccountRef, request_of  # noqa: PLC0415 - as above
    from exitplan.executor.accounts.account import find_account  # noqa: PLC0415 - as above

    named = ctx.params.get("account")
    only = named[0] if isinstance(named, list | tuple) and named else named or None
    return find_account(request_of(AccountRef(only)))


def _fitting(words: Mapping[str, str], incomplete: str) -> Offers:
    return [(word, note) for word, note in sorted(words.items()) if word.startswith(incomplete)]
