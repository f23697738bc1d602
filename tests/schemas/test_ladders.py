"""Escalation ladders in policies: merged by name, and every mistake with its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exitplan.ruleset.language.escalation import ESCALATION_KINDS, Step, duration_of, duration_text
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.policies import LoadedPolicy, load_policy, policy_from_document, shipped_policy

HEAD = {"version": 1, "name": "mine", "extends": "default.yaml"}


def loaded(*ladders: dict[str, Any]) -> LoadedPolicy:
    return policy_from_document({**HEAD, "escalation": list(ladders)})


def ladder(**changes: Any) -> dict[str, Any]:
    return {"id": "unclean", "on": "not_clean", "steps": [{"channels": ["desk"]}], **changes}


@pytest.mark.parametrize("kind", ESCALATION_KINDS.values())
def test_a_ladder_without_limits_has_those_of_its_kind(kind: Any) -> None:
    (read,) = loaded(ladder(on=kind.name)).policy.escalation
    name, number = kind.default
    assert kind.default[0] in kind.limits
    assert read.patience.text == {"hours": "1d", "minutes": f"{number}m"}.get(name, f"{number} {name}")
    assert read.steps == (Step(("desk",)),)


def test_of_minutes_and_hours_the_shorter_one_counts() -> None:
    (read,) = loaded(ladder(after={"hours": 1, "minutes": 90})).policy.escalation
    assert read.patience.wait == timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"on": "not_cleen"}, "did you mean 'not_clean'?"),
        ({"after": {"failures": 2}}, "not_clean has no failures"),
        ({"after": {}}, "after"),
        ({"steps": []}, "steps"),
        ({"steps": [{"channels": ["a"], "repeat": "1h"}, {"channels": ["b"], "after": "1h"}]}, "only the last step"),
        (
            {"steps": [{"channels": ["a"]}, {"channels": ["b"]}]},
            "this step has no after, so it would be told together with the one before",
        ),
        ({"steps": [{"channels": ["a"], "after": "soon"}]}, "a duration is expected, such as 90s, 30m, 2h or 1d"),
        ({"steps": [{"channels": ["a"], "severity": "critical"}]}, "did you mean 'CRITICAL'?"),
        ({"remove": True}, "on"),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(FileHasProblems) as refusal:
        loaded(ladder(**changes))
    assert said in str(refusal.value)


def test_a_ladder_is_replaced_and_dropped_by_its_name(tmp_path: Path) -> None:
    base, upper = tmp_path / "base.yaml", tmp_path / "upper.yaml"
    ladders = "{id: one, on: not_clean, steps: [{channels: [a]}]}, {id: two, on: not_clean, steps: [{channels: [a]}]}"
    base.write_text(f"version: 1\nname: base\nextends: {shipped_policy('default')}\nescalation: [{ladders}]\n")
    edits = "{id: one, remove: true}, {id: two, on: not_clean, steps: [{channels: [b]}]}"
    upper.write_text(f"version: 1\nname: upper\nextends: base.yaml\nescalation: [{edits}]\n")
    (left,) = load_policy(upper).policy.escalation
    assert (left.id, left.steps[0].channels) == ("two", ("b",))
    kept = load_policy(shipped_policy("default"), account=load_policy(base))
    assert [one.id for one in kept.policy.escalation] == ["one", "two"]


def test_a_policy_without_ladders_keeps_its_hash_and_one_with_them_has_another() -> None:
    bare = policy_from_document(HEAD).policy
    assert (bare.escalation, loaded(ladder()).policy.sha256 == bare.sha256) == ((), False)


@pytest.mark.parametrize("text", ["90s", "30m", "5h", "1d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert duration_text(duration_of(text)) == text
