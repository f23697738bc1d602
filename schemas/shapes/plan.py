"""The shape of an action plan, from the types of plans."""

from __future__ import annotations

from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.shapes.common import Schema, schema
from exitplan.schemas.shapes.records import described


def plan_schema() -> Schema:
    """Describe an action plan: what a person reviews and ``apply`` does."""
    about = "What exitplan would do with an account, and why. Its own hash protects it: do not edit it by hand."
    return schema("plan", "Action plan", about, described(Plan))
