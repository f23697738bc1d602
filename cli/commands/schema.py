"""``exitplan schema``: the JSON Schemas of every file that exitplan reads or writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from exitplan.cli.streams import save, write_bytes
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.build import FOLDER, SHAPES

app = verb_app()


@app.command()
def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The kind of file, such as policy or plan.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write all schemas, or NAME's, to a folder.")
    ] = None,
) -> None:
    """Print a JSON Schema, or list them.

    Editors check and complete policies by them; `exitplan init` writes them beside the policies.
    """
    files = schema_files()
    chosen = files if name is None else {name: _named(name, files)}
    if out is not None:
        for path in chosen.values():
            save(out / path.name, path.read_bytes())
        typer.echo(f"Wrote {', '.join(path.name for path in chosen.values())} to {out}.")
    elif name is None:
        typer.echo("\n".join(f"{kind:10}{title_of(path)}" for kind, path in files.items()))
    else:
        write_bytes(chosen[name].read_bytes())


def schema_files() -> dict[str, Path]:
    """Find the schema files by the kind of file they describe."""
    return {kind: FOLDER / f"{kind}.schema.json" for kind in SHAPES}


def title_of(path: Path) -> str:
    """Return what a schema says it is about."""
    schema = orjson.loads(path.read_bytes())
    return str(schema.get("description") or schema.get("title") or "")


def _named(name: str, files: dict[str, Path]) -> Path:
    if name not in files:
        raise UsageError(
            f"there is no schema {name!r}", hint=did_you_mean(name, files) or f"there are: {', '.join(files)}"
        )
    return files[name]
