"""Compiling a merged policy: what it means and every problem that a schema cannot see."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.ruleset.language.parameters import GUARDS
from exitplan.ruleset.language.policy import Dust, compile_policy, policy_sha256
from exitplan.ruleset.language.problems import Problem
from tests.builders import Given, Node, compiled, plan_of, policy_document, position, snapshot

RULE = {"id": "r", "when": {"tracked": False}, "action": "close"}


def errors(**changes: Given) -> list[Problem]:
    policy, problems = compile_policy(policy_document(**changes))
    found = [problem for problem in problems if problem.severity == "error"]
    assert (policy is None) == bool(found)
    return found


def warnings(**changes: Given) -> list[Problem]:
    _, problems = compile_policy(policy_document(**changes))
    return [problem for problem in problems if problem.severity == "warning"]


def error(**changes: Given) -> Problem:
    (found,) = errors(**changes)
    return found


@pytest.mark.parametrize("name", ["default", "conservative"])
def test_shipped_policies_have_no_problems(name: str) -> None:
    assert compile_policy(policy_document(name))[1] == []


def test_the_default_policy_is_the_published_protocol() -> None:
    policy = compiled(policy_document())
    assert [rule.id for rule in policy.exits] == ["dust", "zombie", "over-cap", "legacy"]
    assert (policy.max_positions, policy.unwind_cycles, policy.gradual_unwind_pct) == (8, 4, Decimal("0.25"))
    assert dict(policy.guards) == {name: guard.default for name, guard in GUARDS.items() if guard.default is not None}
    zombie = policy.exits[1]
    assert (zombie.attempts, zombie.escalates, zombie.is_zombie, zombie.is_dust) == (1, True, True, False)


def test_what_a_policy_leaves_out_has_its_default() -> None:
    policy = compiled({"version": 1, "name": "bare"})
    assert (policy.max_positions, policy.valid_minutes, policy.tolerate_untradeable_dust) == (8, Decimal(15), True)
    assert policy.cap.rank_by == ("value_usd", "pnl_pct", "oldest")
    assert set(policy.guards) == {name for name, guard in GUARDS.items() if guard.default is not None}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("unwind_cycles", 2, "3 to 5"),
        ("unwind_cycles", 6, "3 to 5"),
        ("max_positions", -1, "0 to 10000"),
        ("max_positions", 10_001, "0 to 10000"),
        ("dust_pct_threshold", Decimal("0.5"), "0 to below 0.5"),
        ("gradual_unwind_pct", Decimal("-0.1"), "0 to 1"),
        ("max_position_pct", 25, "0 to 1"),
        ("stale_order_minutes", -1, "0 or more"),
        ("dust_usd_threshold", Decimal("-0.01"), "0 or more"),
    ],
)
def test_a_number_out_of_range(name: str, value: Node, allowed: str) -> None:
    found = error(**{name: value})
    assert found.path == ("parameters", name)
    assert f"allowed is {allowed}" in found.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unwind_cycles", 3),
        ("unwind_cycles", 5),
        ("max_positions", 0),
        ("max_positions", 10_000),
        ("max_position_pct", 0),
        ("gradual_unwind_pct", 1),
    ],
)
def test_the_ends_of_a_range_are_allowed(name: str, value: Node) -> None:
    assert errors(**{name: value}) == []


def test_a_percentage_is_told_how_to_be_written() -> None:
    assert error(gradual_unwind_pct=25).hint == "write 0.25 for 25 %"


def test_dust_is_left_alone_unless_a_policy_says_otherwise() -> None:
    policy, _ = compile_policy(policy_document())
    assert policy is not None
    assert policy.dust == Dust(convert=False, max_cost_pct=Decimal("0.05"))


def test_what_a_policy_says_of_dust_it_may_say_in_part() -> None:
    policy, problems = compile_policy(policy_document(dust={"convert": True}))
    assert policy is not None
    assert (policy.dust, problems) == (Dust(convert=True, max_cost_pct=Decimal("0.05")), [])


def test_the_cost_of_a_conversion_has_its_range() -> None:
    assert error(dust={"max_cost_pct": 5}).hint == "write 0.05 for 5 %"


def test_guards_have_their_ranges() -> None:
    assert error(guards={"max_run_pct": 50}).path == ("guards", "max_run_pct")


@pytest.mark.parametrize("value", [Decimal("1E+30"), Decimal("1E+99"), Decimal(2**53)])
def test_a_threshold_of_absurd_size_is_an_error_and_no_crash(value: Decimal) -> None:
    assert "too large" in error(dust_usd_threshold=value).message


def test_a_number_finer_than_facts_is_a_warning() -> None:
    found = warnings(dust_pct_threshold=Decimal("0.0100001"))
    assert {problem.path[0] for problem in found} == {"parameters", "definitions"}
    assert all("finer than facts" in problem.message for problem in found)


def test_a_misspelled_parameter() -> None:
    found = error(parameters={"max_position": 8})
    assert (found.path, found.on_key) == (("parameters", "max_position"), True)
    assert found.hint in {"did you mean 'max_positions'?", "did you mean 'max_position_pct'?"}


def test_a_parameter_of_one_s_own_must_be_used() -> None:
    assert "used by no condition" in warnings(parameters={"zz": 1})[0].message
    own = [{**RULE, "when": {"value_usd": {"gt": "$zz"}}}]
    assert warnings(parameters={"zz": 1}, exits=own) == []


def test_an_unused_definition_is_a_warning() -> None:
    (found,) = warnings(definitions={"idle": {"tracked": True}})
    assert (found.path, found.on_key) == (("definitions", "idle"), True)


def test_an_unused_definition_of_orders_is_no_error() -> None:
    assert errors(definitions={"idle": {"reduce_only": True}}) == []


@pytest.mark.parametrize(
    ("definitions", "message"),
    [({"idle": {"nonsense": 1}}, "unknown fact 'nonsense'"), ({"idle": {"not": "idle"}}, "in a circle: idle -> idle")],
)
def test_an_unused_definition_must_be_right_all_the_same(definitions: dict[str, Any], message: str) -> None:
    assert message in error(definitions=definitions).message


def test_a_mistake_in_a_definition_is_told_once_where_it_is() -> None:
    found = error(definitions={"dust": {"value_usd": {"lt": "$dust_usd"}}})
    assert found.path == ("definitions", "dust", "value_usd", "lt")


def test_a_definition_must_fit_the_rules_that_use_it() -> None:
    orders = [{"id": "o", "when": "dust", "action": "cancel"}]
    paths = [problem.path for problem in errors(orders=orders)]
    assert paths == [("definitions", "dust", "price_basis"), ("definitions", "dust", "any", 1, "account_pct")]


def test_the_category_is_no_fact_of_its_own_rules() -> None:
    rules = [{"id": "x", "category": "DEFERRED", "when": {"category": "DEFERRED"}}]
    assert "unknown fact 'category'" in error(classification=rules).message


def test_a_rule_id_is_there_twice() -> None:
    found = error(exits=[RULE, {**RULE, "when": {"tracked": True}}])
    assert found.path == ("exits", 1, "id")
    assert "there twice in exits" in found.message


def test_the_same_id_in_another_list_is_another_rule() -> None:
    assert errors(exits=[{**RULE, "id": "stale-limit-order"}]) == []


@pytest.mark.parametrize(
    ("because", "message"),
    [
        ("worth {valeu}", "unknown fact 'valeu'"),
        ("worth {}", "unknown fact ''"),
        ("worth {0}", "unknown fact '0'"),
        ("worth {value_usd.real}", "unknown fact 'value_usd.real'"),
        ("worth {value_usd[0]}", "unknown fact 'value_usd[0]'"),
        ("worth {value_usd:.2f}", "has a format"),
        ("worth {value_usd:999999999}", "has a format"),
        ("worth {value_usd!r}", "has a format"),
        ("worth {value_usd:{symbol}}", "has a format"),
        ("worth {value_usd", "not well formed"),
        ("worth }", "not well formed"),
    ],
)
def test_a_sentence_that_cannot_be_filled(because: str, message: str) -> None:
    found = error(exits=[{**RULE, "because": because}])
    assert found.path == ("exits", 0, "because")
    assert message in found.message


def test_a_sentence_may_hold_braces_and_absent_facts() -> None:
    rule = {**RULE, "because": "{{{symbol}}} at {pnl_pct}"}
    plan = plan_of(snapshot(position()), exits=[rule])
    assert plan["actions"][0]["because"] == "{AAA/USD} at unknown"


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        ({}, (), "needs stop_pct"),
        ({"stop_pct": 0}, ("stop_pct",), "fraction between 0 and 1"),
        ({"stop_pct": 1}, ("stop_pct",), "fraction between 0 and 1"),
        ({"stop_pct": True}, ("stop_pct",), "fraction between 0 and 1"),
        ({"stop_pct": "$nothing"}, ("stop_pct",), "unknown parameter '$nothing'"),
        ({"stop_pct": "0.1"}, ("stop_pct",), "unknown parameter '0.1'"),
        ({"stop_pct": "$strategy_sources"}, ("stop_pct",), "fraction between 0 and 1"),
    ],
)
def test_a_stop_needs_its_distance(keys: dict[str, Any], path: tuple[str, ...], message: str) -> None:
    found = error(exits=[{**RULE, "action": "attach_stop", **keys}])
    assert found.path == ("exits", 0, *path)
    assert message in found.message


@pytest.mark.parametrize("key", ["stop_pct", "adopt"])
def test_keys_of_another_action_have_no_meaning(key: str) -> None:
    found = error(exits=[{**RULE, key: Decimal("0.1") if key == "stop_pct" else True}])
    assert (found.path, found.on_key) == (("exits", 0, key), True)


@pytest.mark.parametrize("until", ["2026-02-30", "2026-02-18T22:00:00", "soon"])
def test_protection_ends_at_a_moment(until: str) -> None:
    assert error(protect=[{"symbol": "AAA/USD", "until": until}]).path == ("protect", 0, "until")


def test_ten_thousand_parts_are_the_limit_of_a_policy() -> None:
    half = {"any": [{"value_usd": number} for number in range(5_000)]}
    found = error(exits=[{**RULE, "when": half}, {**RULE, "id": "s", "when": half}])
    assert "parts in all; at most 10000" in found.message


def test_all_problems_are_reported_at_once() -> None:
    exits = [{**RULE, "when": {"trackd": 1}}, {**RULE, "id": "s", "when": "dus", "because": "{"}]
    assert len(errors(exits=exits, unwind_cycles=9, protect=[{"symbol": "A", "until": "x"}])) == 5


# --- The hash ---------------------------------------------------------------------------------------------------


def test_the_hash_does_not_care_how_a_number_is_written_or_in_which_order_keys_come() -> None:
    document = policy_document()
    spelled = {**dict(reversed(document.items())), "cap": dict(reversed(document["cap"].items()))}
    spelled["parameters"] = {**document["parameters"], "dust_usd_threshold": 1, "max_positions": Decimal("8.0")}
    assert policy_sha256(spelled) == policy_sha256(document)


def test_the_hash_leaves_the_account_out() -> None:
    assert policy_sha256(policy_document(account={"id": "x"})) == policy_sha256(policy_document())


@pytest.mark.parametrize(
    "change",
    [
        {"max_positions": 9},
        {"name": "other"},
        {"protect": [{"symbol": "AAA/USD"}]},
        {"exits": []},
        {"cap": {"scope": "legacy"}},
    ],
)
def test_the_hash_cares_for_everything_else(change: dict[str, Any]) -> None:
    assert policy_sha256(policy_document(**change)) != policy_sha256(policy_document())


def test_a_number_is_no_text_and_no_truth_value_to_the_hash() -> None:
    hashes = {policy_sha256({"a": value}) for value in (1, "1", True, None, [1], {"number": "1"})}
    assert len(hashes) >= 5


def test_the_order_of_rules_matters_to_the_hash() -> None:
    document = policy_document()
    assert policy_sha256({**document, "exits": document["exits"][::-1]}) != policy_sha256(document)
