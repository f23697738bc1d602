from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.ruleset.errors import UsageError
from exitplan.schemas.policies import SHIPPED, load_policy
from exitplan.schemas.shipped import BASE, SHIPPED_POLICIES, ShippedPolicy, find_shipped

ROOT = Path(__file__).parents[2]
FIRST = {
    "default": "8dbabd4753b38c09",
    "published": "b042670bb846de0b",
    "conservative": "09c56dcbb8bdc46c",
    "forced-cleanup": "fd40bc6d7dad2c35",
}
"""The hashes of those that journals and plans name since the first release, as they begin."""


def test_what_is_told_of_the_shipped_policies_is_told_of_each_and_of_no_other() -> None:
    assert set(SHIPPED_POLICIES) == {file.stem for file in SHIPPED.glob("*.yaml")}
    assert next(iter(SHIPPED_POLICIES)) == BASE


@pytest.mark.parametrize("shipped", SHIPPED_POLICIES.values(), ids=str)
def test_each_is_called_as_its_file_and_has_tests_a_page_and_a_word_for_and_against(shipped: ShippedPolicy) -> None:
    loaded = load_policy(shipped.file)
    assert loaded.policy.name == shipped.name
    assert loaded.files[0] == find_shipped(BASE).file
    assert shipped.tests.is_file()
    assert (ROOT / shipped.page).is_file()
    assert shipped.use
    assert shipped.avoid
    assert all(text.endswith(".") for text in (shipped.purpose, *shipped.use, *shipped.avoid))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hedgd", "did you mean 'hedged'?"), ("Prop-Desk", "did you mean 'prop-desk'?"), ("x", "there are: default, ")],
)
def test_a_name_that_is_none_is_told_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as problem:
        find_shipped(name)
    assert str(problem.value.hint).startswith(hint)


def test_the_hashes_of_policies_that_others_have_recorded_are_as_they_were() -> None:
    known = {name: load_policy(find_shipped(name).file).policy.sha256[:16] for name in FIRST}
    assert known == FIRST
