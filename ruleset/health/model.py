"""A health model: coefficients of a logistic regression with a hash of their own, and the score that they give.

The file is the record: what a model was trained on, and how good it was, stands beside its coefficients.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.health.arithmetic import DIGITS, probability_of
from exitplan.ruleset.health.features import FEATURES, Seen, feature_value
from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.market_data import VOLATILITY_DAYS, MarketDemand
from exitplan.ruleset.model.records import Document, Key, Name, Sha256, read_record, write_record
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ONE, ZERO, plain, to_micro

BAD_ENDS: Mapping[str, str] = {
    "fall": "The price goes against the position by the model's fall.",
    "delisted": "The market, or its price, disappears.",
    "dust": "It becomes dust.",
    "failed_exit": "An exit of it fails.",
}
"""What a model may call a bad end."""
_FEATURES = {name: feature.meaning for name, feature in FEATURES.items()}
_MEAN = "As if it were at its mean: it adds nothing."
_ABSENT = {"mean": _MEAN, "unknown": "The score is not known either."}
_MOST_DAYS = 365
_LARGEST, _LEAST_SD = Decimal(10**12), Decimal("1e-9")
"""No training comes near these: a gain of 10^14 % would be the mean of all rows."""


class Weight(Struct, frozen=True, gc=False):
    """What a model makes of one feature: ``coefficient`` x (value - ``mean``) / ``sd`` is added to the log-odds."""

    feature: Annotated[str, Key("The feature.", meanings=_FEATURES)]
    coefficient: Annotated[Decimal, Key("What one standard deviation adds to the log-odds of a bad end.")]
    mean: Annotated[Decimal, Key("Its mean where the model was trained.")]
    sd: Annotated[Decimal, Key("Its standard deviation there, above 0.")]
    absent: Annotated[Literal["mean", "unknown"], Key("What if it is not known.", meanings=_ABSENT)] = "unknown"


class Target(Struct, frozen=True, gc=False):
    """What a model tells the chance of."""

    days: Annotated[int, Key("Within how many days, if the position is held.")]
    fall: Annotated[Decimal, Key("How far the price goes against the position, as a fraction between 0 and 1.")]
    bad_ends: Annotated[tuple[str, ...], Key("What counts as a bad end, of: " + ", ".join(BAD_ENDS) + ".")]


class Baseline(Struct, frozen=True, gc=False):
    """The barrier formula, recalibrated on the same data: what a richer model has to beat."""

    intercept: Annotated[Decimal, Key("Its log-odds at the mean.")]
    coefficient: Annotated[Decimal, Key("What one standard deviation of the barrier adds.")]
    mean: Annotated[Decimal, Key("The mean of the barrier.")]
    sd: Annotated[Decimal, Key("Its standard deviation, above 0.")]
    base_rate: Annotated[Decimal, Key("The share of bad ends in what it was trained on.")]


class Training(Struct, frozen=True, gc=False):
    """What a model was trained on."""

    description: Annotated[str, Key("The data, in words.")]
    rows: Annotated[int, Key("How many positions at how many moments.")]
    bad: Annotated[int, Key("How many of them came to a bad end.")]
    symbols: Annotated[tuple[str, ...], Key("The symbols that were trained on.")]
    held_out: Annotated[tuple[str, ...], Key("The symbols that were kept for evaluation.")]
    start: Annotated[datetime, Key("The first moment.")]
    end: Annotated[datetime, Key("By when the outcome of each was known; what is evaluated comes after this.")]
    seed: Annotated[int, Key("What the symbols were drawn and the simulator was run with.")]
    simulated: Annotated[int, Key("How many of the rows come from the simulator.")] = 0


class Bin(Struct, frozen=True, gc=False):
    """A tenth of what was evaluated, by the chance that the model gave."""

    rows: Annotated[int, Key("How many.")]
    predicted: Annotated[Decimal, Key("The mean of the chance that the model gave.")]
    observed: Annotated[Decimal, Key("The share that came to a bad end.")]


class Figures(Struct, frozen=True, gc=False):
    """How good a model was on what it had not seen."""

    rows: Annotated[int, Key("How many positions at how many moments.")]
    bad: Annotated[int, Key("How many of them came to a bad end.")]
    auc: Annotated[Decimal, Key("How often a position with a bad end had the higher chance of two.")]
    brier: Annotated[Decimal, Key("The mean squared error of the chance.")]
    brier_base_rate: Annotated[Decimal, Key("The same, had the share of the training been said of each.")]
    brier_baseline: Annotated[Decimal, Key("The same of the recalibrated barrier formula.")]
    deciles: Annotated[tuple[Bin, ...], Key("What was said and what came, a tenth each, the healthiest first.")] = ()


class Contribution(Struct, frozen=True, gc=False):
    """What one feature adds to the log-odds of a bad end; ``value`` None where it is not known."""

    feature: str
    value: Decimal | None
    added: Decimal


class HealthScore(Struct, frozen=True, gc=False):
    """The health of a position: 1 less the chance of a bad end, in millionths, and what it is made of."""

    micro: int
    chance: Decimal
    contributions: tuple[Contribution, ...]


class HealthModel(Struct, frozen=True, gc=False):
    """A logistic regression: the log-odds of a bad end are the intercept and what each feature adds."""

    format_version: Annotated[Literal[1], Key("The version of this file's format.")]
    name: Annotated[Name, Key("The model's name.")]
    description: Annotated[str, Key("What it is for.")]
    target: Annotated[Target, Key("What it tells the chance of.")]
    intercept: Annotated[Decimal, Key("The log-odds of a bad end where every feature is at its mean.")]
    weights: Annotated[tuple[Weight, ...], Key("What it makes of each feature.")]
    baseline: Annotated[Baseline, Key("The recalibrated barrier formula, to compare with.")]
    training: Annotated[Training, Key("What it was trained on.")]
    figures: Annotated[Figures | None, Key("How good it was on what it had not seen; null where not evaluated.")]
    sha256: Annotated[Sha256, Key("The hash of everything else in the file.")] = ""

    @property
    def sources(self) -> frozenset[str]:
        """The facts, and parts of the market, that a score is computed from."""
        return frozenset(source for weight in self.weights for source in FEATURES[weight.feature].sources)

    @property
    def market_demand(self) -> MarketDemand:
        """What has to be known of a market beyond its price."""
        days = VOLATILITY_DAYS if "volatility_1d" in self.sources else None
        return MarketDemand(days, frozenset({"day"} if "volume_1d" in self.sources else ()))

    def judge(self, facts: Facts, market: Market | None, quantity: Decimal | None = None) -> HealthScore | None:
        """Score a position; None where a feature is absent that the model cannot do without.

        What has no price or does not trade is not scored: it has come to its end, and no model was trained on such.
        """
        if facts.get("price_status") != "ok" or not facts.get("market_active"):
            return None
        return self.judge_features(self.features(facts, market, quantity))

    def features(
        self, facts: Facts, market: Market | None, quantity: Decimal | None = None
    ) -> tuple[Decimal | None, ...]:
        """Compute the features of a position, in the order of the weights; None where one is not known."""
        seen = Seen(facts, market, quantity, self.target.fall, self.target.days)
        return tuple(feature_value(weight.feature, seen) for weight in self.weights)

    def judge_features(self, values: Sequence[Decimal | None]) -> HealthScore | None:
        """Score features in the order of the weights; None where one is absent that the model cannot do without."""
        pairs = list(zip(self.weights, values, strict=True))
        if any(value is None and weight.absent == "unknown" for weight, value in pairs):
            return None
        with localcontext(DIGITS):
            contributions = tuple(Contribution(weight.feature, value, _added(weight, value)) for weight, value in pairs)
            chance = probability_of(sum((part.added for part in contributions), self.intercept))
            return HealthScore(to_micro(ONE - chance), chance, contributions)

    @property
    def barrier(self) -> HealthModel:
        """The recalibrated barrier formula of the same data, as a model."""
        base = self.baseline
        weight = Weight("barrier", base.coefficient, base.mean, base.sd)
        return replace(self, name="barrier", intercept=base.intercept, weights=(weight,), figures=None, sha256="")


def _added(weight: Weight, value: Decimal | None) -> Decimal:
    return ZERO if value is None else weight.coefficient * (value - weight.mean) / weight.sd


def model_sha256(document: Mapping[str, Any]) -> str:
    """Hash a model without the hash that it carries; the order of its keys makes no difference."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(model: HealthModel) -> HealthModel:
    """Return a model that carries its hash."""
    return replace(model, sha256=model_sha256(write_record(model)))


