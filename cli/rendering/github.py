"""Workflow commands of GitHub Actions: a message at a line of a file."""

from __future__ import annotations

from exitplan.ruleset.model.visible import printable
from exitplan.schemas.loading.diagnostics import Mark


def annotation(command: str, mark: Mark, title: str, text: str) -> str:
    """Write an annotation: ``error``, ``warning`` or ``notice`` at a place, with a title."""
    place = f"file={_property(mark.file)},line={mark.line},col={mark.column},title={_property(printable(title))}"
    return f"::{command} {place}::{printable(text).replace('%', '%25')}"


def _property(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
