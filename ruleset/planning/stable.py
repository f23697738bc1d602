"""A plan for comparisons: without what differs from run to run though account and policy say the same."""

from __future__ import annotations

from typing import Any

from exitplan.ruleset.model.records import Document
from exitplan.ruleset.planning.plan_types import Plan

_PASSING = frozenset({
    "age_minutes", "client_order_id", "created_at", "due_at", "expires_at", "plan_id", "price_missing_minutes",
    "sha256", "started_at", "taken_at", "tool_version", "until",
})  # fmt: skip


def stable_document(plan: Plan) -> Document:
    """Return a plan without ids, times, ages and hashes: what two runs on the same account have in common."""
    document: Document = _without_passing(plan.document)
    actions = [{key: value for key, value in action.items() if key != "id"} for action in document["actions"]]
    return {**document, "actions": actions}


def _without_passing(part: Any) -> Any:  # noqa: ANN401 - any part of a plan
    if isinstance(part, dict):
        return {key: _without_passing(value) for key, value in part.items() if key not in _PASSING}
    return [_without_passing(value) for value in part] if isinstance(part, list) else part