def model_document(model: HealthModel) -> Document:
    """Return the JSON form of a model."""
    return write_record(model)


def read_model(document: Mapping[str, Any]) -> HealthModel:
    """Read a model from a document that has passed its schema and :func:`model_problems`."""
    return read_record(HealthModel, document)


def model_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what a schema cannot say of a model that has passed its own: numbers out of range, a hash that is not its.

    A model whose content was changed by hand is refused: nobody has measured how good it is.
    """
    target = document["target"]
    if not 1 <= target["days"] <= _MOST_DAYS:
        yield Problem(("target", "days"), f"a number of days from 1 to {_MOST_DAYS} is expected")
    if not 0 < Decimal(target["fall"]) < 1:
        yield Problem(("target", "fall"), "a fraction between 0 and 1 is expected", hint="5 % is 0.05")
    for index, end in enumerate(target["bad_ends"]):
        if end not in BAD_ENDS:
            yield Problem(("target", "bad_ends", index), f"one of {', '.join(BAD_ENDS)} is expected, found {end!r}")
    names = [weight["feature"] for weight in document["weights"]]
    for index, weight in enumerate(document["weights"]):
        if weight["feature"] in names[:index]:
            yield Problem(("weights", index, "feature"), f"the feature {weight['feature']!r} is there twice")
        yield from _out_of_range(weight, ("weights", index))
    yield from _out_of_range(document, ())
    yield from _out_of_range(document["baseline"], ("baseline",))
    if model_sha256(document) != document["sha256"]:
        hint = "train it anew with: exitplan health train"
        yield Problem(("sha256",), "the model was changed after it was trained: it does not match its hash", hint=hint)


def _out_of_range(part: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
    """Find figures that no training gives: a score would be a coin thrown by digits that nobody sees."""
    for name in ("intercept", "coefficient", "mean", "sd"):
        if name in part and abs(Decimal(part[name])) > _LARGEST:
            message = f"a number from -{_LARGEST} to {_LARGEST} is expected, found one of {len(part[name])} characters"
            yield Problem((*path, name), message)
    if "sd" in part and Decimal(part["sd"]) < _LEAST_SD:
        message = f"a number above 0 is expected, found {part['sd'][:20]}"
        yield Problem((*path, "sd"), message, hint=f"at least {plain(_LEAST_SD)}")


def constant_model(micro: int) -> HealthModel:
    """Return a model that gives every position one score, in millionths, below 1: for proofs and their replays."""
    with localcontext(DIGITS):
        health = (Decimal(micro) + Decimal("0.5")).scaleb(-6)
        log_odds = ((ONE - health) / health).ln()
    moment = datetime.fromisoformat("2000-01-01T00:00:00Z")
    baseline = Baseline(ZERO, ZERO, ZERO, ONE, ZERO)
    training = Training("none", 0, 0, (), (), moment, moment, 0)
    target = Target(1, Decimal("0.5"), ())
    return sealed(HealthModel(1, "constant", "", target, log_odds, (), baseline, training, None))
