"""The shipped policies keep what they promise, and one that does not is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from exitplan.schemas.policies import load_policy
from exitplan.schemas.shipped import INVARIANTS, SHIPPED_POLICIES, ShippedPolicy, find_shipped
from exitplan.workbench.comparing.written import compare_written
from exitplan.workbench.shipped import try_shipped

OUTER = load_policy(INVARIANTS).policy.invariants


@dataclass(frozen=True, slots=True)
class Elsewhere(ShippedPolicy):
    """A policy as if it came with exitplan, from another folder."""

    folder: Path = Path()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.yaml"

    @property
    def tests(self) -> Path:
        return self.folder / f"{self.name}.test.yaml"


def broken(folder: Path, policy: str, case: str) -> Elsewhere:
    base = find_shipped("default").file
    folder.joinpath("x.yaml").write_text(f"version: 1\nname: x\nextends: {base}\n{policy}", encoding="utf-8")
    folder.joinpath("x.test.yaml").write_text(f"policy: x.yaml\ncases:\n  - {case}\n", encoding="utf-8")
    return Elsewhere("x", "", (), (), folder)


@pytest.mark.parametrize("shipped", SHIPPED_POLICIES.values(), ids=SHIPPED_POLICIES)
def test_each_keeps_what_it_promises(shipped: ShippedPolicy) -> None:
    tried = try_shipped(shipped)
    assert (tried.failed, list(tried.broken)) == (0, [])
    assert tried.is_kept
    assert [one.text for one in tried.invariants][-len(OUTER) :] == [one.text for one in OUTER]


@pytest.mark.parametrize(
    ("policy", "case", "failed", "message"),
    [
        ("", "{name: kept, given: {tracked: false}, expect: {do: nothing}}", 1, ""),
        (
            "exits: [{id: all, when: {symbol: BTC/USD}, action: close, before: dust}]",
            "{name: sold, given: {symbol: BTC/USD}, expect: {do: close}}",
            0,
            "all would close a position, and it is said: never sell or attach_stop where category = STRATEGY_ALIGNED",
        ),
        (
            "exits: [{id: stop, when: {symbol: BTC/USD}, action: attach_stop, stop_pct: 0.1, before: dust}]",
            "{name: stopped, given: {symbol: BTC/USD}, expect: {do: attach_stop}}",
            0,
            "stop would attach_stop a position, and it is said: never sell or attach_stop where category = STRATEGY_A",
        ),
    ],
)
def test_one_that_does_not_is_told(tmp_path: Path, policy: str, case: str, failed: int, message: str) -> None:
    tried = try_shipped(broken(tmp_path, policy, case))
    assert tried.failed == failed
    assert not tried.is_kept
    assert [one.message.startswith(message) for one in tried.broken] == [True] * bool(message)


def test_a_file_of_tests_that_is_wrong_keeps_nothing(tmp_path: Path) -> None:
    tried = try_shipped(broken(tmp_path, "", "{name: nothing is expected, expect: {}}"))
    assert tried.report.problem is not None
    assert not tried.is_kept


def test_what_two_policies_write_otherwise_is_told_by_its_place_and_reasons_are_none() -> None:
    old = {
        "name": "old",
        "parameters": {"a": 1, "b": 2},
        "exits": [{"id": "x", "when": "dust", "because": "one"}, {"id": "y", "when": "dust"}],
        "plan": {"valid_minutes": 15},
    }
    new = {
        "name": "new",
        "parameters": {"a": 1, "b": 3},
        "exits": [{"id": "x", "when": "dust", "because": "another"}, {"id": "z", "when": "dust"}],
        "plan": {"valid_minutes": 15},
        "never": [{"when": "dust", "do": "sell"}],
    }
    assert [(one.name, one.old, one.new) for one in compare_written(old, new)] == [
        ("parameters.b", "2", "3"),
        ("exits.y", "{when: dust}", None),
        ("exits.z", None, "{when: dust}"),
        ("never {when: dust, do: sell}", None, "in force"),
    ]
    assert compare_written(old, old) == []
