"""Every way in which a condition can be wrong: where, what, and what would be right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from tests.builders import Node

PARAMETERS: dict[str, Any] = {"limit": 1, "names": ["a"], "empty": []}
DEFINITIONS: dict[str, Any] = {"dust": {"value_usd": {"lt": 1}}, "a": {"not": "b"}, "b": {"any": ["a"]}, "self": "self"}


def problems(document: Node) -> list[Problem]:
    scope = Scope(CLASSIFICATION_FACTS, PARAMETERS, DEFINITIONS)
    condition = parse_condition(document, ("when",), scope)
    assert (condition is None) == any(problem.severity == "error" for problem in scope.problems)
    return scope.problems


def problem(document: Node) -> Problem:
    (found,) = problems(document)
    return found


@pytest.mark.parametrize(
    ("document", "path", "message", "hint"),
    [
        ({}, (), "an empty condition would match everything", "at least one fact"),
        (None, (), "a condition is expected, found null", "mapping of facts"),
        (True, (), "a condition is expected, found the truth value true", "mapping of facts"),
        (3, (), "a condition is expected, found the number 3", "mapping of facts"),
        (["dust"], (), "a condition is expected, found a list", "{all: [...]}"),
        ([], (), "found an empty list", "{any: [...]}"),
        ("dusty", (), "unknown definition 'dusty'", "did you mean 'dust'?"),
        ("zzz", (), "unknown definition 'zzz'", "defined are dust"),
        ({"value_us": 1}, ("value_us",), "unknown fact 'value_us'", "did you mean 'value_usd'?"),
        ({"lt": 1}, ("lt",), "unknown fact 'lt'", "operator: it goes below a fact"),
        ({"dust": True}, ("dust",), "unknown fact 'dust'", "bare word"),
        ({"category": "DEFERRED"}, ("category",), "unknown fact 'category'", None),
        ({"All": []}, ("All",), "unknown fact 'All'", "did you mean 'all'?"),
        ({"all": []}, ("all",), "'all' takes a list of one or more conditions, found an empty list", None),
        ({"any": {}}, ("any",), "'any' takes a list of one or more conditions, found a mapping", None),
        ({"any": "dust"}, ("any",), "found the text 'dust'", None),
        ({"not": []}, ("not",), "a condition is expected, found an empty list", "{all: [...]}"),
        ({"not": {}}, ("not",), "an empty condition", None),
        ({"any": [{}]}, ("any", 0), "an empty condition", None),
        ({"value_usd": {}}, ("value_usd",), "'value_usd' is compared with nothing", "operators are"),
        ({"value_usd": {"<<": 1}}, ("value_usd", "<<"), "unknown operator '<<'", "operators are"),
        ({"value_usd": {"lte ": 1}}, ("value_usd", "lte "), "unknown operator", "did you mean 'lte'?"),
        ({"value_usd": None}, ("value_usd",), "compared with null", "{exists: false}"),
        ({"value_usd": {"lt": None}}, ("value_usd", "lt"), "compared with null", "{exists: false}"),
        ({"value_usd": {"lt": "1"}}, ("value_usd", "lt"), "a number fact, but is compared with the text '1'", "plain"),
        ({"account_pct": {"lt": "1%"}}, ("account_pct", "lt"), "the text '1%'", "0.01 for 1 %"),
        ({"value_usd": True}, ("value_usd",), "compared with the truth value true", "plain number"),
        ({"value_usd": [1]}, ("value_usd",), "compared with a list", "in or not_in"),
        ({"tracked": 1}, ("tracked",), "'tracked' is a bool fact, but is compared with the number 1", None),
        ({"tracked": "yes"}, ("tracked",), "the text 'yes'", None),
        ({"strategy": False}, ("strategy",), "'strategy' is a text fact", None),
        ({"side": "Long"}, ("side",), "'side' is never 'Long'; it is one of long, short", "did you mean 'long'?"),
        ({"price_status": {"in": ["ok", "gone"]}}, ("price_status", "in", 1), "never 'gone'", None),
        ({"tracked": {"lt": 1}}, ("tracked", "lt"), "'lt' does not compare bool facts", "use eq, ne, exists"),
        ({"strategy": {"gte": "a"}}, ("strategy", "gte"), "does not compare text facts", "eq, ne, in, not_in, exists"),
        ({"tracked": {"in": [True]}}, ("tracked", "in"), "does not compare bool facts", None),
        ({"strategy": {"in": "a"}}, ("strategy", "in"), "takes a list of one or more values, found the text 'a'", None),
        ({"strategy": {"in": []}}, ("strategy", "in"), "found an empty list", None),
        ({"strategy": {"in": "$empty"}}, ("strategy", "in"), "found an empty list", None),
        ({"strategy": {"in": "$limit"}}, ("strategy", "in"), "found the number 1", None),
        ({"strategy": {"not_in": ["a", 1]}}, ("strategy", "not_in", 1), "compared with the number 1", None),
        ({"strategy": {"exists": "yes"}}, ("strategy", "exists"), "takes true or false, found the text 'yes'", None),
        ({"value_usd": "$limt"}, ("value_usd",), "unknown parameter '$limt'", "did you mean 'limit'?"),
        ({"value_usd": {"gt": "$"}}, ("value_usd", "gt"), "unknown parameter '$'", "known are limit"),
        ({"strategy": {"in": "$nams"}}, ("strategy", "in"), "unknown parameter '$nams'", "did you mean 'names'?"),
        ({"value_usd": "$names"}, ("value_usd",), "compared with a list (the value of $names)", "in or not_in"),
        ({"strategy": "$limit"}, ("strategy",), "compared with the number 1 (the value of $limit)", None),
        ({"value_usd": Decimal(9007199254)}, ("value_usd",), "numbers in conditions stay below 9007199254", None),
        ({"value_usd": -(10**30)}, ("value_usd",), "too large", None),
    ],
)  # fmt: skip
def test_each_problem_has_its_place_its_words_and_its_hint(
    document: Node, path: tuple[str | int, ...], message: str, hint: str | None
) -> None:
    found = problem(document)
    assert found.path == ("when", *path)
    assert message in found.message
    assert hint is None or hint in (found.hint or "")


@pytest.mark.parametrize("document", [{"value_us": 1}, {"value_usd": {"less": 1}}])
def test_an_unknown_key_is_blamed_itself(document: Node) -> None:
    assert problem(document).on_key


def test_a_threshold_finer_than_facts_is_a_warning() -> None:
    found = problem({"value_usd": {"lt": Decimal("0.0000001")}})
    assert found.severity == "warning"
    assert "finer than facts are" in found.message


def test_all_problems_are_reported_at_once() -> None:
    found = problems({"valu": 1, "side": "up", "any": [{"tracked": 3}, "nope", {"value_usd": {"lt": "x", "of": 1}}]})
    assert len(found) == 6


@pytest.mark.parametrize(("start", "loop"), [("a", "a -> b -> a"), ("b", "b -> a -> b"), ("self", "self -> self")])
def test_definitions_that_go_in_a_circle(start: str, loop: str) -> None:
    assert problem(start).message == f"the definitions go in a circle: {loop}"


def nested(levels: int, inner: Node) -> Node:
    for level in range(levels):
        inner = {"not": inner} if level % 2 else {"all": [inner]}
    return inner


def test_fifty_levels_are_the_limit() -> None:
    assert problems(nested(50, {"tracked": True})) == []
    assert "50 levels" in problem(nested(51, {"tracked": True})).message
    assert "50 levels" in problem(nested(1000, {"tracked": True})).message


def test_levels_of_definitions_count() -> None:
    DEFINITIONS["deep"] = nested(30, {"tracked": True})
    assert problems("deep") == []
    assert "50 levels" in problem(nested(30, "deep")).message


def test_ten_thousand_parts_are_the_limit() -> None:
    assert problems({"any": [{"value_usd": number} for number in range(9_999)]}) == []
    assert "10001 parts" in problem({"any": [{"value_usd": number} for number in range(10_000)]}).message


def test_facts_side_by_side_are_a_level_too() -> None:
    several: Any = {"tracked": True, "side": "long"}
    for _ in range(49):
        several = {"not": several}
    assert problems(several) == []
    assert "nested 51 levels" in problem({"not": several}).message


def test_definitions_that_multiply_are_counted_and_not_spelled_out() -> None:
    bomb: dict[str, Any] = {"d0": {"tracked": True}}
    bomb |= {f"d{level}": {"any": [f"d{level - 1}"] * 10} for level in range(1, 20)}
    scope = Scope(CLASSIFICATION_FACTS, {}, bomb)
    assert parse_condition("d19", ("when",), scope) is None
    assert "parts" in scope.problems[0].message


def test_a_long_chain_of_names_is_refused_and_does_not_crash() -> None:
    chain: dict[str, Any] = {f"d{level}": f"d{level + 1}" for level in range(5_000)}
    scope = Scope(CLASSIFICATION_FACTS, {}, {**chain, "d5000": {"tracked": True}})
    assert parse_condition("d0", ("when",), scope) is None
    assert "50 levels" in scope.problems[0].message


def test_names_of_conditions_are_no_levels_of_their_own() -> None:
    chain: dict[str, Any] = {f"d{level}": {"not": f"d{level + 1}"} for level in range(40)}
    scope = Scope(CLASSIFICATION_FACTS, {}, {**chain, "d40": {"tracked": True}})
    assert parse_condition("d0", ("when",), scope) is not None
