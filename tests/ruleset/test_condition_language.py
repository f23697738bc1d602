"""What conditions mean, sentence by sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.engine.matcher import Matcher
from exitplan.ruleset.engine.trace import trace
from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.conditions import Condition
from exitplan.ruleset.language.reasons import describe
from exitplan.ruleset.model.fact_registry import POSITION_FACTS
from tests.builders import Given, Node

Facts = dict[str, Any]
PARAMETERS: dict[str, Any] = {"limit": Decimal("1.5"), "few": ["a", "b"], "yes": True, "name": "a"}
DEFINITIONS: dict[str, Any] = {
    "small": {"value_usd": {"lt": "$limit"}},
    "either": {"any": ["small", {"tracked": True}]},
}
DOLLAR = 1_000_000


def condition(document: Node) -> Condition:
    scope = Scope(POSITION_FACTS, PARAMETERS, DEFINITIONS)
    found = parse_condition(document, (), scope)
    assert found is not None, scope.problems
    return found


def matches(document: Node, **facts: Given) -> bool:
    return Matcher([condition(document)]).matches([facts]) == [1]


def test_a_mapping_is_all_of() -> None:
    both = {"tracked": True, "side": "long"}
    assert matches(both, tracked=True, side="long")
    assert not matches(both, tracked=True, side="short")


def test_all_and_any_side_by_side_must_both_hold() -> None:
    both = {"all": [{"tracked": True}], "any": [{"side": "long"}, {"side": "short"}], "sellable": True}
    assert matches(both, tracked=True, side="short", sellable=True)
    assert not matches(both, tracked=True, side="short", sellable=False)
    assert not matches(both, tracked=True, sellable=True)


def test_several_operators_on_a_fact_must_all_hold() -> None:
    between = {"value_usd": {"gt": 1, "lte": 2}}
    assert [matches(between, value_usd=value * DOLLAR) for value in (1, 2, 3)] == [False, True, False]


def test_a_scalar_means_equal() -> None:
    assert matches({"value_usd": 1}, value_usd=DOLLAR)
    assert matches({"value_usd": {"eq": 1}}, value_usd=DOLLAR)
    assert not matches({"value_usd": 1}, value_usd=DOLLAR + 1)


@pytest.mark.parametrize("value", [{operator: 0} for operator in ("eq", "ne", "lt", "lte", "gt", "gte")] + [0])
def test_every_comparison_with_an_absent_fact_is_false(value: Node) -> None:
    assert not matches({"pnl_pct": value})


@pytest.mark.parametrize("operator", ["in", "not_in"])
def test_lists_too_are_false_for_what_is_absent(operator: str) -> None:
    assert not matches({"strategy": {operator: ["a"]}})


def test_exists_asks_for_presence() -> None:
    assert matches({"pnl_pct": {"exists": False}})
    assert matches({"pnl_pct": {"exists": True}}, pnl_pct=0)
    assert not matches({"tracked": {"exists": False}}, tracked=False)


def test_not_negates_the_whole_condition_inside_it() -> None:
    # not (x < 5) holds where x is absent, unlike x >= 5.
    assert matches({"not": {"pnl_pct": {"lt": 5}}})
    assert not matches({"pnl_pct": {"gte": 5}})
    assert matches({"not": {"tracked": True, "side": "long"}}, tracked=True, side="short")


def test_not_not_is_the_condition_itself() -> None:
    assert not matches({"not": {"not": {"pnl_pct": {"lt": 5}}}})
    assert matches({"not": {"not": {"pnl_pct": {"lt": 5}}}}, pnl_pct=0)


def test_a_dollar_names_a_parameter() -> None:
    assert matches({"value_usd": {"gt": "$limit"}}, value_usd=1_500_001)
    assert not matches({"value_usd": {"gt": "$limit"}}, value_usd=1_500_000)
    assert matches({"strategy": {"in": "$few"}}, strategy="b")
    assert matches({"strategy": {"in": ["$name", "z"]}}, strategy="a")
    assert matches({"tracked": "$yes"}, tracked=True)


def test_a_bare_word_is_a_definition() -> None:
    assert matches("either", value_usd=0)
    assert matches({"not": "either"}, tracked=False)
    assert matches({"all": ["either", {"side": "long"}]}, tracked=True, side="long")


@pytest.mark.parametrize("bound", ["0.0000005", "0.000001", "0.00000000000000000000000000000000000001"])
def test_thresholds_are_taken_literally(bound: str) -> None:
    assert matches({"value_usd": {"lt": Decimal(bound)}}, value_usd=0)
    assert not matches({"value_usd": {"lt": Decimal(bound)}}, value_usd=1)
    assert matches({"value_usd": {"gt": Decimal(bound)}}, value_usd=2)


def test_nothing_equals_a_literal_finer_than_facts() -> None:
    fine = Decimal("1.0000005")
    assert not matches({"value_usd": fine}, value_usd=DOLLAR)
    assert matches({"value_usd": {"ne": fine}}, value_usd=DOLLAR)
    assert not matches({"value_usd": {"ne": fine}})
    assert matches({"value_usd": {"not_in": [fine]}}, value_usd=DOLLAR)
    assert not matches({"value_usd": {"in": [fine]}}, value_usd=DOLLAR)


def test_texts_are_compared_to_the_letter() -> None:
    assert matches({"strategy": "Straße"}, strategy="Straße")
    assert not matches({"strategy": "a"}, strategy="A")
    assert not matches({"strategy": "a"}, strategy="a ")
    assert matches({"strategy": {"ne": "a"}}, strategy="")


def test_a_symbol_may_be_written_with_a_dash() -> None:
    assert matches({"symbol": "ETH-USD"}, symbol="ETH/USD")
    assert matches({"symbol": {"in": ["BTC-USD", "ETH-USD"]}}, symbol="ETH/USD")


def test_numbers_beyond_what_the_engine_holds_compare_all_the_same() -> None:
    for value in (10**18, 2**53, 2**64, 10**40):
        assert matches({"value_usd": {"gt": Decimal("9007199253.999999")}}, value_usd=value)
        assert matches({"value_usd": {"lt": Decimal("-9007199253.999999")}}, value_usd=-value)
        assert not matches({"value_usd": Decimal("9007199253.999999")}, value_usd=value)


def test_fifty_levels_are_allowed() -> None:
    nested: Any = {"tracked": True}
    for _ in range(50):
        nested = {"not": nested}
    assert matches(nested, tracked=True)


# --- How conditions are explained ------------------------------------------------------------------------------------


def test_a_trace_keeps_the_parts_that_no_longer_matter() -> None:
    found = trace(condition("either"), {"value_usd": 1, "tracked": False})
    assert (found.text, found.holds) == ("any of", True)
    assert [(part.text, part.holds, part.found) for part in found.parts] == [
        ("value_usd < 1.5", True, "0.000001"),
        ("tracked = true", False, "false"),
    ]


def test_a_trace_says_what_is_unknown() -> None:
    found = trace(condition({"not": {"pnl_pct": {"exists": True}}}), {})
    assert (found.text, found.holds, found.parts[0].found) == ("not", True, "unknown")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"value_usd": {"lt": 1}}, "value_usd < 1"),
        ({"strategy": {"in": ["a", "b"]}}, "strategy in [a, b]"),
        ({"pnl_pct": {"exists": False}}, "pnl_pct is absent"),
        ({"not": {"any": ["small", {"tracked": True}]}}, "not (value_usd < 1.5 or tracked = true)"),
    ],
)
def test_a_condition_as_a_person_reads_it(document: Node, text: str) -> None:
    assert condition(document).text == text


def test_a_reason_names_the_alternative_that_held() -> None:
    either = condition("either")
    assert "tracked" in describe(either, {"tracked": True, "value_usd": 10**9})
    assert "worth 0.00" in describe(either, {"tracked": False, "value_usd": 0})
