"""``exitplan graph``: pictures of policies, for pages and reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.output import say
from exitplan.cli.policy_names import named_policies
from exitplan.cli.rendering.graphs import GraphFormat, graph_text
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.schemas.policies import load_policy
from exitplan.workbench.graph import graph_of_exits, graph_of_files

app = verb_app()


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE|DIR|NAME", help="Policies, folders, or shipped ones by name.  [default: policies]"
        ),
    ] = None,
    exits: Annotated[
        bool, typer.Option("--exits", help="Draw one policy: its rules, the categories and the exits.")
    ] = False,
    form: Annotated[GraphFormat, typer.Option("--format", help="The language of the graph.")] = GraphFormat.MERMAID,
) -> None:
    """Draw which policy extends which, as Mermaid or DOT.

    With --exits the ways of positions through one policy: an arrow stands only where a position can go along it, which
    is proved for every position.
    """
    files = list(named_policies(paths))
    if not files:
        raise UsageError("there is no policy to draw", hint="name files, folders, or a shipped policy such as default")
    if exits and len(files) > 1:
        raise UsageError(f"--exits draws one policy, and there are {len(files)}", hint="name one, such as default")
    graph = graph_of_exits(load_policy(files[0]).policy) if exits else graph_of_files(files)
    say(graph_text(graph, form), nl=False)
