"""The generated parts of the page on policies: a picture, and the table of the shipped ones; the rest is by hand."""

from __future__ import annotations

from pathlib import Path

from docs.markdown import with_parts
from docs.policy_pages import policies_table
from exitplan.cli.rendering.graphs import mermaid_text
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.graph import graph_of_exits

PAGE = Path(__file__).with_name("policies.md")


def policies_page() -> str:
    """Return the page on policies with its generated parts up to date."""
    parts = {"ways": _ways, "shipped": lambda: policies_table("policies")}
    return with_parts(PAGE.read_text(encoding="utf-8"), parts)


def _ways() -> str:
    return f"```mermaid\n{mermaid_text(graph_of_exits(load_policy(shipped_policy('default')).policy))}```"
