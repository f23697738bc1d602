"""The generated picture on the page on policies; the rest of the page is written by hand."""

from __future__ import annotations

from pathlib import Path

from docs.markdown import with_parts
from exitplan.cli.rendering.graphs import mermaid_text
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.graph import graph_of_exits

PAGE = Path(__file__).with_name("policies.md")


def policies_page() -> str:
    """Return the page on policies with its picture up to date."""
    return with_parts(PAGE.read_text(encoding="utf-8"), {"ways": _ways})


def _ways() -> str:
    return f"```mermaid\n{mermaid_text(graph_of_exits(load_policy(shipped_policy('default')).policy))}```"
