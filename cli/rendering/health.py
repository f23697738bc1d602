"""Health models drawn for a person, and as JSON: what they weigh, how good they are, what they make of positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.health.features import FEATURES
from exitplan.ruleset.health.model import Figures, HealthModel, model_document
from exitplan.ruleset.model.records import write_record
from exitplan.ruleset.model.values import micro_text
from exitplan.workbench.explaining.health import health_document
from exitplan.workbench.health.measuring import LEAST_GAIN, Verdict, gain_of
from exitplan.workbench.health.scoring import Scored

_POINT = Decimal("0.1")


def figures_parts(model: HealthModel, verdict: Verdict, seen: int | None = None) -> Iterator[RenderableType]:
    """Draw how good a model is; ``seen`` rows were left out, as the model was trained on such."""
    yield _title(model)
    yield _figures(verdict.figures, seen)
    yield _deciles(verdict.figures)


def verdict_line(verdict: Verdict) -> str:
    """Say whether a model is accepted, and what is against it."""
    if verdict.is_accepted:
        return "Accepted."
    return "Refused: " + "; ".join(verdict.against) + "."


def figures_document(model: HealthModel, verdict: Verdict, *, seen: int = 0) -> dict[str, Any]:
    """Return how good a model is in JSON form."""
    return {
        "model": model.name,
        "sha256": model.sha256,
        "figures": write_record(verdict.figures),
        "left_out": seen,
        "accepted": verdict.is_accepted,
        "against": list(verdict.against),
    }


def model_parts(model: HealthModel) -> Iterator[RenderableType]:
    """Draw what a model weighs, what it was trained on, and how good it is."""
    yield _title(model)
    if model.description:
        yield words(model.description)
    table = titled("feature", "adds for one sd", "mean", "sd", "if not known", "meaning", justify="lrrrll")
    for weight in model.weights:
        figures = (_signed(weight.coefficient), f"{weight.mean:f}", f"{weight.sd:f}")
        table.add_row(words(weight.feature, "bold"), *figures, weight.absent, words(FEATURES[weight.feature].meaning))
    yield section("Weights", f"log-odds of a bad end; {_signed(model.intercept)} at the means", table)
    training = model.training
    lines = rows("l", "l")
    lines.add_row("data", words(training.description))
    lines.add_row("rows", f"{training.rows:,}, {training.bad:,} bad, {training.simulated:,} simulated")
    lines.add_row("time", f"{training.start:%Y-%m-%d} to {training.end:%Y-%m-%d}")
    lines.add_row("symbols", f"{len(training.symbols)}, and {len(training.held_out)} held out for the evaluation")
    yield section("Training", "", lines)
    if model.figures is not None:
        yield _figures(model.figures, None)
        yield _deciles(model.figures)


def scored_parts(model: HealthModel, scored: Sequence[Scored]) -> Iterator[RenderableType]:
    """Draw the scores of positions, the least healthy first."""
    if not scored:
        return
    names = [weight.feature for weight in model.weights]
    table = titled("position", "side", "health", *names, justify="llr" + "r" * len(names))
    for one in scored:
        position = one.view.position
        added = {} if one.score is None else {part.feature: _signed(part.added) for part in one.score.contributions}
        health = f"no {' and no '.join(one.missing)}" if one.score is None else micro_text(one.score.micro)
        cells = [added.get(name, "") for name in names]
        table.add_row(words(position.symbol, "bold"), words(position.side), words(health), *cells)
    yield section("Positions", "the columns of features are what each adds to the log-odds of a bad end", table)


def scored_document(model: HealthModel, scored: Sequence[Scored]) -> dict[str, Any]:
    """Return a model and the scores of positions in JSON form."""
    positions = [
        {"symbol": one.view.position.symbol, "side": one.view.position.side, **health_document(model, one)}
        for one in scored
    ]
    return {"model": model_document(model), "positions": positions}


def health_lines(health: Mapping[str, Any]) -> RenderableType:
    """Draw the score of a position and what it is made of, out of an explanation."""
    if health["score"] is None:
        return section("Health", f"by {health['model']}", words(f"not known: no {' and no '.join(health['missing'])}"))
    table = titled("feature", "value", "adds", justify="lrr")
    for part in health["contributions"]:
        value = "unknown" if part["value"] is None else part["value"]
        table.add_row(words(part["feature"]), words(value), words(_signed(Decimal(part["added"]))))
    note = (
        f"by {health['model']}: the chance of a bad end within {health['days']} days is {health['chance']}; "
        f"log-odds {_signed(Decimal(health['intercept']))} and what each feature adds"
    )
    return section(f"Health {health['score']}", note, table)


def _title(model: HealthModel) -> Text:
    target = model.target
    ends = ", ".join(target.bad_ends)
    about = f"a bad end ({ends}) within {target.days} days, a fall being {_percent(target.fall)}"
    return heading(f"Model {model.name} {model.sha256[:12]}", about)


def _figures(figures: Figures, seen: int | None) -> RenderableType:
    table = titled("", "AUC", "Brier", "better by", justify="lrrr")
    to_base = _percent(gain_of(figures.brier, figures.brier_base_rate))
    to_formula = _percent(gain_of(figures.brier, figures.brier_baseline))
    table.add_row("this model", f"{figures.auc:.3f}", f"{figures.brier:.4f}", "")
    table.add_row("barrier formula", "", f"{figures.brier_baseline:.4f}", to_formula)
    table.add_row("one chance for all", "0.500", f"{figures.brier_base_rate:.4f}", to_base)
    left = "" if not seen else f"; {seen:,} rows that it may have seen are left out"
    note = f"{figures.rows:,} rows that it has not seen, {figures.bad:,} of them bad{left}"
    wanted = f"{_percent(LEAST_GAIN)} better than the formula is wanted of a richer model"
    return section("Figures", f"{note}. {wanted}", table)


def _deciles(figures: Figures) -> RenderableType:
    table = titled("tenth", "rows", "said", "came", "off by", justify="rrrrr")
    for number, part in enumerate(figures.deciles, start=1):
        off = (part.observed - part.predicted) * 100
        table.add_row(str(number), f"{part.rows:,}", _percent(part.predicted), _percent(part.observed), f"{off:+.1f}")
    return section("What was said, and what came", "tenths, the healthiest first; off by so many points", table)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(_POINT):f} %"


def _signed(number: Decimal) -> str:
    return f"{number:+.4f}"
