"""``exitplan graph``: pictures that the programs they are for can read, with an arrow only where there is a way."""

from __future__ import annotations

import re
from pathlib import Path

import pydot
import pytest

from exitplan.cli.rendering.graphs import dot_text, mermaid_text
from exitplan.schemas.policies import policy_from_document
from exitplan.workbench.graph import Edge, Graph, graph_of_exits
from tests.cli.conftest import xp

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot calls pyparsing by its old names
HOSTILE = 'a "quoted" \\ [x] -->|<b>| #1; `y` {{z}} \\N\nbelow; }'


def labels(text: str) -> list[str]:
    """The labels of the nodes of a DOT graph, as a library reads them."""
    (graph,) = pydot.graph_from_dot_data(text) or []
    return [str(node.get("label")) for node in graph.get_nodes() if re.fullmatch(r"n\d+", node.get_name())]


def arrows(text: str) -> list[tuple[str, str]]:
    (graph,) = pydot.graph_from_dot_data(text) or []
    return [(str(edge.get_source()), str(edge.get_destination())) for edge in graph.get_edges()]


def test_accounts_point_at_what_they_extend_up_to_the_root(nothing: Path) -> None:
    (nothing / "policies/accounts").mkdir(parents=True)
    (nothing / "policies/base.yaml").write_text("version: 1\nname: base\n", encoding="utf-8")
    (nothing / "policies/tight.yaml").write_text("version: 1\nname: tight\nextends: base.yaml\n", encoding="utf-8")
    account = "version: 1\nname: me\nextends: ../tight.yaml\naccount: {id: me, venue: paper}\n"
    (nothing / "policies/accounts/me.yaml").write_text(account, encoding="utf-8")
    ran = xp("graph", "--format", "dot")
    assert labels(ran.out) == [
        '"base\\npolicies/base.yaml"', '"tight\\npolicies/tight.yaml"', '"me at paper\\npolicies/accounts/me.yaml"',
    ]  # fmt: skip
    assert sorted(arrows(ran.out)) == [("n1", "n0"), ("n2", "n1")]
    assert '\n  n2 -->|"extends"| n1\n' in xp("graph").out


def test_a_file_that_extends_nothing_that_exists_is_told(nothing: Path) -> None:
    (nothing / "x.yaml").write_text("version: 1\nname: x\nextends: bse.yaml\n", encoding="utf-8")
    ran = xp("graph", "x.yaml")
    assert (ran.code, ran.out) == (65, "")
    assert "x.yaml:3:10: error" in ran.err
    assert xp("graph").code == 65  # there is no folder policies


def test_the_ways_through_a_policy_are_those_that_positions_can_go() -> None:
    ran = xp("graph", "conservative", "--exits", "--format", "dot")
    names = dict(enumerate(labels(ran.out)))
    ways = {(names[int(source[1:])], names[int(target[1:])]) for source, target in arrows(ran.out)}
    assert ('"zombie.dust"', '"ZOMBIE_LEGACY"') in ways
    assert ('"LEGACY_NON_COMPLIANT"', '"legacy (rule 3)\\nattach_stop"') in ways
    assert ('"STRATEGY_ALIGNED"', '"nothing is done"') in ways
    assert not {way for way in ways if way[0] == '"legacy.over-cap"'}, "it never decides"
    assert ('"LEGACY_NON_COMPLIANT"', '"dust (rule 1)\\nclose"') not in ways, "dust is a zombie"


def test_only_one_policy_has_its_ways_drawn() -> None:
    assert xp("graph", "default", "published", "--exits").code == 64


@pytest.mark.parametrize("text", [HOSTILE, '"', "\\", "a\\", 'end" ]; n9 [label="x'])
def test_names_are_no_markup(text: str) -> None:
    graph = Graph(text)
    first, second = graph.node("policy", text), graph.node("account", text)
    graph.edge(Edge(first, second, text, is_doubtful=True))
    shown = dot_text(graph)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert labels(shown) == [f'"{escaped}"'] * 2
    assert arrows(shown) == [("n0", "n1")]
    for line in mermaid_text(graph).splitlines()[1:]:
        quoted = re.findall(r'"([^"]*)"', line)
        assert line.count('"') == 2
        assert not re.search(r"[\[\]{}`\\|;]", re.sub(r"#\d+;|<br>", "", quoted[0]))


def test_ids_of_rules_reach_the_picture_as_they_are() -> None:
    document = {
        "version": 1, "name": "x", "exits": [],
        "classification": [{"id": "a.b-c", "category": "DEFERRED", "when": {"side": "long"}}],
    }  # fmt: skip
    graph = graph_of_exits(policy_from_document(document).policy)
    assert [node.label for node in graph.nodes if node.kind == "rule"] == ["a.b-c", "no rule matches"]
    assert len(graph.edges) == 4
