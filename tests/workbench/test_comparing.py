"""What is proved of two policies agrees with the planner, which plans under both."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from exitplan.ruleset.model.values import MICRO
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.policies import SHIPPED as FOLDER
from exitplan.schemas.policies import load_policy, policy_from_document, shipped_policy
from exitplan.workbench.comparing.recordings import compare_recordings
from exitplan.workbench.comparing.settings import compare_settings
from exitplan.workbench.comparing.treatments import Comparison, Treatment, compare_policies
from exitplan.workbench.invention import NOW, FactsDisagree, invent
from exitplan.workbench.typed_condition import read_condition
from tests.workbench.test_invention import facts
from tests.workbench.test_proofs import EXITS, POLICIES, RULES, SHIPPED, made

DEFAULT = POLICIES["default"]
DEMO = FOLDER.parent / "brokers/paper/demo-account.json"


def default_with(**parameters: Any) -> Policy:
    return load_policy(shipped_policy("default"), parameters).policy


def extended(**parts: Any) -> Policy:
    return policy_from_document({"version": 1, "name": "x", "extends": "default.yaml", **parts}).policy


def pairs(comparison: Comparison) -> set[tuple[Treatment, Treatment]]:
    return {(one.before, one.after) for one in comparison.differences}


SAME_RULES = {"default", "adaptive", "ranked-by-health"}
"""They differ in how fast an unwind goes and in the order of the cap, which are settings."""


@pytest.mark.parametrize("old", SHIPPED)
@pytest.mark.parametrize("new", SHIPPED)
def test_every_kind_that_differs_is_one_that_the_planner_treats_so(old: str, new: str) -> None:
    comparison = compare_policies(POLICIES[old], POLICIES[new], most=5)
    assert comparison.is_equal == (old == new or {old, new} <= SAME_RULES)
    # No account is invented in which one position is all of it to six places and the cap takes it from among others.
    unconfirmed = [one.witness for one in comparison.differences if not one.is_confirmed]
    assert all(one.get("account_pct") == MICRO and one.get("over_cap") for one in unconfirmed)
    assert all(one.before.means != one.after.means for one in comparison.differences)


def test_a_threshold_that_moves_has_a_region_between_the_old_and_the_new() -> None:
    comparison = compare_policies(DEFAULT, default_with(dust_usd_threshold=5), most=20)
    assert comparison.differences[0].region[0] == "1 <= value_usd < 5"
    assert ("STRATEGY_ALIGNED", "dust") in {(one.before.category, one.after.exit) for one in comparison.differences}
    assert len(comparison.differences) + comparison.more == 12
    assert not comparison.has_more


def test_what_lies_beside_the_region_is_treated_alike() -> None:
    new = default_with(dust_usd_threshold=5)
    for text, is_equal in (("value_usd >= 5", True), ("value_usd < 1", True), ("value_usd = 1", False)):
        condition = read_condition(text, CLASSIFICATION_FACTS, {})
        assert compare_policies(DEFAULT, new, assuming=condition).is_equal == is_equal


def test_another_order_of_rules_that_exclude_each_other_is_proved_equal() -> None:
    one = made([("ZOMBIE_LEGACY", {"side": "short"}), ("DEFERRED", {"side": "long"})], [("close", "ZOMBIE_LEGACY")])
    other = made([("DEFERRED", {"side": "long"}), ("ZOMBIE_LEGACY", {"side": "short"})], [("close", "ZOMBIE_LEGACY")])
    assert compare_policies(one, other).is_equal


def test_a_rule_written_in_other_words_is_proved_equal() -> None:
    one = made([("ZOMBIE_LEGACY", {"not": {"value_usd": {"gte": 10}}})], [("close", "ZOMBIE_LEGACY")])
    words = {"any": [{"value_usd": {"lt": 10}}, {"value_usd": {"exists": False}}]}
    assert compare_policies(one, made([("ZOMBIE_LEGACY", words)], [("close", "ZOMBIE_LEGACY")])).is_equal


def test_what_becomes_protected_is_told_with_its_name() -> None:
    comparison = compare_policies(DEFAULT, extended(protect=[{"symbol": "BTC/USD"}]), most=100)
    assert comparison.differences
    for one in comparison.differences:
        assert "symbol is BTC/USD" in one.region or "asset is BTC" in one.region
        assert one.after.why_not == "protected"
        assert one.is_confirmed


def test_a_new_strategy_makes_its_positions_aligned() -> None:
    comparison = compare_policies(
        DEFAULT, default_with(strategy_sources=["nija_strategy", "apex_strategy", "swing"]), most=100
    )
    assert all(one.is_confirmed for one in comparison.differences)
    ours = [one for one in comparison.differences if one.after.category == "STRATEGY_ALIGNED"]
    assert ours
    assert all("position_source is swing" in one.region for one in ours)


def test_the_cap_may_take_fewer_positions() -> None:
    comparison = compare_policies(DEFAULT, extended(cap={"scope": "legacy"}))
    (only,) = {(one.before.exit, one.after.category) for one in comparison.differences}
    assert only == ("over-cap", "STRATEGY_ALIGNED")
    assert all("over_cap" in one.region for one in comparison.differences)


def test_attempts_of_an_exit_are_a_difference_and_its_reason_is_none() -> None:
    exit_rule = {"id": "zombie", "rule": 4, "when": {"category": "ZOMBIE_LEGACY"}, "action": "close"}
    once = {**exit_rule, "attempts": 1, "on_failure": "escalate"}
    assert compare_policies(DEFAULT, extended(exits=[{**once, "because": "other words"}])).is_equal
    assert not compare_policies(DEFAULT, extended(exits=[{**once, "attempts": 2}])).is_equal


# --- settings ---


def test_a_health_model_is_one_setting_named_with_its_hash() -> None:
    changes = compare_settings(POLICIES["default"], POLICIES["ranked-by-health"])
    model = POLICIES["ranked-by-health"].health
    assert model is not None
    assert [one.name for one in changes] == ["cap.rank_by", "health.model"]
    assert changes[-1].new == f"default ({model.sha256[:12]})"


def test_settings_that_no_proof_is_about_are_compared_as_text() -> None:
    new = extended(
        parameters={"max_positions": 10, "unwind_cycles": 5},
        guards={"max_actions": 20},
        protect=[{"asset": "BTC", "reason": "mine"}],
        orders=[{"id": "orphan-stop", "remove": True}],
        exits=[
            {
                "id": "dust",
                "rule": 1,
                "when": "dust",
                "action": "close",
                "severity": "WARNING",
            }
        ],
    )
    changes = {change.name: (change.old, change.new) for change in compare_settings(DEFAULT, new)}
    assert changes == {
        "parameters.max_positions": ("8", "10"),
        "parameters.unwind_cycles": ("4", "5"),
        "guards.max_actions": ("100", "20"),
        "protect.BTC": (None, "protected (mine)"),
        "orders.orphan-stop": (
            "cancel where type in [stop, stop_limit] and position_held = false and age_minutes > 30",
            None,
        ),
        "exits.dust.severity": (None, "WARNING"),
    }


# --- recorded accounts ---


@pytest.fixture
def accounts(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{number}.json" for number in range(4)]
    for file in files:
        shutil.copy(DEMO, file)
    return files


def test_processes_that_share_the_accounts_find_the_same(accounts: list[Path]) -> None:
    new = default_with(max_positions=6)
    alone = compare_recordings(DEFAULT, new, accounts, jobs=1)
    assert compare_recordings(DEFAULT, new, accounts, jobs=2) == alone
    assert (alone.files, alone.positions, alone.changed_positions) == (4, 80, 8)
    assert alone.values == {"USD": Decimal(7632)}


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_a_file_that_is_no_snapshot_is_told_whoever_reads_it(accounts: list[Path], jobs: int) -> None:
    accounts[2].write_text("{}", encoding="utf-8")
    with pytest.raises(FileHasProblems, match=r"2\.json"):
        compare_recordings(DEFAULT, DEFAULT, accounts, jobs=jobs)


# --- laws ---


def treated(policy: Policy, wanted: dict[str, Any]) -> Treatment:
    """What the planner makes of a position under a policy."""
    invented = invent(made([], []), wanted)
    book = Rulebook.of(replace(policy, protect=invented.policy.protect))
    draft = draft_plan(PlanInput(book, invented.snapshot, NOW, invented.progress))
    return Treatment.of_decision(next(one for one in draft.decisions if one.key == invented.key))


@given(RULES, EXITS, RULES, EXITS)
def test_no_kind_of_policies_at_random_is_unconfirmed(
    rules: list[Any], exits: list[Any], other_rules: list[Any], other_exits: list[Any]
) -> None:
    comparison = compare_policies(made(rules, exits), made(other_rules, other_exits), most=5)
    assert comparison.is_decided
    # Where the cap goes by rules that tell the other positions of the account apart, it may choose one of those.
    assert all(one.is_confirmed for one in comparison.differences if "over_cap" not in one.witness)


@given(st.data(), facts())
def test_a_position_that_is_treated_otherwise_is_of_a_kind_that_is_told(data: st.DataObject, wanted: Any) -> None:
    old, new = (made(data.draw(RULES), data.draw(EXITS)) for _ in range(2))
    try:
        before, after = treated(old, wanted), treated(new, wanted)
    except FactsDisagree:
        assume(False)
    comparison = compare_policies(old, new, most=100)
    if before.means != after.means:
        assert (before, after) in pairs(comparison)


# --- conditions as typed ---


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("value_usd < 5", "value_usd < 5"),
        ("5 > value_usd", "value_usd < 5"),
        (
            "1 <= value_usd < 5, tracked, not over_cap",
            "(value_usd >= 1 and value_usd < 5) and tracked = true and (not over_cap = true)",
        ),
        ("side is short and strategy is absent", "side = short and strategy is absent"),
        ("{value_usd: {lt: 5}}", "value_usd < 5"),
        ("value_usd < $dust_usd_threshold", "value_usd < 1"),
        ("small", "value_usd < 10"),
        ("pnl_pct >= -0.5", "pnl_pct >= -0.5"),
    ],
)
def test_a_condition_is_read_as_people_type_it(text: str, means: str) -> None:
    document = {"definitions": {"small": {"value_usd": {"lt": Decimal(10)}}}}
    assert (
        read_condition(text, CLASSIFICATION_FACTS, document).text.replace(
            "not (over_cap = true)", "(not over_cap = true)"
        )
        == means
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value_us < 5", "did you mean 'value_usd'"),
        ("value_usd < five", "number fact"),
        ("side = sideways", "never 'sideways'"),
        ("tracked or protected", "'or' is not read here"),
        ("{value_usd: {lt: 5}", "not YAML"),
        ("smal", "unknown definition"),
        ("", "empty"),
        ("value_usd is very small", "number fact"),
        ("the value", "is no condition"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_would_be_one(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_condition(text, CLASSIFICATION_FACTS, {})
    assert said in f"{refused.value} {refused.value.hint}"
