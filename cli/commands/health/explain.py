"""``exitplan health explain``: what a model weighs, and what it makes of the positions of a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import default_policy
from exitplan.cli.health_data import JudgedByOption
from exitplan.cli.options import JsonOption
from exitplan.cli.rendering.health import model_parts, scored_document, scored_parts
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.health.model import HealthModel, read_model
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.schemas.documents import load_document
from exitplan.schemas.health_models import load_model_file, model_named
from exitplan.schemas.policies import load_policy
from exitplan.workbench.health.scoring import Scored, score_positions

app = verb_app()


@app.command()
def command(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="The file of a model.")] = "default",
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", metavar="FILE", help="Score every position of a recorded account.")
    ] = None,
    policy: JudgedByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a model weighs, what it was trained on, and how good it is.

    With --snapshot also the score of every position, and what each feature adds to it. Under an account's own policy
    `exitplan explain SYMBOL` shows the same.
    """
    shown = read_model(load_model_file(model_named(model)))
    scored = [] if snapshot is None else _scored(shown, snapshot, policy)
    if as_json:
        write_json(scored_document(shown, scored))
        return
    show(*model_parts(shown), *scored_parts(shown, scored))


def _scored(model: HealthModel, path: Path, policy: Path | None) -> list[Scored]:
    snapshot = snapshot_from_document(load_document(path, "snapshot"))
    return score_positions(model, snapshot, load_policy(policy or default_policy()).policy)
