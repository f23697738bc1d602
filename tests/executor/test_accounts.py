"""Account files: found by id or path, and told from policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exitplan.executor.accounts.account import (
    Account,
    AccountRequest,
    find_account_files,
    load_account_file,
    open_account,
    read_account_files,
)
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.plan import plan_account, plan_snapshot
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount
from exitplan.schemas.policies import shipped_policy
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import legacy

BASE = f"version: 1\nname: t\nextends: {shipped_policy('default')}\n"


def write(root: Path, name: str, account: str, folder: str = "accounts") -> Path:
    path = root / folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(BASE + (f"account: {{{account}}}\n" if account else ""))
    return path


def block(name: str) -> str:
    return f"id: {name}, venue: paper, quote: USD"


def opened(root: Path, account: str | None = None, **more: object) -> Account:
    return open_account(AccountRequest(clock=lambda: NOW, account=account, root=root, **more))  # type: ignore[arg-type]


def test_the_only_account_needs_no_name(tmp_path: Path) -> None:
    write(tmp_path, "a", block("user1"))
    assert opened(tmp_path).id == "user1"


def test_among_many_the_platform_account_is_meant(tmp_path: Path) -> None:
    write(tmp_path, "a", block("user1"))
    write(tmp_path, "b", block("platform"), "policies/accounts")
    assert opened(tmp_path).id == "platform"
    assert len(find_account_files(tmp_path)) == 2


def test_among_many_without_a_platform_account_one_must_be_named(tmp_path: Path) -> None:
    for name in ("user1", "user2"):
        write(tmp_path, name, block(name))
    with pytest.raises(NoSuchAccount, match="which account") as refusal:
        opened(tmp_path)
    assert refusal.value.hint == "name one with --account: user1, user2"


def test_an_account_is_found_by_its_id_and_by_its_path(tmp_path: Path) -> None:
    file = write(tmp_path, "a", block("user1"))
    write(tmp_path, "b", block("user2"))
    assert (opened(tmp_path, "user2").id, opened(tmp_path, str(file)).id) == ("user2", "user1")


def test_a_name_nearly_right_is_suggested(tmp_path: Path) -> None:
    for name in ("user1", "desk"):
        write(tmp_path, name, block(name))
    with pytest.raises(NoSuchAccount) as refusal:
        opened(tmp_path, "user11")
    assert (refusal.value.exit_code, refusal.value.hint) == (64, "did you mean 'user1'?")


def test_no_accounts_at_all_is_told_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(NoSuchAccount, match="no account files") as refusal:
        opened(tmp_path)
    assert "exitplan init" in str(refusal.value.hint)


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, block("user1"))
    with pytest.raises(FileIsInvalid, match="is used by"):
        opened(tmp_path, "user1")


def test_a_broken_file_does_not_hide_another_account(tmp_path: Path) -> None:
    write(tmp_path, "a", block("user1"))
    (tmp_path / "accounts" / "b.yaml").write_text("version: [")
    assert opened(tmp_path, "user1").id == "user1"
    with pytest.raises(FileIsInvalid):
        opened(tmp_path, "user2")


def test_a_policy_without_an_account_is_no_account(tmp_path: Path) -> None:
    with pytest.raises(FileIsInvalid, match="without an account block"):
        opened(tmp_path, str(write(tmp_path, "a", "")))


@pytest.mark.parametrize(
    ("account", "missing"),
    [("id: a", "venue, quote"), ("venue: paper, quote: USD", "id"), ("id: a, venue: paper", "quote")],
)
def test_an_account_block_that_leaves_something_out_is_invalid(tmp_path: Path, account: str, missing: str) -> None:
    with pytest.raises(FileIsInvalid, match=f"says nothing of its {missing}"):
        opened(tmp_path, str(write(tmp_path, "a", account)))


def test_a_venue_that_is_not_known_is_an_invalid_file(tmp_path: Path) -> None:
    file = write(tmp_path, "a", "id: a, venue: papper, quote: USD")
    with pytest.raises(FileIsInvalid) as refusal:
        opened(tmp_path, str(file))
    assert refusal.value.exit_code == 65
    assert str(file) in str(refusal.value)


def test_another_policy_and_overrides_replace_the_accounts_own(tmp_path: Path) -> None:
    write(tmp_path, "a", block("user1"))
    account = opened(tmp_path, policy=shipped_policy("conservative"), overrides={"max_positions": 3})
    assert (account.rulebook.policy.name, account.rulebook.policy.max_positions) == ("conservative", 3)


def test_overrides_are_written_into_the_plan(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    request = AccountRequest(
        clock=scene.clock, account=str(scene.open().file), overrides={"dust_usd_threshold": Decimal(2)}, data=scene.root
    )
    assert plan_account(open_account(request)).document["policy"]["overrides"] == {"dust_usd_threshold": "2"}


def test_planning_from_a_recording_reads_no_data_folder_and_no_clock(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    policy = scene.open().rulebook.policy
    recorded = plan_snapshot(policy, scene.root / "paper.json").document
    assert recorded["created_at"] == scene.document()["taken_at"]
    assert recorded["actions"][0]["quantity"] == "18.75"
    later = datetime(2027, 1, 1, tzinfo=UTC)
    told = plan_snapshot(policy, scene.root / "paper.json", progress=scene.folder.state, now=later).document
    assert (told["created_at"], told["positions"][0]["unwind"]["cycle"]) == ("2027-01-01T00:00:00Z", 2)


# --- one account, one spelling ---------------------------------------------------------------------------------------


def written(root: Path, name: str, account: str) -> Path:
    """Write the file of a paper account."""
    path = root / "accounts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    block = {"id": account, "venue": "paper", "quote": "USD"}
    document = {"version": 1, "name": "x", "extends": str(shipped_policy("default")), "account": block}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_ids_that_differ_in_case_alone_are_two_files_of_one_account(tmp_path: Path) -> None:
    written(tmp_path, "a.yaml", "alice")
    written(tmp_path, "b.yaml", "Alice")
    files = read_account_files(tmp_path)
    assert files.sound == {}
    for name in ("alice", "Alice", "ALICE"):
        assert "is used by" in str(files.problem_of(name))


@pytest.mark.parametrize(("before", "after"), [("alice", "Alice"), ("platform", "Platform")])
def test_an_id_in_other_letters_is_not_an_account_without_a_history(tmp_path: Path, before: str, after: str) -> None:
    DataFolder.of(tmp_path / "data", before).path.mkdir(parents=True)
    path = written(tmp_path, "a.yaml", after)
    with pytest.raises(FileIsInvalid, match=f"differs in case alone from '{before}'"):
        open_account(AccountRequest(lambda: NOW, str(path), data=tmp_path / "data"))


@pytest.mark.parametrize("name", ["al\u0131ce", "\uff41lice", "alice\n", "alice\u200b", "e\u0301ve", "../alice", "."])
def test_an_id_that_looks_like_another_one_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, "a.yaml", name)
    with pytest.raises(FileIsInvalid):
        load_account_file(path)
