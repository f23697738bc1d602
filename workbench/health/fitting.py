"""Fit a health model: a logistic regression by scikit-learn, whose coefficients are all that is kept of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol, Self

from msgspec.structs import replace

from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.health.features import BARRIER, FEATURES
from exitplan.ruleset.health.model import Baseline, HealthModel, Target, Training, Weight, sealed
from exitplan.workbench.health.measuring import measure
from exitplan.workbench.health.rows import Row, Rows
from exitplan.workbench.health.splitting import Split, split, trained_symbols

_PLACES = Decimal("0.000001")
_MOST_STEPS = 1000


class _Regression(Protocol):
    """The part of scikit-learn's LogisticRegression that is called."""

    coef_: Any
    intercept_: Any

    def __init__(self, *, C: float, tol: float, max_iter: int) -> None: ...  # noqa: N803 - its own name

    def fit(self, X: Sequence[Sequence[float]], y: Sequence[bool]) -> Self: ...  # noqa: N803 - as above


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: its name, what is said of it and of its data, its features, and the seed of the split."""

    name: str
    description: str
    data: str
    features: tuple[str, ...]
    seed: int
    absent: Literal["mean", "unknown"] = "mean"


def train(rows: Rows, recipe: Recipe) -> HealthModel:
    """Train a model on the earlier rows of most symbols, and measure it on the later ones of the others.

    Raises ExitplanError where scikit-learn is not installed, UsageError for rows that nothing can be learnt from.
    """
    regression = _regression()
    parts = split(rows, recipe.seed)
    baseline = _baseline(regression, parts.train)
    weights = [_scale(parts.train, name, recipe) for name in recipe.features]
    intercept, coefficients = _fit(regression, parts.train, weights)
    model = HealthModel(
        format_version=1,
        name=recipe.name,
        description=recipe.description,
        target=Target(rows.question.days, rows.question.fall, rows.question.bad_ends),
        intercept=intercept,
        weights=tuple(
            replace(weight, coefficient=coefficient) for weight, coefficient in zip(weights, coefficients, strict=True)
        ),
        baseline=baseline,
        training=_training(parts, recipe),
        figures=None,
    )
    return sealed(replace(model, figures=measure(model, parts.test)))


def _regression() -> type[_Regression]:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise ExitplanError(
            "training needs scikit-learn, which is not installed",
            hint="install it with: pip install 'exitplan[health]'",
        ) from error
    regression: type[_Regression] = LogisticRegression
    return regression


def _baseline(regression: type[_Regression], rows: Rows) -> Baseline:
    """Recalibrate the barrier formula: a slope and an intercept on its log-odds."""
    known = [row for row, value in zip(rows.rows, rows.column(BARRIER), strict=True) if value is not None]
    if len({row.is_bad for row in known}) < 2:  # noqa: PLR2004 - good ones and bad ones
        raise UsageError(
            "too few rows have a volatility, without which there is nothing to compare with",
            hint="give --candles, or snapshots that were recorded under a policy that asks for volatility_1d",
        )
    told = rows.only(known)
    weight = _scale(told, BARRIER, Recipe("", "", "", (), 0, "unknown"))
    intercept, (coefficient,) = _fit(regression, told, [weight])
    rate = Decimal(sum(row.is_bad for row in rows.rows)) / len(rows.rows)
    return Baseline(intercept, coefficient, weight.mean, weight.sd, rate.quantize(_PLACES))


def _scale(rows: Rows, name: str, recipe: Recipe) -> Weight:
    """Return a weight with the mean and the standard deviation of a feature; raises UsageError where it never moves."""
    told = [float(value) for value in rows.column(name) if value is not None]
    mean = math.fsum(told) / len(told) if told else 0.0
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in told) / len(told)) if told else 0.0
    if round(sd, 6) <= 0:
        raise UsageError(
            f"{name} is the same in every row, or never known: nothing can be learnt from it",
            hint="name other features with --feature",
        )
    never = FEATURES[name].absent == "never"
    return Weight(name, Decimal(0), _rounded(mean), _rounded(sd), "unknown" if never else recipe.absent)


def _fit(regression: type[_Regression], rows: Rows, weights: Sequence[Weight]) -> tuple[Decimal, tuple[Decimal, ...]]:
    """Fit intercept and coefficients on scaled features; what is absent is at the mean, as when it is scored."""
    columns = [_scaled(rows.column(weight.feature), weight) for weight in weights]
    fitted = regression(C=1.0, tol=1e-9, max_iter=_MOST_STEPS).fit(
        list(zip(*columns, strict=True)), [row.is_bad for row in rows.rows]
    )
    return _rounded(float(fitted.intercept_[0])), tuple(_rounded(float(value)) for value in fitted.coef_[0])


def _scaled(column: Sequence[Decimal | None], weight: Weight) -> list[float]:
    return [0.0 if value is None else float((value - weight.mean) / weight.sd) for value in column]


def _rounded(number: float) -> Decimal:
    return Decimal(repr(number)).quantize(_PLACES)


def _training(parts: Split, recipe: Recipe) -> Training:
    rows: Sequence[Row] = parts.train.rows
    return Training(
        description=recipe.data,
        rows=len(rows),
        bad=parts.train.bad,
        symbols=trained_symbols(rows),
        held_out=parts.held_out,
        start=rows[0].at,
        end=parts.cut,
        seed=recipe.seed,
        simulated=sum(row.is_simulated for row in rows),
    )
