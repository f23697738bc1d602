"""Invariants: proved, or refuted with a position; kept at run time all the same; not to be taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Invariant, Policy
from exitplan.schemas.policies import load_policy, policy_from_document, shipped_policy
from exitplan.workbench.invariants import find_broken_invariants
from exitplan.workbench.invention import replay
from exitplan.workbench.lint import Code
from exitplan.workbench.lint.files import lint_loaded
from tests.workbench.test_proofs import POLICIES, SHIPPED

MICRO = 1_000_000


def policy(**parts: Any) -> Policy:
    return policy_from_document({"version": 1, "name": "x", "extends": "default.yaml", **parts}).policy


def org(**parts: Any) -> tuple[Invariant, ...]:
    return policy_from_document({"version": 1, "name": "org", **parts}).policy.invariants


NEVER_SOLD = {
    "protected": {"protected": True},
    "deferred": {"category": "DEFERRED"},
    "without an answer about its price": {"price_status": {"in": ["unavailable", "implausible"]}},
}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("when", NEVER_SOLD.values(), ids=NEVER_SOLD)
def test_the_shipped_policies_never_sell_what_is_protected_or_deferred(name: str, when: dict[str, Any]) -> None:
    assert not find_broken_invariants(POLICIES[name], org(never=[{"when": when, "do": "sell"}]))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_the_shipped_policies_call_aligned_is_left_alone(name: str) -> None:
    dust = {"price_basis": {"in": ["last", "mid"]}, "any": [{"value_usd": {"lt": 1}}, {"account_pct": {"lt": 1}}]}
    always = [{"when": {"category": "STRATEGY_ALIGNED", "over_cap": False, "not": dust}, "do": "nothing"}]
    assert not find_broken_invariants(POLICIES[name], org(always=always))


MANAGED = {
    "tracked": True,
    "opened_by_strategy": True,
    "has_exit_logic": True,
    "has_entry_price": True,
    "market_known": True,
    "api_mismatch": False,
    "price_status": "ok",
    "symbol": "UNI/USD",  # in no list of any shipped policy
}


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_strategy_manages_is_closed_only_as_dust_or_by_the_cap(name: str) -> None:
    largest = load_policy(shipped_policy(name)).document["parameters"]["max_position_pct"]
    document = {
        "parameters": {"dust": 1, "share": POLICIES[name].dust_pct_threshold},
        "never": [
            {
                "when": {
                    **MANAGED,
                    "over_cap": False,
                    "value_usd": {"gte": "$dust"},
                    "account_pct": {"gte": "$share", "lte": largest},
                },
                "do": ["sell", "attach_stop"],
            }
        ],
    }
    assert not find_broken_invariants(POLICIES[name], org(**document))
    for part in ("over_cap", "value_usd"):
        wider = {key: value for key, value in document["never"][0]["when"].items() if key != part}  # type: ignore[index]
        broken = find_broken_invariants(POLICIES[name], org(**{**document, "never": [{"when": wider, "do": "sell"}]}))
        if part == "value_usd":
            assert [found.message.split()[0] for found in broken] == ["dust"]
        else:
            taken = POLICIES[name].cap.scope == "all" and any(rule.id == "over-cap" for rule in POLICIES[name].exits)
            assert [found.message.split()[0] for found in broken] == (["over-cap"] if taken else [])


def test_an_invariant_that_can_be_broken_has_a_position_for_each_exit_that_breaks_it() -> None:
    core = policy(never=[{"when": {"strategy": "core"}, "do": "close", "because": "the desk manages it"}])
    broken = find_broken_invariants(core)
    assert [found.message.split()[0] for found in broken] == ["dust", "zombie", "over-cap"]
    assert all(found.path == ("never", 0) and found.witness["strategy"] == "core" for found in broken)
    assert "never close where strategy = core (the desk manages it)" in broken[0].message


def test_an_outer_policy_is_broken_at_the_exit_that_breaks_it() -> None:
    (broken,) = find_broken_invariants(policy(), org(never=[{"when": {"market_known": False}, "do": "close"}]))
    assert broken.path == ("exits", 1)


def test_always_wants_the_exit_and_no_other() -> None:
    found = find_broken_invariants(policy(), org(always=[{"when": {"tracked": False}, "do": "unwind"}]))
    assert [one.message.split()[0] for one in found] == ["dust", "zombie", "over-cap", "nothing"]
    kept = org(
        always=[{"when": {"category": "ZOMBIE_LEGACY", "protected": False, "price_status": "ok"}, "do": "close"}]
    )
    assert not find_broken_invariants(policy(), kept)


def lint_codes(under: tuple[Invariant, ...] = (), **parts: Any) -> list[Code]:
    loaded = policy_from_document({"version": 1, "name": "x", "extends": "default.yaml", **parts})
    return [placed.finding.code for placed in lint_loaded(loaded, under) if placed.finding.code.value.startswith("P2")]


def test_lint_tells_of_them() -> None:
    never = [{"when": {"strategy": "core"}, "do": "unwind"}]
    assert lint_codes(never=never) == [Code.INVARIANT_BROKEN]
    assert lint_codes(org(never=never)) == [Code.INVARIANT_BROKEN]
    assert lint_codes() == []


def test_no_comment_in_a_policy_silences_an_invariant(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "version: 1\nname: mine\nexits:\n"
        "  # exitplan: ignore P201 because it is in the way\n"
        "  - {id: all, when: {side: long}, action: close}\n",
        encoding="utf-8",
    )
    found = lint_loaded(load_policy(file), org(never=[{"when": {"strategy": "core"}, "do": "sell"}]))
    assert [one.ignored for one in found if one.finding.code is Code.INVARIANT_BROKEN] == [None]
    assert Code.IDLE_IGNORE in [one.finding.code for one in found]


def test_an_outer_policy_keeps_its_own_words() -> None:
    loose = policy(definitions={"big": {"value_usd": {"gt": 10**9}}}, parameters={"edge": 10**9})
    outer = org(
        definitions={"big": {"value_usd": {"gt": "$edge"}}},
        parameters={"edge": 1000},
        never=[{"when": "big", "do": "sell"}],
    )
    assert find_broken_invariants(loose, outer)


# --- at run time ---

CORE = {"strategy": "core"}


@pytest.mark.parametrize(
    ("parts", "wanted", "reason"),
    [
        ({"never": [{"when": CORE, "do": "sell"}]}, CORE, "invariant"),
        ({"never": [{"when": CORE, "do": "close"}]}, CORE, None),
        ({"never": [{"when": CORE, "do": "sell"}]}, {"strategy": "other"}, None),
        ({"always": [{"when": CORE, "do": "nothing"}]}, CORE, "invariant"),
        ({"always": [{"when": CORE, "do": ["unwind", "nothing"]}]}, CORE, None),
        (
            {"never": [{"when": {"category": "LEGACY_NON_COMPLIANT"}, "do": "unwind"}]},
            CORE,
            "invariant",
        ),
    ],
)
def test_a_plan_that_would_break_an_invariant_has_the_exit_blocked(
    parts: dict[str, Any], wanted: dict[str, Any], reason: str | None
) -> None:
    replayed = replay(Rulebook.of(policy(**parts)), {**wanted, "has_exit_logic": False})
    key = replayed.decision.key
    sold = [action for action in replayed.draft.actions if action.key == key and action.reduces]
    blocked = [(one.reason, one.escalate) for one in replayed.draft.blocked if one.key == key]
    assert (len(sold), blocked) == ((1, []) if reason is None else (0, [(reason, True)]))


def test_dust_that_must_not_be_sold_is_not_sold_and_counts_for_the_cap() -> None:
    kept = policy(never=[{"when": CORE, "do": "sell", "because": "the desk manages it"}])
    replayed = replay(Rulebook.of(kept), {"strategy": "core", "value_usd": MICRO // 2, "account_pct": 100})
    assert not replayed.draft.actions
    (blocked,) = replayed.draft.blocked
    assert blocked.because == (
        "dust would close it, and the policy says: never sell where strategy = core (the desk manages it)"
    )
    assert replayed.draft.checks.counted == 1
