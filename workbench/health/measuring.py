"""How good a model is: AUC, Brier score, what it says against what came, and whether it may replace the formula."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.health.arithmetic import DIGITS
from exitplan.ruleset.health.features import BARRIER
from exitplan.ruleset.health.model import Bin, Figures, HealthModel
from exitplan.ruleset.model.values import ONE, TWO, ZERO
from exitplan.workbench.health.rows import Rows

LEAST_GAIN = Decimal("0.02")
"""By this share a richer model's Brier score has to be below that of the recalibrated formula."""
MOST_MISS = Decimal("0.03")
"""No tenth may come out further from what was said of it."""
_TENTHS = 10
_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model is accepted, and what is against it."""

    figures: Figures
    against: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether nothing is against it."""
        return not self.against


def measure(model: HealthModel, rows: Rows) -> Figures:
    """Measure a model on rows that it has not seen.

    Of a row that the model, or the formula, cannot score, the share of bad ends in its training is said. Raises
    UsageError where all rows came to the same end.
    """
    outcomes = [row.is_bad for row in rows.rows]
    if len(set(outcomes)) < 2:  # noqa: PLR2004 - good ones and bad ones
        raise UsageError(
            f"nothing can be measured: of {len(outcomes)} rows that the model has not seen, {sum(outcomes)} are bad",
            hint="give more days, other symbols, or --simulate N",
        )
    with localcontext(DIGITS):
        chances = chances_of(model, rows)
        rate = model.baseline.base_rate
        return Figures(
            rows=len(outcomes),
            bad=sum(outcomes),
            auc=auc(chances, outcomes).quantize(_PLACES),
            brier=brier(chances, outcomes).quantize(_PLACES),
            brier_base_rate=brier([rate] * len(outcomes), outcomes).quantize(_PLACES),
            brier_baseline=brier(chances_of(model.barrier, rows), outcomes).quantize(_PLACES),
            deciles=tuple(deciles(chances, outcomes)),
        )


def chances_of(model: HealthModel, rows: Rows) -> list[Decimal]:
    """Return the chance of a bad end that a model gives each row; where it gives none, that of its training."""
    columns = [rows.column(weight.feature) for weight in model.weights]
    scores = [model.judge_features(values) for values in zip(*columns, strict=True)] if columns else []
    return [model.baseline.base_rate if score is None else score.chance for score in scores]


def judge(model: HealthModel, figures: Figures) -> Verdict:
    """Judge a model by its figures: the formula itself by one chance for all, a richer one by the formula.

    A richer one has to say what comes as well: it has more freedom to say something else.
    """
    if is_formula(model):
        is_better = figures.brier < figures.brier_base_rate
        return Verdict(figures, () if is_better else ("its Brier score is no better than that of one chance for all",))
    against = []
    if figures.brier > figures.brier_baseline * (ONE - LEAST_GAIN):
        gain = gain_of(figures.brier, figures.brier_baseline)
        said = f"{_percent(gain)} better than" if gain >= 0 else f"{_percent(-gain)} worse than"
        against.append(f"its Brier score is {said} that of the barrier formula; {_percent(LEAST_GAIN)} is wanted")
    return Verdict(figures, (*against, *_misses(figures)))


def _misses(figures: Figures) -> Iterator[str]:
    """Tell of each tenth that came out too far from what was said of it."""
    for number, part in enumerate(figures.deciles, start=1):
        if abs(part.predicted - part.observed) > MOST_MISS:
            said, came = _percent(part.predicted), _percent(part.observed)
            yield f"in tenth {number} {said} was said and {came} came; 3 points may lie between"


def is_formula(model: HealthModel) -> bool:
    """Check whether a model is the barrier formula and nothing else."""
    return [weight.feature for weight in model.weights] == [BARRIER]


def gain_of(brier_score: Decimal, other: Decimal) -> Decimal:
    """Return by what share a Brier score is better than another one; below 0 it is worse."""
    return DIGITS.subtract(ONE, DIGITS.divide(brier_score, other)) if other > 0 else ZERO


def auc(chances: Sequence[Decimal], outcomes: Sequence[bool]) -> Decimal:
    """Return how often, of a bad and a good one, the bad one had the higher chance; a tie counts half.

    By the ranks: Hanley and McNeil, Radiology 143 (1982).
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    bad, at, ranks = sum(outcomes), 0, ZERO
    while at < len(order):
        end = at
        while end < len(order) and chances[order[end]] == chances[order[at]]:
            end += 1
        tied = sum(outcomes[index] for index in order[at:end])
        ranks += tied * (Decimal(at + 1 + end) / TWO)
        at = end
    good = len(outcomes) - bad
    return (ranks - Decimal(bad * (bad + 1)) / TWO) / (bad * good)


def brier(chances: Sequence[Decimal], outcomes: Sequence[bool]) -> Decimal:
    """Return the mean squared error of chances (Brier, Monthly Weather Review 78, 1950)."""
    total = sum(((chance - bad) ** 2 for chance, bad in zip(chances, outcomes, strict=True)), ZERO)
    return total / len(outcomes)


def deciles(chances: Sequence[Decimal], outcomes: Sequence[bool]) -> list[Bin]:
    """Cut what was said into tenths, the lowest chance first, and compare each with what came."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    cuts = [len(order) * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
    parts = [order[start:end] for start, end in itertools.pairwise(cuts) if end > start]
    return [
        Bin(
            rows=len(part),
            predicted=(sum((chances[index] for index in part), ZERO) / len(part)).quantize(_PLACES),
            observed=(Decimal(sum(outcomes[index] for index in part)) / len(part)).quantize(_PLACES),
        )
        for part in parts
    ]


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.1')).normalize():f} %"
