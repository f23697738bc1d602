"""Score positions outside of a plan: to explain a model, or a position under it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import localcontext

from exitplan.ruleset.health.model import HealthModel, HealthScore
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT


@dataclass(frozen=True, slots=True)
class Scored:
    """A position and its score; None where it cannot be scored, with what is ``missing`` for it."""

    view: PositionView
    score: HealthScore | None
    missing: tuple[str, ...] = ()


def score_positions(model: HealthModel, snapshot: Snapshot, policy: Policy) -> list[Scored]:
    """Score every position of an account as it was recorded, the least healthy first, what has no score last."""
    with localcontext(EXACT):
        views = observe(snapshot, policy, Progress(), snapshot.taken_at).positions
    scored = [score_view(model, view) for view in views]
    return sorted(scored, key=lambda one: (one.score is None, one.score.micro if one.score else 0))


def score_view(model: HealthModel, view: PositionView) -> Scored:
    """Score one position, and name what is missing where it cannot be scored."""
    score = model.judge(view.facts, view.market, view.held)
    return Scored(view, score, () if score is not None else tuple(_missing(model, view)))


def _missing(model: HealthModel, view: PositionView) -> list[str]:
    if view.facts.get("price_status") != "ok":
        return ["price"]
    if not view.facts.get("market_active"):
        return ["market that trades"]
    values = model.features(view.facts, view.market, view.held)
    pairs = zip(model.weights, values, strict=True)
    return [weight.feature for weight, value in pairs if value is None and weight.absent == "unknown"]
