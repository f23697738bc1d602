"""``exitplan health train``: fit a model, and measure it on what it has not seen."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import read_amount
from exitplan.cli.health_data import (
    CandlesOption,
    HealthData,
    JournalsOption,
    JudgedByOption,
    SeedOption,
    SimulateOption,
    SnapshotsOption,
)
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.health import figures_document, figures_parts, verdict_line
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import ensure_output, json_bytes, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.health.features import BARRIER, FEATURES
from exitplan.ruleset.health.model import BAD_ENDS, model_document
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.workbench.health.rows import Question

app = verb_app()
MOST_DAYS = 365


class Absent(StrEnum):
    """What becomes of a score where a feature is not known."""

    MEAN = "mean"
    UNKNOWN = "unknown"


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the model is written.")],
    snapshots: SnapshotsOption = None,
    candles: CandlesOption = None,
    simulate: SimulateOption = 0,
    account: JournalsOption = None,
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", metavar="NAME", help="A feature; may be given more than once.  [default: barrier]"),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=MOST_DAYS, help="Within how many days a bad end counts.")
    ] = 5,
    fall: Annotated[
        str, typer.Option("--fall", metavar="SHARE", help="How far a price has to go against a position.")
    ] = "0.05",
    end: Annotated[
        list[str] | None,
        typer.Option("--bad-end", metavar="KIND", help="fall, delisted, dust or failed_exit.  [default: all]"),
    ] = None,
    absent: Annotated[
        Absent, typer.Option("--absent", help="A feature that is not known: counts as its mean, or leaves no score.")
    ] = Absent.UNKNOWN,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The model's name.")] = "ours",
    about: Annotated[str, typer.Option("--about", metavar="TEXT", help="What the model is for.")] = "",
    source: Annotated[
        str, typer.Option("--source", metavar="TEXT", help="What the data is.  [default: the names of the files]")
    ] = "",
    seed: SeedOption = 0,
    policy: JudgedByOption = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Train a model, and measure it on what it has not seen.

    Trained is on the earlier part of most symbols; measured on the later part of the others, with a gap between. The
    model is written whether it is better than the barrier formula or not: ask `exitplan health evaluate`. Needs
    exitplan[health].
    """
    from exitplan.workbench.health.fitting import Recipe, train  # noqa: PLC0415 - needed by this verb alone
    from exitplan.workbench.health.measuring import judge  # noqa: PLC0415 - as above

    ensure_output(out)
    features = tuple(dict.fromkeys(feature or [BARRIER]))
    _ensure_known("feature", features, tuple(FEATURES))
    ends = tuple(dict.fromkeys(end or BAD_ENDS))
    _ensure_known("bad end", ends, tuple(BAD_ENDS))
    told = HealthData(snapshots, tuple(candles or ()), simulate, tuple(account or ()), seed, policy, data)
    wanted = Question(tuple(dict.fromkeys((BARRIER, *features))), days, _share(fall), ends)
    model = train(told.rows(wanted), Recipe(name, about, source or told.description, features, seed, absent.value))
    save(out, json_bytes(model_document(model)))
    assert model.figures is not None  # noqa: S101 - train measures what it makes
    verdict = judge(model, model.figures)
    if as_json:
        write_json(figures_document(model, verdict))
        return
    show(*figures_parts(model, verdict))
    say(verdict_line(verdict))
    say(f"Written: {out}, {model.sha256[:12]}.")


def _share(text: str) -> Decimal:
    share = read_amount("--fall", text)
    if share >= 1:
        raise UsageError(f"--fall is {text}; it must be below 1", hint="5 % is 0.05")
    return share


def _ensure_known(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"known are {', '.join(known)}"
            raise UsageError(f"there is no {what} {name!r}", hint=hint)
