"""Graphs of policies: which file extends which, and which positions leave by which exit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exitplan.ruleset.language.policy import ExitRule, Policy
from exitplan.ruleset.model.fact_registry import Category
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import Document
from exitplan.schemas.merging.extends import read_chain
from exitplan.workbench.proving.policy_model import PolicyModel
from exitplan.workbench.proving.solver import NotDecided

Kind = Literal["account", "policy", "rule", "category", "exit", "nothing"]


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of a graph; ``id`` is the same from run to run, ``label`` has one line or more."""

    id: str
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow; one that ``is_doubtful`` is drawn with dashes."""

    source: str
    target: str
    label: str = ""
    is_doubtful: bool = False


@dataclass(slots=True)
class Graph:
    """Nodes, each once, and the arrows between them."""

    title: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def node(self, kind: Kind, label: str) -> str:
        """Add a node; returns its id."""
        made = Node(f"n{len(self.nodes)}", kind, label)
        self.nodes.append(made)
        return made.id

    def edge(self, edge: Edge) -> None:
        """Add an arrow, unless it is there."""
        if edge not in self.edges:
            self.edges.append(edge)


def graph_of_files(files: Sequence[Path]) -> Graph:
    """Draw which of some policies and account files extends which, up to those that extend nothing.

    Raises FileHasProblems with all that is wrong in the files as YAML, or in what they extend.
    """
    graph, known, problems = Graph("policies"), dict[str, str](), []
    for file in files:
        chain = read_chain(file)
        problems += chain.diagnostics
        upper: str | None = None
        for path, document in zip(chain.files, chain.documents, strict=True):  # the base first
            identity = os.path.realpath(path)
            if identity not in known:
                known[identity] = graph.node(*_described(path, document))
            if upper is not None:
                graph.edge(Edge(known[identity], upper, "extends"))
            upper = known[identity]
    if problems:
        raise FileHasProblems(problems)
    return graph


def _described(path: Path, document: Document) -> tuple[Kind, str]:
    """Return what a file is, and its name with its place below it."""
    value = document.value if isinstance(document.value, dict) else {}
    account = value.get("account")
    name = str(value.get("name") or path.stem)
    if not isinstance(account, dict):
        return "policy", f"{name}\n{display_name(path)}"
    return "account", f"{account.get('id') or name} at {account.get('venue') or 'no venue'}\n{display_name(path)}"


def graph_of_exits(policy: Policy) -> Graph:
    """Draw the way of positions through a policy: rule, category, exit.

    There is an arrow only where a position can go along it, which is proved; one with dashes is not decided. What is
    protected is left out: no exit takes it.
    """
    return _Ways(policy, PolicyModel.of(policy)).graph()


@dataclass(frozen=True, slots=True)
class _Ways:
    policy: Policy
    model: PolicyModel

    def graph(self) -> Graph:
        """Draw all of it."""
        graph = Graph(self.policy.name)
        classification, exits = self.model.classification, self.model.exits
        rules = [(rule, graph.node("rule", rule.id)) for rule in self.policy.classification]
        none = graph.node("rule", "no rule matches")
        categories = {category: graph.node("category", category.value) for category in Category}
        leaves = [graph.node("exit", _exit_text(rule)) for rule in self.policy.exits]
        stays = graph.node("nothing", "nothing is done")
        for (rule, source), decides in zip(rules, classification.decides, strict=True):
            graph.edges += self.way(source, categories[rule.category], decides)
        graph.edges += self.way(none, categories[Category.STRATEGY_ALIGNED], classification.none)
        for category, source in categories.items():
            inside = self.model.categories[category.value]
            for target, literal in zip([*leaves, stays], [*exits.decides, exits.none], strict=True):
                graph.edges += self.way(source, target, inside, literal)
        return graph

    def way(self, source: str, target: str, *literals: int) -> Iterator[Edge]:
        """Draw an arrow where a position that is not protected can be of both kinds."""
        try:
            if self.model.ask(*literals, self.model.facts.equals("protected", value=False)) is not None:
                yield Edge(source, target)
        except NotDecided:
            yield Edge(source, target, "not decided", is_doubtful=True)


def _exit_text(rule: ExitRule) -> str:
    number = "" if rule.number is None else f" (rule {rule.number})"
    return f"{rule.id}{number}\n{rule.action}"
