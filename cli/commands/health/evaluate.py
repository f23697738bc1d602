"""``exitplan health evaluate``: measure a model on what it has not seen, and accept or refuse it."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.health_data import (
    CandlesOption,
    HealthData,
    JournalsOption,
    JudgedByOption,
    SimulateOption,
    SnapshotsOption,
)
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.health import figures_document, figures_parts, verdict_line
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.health.features import BARRIER
from exitplan.ruleset.health.model import read_model
from exitplan.schemas.health_models import load_model_file, model_named
from exitplan.workbench.health.measuring import judge, measure
from exitplan.workbench.health.rows import Question
from exitplan.workbench.health.splitting import unseen

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The file of a model, or default.")],
    snapshots: SnapshotsOption = None,
    candles: CandlesOption = None,
    simulate: SimulateOption = 0,
    account: JournalsOption = None,
    policy: JudgedByOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Measure a model on what it has not seen, and accept or refuse it.

    What is earlier than its training ended, and symbols that it was trained on, are left out. A model with more than
    the barrier formula is accepted (exit 0) where its Brier score is 2 % better than the formula's and no tenth is off
    by more than 3 points; else it is refused (exit 5).
    """
    judged = read_model(load_model_file(model_named(model)))
    source = HealthData(
        snapshots, tuple(candles or ()), simulate, tuple(account or ()), judged.training.seed, policy, data
    )
    names = tuple(dict.fromkeys((BARRIER, *(weight.feature for weight in judged.weights))))
    target = judged.target
    rows = source.rows(Question(names, target.days, target.fall, target.bad_ends))
    fresh = unseen(rows, judged.training)
    verdict = judge(judged, measure(judged, fresh))
    if as_json:
        write_json(figures_document(judged, verdict, seen=len(rows.rows) - len(fresh.rows)))
    else:
        show(*figures_parts(judged, verdict, seen=len(rows.rows) - len(fresh.rows)))
        say(verdict_line(verdict))
    if not verdict.is_accepted:
        raise typer.Exit(ExitCode.REFUSED)
