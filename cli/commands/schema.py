"""``exitplan schema``: the JSON Schemas of every file that exitplan reads or writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from exitplan.cli.completion import complete_schema
from exitplan.cli.output import say
from exitplan.cli.streams import save, write_bytes
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.build import FOLDER, SHAPES, schema_text
from exitplan.schemas.shapes.answers import ANSWERS

app = verb_app()


@app.command()
def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete_schema,
            help="The kind of file, such as policy or plan, or a place in it: policy.parameters.max_positions.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write all schemas, or NAME's, to a folder.")
    ] = None,
) -> None:
    """Print a JSON Schema, or list them.

    There is one for every file, and one for what each command prints with --json. Editors check and complete policies
    by those of files; `exitplan init` writes them beside the policies.
    """
    files = schema_files()
    if name is not None and out is None:
        kind, *keys = name.split(".")
        schema = _schema_of(kind, files)
        write_bytes(schema_text(_place_in(schema, keys, kind) if keys else schema).encode())
        return
    chosen = files if name is None else {name: _named(name, files)}
    if out is not None:
        for path in chosen.values():
            save(out / path.name, path.read_bytes())
        say(f"Wrote {', '.join(path.name for path in chosen.values())} to {out}.")
        return
    width = max(map(len, (*files, *ANSWERS)))
    say("Files")
    say("\n".join(f"  {kind:{width}}  {title_of(path)}" for kind, path in files.items()))
    say("\nWhat commands print with --json")
    say("\n".join(f"  {kind:{width}}  {shape()['description']}" for kind, shape in ANSWERS.items()))


def schema_files() -> dict[str, Path]:
    """Find the schema files by the kind of file they describe."""
    return {kind: FOLDER / f"{kind}.schema.json" for kind in SHAPES}


def _schema_of(kind: str, files: dict[str, Path]) -> dict[str, Any]:
    """Return a schema: of a file as it is shipped, of an answer as it is."""
    if kind in ANSWERS:
        return ANSWERS[kind]()
    schema: dict[str, Any] = orjson.loads(_named(kind, files).read_bytes())
    return schema


def title_of(path: Path) -> str:
    """Return what a schema says it is about."""
    schema = orjson.loads(path.read_bytes())
    return str(schema.get("description") or schema.get("title") or "")


def _place_in(schema: dict[str, Any], keys: list[str], said: str) -> dict[str, Any]:
    """Return the part of a schema that describes a place in a file; entries of lists need no key of their own."""
    whole, part = schema, schema
    for key in keys:
        known = _properties(part, whole)
        if key not in known:
            hint = did_you_mean(key, known) or (
                f"there are: {', '.join(known)}" if known else "there is nothing below it"
            )
            raise UsageError(f"{said} has no {key!r}", hint=hint)
        part, said = known[key], f"{said}.{key}"
    return _resolved(part, whole)


def _properties(part: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that may stand in a place, with what describes each."""
    part = _resolved(part, whole)
    found = dict(part.get("properties", {}))
    if isinstance(part.get("items"), dict):
        found |= _properties(part["items"], whole)
    for branch in part.get("anyOf", []):
        found |= _properties(branch, whole)
    return found


def _resolved(part: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the definitions of the schema."""
    while "$ref" in part:
        part = whole["definitions"][part["$ref"].rpartition("/")[2]]
    return part


def _named(name: str, files: dict[str, Path]) -> Path:
    known = [*files, *ANSWERS]
    if name not in files:
        raise UsageError(
            f"there is no schema {name!r}", hint=did_you_mean(name, known) or f"there are: {', '.join(known)}"
        )
    return files[name]
