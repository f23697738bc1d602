"""``exitplan init``: a folder with policies and an account to try: a paper one, or a live one and its paper copy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.output import say
from exitplan.cli.streams import json_bytes, save
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.accounts.project import MARKER, MARKER_TEXT
from exitplan.ruleset.errors import UsageError
from exitplan.schemas.build import FOLDER
from exitplan.schemas.layout.printing import laid_out
from exitplan.schemas.policies import SHIPPED

_GITIGNORE = b"# what exitplan keeps of its accounts: state, journal, alerts\n/data/\n"
_ACCOUNTS = "policies/accounts/"
_CHANNELS = b"""\
# Where alerts go. Call this file alerts.yaml to use it, then: exitplan alerts test
version: 1
channels:
  desk:                 # a chat, a webhook, ...: an address of apprise, in the variable DESK_URL
    url: env:DESK_URL   # or keyring:NAME, or file:PATH; never the address itself
    severity: warning
    quiet: {from: "22:00", to: "07:00", zone: UTC, except: critical}
  mail:                 # all of it, once a day
    url: env:MAIL_URL
    digest: {at: "08:00", zone: UTC}
"""

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to fill; made where it is not there.")
    ] = Path(),
    from_venue: Annotated[
        str | None, typer.Option("--from-venue", metavar="VENUE", help="Start from a live account, read once.")
    ] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            "--credentials",
            metavar="REF",
            help="Where its keys are: env:NAME, keyring:NAME or file:PATH.  [default: env:VENUE]",
        ),
    ] = None,
    quote: Annotated[
        str | None,
        typer.Option("--quote", metavar="CURRENCY", help="What it is valued in.  [default: the venue's usual]"),
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", "-a", metavar="ID", help="The id it gets.  [default: the venue's name]")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Another address of the venue's interface.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Use the venue's sandbox.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there; of a live account only its own.")
    ] = False,
) -> None:
    """Make a folder with policies and an account to try.

    It holds the shipped policies, two paper accounts, and the schemas that editors check and complete policies by.

    With --from-venue a live account is read once, and nothing is sent. In place of the two paper accounts come the
    account's file, with a reference to its credentials and never a value; a recording of the account; and a paper copy
    that starts from the recording. Policies and schemas that are there stay as they are, so that a folder may hold
    several accounts. Nothing is written where the account cannot be read.

    Files that are there are not touched, unless --force is given.
    """
    given = {"--credentials": credentials, "--quote": quote, "--account": account, "--base-url": base_url}
    if from_venue is not None:
        options: dict[str, Any] = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
        start_from_venue(folder, {"venue": from_venue, "sandbox": sandbox, **options}, force=force)
        return
    for option, value in {**given, "--sandbox": sandbox or None}.items():
        if value is not None:
            raise UsageError(f"{option} goes with --from-venue", hint="name the venue: --from-venue kraken")
    fill_folder(folder, force=force)
    say(f"Made policies, two paper accounts and schemas for your editor in {folder}. Next:\n")
    _show_way_in(folder)
    say("  exitplan plan              what would be done to the demo account, and why")
    say("  exitplan explain XRP/USD   why one position is what it is")
    say("  exitplan apply             carry it out, on paper")
    say("  exitplan policies list     the policies that an account file may extend, and what each is for")
    say("  policies/default.yaml      the rules: change them and plan again")


def start_from_venue(folder: Path, typed: dict[str, Any], *, force: bool = False) -> None:
    """Read a live account and write what belongs to it, or nothing; ``typed`` holds the fields of VenueOptions."""
    from exitplan.cli.from_venue import (  # noqa: PLC0415 - a paper account needs none of it
        VenueOptions,
        account_files,
        ensure_free,
        read_options,
        record_live,
    )

    live = read_options(VenueOptions(**typed))
    ensure_free(live, folder, force=force)
    recording = record_live(live, folder)
    written = {
        name: laid_out(text.encode(), name).encode() for name, text in account_files(live, folder, recording).items()
    }
    shared = {name: content for name, content in starting_files().items() if not name.startswith(_ACCOUNTS)}
    missing = {name: content for name, content in shared.items() if not (folder / name).exists()}
    for name, content in {**missing, live.own_files[2]: json_bytes(recording), **written}.items():
        save(folder / name, content)
    positions, orders = len(recording["positions"]), len(recording["open_orders"])
    say(f"Read {live.id} at {live.title}: {positions} positions, {orders} open orders. Written in {folder}:\n")
    for name in live.own_files:
        say(f"  {name}")
    _tell_of_tracker(folder, live.id)
    say("\nNext, on paper first:\n")
    _show_way_in(folder)
    say(f"  exitplan plan --account {live.paper_id}")
    say(f"  exitplan apply --account {live.paper_id}")
    say("\nThen with the live account; only apply sends anything:\n")
    say(f"  exitplan plan --account {live.id} --out plan.json")
    say("  exitplan apply plan.json")


def _tell_of_tracker(folder: Path, account: str) -> None:
    """Tell of a position tracker that is there and would not be read for this account."""
    tracker = DataFolder.of(folder / "data", PLATFORM).tracker
    own = DataFolder.of(folder / "data", account).tracker
    if tracker.is_file() and own != tracker and not own.exists():
        say(f"\n{tracker} is a position tracker. It is not read for {account}, whose own is {own}.")
        line = ["exitplan", "state", "take-tracker", "data/positions.json", "--account", account]
        say(f"To take it over: {shlex.join(line)}")


def _show_way_in(folder: Path) -> None:
    if folder.resolve() != Path.cwd():
        say(f"  cd {shlex.quote(str(folder))}")


def fill_folder(folder: Path, *, force: bool = False) -> list[Path]:
    """Write the starting files; raises UsageError, and writes nothing, where any of them is there."""
    files = starting_files()
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        listed = "".join(f"\n  {folder / name}" for name in there)
        raise UsageError(
            f"these files are there already:{listed}", hint="choose another folder, or replace them with --force"
        )
    for name, content in files.items():
        save(folder / name, content)
    return [folder / name for name in files]


def starting_files() -> dict[str, bytes]:
    """Return the files of a new folder by their names in it."""
    policies = sorted(SHIPPED.rglob("*.yaml"))
    files = {f"policies/{path.relative_to(SHIPPED).as_posix()}": path.read_bytes() for path in policies}
    schemas = {f"schemas/{path.name}": path.read_bytes() for path in sorted(FOLDER.glob("*.schema.json"))}
    return {**files, **schemas, ".gitignore": _GITIGNORE, "alerts.example.yaml": _CHANNELS, MARKER: MARKER_TEXT}
