"""Graphs as text: Mermaid, which GitHub and most wikis draw, and DOT of Graphviz."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from exitplan.ruleset.model.visible import printable
from exitplan.workbench.graph import Graph, Kind, Node

_SHAPES: Mapping[Kind, tuple[str, str, str]] = {
    "account": ("([", "])", "ellipse"),
    "policy": ("[", "]", "box"),
    "rule": ("[", "]", "box"),
    "category": ("{{", "}}", "hexagon"),
    "exit": ("([", "])", "ellipse"),
    "nothing": ("(", ")", "plaintext"),
}
"""How a kind of node is drawn: the brackets of Mermaid, and the shape of DOT."""


class GraphFormat(StrEnum):
    """The languages that a graph can be written in."""

    MERMAID = "mermaid"
    DOT = "dot"


def graph_text(graph: Graph, form: GraphFormat) -> str:
    """Write a graph in one of the languages, ready for their programs."""
    return mermaid_text(graph) if form is GraphFormat.MERMAID else dot_text(graph)


def mermaid_text(graph: Graph) -> str:
    """Write a graph as Mermaid."""
    lines = ["flowchart LR"]
    lines += [f"  {node.id}{_mermaid_node(node)}" for node in graph.nodes]
    for edge in graph.edges:
        arrow = "-.->" if edge.is_doubtful else "-->"
        label = f"|{_mermaid_label(edge.label)}|" if edge.label else ""
        lines.append(f"  {edge.source} {arrow}{label} {edge.target}")
    return "\n".join(lines) + "\n"


def dot_text(graph: Graph) -> str:
    """Write a graph as DOT."""
    lines = [f"digraph {_dot_label(graph.title)} {{", "  rankdir=LR;"]
    lines += [f"  {node.id} [label={_dot_label(node.label)}, shape={_SHAPES[node.kind][2]}];" for node in graph.nodes]
    for edge in graph.edges:
        said = {"label": _dot_label(edge.label) if edge.label else "", "style": "dashed" if edge.is_doubtful else ""}
        listed = ", ".join(f"{key}={value}" for key, value in said.items() if value)
        lines.append(f"  {edge.source} -> {edge.target}{f' [{listed}]' if listed else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid_node(node: Node) -> str:
    first, last, _ = _SHAPES[node.kind]
    return f"{first}{_mermaid_label(node.label)}{last}"


def _mermaid_label(text: str) -> str:
    """Quote a text; what Mermaid would read as markup goes by its number, as its entities are written."""
    shown = "<br>".join(
        "".join(char if char.isalnum() or char in " ._-/:,()" else f"#{ord(char)};" for char in printable(line))
        for line in text.split("\n")
    )
    return f'"{shown}"'


def _dot_label(text: str) -> str:
    shown = "\\n".join(printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return f'"{shown}"'
