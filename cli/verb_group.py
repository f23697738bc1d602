"""A command that has verbs: it lists them in groups, and loads each when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup

from exitplan.cli.verbs import FLEET_VERBS, HEALTH_VERBS, LoadedVerbs, Verb

_ONE_DASH = re.compile(r"-[a-z][a-z-]+(?=$|=)")
_SHORT = len("-o")


class VerbGroup(TyperGroup):
    """A command of verbs that are in a table."""

    def __init__(self, *, verbs: Mapping[str, Verb], package: str = "exitplan.cli.commands", **settings: Any) -> None:  # noqa: ANN401 - as its base
        """Make the command of these verbs, whose modules are in ``package``."""
        super().__init__(**settings)
        self.verbs = verbs
        self.commands = LoadedVerbs(verbs, package)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as its base
        """Find the verb, and read its options as users of Terraform type them: ``-out=FILE`` for ``--out=FILE``."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, VerbGroup):  # it reads those of its verbs itself
            return name, command, rest
        return name, command, _with_two_dashes(rest, _all_option_names(command))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - as its base
        """Name the verbs, without loading any."""
        return list(self.verbs)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as its base
        """List the verbs in their groups, without loading any."""
        width = max(len(name) for name in self.verbs)
        for panel in dict.fromkeys(verb.panel for verb in self.verbs.values()):
            rows = [(verb.name.ljust(width), verb.summary) for verb in self.verbs.values() if verb.panel == panel]
            with formatter.section(panel):
                formatter.write_dl(rows)


class FleetGroup(VerbGroup):
    """The command ``fleet``."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as its base
        """Make the command of the verbs of a fleet."""
        super().__init__(verbs=FLEET_VERBS, package="exitplan.cli.commands.fleet", **settings)


class HealthGroup(VerbGroup):
    """The command ``health``."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as its base
        """Make the command of the verbs of health models."""
        super().__init__(verbs=HEALTH_VERBS, package="exitplan.cli.commands.health", **settings)


def _with_two_dashes(words: list[str], names: list[str]) -> list[str]:
    """Write the long options among words with two dashes; ``-oFILE`` stays what it is."""
    shorts = {name[1] for name in names if len(name) == _SHORT}

    def spelled(word: str) -> str:
        match = _ONE_DASH.match(word)
        if match is None:
            return word
        is_long = word[1] not in shorts or get_close_matches(f"-{match[0]}", names, n=1, cutoff=0.85)
        return f"-{word}" if is_long else word

    return list(map(spelled, words))


def _all_option_names(command: Any) -> list[str]:  # noqa: ANN401 - the class of Typer's commands has no public name
    """List the options of a verb and of the verbs below it."""
    below = getattr(command, "commands", {}).values()
    return option_names(command) + [name for inner in below for name in _all_option_names(inner)]


def option_names(command: Any) -> list[str]:  # noqa: ANN401 - as above
    """List the options of a verb."""
    return [name for parameter in command.params for name in parameter.opts if name.startswith("-")]
