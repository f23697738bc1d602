"""The reference of commands, generated from the command line."""

from __future__ import annotations

import re
from typing import Any

import typer.main

from docs.markdown import code, page, section, table
from exitplan.cli.main import app
from exitplan.ruleset.exit_codes import ExitCode

_DEFAULT = re.compile(r"\s*\[(?P<extra>[^\]]*)\]$")
_PYTHON_TYPE = re.compile(r" <[^>]*>$")
_EXTRAS = {"default: ": "default", "env var: ": "environment"}


def commands_page() -> str:
    """Return the page on commands: usage, help, arguments and options of each."""
    root = typer.main.get_command(app)
    context = root.make_context("exitplan", ["--help"], resilient_parsing=True)
    return page("Commands", _help(root), _exit_codes(), *_sections(root, context))


def _exit_codes() -> str:
    about = "Every command leaves with one of these. Of several accounts it is the one that stands first here."
    rows = [[str(one.value), one.meaning] for one in ExitCode]
    return section("Exit codes", about, table(["code", "meaning"], rows))


def _sections(group: Any, context: Any) -> list[str]:  # noqa: ANN401 - the classes behind a Typer app are its own affair
    found = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        inner = type(context)(command, info_name=name, parent=context)
        is_group = hasattr(command, "commands")
        if not is_group or command.invoke_without_command:
            found.append(_section(command, inner))
        if is_group:
            found.extend(_sections(command, inner))
    return found


def _section(command: Any, context: Any) -> str:  # noqa: ANN401 - as above
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [_row(*record) for record in records if record is not None and "--help" not in record[0]]
    options = [table(["option", "meaning", "default", "environment"], rows)] if rows else []
    return section(context.command_path, f"```text\n{usage}\n```", _help(command), *options)


def _row(names: str, text: str) -> list[str]:
    found = {"default": "", "environment": ""}
    match = _DEFAULT.search(text)
    for part in match["extra"].split("; ") if match else []:
        for prefix, key in _EXTRAS.items():
            if part.startswith(prefix):
                found[key] = part.removeprefix(prefix)
    meaning = text[: match.start()] if match and any(found.values()) else text
    return [code(_PYTHON_TYPE.sub("", names)), meaning, found["default"], code(found["environment"])]


def _help(command: Any) -> str:  # noqa: ANN401 - as above
    return str(command.help or "").partition("\f")[0].strip()
