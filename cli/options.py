"""The options that several verbs share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.completion import complete_account, complete_rule, complete_symbol
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_data, project_root
from exitplan.executor.store.postgres.url import ensure_scheme, is_database_url
from exitplan.ruleset.errors import UsageError

AccountOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        "-a",
        metavar="ID",
        autocompletion=complete_account,
        help="The account: its id, or the path of its file.  [default: platform, else the only one]",
    ),
]
HaltedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        "-a",
        metavar="ID",
        autocompletion=complete_account,
        help="The account: its id, or the path of its file.  [default: every account]",
    ),
]
AccountsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        "-a",
        metavar="ID",
        autocompletion=complete_account,
        help="An account: its id, or the path of its file; may be given more than once.  "
        "[default: platform, else the only one]",
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Every account that carries this tag in its account block; may be given more than once.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every account that has an account file.")]
JobsOption = Annotated[
    int,
    typer.Option("--jobs", metavar="N", min=1, max=64, help="How many accounts to work on at once."),
]
KEY_HELP = "The private ed25519 key: its file, env:NAME (the variable NAME_SIGNING_KEY) or keyring:NAME."


def read_policy(path: Path | None) -> Path | None:
    """Find the file of a policy that is typed as an option: it may be one that comes with exitplan, by its name."""
    from exitplan.cli.policy_names import named_policy  # noqa: PLC0415 - `exitplan --help` needs none of it

    return None if path is None else named_policy(path)


PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE|NAME",
        callback=read_policy,
        help="A policy to use instead of the account's own; one that comes with exitplan by its name.",
    ),
]


def _read_place(value: DataPlace | str) -> DataPlace | str:
    """Read where data is kept; a database is opened once the command line is understood."""
    if not isinstance(value, str) or is_database_url(value):
        return value
    ensure_scheme(value)
    return FilePlace(Path(value))


def _data_of_project(context: typer.Context, value: DataPlace | str) -> DataPlace | str:
    """Find the data folder where none is named, and tell of halts in it; every verb that has one passes here.

    Options that are typed are read before those that are not, so the accounts are known by now.
    """
    if context.resilient_parsing and isinstance(value, str):  # a shell that completes waits for no database
        return value
    accounts = [*(context.params.get("account") or ()), *filter(None, [context.params.get("user_id")])]
    source = context.get_parameter_source("data")
    is_default = source is not None and source.name == "DEFAULT"
    place = FilePlace(project_data(accounts or _account_in_policy(context))) if is_default else _opened(context, value)
    if isinstance(place, FilePlace) and context.info_name != "doctor":  # which tells of it among what else it finds
        _ensure_folder(place.folder)
    if context.info_name not in {"halt", "resume"}:
        from exitplan.cli.halts import warn_of_halts  # noqa: PLC0415 - `exitplan --help` needs none of it

        warn_of_halts(place, accounts, as_json=bool(context.params.get("as_json")))
    if isinstance(place, FilePlace):
        _count_calls(context, place.folder)
    return place


def _ensure_folder(folder: Path) -> None:
    """Raise UsageError where something else is in the place of the data folder: it would read as one without history.

    A folder that is not there yet is made when something is written.
    """
    there = next((path for path in (folder, *folder.absolute().parents) if os.path.lexists(path)), None)
    if there is not None and not there.is_dir():
        beneath = "" if there == folder else f": {there} is none"
        hint = "name the folder that holds state, journal and alerts: --data DIR, or EXITPLAN_DATA"
        raise UsageError(f"the data folder {folder} is no folder{beneath}", hint=hint)


def _opened(context: typer.Context, value: DataPlace | str) -> DataPlace:
    """Open the database that is named, for the time of the command."""
    if not isinstance(value, str):
        return value
    from exitplan.cli.fleet import opened_place  # noqa: PLC0415 - only who names a database needs it

    return context.with_resource(opened_place(value))


def _count_calls(context: typer.Context, folder: Path) -> None:
    """Count the calls to venues of this command, for `exitplan metrics`."""
    from exitplan.executor.metrics.call_totals import counting_calls  # noqa: PLC0415 - as above

    context.with_resource(counting_calls(folder))


def _account_in_policy(context: typer.Context) -> list[str]:
    """Return the policy that was named where it is taken for the account's file, as `find_account` does."""
    from exitplan.executor.accounts.account import find_account_files  # noqa: PLC0415 - as above

    policy = context.params.get("policy")
    return [str(policy)] if policy and not find_account_files(project_root()) else []


_ABOUT_DATA = (
    "Where state, journal and alerts are kept, a folder or the postgresql:// address of a fleet; data in the project's "
    "folder if it is not named."
)
DataOption = Annotated[
    DataPlace,
    typer.Option(
        "--data",
        envvar="EXITPLAN_DATA",
        metavar="DIR|URL",
        help=_ABOUT_DATA,
        parser=_read_place,
        callback=_data_of_project,
    ),
]
DataDirOption = Annotated[
    DataPlace,
    typer.Option(
        "--data",
        "--data-dir",
        envvar="EXITPLAN_DATA",
        metavar="DIR|URL",
        help=_ABOUT_DATA,
        parser=_read_place,
        callback=_data_of_project,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]

UnderOption = Annotated[
    Path | None,
    typer.Option(
        "--under",
        metavar="FILE|NAME",
        callback=read_policy,
        help="An outer policy, whose invariants (never, always) no policy may break.",
    ),
]

MaxPositionsOption = Annotated[
    int | None,
    typer.Option("--max-positions", metavar="N", help="Set max_positions over the policy."),
]
DustPctOption = Annotated[
    str | None,
    typer.Option(
        "--dust-pct",
        metavar="FRACTION",
        help="Set dust_pct_threshold over the policy, as a fraction: 0.01 is 1 %.",
    ),
]
StaleMinutesOption = Annotated[
    str | None,
    typer.Option("--stale-minutes", metavar="MINUTES", help="Set stale_order_minutes over the policy."),
]

TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target", metavar="SYM", autocompletion=complete_symbol, help="Only this symbol; may be given more than once."
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="SYM",
        autocompletion=complete_symbol,
        help="All but this symbol; may be given more than once.",
    ),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="ID",
        autocompletion=complete_rule,
        help="Only actions of this exit or order rule; may be given more than once.",
    ),
]
ALL_PHASES = 0
"""What ``--phase all`` stands for: no phase alone."""


def read_phase(text: str) -> int:
    """Read a phase as it is typed: its number, or all."""
    if text.casefold() == "all":
        return ALL_PHASES
    if not text.isdecimal() or int(text) == ALL_PHASES:
        raise typer.BadParameter(f"{text!r} is no phase; 1 to 4 and all are")
    return int(text)


PhaseOption = Annotated[
    int | None,
    typer.Option("--phase", metavar="N", parser=read_phase, help="Only this phase, 1 to 4 or all; 2 cancels, 3 exits."),
]
SnapshotOption = Annotated[
    Path | None,
    typer.Option(
        "--snapshot", metavar="FILE", help="Work on a recorded account; the data folder and the venue are not touched."
    ),
]
ProgressOption = Annotated[
    Path | None,
    typer.Option("--progress", metavar="FILE", help="With --snapshot: unwinds under way, from a state file."),
]
NowOption = Annotated[
    str | None,
    typer.Option(
        "--now",
        metavar="TIME",
        help="With --snapshot: the time to plan for, such as 2026-02-18T22:00:00Z.  [default: its taken_at]",
    ),
]

DEFAULT_DATA: DataPlace = FilePlace(Path("data"))
"""Below the project's folder, wherever the line is started."""
DEFAULT_JOBS = 8
