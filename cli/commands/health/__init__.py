"""``exitplan health``: models that say how likely a position comes to a bad end; one file a verb."""

from __future__ import annotations

import typer

from exitplan.cli.verb_group import HealthGroup

app = typer.Typer(
    cls=HealthGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def health() -> None:
    """Train, measure and explain models of positions' health.

    A policy names its model with `health: {model: FILE}`; the score is the fact health_score. docs/health.md says what
    a score can tell, and what it cannot.
    """
