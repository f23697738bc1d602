"""``exitplan health``: models that say how likely a position comes to a bad end; one file a verb."""

from __future__ import annotations

from exitplan.cli.verb_group import HealthGroup
from exitplan.cli.verbs import verb_app

app = verb_app(group=HealthGroup)


@app.callback()
def health() -> None:
    """Train, measure and explain models of positions' health.

    A policy names its model with `health: {model: FILE}`; the score is the fact health_score. docs/health.md says what
    a score can tell, and what it cannot.
    """
