"""What lint finds, that it finds it wherever it is, and that nothing changes where it says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.linting import made_policy
from exitplan.cli.lint_warnings import QUICK
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.schemas.policies import LoadedPolicy, load_policy, policy_from_document, shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.schemas.validation import CASES_ENDING, policies_in
from exitplan.workbench.invented_orders import replay_order
from exitplan.workbench.invention import FactsDisagree, replay
from exitplan.workbench.lint import CHECKS, Check, Code, lint
from exitplan.workbench.lint.files import Placed, lint_files, lint_loaded
from exitplan.workbench.lint.parts import parts_of, without
from exitplan.workbench.lint.rule_lists import effect_of
from exitplan.workbench.proving.equality import do_the_same
from exitplan.workbench.proving.policy_model import OrderModel, wanted_facts
from tests.workbench.test_proofs import CATEGORIES, CONDITIONS, EXITS, RULES, made

MICRO = 1_000_000
SIXTY_RULES = 100_000
"""The effort for 60 rules made at random: half a second on an idle core."""
POLICIES = Path(__file__).parents[2] / "policies"
CLOSE_ALL = [{"id": "all", "when": {"market_known": {"exists": True}}, "action": "close"}]


def written(folder: Path, body: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(f"version: 1\nname: x\n{body}", encoding="utf-8")
    return path


def told(path: Path) -> list[Placed]:
    return [placed for placed in lint_files([path]) if placed.ignored is None]


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    policy = policy_from_document({"version": 1, "name": "x", **document}).policy
    return [(finding.code.value, finding.message) for finding in lint(policy)]


def of_rules(*conditions: dict[str, Any], **document: Any) -> list[tuple[str, str]]:
    categories = ("ZOMBIE_LEGACY", "LEGACY_NON_COMPLIANT", "DEFERRED")
    rules = [{"id": f"r{at}", "category": categories[at], "when": when} for at, when in enumerate(conditions)]
    return found({"classification": rules, "exits": CLOSE_ALL, **document})


# --- the registry ---


@pytest.mark.parametrize("check", [check for check in CHECKS.values() if check.bad], ids=lambda check: check.name)
def test_the_example_of_a_check_shows_it_and_its_mend_is_clean(check: Check, tmp_path: Path) -> None:
    codes = [placed.finding.code for placed in told(written(tmp_path, check.bad))]
    assert check.code in codes
    assert told(written(tmp_path, check.good)) == []


def test_every_check_has_words_and_an_example_but_for_what_no_short_one_can_show() -> None:
    assert list(CHECKS) == list(Code)
    assert all(check.meaning.endswith(".") and check.about.endswith(".") for check in CHECKS.values())
    assert [check.code for check in CHECKS.values() if not check.bad] == [
        Code.NOT_DECIDED,
        Code.INVARIANT_NOT_DECIDED,
    ]
    assert len({check.name for check in CHECKS.values()}) == len(CHECKS)


# --- shipped policies ---


@pytest.mark.parametrize(
    "path", [one for one in policies_in(POLICIES) if not one.name.endswith(CASES_ENDING)], ids=lambda path: path.name
)
def test_shipped_policies_are_clean_or_say_why_not(path: Path) -> None:
    placed = lint_files([path])
    assert [one.finding.message for one in placed if one.ignored is None] == []
    assert all(one.ignored is not None and one.ignored.reason for one in placed)


def test_what_is_ignored_in_the_shipped_policies_is_known() -> None:
    ignored = {
        name: sorted(f"{one.finding.code.value} {one.finding.about}" for one in lint_files([shipped_policy(name)]))
        for name in SHIPPED_POLICIES
    }
    assert ignored == {
        "default": ["P104 legacy.untracked", "P104 zombie.unknown-asset", "P108 over-cap"],
        "published": ["P102 legacy.over-cap", "P108 legacy.no-entry-price"],
        "conservative": ["P102 legacy.over-cap"],
        "forced-cleanup": ["P105 exits"],
        "hedged": ["P105 exits", "P105 exits"],
        "treasury": ["P105 exits", "P105 exits"],
        "prop-desk": ["P102 legacy.over-cap", "P108 over-cap"],
        "adaptive": [],
        "ranked-by-health": [],
    }


NAMES_MANY_ASSETS = ("hedged", "treasury")


@pytest.mark.parametrize("name", [name for name in SHIPPED_POLICIES if name not in NAMES_MANY_ASSETS])
def test_validate_has_time_for_all_that_lint_looks_for_in_a_shipped_policy(name: str) -> None:
    policy = load_policy(shipped_policy(name)).policy
    assert lint(policy, effort=QUICK) == lint(policy)


@pytest.mark.parametrize("name", NAMES_MANY_ASSETS)
def test_where_validate_has_no_time_to_decide_it_calls_no_comment_idle(name: str) -> None:
    loaded = load_policy(shipped_policy(name))
    quick = lint_loaded(loaded, effort=QUICK)
    assert any(one.finding.is_open for one in quick), "all is decided: this shows nothing"
    assert Code.IDLE_IGNORE not in {one.finding.code for one in quick}


def test_sixty_rules_take_no_more_effort_than_they_did() -> None:
    findings = lint(made_policy(60, tests=3, seed=3), effort=SIXTY_RULES)
    assert Code.NOT_DECIDED not in {finding.code for finding in findings}


# --- parts of conditions ---


@pytest.mark.parametrize(
    ("when", "part"),
    [
        ({"market_known": True, "sellable": True}, "market_known = true"),
        ({"value_usd": {"lt": 10, "lte": 20}}, "value_usd <= 20"),
        ({"any": [{"value_usd": {"lt": 5}}, {"value_usd": {"lt": 10}}]}, "value_usd < 5"),
        ({"not": {"any": [{"tracked": True}, {"has_exit_logic": True}]}}, "has_exit_logic = true"),
        ({"price_status": {"in": ["ok", "missing"]}, "value_usd": {"gt": 5}}, "price_status in [ok, missing]"),
        ({"side": "short", "pnl_pct": {"exists": True, "lt": 2}}, "pnl_pct < 2"),
        ({"tracked": False, "any": [{"opened_by_strategy": True}, {"side": "long"}]}, "opened_by_strategy = true"),
    ],
)
def test_a_part_that_says_nothing_is_named(when: dict[str, Any], part: str) -> None:
    assert ("P107", f"r0 says the same without {part}") in of_rules(when)


@pytest.mark.parametrize(
    "when",
    [
        {"tracked": True, "has_entry_price": False},
        {"any": [{"value_usd": {"lt": 5}}, {"account_pct": {"lt": Decimal("0.01")}}]},
        {"value_usd": {"gt": 5, "lt": 10}},
        {"not": {"tracked": True, "side": "long"}},
        {"strategy": {"in": ["a", "b"]}},
    ],
)
def test_a_condition_that_needs_all_its_parts_is_left_alone(when: dict[str, Any]) -> None:
    assert [code for code, _ in of_rules(when)] == []


def test_of_two_parts_that_say_the_same_one_is_named() -> None:
    messages = of_rules({"price_status": "ok", "value_usd": {"exists": True}})
    assert messages == [("P107", "r0 says the same without value_usd is known")]


def test_a_part_that_other_rules_make_needless_is_for_information() -> None:
    messages = of_rules({"tracked": False}, {"side": "long", "any": [{"tracked": True}, {"value_usd": {"gt": 10}}]})
    assert messages == [("P108", "without tracked = true or value_usd > 10 in r1 the same would be done")]


def test_a_part_of_a_definition_is_told_only_where_no_rule_needs_it() -> None:
    definitions = {"d": {"sellable": True, "market_known": True}, "e": {"any": [{"side": "long"}, {"tracked": True}]}}
    rules = [
        {"id": "a", "category": "ZOMBIE_LEGACY", "when": {"all": ["d", "e", {"side": "long"}]}},
        {"id": "b", "category": "LEGACY_NON_COMPLIANT", "when": {"all": ["e", {"age_minutes": {"gt": 5}}]}},
    ]
    messages = found({"definitions": definitions, "classification": rules, "exits": CLOSE_ALL})
    assert messages == [
        ("P107", "a says the same without e"),
        ("P107", "the definition d says the same without market_known = true"),
    ]


def test_an_entry_of_a_list_that_other_rules_take_is_named() -> None:
    messages = of_rules({"price_status": "missing"}, {"price_status": {"in": ["missing", "implausible"]}})
    assert messages == [("P108", "without missing in the list of price_status in r1 the same would be done")]


@given(RULES, EXITS)
def test_a_part_is_told_exactly_where_leaving_it_out_changes_nothing(rules: list[Any], exits: list[Any]) -> None:
    policy = made(rules, exits)
    findings = lint(policy)
    skipped = {one.about for one in findings if one.code in {Code.NEVER_MATCHES, Code.NEVER_DECIDES}}
    skipped |= {one.about for one in findings if one.code is Code.ONLY_A_REASON}
    needless = {one.path for one in findings if one.code in {Code.REDUNDANT_PART, Code.IDLE_PART}}
    for number, rule in enumerate(policy.classification):
        outer: list[tuple[int, ...]] = []
        gone = [part.address for part in parts_of(rule.when) if part.path in needless]
        for part in parts_of(rule.when):
            left = without(rule.when, frozenset({part.address}))
            if left is None or rule.id in skipped or any(part.address[: len(one)] == one for one in outer):
                continue
            changed = do_the_same(policy, with_condition(policy, number, left), effect_of)
            if part.path in needless:
                outer.append(part.address)
                assert changed, f"{rule.id} without {part.text}"
            else:
                assert not changed or gone, f"{rule.id} without {part.text} is the same, and not told"


def with_condition(policy: Policy, number: int, when: Any) -> Policy:
    from dataclasses import replace  # noqa: PLC0415 - for this alone

    rules = list(policy.classification)
    rules[number] = replace(rules[number], when=when)
    return replace(policy, classification=tuple(rules))


@given(RULES, RULES, EXITS)
def test_policies_that_are_proved_equal_are_so_on_every_witness_of_either(
    one: list[Any], other: list[Any], exits: list[Any]
) -> None:
    first, second = made(one, exits), made([*one[:1], *other], exits)
    same = do_the_same(first, second, effect_of)
    books = [Rulebook.of(policy) for policy in (first, second)]
    for wanted in ({}, {"tracked": False}, {"value_usd": 10 * MICRO}, {"price_status": "missing"}, {"side": "short"}):
        decisions = [replay(book, wanted).decision for book in books]
        if same:
            assert decisions[0].category == decisions[1].category
        if decisions[0].category != decisions[1].category:
            assert not same


# --- exits that nothing reaches ---


def test_an_exit_of_a_category_that_no_rule_gives_is_told_apart_from_one_that_contradicts_itself() -> None:
    exits = [
        {"id": "z", "when": {"category": "DEFERRED"}, "action": "close"},
        {"id": "n", "when": {"market_known": False, "sellable": True}, "action": "close"},
        *CLOSE_ALL,
    ]
    codes = [code for code, _ in of_rules({"tracked": False}, exits=exits)]
    assert codes == ["P106", "P101"]


# --- gaps ---


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [
        ({"value_usd": {"lt": 10}}, {"value_usd": {"gt": 10}}, "value_usd = 10"),
        ({"value_usd": {"lte": 9}}, {"value_usd": {"gte": 10}}, "value_usd between 9 and 10"),
        (
            {"account_pct": {"lte": Decimal("0.99")}},
            {"account_pct": {"gte": Decimal("1.00")}},
            "account_pct between 0.99 and 1",
        ),
        ({"account_pct": {"lt": 1}}, {"account_pct": {"gt": 1}}, "account_pct = 1"),
        ({"pnl_pct": {"lt": 0}}, {"pnl_pct": {"gt": 0}}, "pnl_pct = 0"),
        ({"pnl_pct": {"lt": -1}}, {"pnl_pct": {"gt": -1}}, "pnl_pct = -1"),
        ({"unwind_cycle": {"lt": 2}}, {"unwind_cycle": {"gt": 2}}, "unwind_cycle = 2"),
        ({"age_minutes": {"lt": 30}, "tracked": False}, {"age_minutes": {"gt": 30}}, "age_minutes = 30"),
        ({"value_usd": {"lt": 10}}, {"not": {"value_usd": {"lte": 10}}}, "value_usd = 10"),
    ],
)
def test_a_value_between_two_limits_is_named_with_a_witness(
    low: dict[str, Any], high: dict[str, Any], value: str
) -> None:
    gaps = [message for code, message in of_rules(low, high) if code == "P110"]
    assert len(gaps) == 1
    assert gaps[0].startswith(f"{value} is decided by ")
    assert gaps[0].endswith("though r0 decides below it and r1 above it")


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ({"value_usd": {"lt": 10}}, {"value_usd": {"gte": 10}}),
        ({"value_usd": {"lte": 5}}, {"value_usd": {"gte": 100}}),
        ({"value_usd": {"lt": 5}}, {"value_usd": {"gt": 100}}),
        ({"unwind_cycle": {"lte": 1}}, {"unwind_cycle": {"gte": 2}}),
        ({"value_usd": {"lt": 10}, "tracked": False}, {"value_usd": {"gt": 10}, "tracked": True}),
        ({"value_usd": {"lt": 10}}, {"value_usd": {"ne": 10}}),
    ],
)
def test_limits_that_mean_what_they_say_have_no_gap(low: dict[str, Any], high: dict[str, Any]) -> None:
    assert [message for code, message in of_rules(low, high) if code in {"P110", "P109"}] == []


def test_a_gap_that_a_later_rule_fills_with_the_same_is_none() -> None:
    small: dict[str, Any] = {"id": "s", "category": "ZOMBIE_LEGACY", "when": {"value_usd": {"lt": 10}}}
    large: dict[str, Any] = {"id": "l", "category": "LEGACY_NON_COMPLIANT", "when": {"value_usd": {"gt": 10}}}
    rest: dict[str, Any] = {"id": "r", "category": "LEGACY_NON_COMPLIANT", "when": {"value_usd": {"lte": 50}}}
    assert "P110" not in [code for code, _ in found({"classification": [small, large, rest], "exits": CLOSE_ALL})]


def test_gaps_of_exits_and_of_orders_are_found() -> None:
    exits = [
        {"id": "young", "when": {"age_minutes": {"lt": 60}}, "action": "unwind"},
        {"id": "old", "when": {"age_minutes": {"gt": 60}}, "action": "close"},
    ]
    orders = [
        {"id": "cheap", "when": {"value_usd": {"lt": 5}}, "action": "cancel"},
        {"id": "dear", "when": {"value_usd": {"gt": 5}}, "action": "cancel"},
    ]
    messages = [message for code, message in of_rules({"tracked": False}, exits=exits, orders=orders) if code == "P110"]
    assert messages == [
        "value_usd = 5 is decided by no rule, though cheap decides below it and dear above it",
        "age_minutes = 60 is decided by no rule, though young decides below it and old above it",
    ]


# --- units ---


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"account_pct": {"gt": 5}}, "5 % is 0.05"),
        ({"untracked_pct": {"gt": 10}}, "10 % is 0.1"),
        ({"pnl_pct": {"lt": -20}}, "-20 % is -0.2"),
        ({"pnl_pct": {"gt": 5}}, "5 is 500 %"),
        ({"age_minutes": {"gt": 86400}}, "a day, which is 1440 minutes"),
        ({"age_minutes": {"gt": 1_700_000_000}}, "years"),
        ({"price_missing_minutes": {"gte": 3600}}, "an hour, which is 60 minutes"),
        ({"value_usd": {"lt": Decimal("0.005")}}, "less than a cent"),
        ({"value_usd": {"gt": -5}}, "never below 0"),
        ({"unwind_cycle": {"gt": Decimal("1.5")}}, "a whole number"),
        ({"failed_exits": {"gt": 500}}, "how often"),
        ({"account_pct": {"in": [Decimal("0.5"), 7]}}, "7 is 700 %"),
        ({"any": [{"not": {"account_pct": {"lt": 3}}}, {"side": "long"}]}, "3 is 300 %"),
    ],
)
def test_a_number_in_another_unit_is_told(when: dict[str, Any], said: str) -> None:
    messages = [message for code, message in of_rules(when) if code == "P111"]
    assert len(messages) == 1
    assert said in messages[0]


@pytest.mark.parametrize(
    "when",
    [
        {"account_pct": {"gt": 1}},
        {"account_pct": {"lt": Decimal("0.01")}},
        {"pnl_pct": {"gt": 2, "lt": Decimal("4.5")}},
        {"pnl_pct": {"lt": -1}},
        {"age_minutes": {"gt": 1440}},
        {"value_usd": {"lt": 1}},
        {"failed_exits": {"gte": 3}},
        {"tracked_quantity": {"lt": Decimal("0.0001")}},
    ],
)
def test_a_number_in_its_unit_is_none(when: dict[str, Any]) -> None:
    assert [message for code, message in of_rules(when) if code == "P111"] == []


def test_the_unit_of_an_order_is_looked_at_as_well() -> None:
    orders = [{"id": "o", "when": {"age_minutes": {"gt": 86400}}, "action": "cancel"}]
    assert [code for code, _ in of_rules({"tracked": False}, orders=orders)] == ["P111"]


# --- settings ---

STRAY = "classification:\n  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}\n"
STOPS = "exits:\n  - {id: all, when: {category: LEGACY_NON_COMPLIANT}, action: attach_stop, stop_pct: 0.1}\n"


@pytest.mark.parametrize(
    ("setting", "name", "because"),
    [
        ("parameters: {gradual_unwind_pct: 0.5}", "parameters.gradual_unwind_pct", "no exit unwinds"),
        ("parameters: {unwind_interval_minutes: 5}", "parameters.unwind_interval_minutes", "no exit unwinds"),
        ("parameters: {dust_pct_threshold: 0.02}", "parameters.dust_pct_threshold", "no condition names"),
        ("parameters: {max_position_pct: 0.5}", "parameters.max_position_pct", "no condition names"),
        ("parameters: {blind_exit_minutes: 5}", "parameters.blind_exit_minutes", "no exit closes"),
        ("parameters: {strategy_sources: [a]}", "parameters.strategy_sources", "no condition asks"),
        ("cap: {scope: legacy}", "cap.scope", "no rule asks over_cap"),
        ("cap: {rank_by: [oldest]}", "cap.rank_by", "no rule asks over_cap"),
        ("cap: {count_untradeable: false}", "cap.count_untradeable", "no rule makes a position a zombie"),
        ("guards: {max_order_value: 500}", "guards.max_order_value", "no exit closes or unwinds"),
        ("guards: {max_zombie_pct: 1}", "guards.max_zombie_pct", "refuses nothing"),
        ("dust: {max_cost_pct: 0.1}", "dust.max_cost_pct", "not converted"),
        ("unwind: {schedule: even}", "unwind.schedule", "no exit unwinds"),
    ],
)
def test_a_setting_without_effect_is_told_with_its_line(setting: str, name: str, because: str, tmp_path: Path) -> None:
    (placed,) = told(written(tmp_path, f"{setting}\n{STRAY}{STOPS}"))
    assert placed.finding.message.startswith(f"{name} has no effect: ")
    assert because in placed.finding.message
    assert (placed.finding.code, placed.mark.line) == (Code.NO_EFFECT, 3)


UNWINDS = "exits:\n  - {id: all, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}\n"
ADAPTIVE = "unwind: {schedule: adaptive, calibrate: {pct: 0.25, at_volatility: 0.04}}\n"


@pytest.mark.parametrize(
    ("settings", "name", "because"),
    [
        ("unwind: {min_pct: 0.1}\n", "unwind.min_pct", "unwind.schedule is published"),
        ("unwind: {schedule: even, volatility: {days: 20}}\n", "unwind.volatility", "unwind.schedule is even"),
        (f"parameters: {{gradual_unwind_pct: 0.3}}\n{ADAPTIVE}", "parameters.gradual_unwind_pct", "only 0 stops it"),
    ],
)
def test_what_means_nothing_to_the_schedule_is_told(settings: str, name: str, because: str, tmp_path: Path) -> None:
    (placed,) = told(written(tmp_path, f"{settings}{STRAY}{UNWINDS}"))
    assert placed.finding.message.startswith(f"{name} has no effect: ")
    assert because in placed.finding.message


@pytest.mark.parametrize("settings", [ADAPTIVE, f"parameters: {{gradual_unwind_pct: 0}}\n{ADAPTIVE}"])
def test_what_the_schedule_goes_by_is_left_alone(settings: str, tmp_path: Path) -> None:
    assert told(written(tmp_path, f"{settings}{STRAY}{UNWINDS}")) == []


def test_what_is_inherited_and_has_no_effect_is_not_the_files_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"version: 1\nname: x\nextends: {shipped_policy('forced-cleanup')}\n", encoding="utf-8")
    assert told(path) == []


def test_settings_that_are_looked_at_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    settings = "parameters: {dust_pct_threshold: 0.02, unwind_cycles: 3, strategy_sources: [a, b]}\n"
    head = f"version: 1\nname: x\nextends: {shipped_policy('default')}\n"
    path.write_text(f"{head}{settings}guards: {{max_order_value: 10, max_zombie_pct: 0.9}}\n", encoding="utf-8")
    assert told(path) == []


# --- orders ---


def test_order_rules_are_looked_at_as_those_of_positions_are() -> None:
    orders = [
        {"id": "never", "when": {"reduce_only": True, "opens": True}, "action": "cancel"},
        {"id": "old", "when": {"age_minutes": {"gt": 30}}, "action": "cancel"},
        {"id": "older", "when": {"age_minutes": {"gt": 60}}, "action": "cancel"},
        {"id": "every", "when": {"age_minutes": {"exists": True}}, "action": "cancel"},
    ]
    assert of_rules({"tracked": False}, orders=orders) == [
        ("P101", "never never matches any order"),
        ("P104", "without old the same would be done: it only serves the reason"),
        ("P102", "older never decides: all it matches is decided by old before it"),
        ("P103", "every matches every order"),
    ]


ORDER_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "side": st.sampled_from(["buy", "sell"]),
        "type": st.sampled_from(["limit", "market", "stop", "stop_limit"]),
        "age_minutes": st.sampled_from([0, 29 * MICRO, 30 * MICRO, 30 * MICRO + 1, 10**6 * MICRO]),
        "value_usd": st.sampled_from([None, 0, 5 * MICRO, 100 * MICRO]),
        "ours": st.booleans(),
        "reduce_only": st.booleans(),
        "position_held": st.booleans(),
        "opens": st.booleans(),
        "protected": st.booleans(),
    },
)
SHIPPED = load_policy(shipped_policy("default")).policy
SHIPPED_BOOK, SHIPPED_ORDERS = Rulebook.of(SHIPPED), OrderModel.of(SHIPPED)


@given(ORDER_FACTS)
def test_what_the_planner_says_of_an_order_is_what_the_model_says(wanted: dict[str, Any]) -> None:
    model = SHIPPED_ORDERS
    try:
        replayed = replay_order(SHIPPED_BOOK, wanted)
    except FactsDisagree:
        assume(False)
    literals = []
    for name, cells in model.facts.cells.items():
        value = replayed.view.facts.get(name)
        cell = next((one for one in cells if one.value == value), None)
        if cell is None and isinstance(value, int):
            cell = next(one for one in cells if one.low is not None and one.low <= value <= (one.high or 0))
        chosen = cell or next(one for one in cells if one.value == "other")
        literals.append(model.facts.where(name, lambda one, chosen=chosen: one is chosen))  # type: ignore[misc]
    number = next((at for at, rule in enumerate(SHIPPED.orders) if rule.id == replayed.rule), None)
    decides = model.orders.none if number is None else model.orders.decides[number]
    assert model.possible(*literals), "the theory rules out an order that there is"
    assert model.possible(*literals, decides)
    assert not model.possible(*literals, -decides)


def test_every_witness_of_an_order_rule_is_an_order_that_the_planner_decides_so() -> None:
    for rule, literal in zip(SHIPPED.orders, SHIPPED_ORDERS.orders.decides, strict=True):
        cells = SHIPPED_ORDERS.ask_plainly(literal)
        assert cells is not None
        assert replay_order(SHIPPED_BOOK, wanted_facts(cells)).rule == rule.id


# --- too hard ---


def test_what_takes_too_long_is_not_decided_and_never_fine() -> None:
    policy = made([(CATEGORIES[0], {"tracked": True}), (CATEGORIES[1], {"side": "long"})], [])
    codes = [finding.code for finding in lint(policy, effort=0)]
    assert codes == [Code.NOT_DECIDED] * 4


@given(st.lists(st.tuples(st.sampled_from(CATEGORIES), CONDITIONS), min_size=1, max_size=4), EXITS)
def test_with_less_effort_less_is_found_and_nothing_else(rules: list[Any], exits: list[Any]) -> None:
    policy = made(rules, exits)
    everything = {(one.code, one.path) for one in lint(policy)}
    for effort in (50, 200, 1000):
        few = {(one.code, one.path) for one in lint(policy, effort=effort)} - {
            (one.code, one.path) for one in lint(policy, effort=effort) if one.code is Code.NOT_DECIDED
        }
        assert few <= everything


# --- comments ---

PAIR = """\
classification:
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}, because: "# exitplan: ignore P104 because no"}%s
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
"""


def commented(folder: Path, comment: str) -> list[str]:
    return [f"{one.finding.code.value} {one.mark.line}" for one in told(written(folder, PAIR % comment))]


def test_a_text_that_looks_like_a_comment_silences_nothing(tmp_path: Path) -> None:
    assert commented(tmp_path, "") == ["P104 4"]


@pytest.mark.parametrize(
    "comment",
    [
        "  # exitplan: ignore P104 because the reason is a better one",
        "  # small ones # exitplan: ignore P104 because the reason is a better one",
        "\n  # exitplan: ignore P104 of tiny because the reason is a better one",
        "  #exitplan:ignore P104,P102 because of that",
    ],
)
def test_a_comment_with_a_reason_silences(comment: str, tmp_path: Path) -> None:
    assert commented(tmp_path, comment) == []


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ("  # exitplan: ignore P104", ["P104 4", "P121 4"]),
        ("  # exitplan: ignore P104 because", ["P104 4", "P121 4"]),
        ("  # exitplan: ignore P140 because of that", ["P104 4", "P121 4"]),
        ("  # exitplan: ignroe P104 because of that", ["P104 4", "P121 4"]),
        ("  # exitplan: ignore P102 because of that", ["P104 4", "P122 4"]),
        ("  # exitplan: ignore P121 because of that", ["P104 4", "P121 4"]),
        ("\n  # exitplan: ignore P104 because of that", ["P104 4", "P122 5"]),
        ("  # exitplan: ignore P104 of small because of that", ["P104 4", "P122 4"]),
        ("  # exitplan: ignore P104, X9 because of that", ["P121 4"]),
    ],
)
def test_a_comment_that_is_wrong_is_a_finding_itself(comment: str, codes: list[str], tmp_path: Path) -> None:
    assert commented(tmp_path, comment) == codes


def test_a_comment_above_silences_what_follows_and_one_inside_the_rule_too(tmp_path: Path) -> None:
    above = PAIR % ""
    above = above.replace("  - {id: tiny", "  # exitplan: ignore P104 because above\n  # more\n\n  - {id: tiny")
    assert told(written(tmp_path, above)) == []
    inside = PAIR.replace("because: ", "# exitplan: ignore P104 because inside\n     because: ") % ""
    assert told(written(tmp_path, inside)) == []


def test_a_comment_for_those_that_extend_a_file_is_looked_after_in_its_own(tmp_path: Path) -> None:
    base = written(tmp_path, PAIR % "  # exitplan: ignore P104 because the reason is a better one")
    child = tmp_path / "y.yaml"
    child.write_text("version: 1\nname: y\nextends: x.yaml\nclassification:\n  - {id: small, remove: true}\n")
    assert [one.finding.code.value for one in told(child)] == []
    assert told(base) == []


def loaded(path: Path) -> LoadedPolicy:
    return load_policy(path)


def test_what_several_policies_inherit_is_told_once(tmp_path: Path) -> None:
    base = written(tmp_path, PAIR.replace("lt: 5", "lt: 50") % "")
    child = tmp_path / "y.yaml"
    child.write_text("version: 1\nname: y\nextends: x.yaml\n")
    assert [one.finding.code.value for one in lint_files([base, child])] == ["P102"]
    assert [one.finding.code.value for one in lint_loaded(loaded(child))] == ["P102"]
