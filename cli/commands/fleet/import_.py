"""``exitplan fleet import``: from account files into the registry, all or none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exitplan.cli.failures import error_document, report, warn
from exitplan.cli.fleet import FleetOption, SizeOption, opened_registry
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.many import AccountsBar
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.ruleset.planning.words import counted

if TYPE_CHECKING:
    from exitplan.fleet.importing import Imported, Read

_MOST_SHOWN = 20
app = verb_app()


@app.command()
def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR|-",
            help="Account files, folders of them, YAML streams of many; - reads one from stdin.",
            allow_dash=True,
        ),
    ],
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Take in the sound accounts although others are broken.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the files alone; the registry stays as it is.")
    ] = False,
    size: SizeOption = 150,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Take accounts into the fleet from account files.

    New accounts are added, others changed where they differ; what is not among the files stays. Every file is checked
    as `exitplan validate` does, and one that is broken keeps all of them out, unless --keep-going. Policies are merged
    and stored by their hash, once for all accounts under the same one. Credentials are kept as references alone; paths
    become absolute.
    """
    from exitplan.fleet.importing import import_accounts, read_accounts, texts_of  # noqa: PLC0415 - help needs none

    texts = texts_of(paths, sys.stdin.buffer.read() if Path("-") in paths else None)
    if not texts:
        raise UsageError("there is no account in what was named", hint="name account files, or a folder of them")
    with AccountsBar(len(texts)) as bar:
        read = read_accounts(texts, bar.advance)
    done: Imported | None = None
    if (not read.problems or keep_going) and not dry_run and read.drafts:
        with opened_registry(data) as registry:
            done = import_accounts(registry, read.drafts, size)
    show_import(read, done, as_json=as_json)
    raise typer.Exit(FileIsInvalid.exit_code if read.problems else 0)


def show_import(read: Read, done: Imported | None, *, as_json: bool) -> None:
    """Show what is wrong and what came of an import."""
    if as_json:
        write_json(import_document(read, done))
        return
    for problem in read.problems[:_MOST_SHOWN]:
        report(problem, as_json=False)
    _say_rest(read.problems)
    warnings = _warnings(read, done)
    for line in warnings[:_MOST_SHOWN]:
        warn(line)
    _say_rest(warnings)
    if done is not None:
        opened = f", {counted(done.shards_opened, 'new shard')}" if done.shards_opened else ""
        policies = counted(done.policies, "policy", "policies")
        say(f"Added {done.added:,}, changed {done.changed:,}, unchanged {done.unchanged:,}; {policies}{opened}.")
    elif read.problems:
        broken = counted(len(read.problems), "problem")
        sound = f" --keep-going takes in the {counted(len(read.drafts), 'sound account')}." if read.drafts else ""
        say(f"Nothing was imported: {broken} in the files.{sound}", err=True)
    else:
        say(f"{counted(len(read.drafts), 'account')} can be imported; nothing was changed.")


def _warnings(read: Read, done: Imported | None) -> list[str]:
    return [*read.warnings, *(done.warnings if done else ())]


def _say_rest(lines: Sequence[object]) -> None:
    if len(lines) > _MOST_SHOWN:
        say(f"and {len(lines) - _MOST_SHOWN:,} more; --json lists all", err=True)


def import_document(read: Read, done: Imported | None) -> dict[str, Any]:
    """Return an import in its JSON form."""
    return {
        "imported": done is not None,
        "added": done.added if done else 0,
        "changed": done.changed if done else 0,
        "unchanged": done.unchanged if done else 0,
        "policies": done.policies if done else 0,
        "shards_opened": done.shards_opened if done else 0,
        "problems": [error_document(problem) for problem in read.problems],
        "warnings": _warnings(read, done),
    }
