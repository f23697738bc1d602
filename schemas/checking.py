"""Check a document against the schema of its kind."""

from __future__ import annotations

from typing import Any

from exitplan.ruleset.language.problems import Problem
from exitplan.schemas.error_messages import translate
from exitplan.schemas.validators import violations


def check(kind: str, value: Any) -> list[Problem]:  # noqa: ANN401 - any document
    """Find everything that keeps a document from having the shape of its kind, one problem a mistake."""
    return translate(violations(kind, value))
