"""``exitplan init``: a folder with policies and a paper account to try."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.streams import save
from cli.verbs import verb_app
from ruleset.errors import UsageError
from schemas.build import FOLDER
from schemas.policies import SHIPPED

_GITIGNORE = b"# what exitplan keeps of its accounts: state, journal, alerts\n/data/\n"


app = verb_app()


@app.command()
def command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to fill; made where it is not there.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Make a folder with policies and a paper account to try.

    It holds the shipped policies, two paper accounts, and the schemas that editors check and complete policies by.

    Files that are there are not touched, unless --force is given.
    """
    fill_folder(folder, force=force)
    there = folder.resolve() != Path.cwd()
    typer.echo(f"Made policies, two paper accounts and schemas for your editor in {folder}. Next:\n")
    if there:
        typer.echo(f"  cd {folder}")
    typer.echo("  exitplan plan              what would be done to the demo account, and why")
    typer.echo("  exitplan explain XRP/USD   why one position is what it is")
    typer.echo("  exitplan apply             carry it out, on paper")
    typer.echo("  policies/default.yaml      the rules: change them and plan again")


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
    """Give the files of a new folder by their names in it."""
    policies = sorted(SHIPPED.rglob("*.yaml"))
    files = {f"policies/{path.relative_to(SHIPPED).as_posix()}": path.read_bytes() for path in policies}
    schemas = {f"schemas/{path.name}": path.read_bytes() for path in sorted(FOLDER.glob("*.schema.json"))}
    return {**files, **schemas, ".gitignore": _GITIGNORE}
