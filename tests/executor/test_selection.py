"""Which accounts are meant, by id, path and tag, with broken files among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.selection import AccountSelection, Selected, select_accounts
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount, UsageError
from tests.executor.test_accounts import block, write


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Three accounts, two of which are of desk-1."""
    write(tmp_path, "a", f"{block('zoe')}, tags: [desk-1]")
    write(tmp_path, "b", f"{block('adam')}, tags: [desk-1, night]")
    write(tmp_path, "c", block("platform"))
    return tmp_path


def names(found: tuple[Selected, ...]) -> list[str]:
    return [entry.name for entry in found]


def selected(root: Path, *accounts: str, tags: tuple[str, ...] = (), every: bool = False) -> tuple[Selected, ...]:
    return select_accounts(AccountSelection(accounts, tags, every), root)


def test_all_begin_with_the_platform_account_and_go_on_by_id(desk: Path) -> None:
    assert names(selected(desk, every=True)) == ["platform", "adam", "zoe"]


def test_a_tag_means_all_who_carry_it_and_several_tags_any_of_them(desk: Path) -> None:
    assert names(selected(desk, tags=("desk-1",))) == ["adam", "zoe"]
    assert names(selected(desk, tags=("night", "desk-1"))) == ["adam", "zoe"]


def test_named_ones_come_first_and_whoever_is_meant_twice_is_taken_once(desk: Path) -> None:
    found = selected(desk, "zoe", "platform", "zoe", str(desk / "accounts/a.yaml"), tags=("desk-1",))
    assert names(found) == ["zoe", "platform", "adam"]


def test_an_unknown_id_and_an_unknown_tag_are_refused_with_the_nearest(desk: Path) -> None:
    with pytest.raises(NoSuchAccount) as refusal:
        selected(desk, "platform", "zo")
    assert refusal.value.hint == "did you mean 'zoe'?"
    with pytest.raises(NoSuchAccount) as refusal:
        selected(desk, tags=("desk-2",))
    assert refusal.value.hint == "did you mean 'desk-1'?"
    with pytest.raises(NoSuchAccount) as refusal:
        selected(desk, tags=("qqqqqq",))
    assert refusal.value.hint == "the tags are: desk-1, night"


def test_a_broken_file_is_told_and_leaves_the_others_usable(desk: Path) -> None:
    (desk / "accounts" / "d.yaml").write_text("version: [")
    found = selected(desk, every=True)
    assert [isinstance(entry.file, AccountFile) for entry in found] == [True, True, True, False]
    assert found[-1].name == str(desk / "accounts" / "d.yaml")
    assert isinstance(selected(desk, "platform", "eve")[-1].file, FileIsInvalid), "eve may be in the broken file"
    assert names(selected(desk, tags=("desk-1",)))[:2] == ["adam", "zoe"], "and so may one of the desk"
    assert isinstance(selected(desk, tags=("day",))[0].file, FileIsInvalid)


def test_of_two_files_with_one_id_neither_is_used(desk: Path) -> None:
    write(desk, "d", block("adam"))
    found = {entry.name: entry.file for entry in selected(desk, every=True)}
    assert list(found) == ["platform", "zoe", "adam"]
    assert isinstance(found["adam"], FileIsInvalid)


def test_one_id_from_two_places_would_share_a_state_and_is_refused(desk: Path) -> None:
    elsewhere = write(desk / "elsewhere", "x", block("zoe"))
    with pytest.raises(UsageError, match="'zoe' is used by"):
        selected(desk, "zoe", str(elsewhere))


def test_a_path_to_a_broken_file_is_told_by_that_path(desk: Path) -> None:
    (found,) = selected(desk, "nowhere/x.yaml")
    assert (found.name, found.venue) == ("nowhere/x.yaml", None)


def test_all_of_no_accounts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchAccount, match="no account files"):
        selected(tmp_path, every=True)
    with pytest.raises(NoSuchAccount) as refusal:
        selected(tmp_path, tags=("desk-1",))
    assert refusal.value.hint is None


@pytest.mark.parametrize(
    ("selection", "is_one"),
    [
        (AccountSelection(), True),
        (AccountSelection(("a",)), True),
        (AccountSelection(("a", "a")), True),
        (AccountSelection(("a", "b")), False),
        (AccountSelection(("a",), ("t",)), False),
        (AccountSelection(every=True), False),
    ],
)
def test_how_it_was_asked_decides_whether_one_is_meant(selection: AccountSelection, is_one: bool) -> None:
    assert selection.is_for_one is is_one
    if not is_one:
        with pytest.raises(UsageError, match="one account at a time"):
            assert selection.only_name
