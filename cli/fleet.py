"""What the verbs of a fleet share: the option that names its database, and opening the registry in it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.executor.store.postgres.url import ensure_scheme, is_database_url
from exitplan.ruleset.errors import UsageError

if TYPE_CHECKING:
    from exitplan.executor.accounts.places import DataPlace
    from exitplan.fleet.place import FleetPlace
    from exitplan.fleet.registry import AccountFilter, Registry


def _database(url: str) -> str:
    """Check that a database is named; completion and help ask for none."""
    ensure_scheme(url)
    if not is_database_url(url):
        said = f"{url} is a folder: a fleet is kept in Postgres" if url else "which fleet?"
        raise UsageError(said, hint="name its database: --data postgresql://ROLE@HOST/DATABASE, or set EXITPLAN_DATA")
    return url


FleetOption = Annotated[
    str,
    typer.Option(
        "--data",
        envvar="EXITPLAN_DATA",
        metavar="URL",
        help="The fleet's database: postgresql://ROLE@HOST/DATABASE; the password is in PGPASSWORD or ~/.pgpass.",
        callback=_database,
        show_default=False,
    ),
]
VenueFilter = Annotated[str | None, typer.Option("--venue", metavar="NAME", help="Only accounts at this venue.")]
TagFilter = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only accounts that carry this tag.")]
PolicyFilter = Annotated[
    str | None,
    typer.Option("--policy", metavar="HASH", help="Only accounts under this policy: its hash, or how it begins."),
]
StandingFilter = Annotated[
    str | None, typer.Option("--standing", metavar="WORD", help="Only accounts that are active, drained or dead.")
]
ShardFilter = Annotated[int | None, typer.Option("--shard", metavar="N", min=1, help="Only accounts in this shard.")]
EgressFilter = Annotated[
    str | None, typer.Option("--egress", metavar="NAME", help="Only accounts whose requests leave by this egress.")
]
SizeOption = Annotated[
    int,
    typer.Option("--size", metavar="N", min=1, max=100_000, help="How many accounts a shard usually has."),
]
STANDINGS = ("active", "drained", "dead")


def filter_of(
    venue: str | None,
    tag: str | None,
    policy: str | None,
    standing: str | None,
    shard: int | None,
    egress: str | None,
) -> AccountFilter:
    """Return which accounts are wanted; raises UsageError for a standing that there is not."""
    from exitplan.fleet.registry import AccountFilter  # noqa: PLC0415 - `exitplan fleet --help` needs none of it

    if standing is not None and standing not in STANDINGS:
        raise UsageError(f"there is no standing {standing!r}", hint=f"it is one of {', '.join(STANDINGS)}")
    return AccountFilter(venue, tag, policy, standing, shard, egress)


def ensure_driver() -> None:
    """Raise UsageError where the packages of a fleet are not installed, or do not find what they need."""
    hint = "pip install 'exitplan[fleet]', into the environment that exitplan is in"
    try:
        importlib.import_module("psycopg")
    except ModuleNotFoundError as error:
        raise UsageError("the packages that a fleet needs are not installed", hint=hint) from error
    except ImportError as error:  # such as one without the library of Postgres
        said = " ".join(str(error).split())
        raise UsageError(f"the packages that a fleet needs cannot be used: {said}", hint=hint) from error


@contextmanager
def opened_place(url: str) -> Iterator[FleetPlace]:
    """Open a fleet as the place of accounts for the time of the block; raises UsageError, DataFolderUnusable."""
    ensure_driver()
    from exitplan.fleet.opening import open_fleet  # noqa: PLC0415 - as above

    with open_fleet(url) as place:
        yield place


def fleet_of(place: DataPlace) -> FleetPlace:
    """Return the fleet that a place is; raises UsageError for a data folder."""
    from exitplan.fleet.place import FleetPlace  # noqa: PLC0415 - as above

    if not isinstance(place, FleetPlace):
        _database(str(place))
        raise UsageError(f"{place} is no fleet")
    return place


@contextmanager
def opened_registry(url: str) -> Iterator[Registry]:
    """Open the registry of a fleet for the time of the block; raises UsageError, DataFolderUnusable."""
    ensure_driver()
    with opened_place(url) as place:
        yield place.registry
