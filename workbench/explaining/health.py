"""The health score of a position, and what each feature adds to it, for an explanation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from exitplan.ruleset.model.records import Document
from exitplan.ruleset.model.values import micro_text, plain

if TYPE_CHECKING:  # few policies have a model
    from exitplan.ruleset.health.model import HealthModel
    from exitplan.workbench.health.scoring import Scored

_PLACES = Decimal("0.000001")


def health_document(model: HealthModel, scored: Scored) -> Document:
    """Return a score in JSON form; its contributions add up, with the intercept, to the log-odds of a bad end."""
    score = scored.score
    return {
        "model": model.name,
        "sha256": model.sha256,
        "days": model.target.days,
        "score": None if score is None else micro_text(score.micro),
        "chance": None if score is None else _rounded(score.chance),
        "intercept": plain(model.intercept),
        "contributions": []
        if score is None
        else [
            {
                "feature": part.feature,
                "value": None if part.value is None else _rounded(part.value),
                "added": _rounded(part.added),
            }
            for part in score.contributions
        ],
        "missing": list(scored.missing),
    }


def _rounded(number: Decimal) -> str:
    return plain(number.quantize(_PLACES))
