"""The shape of a health model, from the types of models."""

from __future__ import annotations

from exitplan.ruleset.health.model import HealthModel
from exitplan.schemas.shapes.common import Schema, schema
from exitplan.schemas.shapes.records import described


def health_schema() -> Schema:
    """Describe a health model: coefficients, what they were trained on, and how good they are."""
    about = (
        "How likely a position comes to a bad end: the coefficients of a logistic regression. "
        "exitplan health train writes it; its own hash protects it."
    )
    return schema("health", "Health model", about, described(HealthModel))
