"""Policies by hash: what is stored is what was merged, and damage is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet import policies
from exitplan.fleet.policies import bound_policy, canonical_text, policy_of, policy_text, read_canonical, successor
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.policies import load_policy, shipped_policy

NAMES = ("default", "conservative", "forced-cleanup", "published")
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "_LOADED", {})


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_comes_back_as_it_was_merged(name: str) -> None:
    loaded = load_policy(shipped_policy(name))
    text = policy_text(loaded.document)
    back = policy_of(loaded.policy.sha256, {loaded.policy.sha256: text}.get)
    assert back.policy == loaded.policy
    assert back.document == loaded.document
    assert policy_text(back.document) == text


@given(values)
def test_canonical_text_is_exact_and_the_same_for_equal_values(value: object) -> None:
    text = canonical_text({"value": value})
    assert read_canonical(text) == {"value": value}
    assert canonical_text(read_canonical(text)) == text


def test_numbers_are_spelled_in_one_way() -> None:
    assert canonical_text({"b": Decimal("0.10"), "a": Decimal("1E+2")}) == b'{"a":100,"b":0.1}'


def test_a_policy_is_fetched_once_per_process() -> None:
    loaded = load_policy(shipped_policy("default"))
    asked: list[str] = []

    def fetch(sha256: str) -> bytes:
        asked.append(sha256)
        return policy_text(loaded.document)

    first = policy_of(loaded.policy.sha256, fetch)
    assert policy_of(loaded.policy.sha256, fetch) is first
    assert asked == [loaded.policy.sha256]


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b'{"version": 1, "name": "x"}'])
def test_a_policy_that_is_missing_or_not_what_its_hash_says_is_told(content: bytes | None) -> None:
    with pytest.raises(FileIsInvalid, match="policy 0123456789ab"):
        policy_of("0123456789abcdef", lambda _: content)


def test_under_another_policy_an_account_keeps_what_protects_it(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text(
        "version: 1\nname: old\nguards: {max_actions: 7, max_order_value: 100}\n"
        "protect: [{symbol: BTC/USD, reason: mine}]\n"
    )
    account = bound_policy(load_policy(old), {"id": "a"}, Path("fleet/a"), own_guards=["max_actions"])
    new = successor(shipped_policy("default"), account).policy
    assert [entry.name for entry in new.protect] == ["BTC/USD"]
    assert new.guards["max_actions"] == 7
    assert new.guards.get("max_order_value") == load_policy(shipped_policy("default")).policy.guards.get(
        "max_order_value"
    )
