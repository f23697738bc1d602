"""What the command line at work has written so far, and how it writes; nothing heavy is loaded for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from exitplan.ruleset.model.visible import printable_lines

ANSWER_VERSION = 1
"""The version of what commands print with ``--json``; keys may be added within it."""


@dataclass(slots=True)
class Output:
    """What a command line has written to stdout so far, whether it writes for people at all, and in colours."""

    has_document: bool = False
    is_quiet: bool = False
    is_plain: bool = False


OUTPUT = Output()


def versioned(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document that says which version of its format it has; files that exitplan keeps say it themselves."""
    return {"format_version": document.get("format_version", ANSWER_VERSION), **document}


def say(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Write lines for a person, with nothing in them that a terminal would obey, hide or turn around."""
    typer.echo(  # noqa: TID251 - the one place
        printable_lines(str(text)), err=err, nl=nl
    )
