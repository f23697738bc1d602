"""Plans of a group that have to be signed: each account asks for its own, and one signature is of all of them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exitplan.executor.store.saved_plan import load_group_plan
from exitplan.ruleset.planning.plan import plan_sha256
from exitplan.ruleset.planning.plan_text import plan_bytes
from tests.cli.conftest import Ran, xp
from tests.cli.group_desk import change_account, die_after, make_desk, positions
from tests.executor.groups.group_scene import CASH, HEDGE, PERP, SPOT

PLAN, SIG = "group.json", Path("group.json.sig")


def key(name: str) -> str:
    """Make a key pair, and give the line of its public half."""
    assert xp("keygen", name).code == 0
    return Path(f"{name}.pub").read_text(encoding="utf-8").strip()


@pytest.fixture
def desk(nothing: Path) -> Path:
    """A group of which both accounts ask for alice's signature, and a plan that she has signed."""
    make_desk(nothing)
    alice = key("alice")
    for name in (CASH, HEDGE):
        change_account(nothing, name, require_signature={"keys": [alice]})
    assert xp("plan", "--group", "desk", "--out", PLAN, "--sign", "alice").code == 0
    return nothing


def held(root: Path) -> list[list[tuple[str, str]]]:
    return [positions(root, name) for name in (CASH, HEDGE)]


def refused(ran: Ran, root: Path, *words: str) -> None:
    """Expect that a plan was refused for its signatures, in words, with nothing sent anywhere."""
    assert (ran.code, held(root)) == (6, [[(SPOT, "1")], [(PERP, "1")]]), ran.err
    said = " ".join(ran.err.split())
    assert [word for word in words if word not in said] == []


def test_a_plan_signed_by_its_maker_is_carried_out(desk: Path) -> None:
    assert xp("apply", PLAN, "--dry-run").code == 0
    assert (xp("apply", PLAN).code, held(desk)) == (0, [[], []])


def test_who_approves_sees_the_whole_plan_and_signs_it_once_for_all_accounts(desk: Path) -> None:
    SIG.unlink()
    ran = xp("sign", PLAN, "--key", "alice")
    assert ran.code == 0
    assert [word for word in ("Bundle b1: BTC", "the only signature") if word not in ran.out] == []
    told = xp("sign", PLAN, "--key", "alice", "--json").json
    assert (told["group"], told["account"], told["plan_id"]) == (
        "desk",
        None,
        load_group_plan(Path(PLAN)).group_plan_id,
    )
    assert xp("apply", PLAN).code == 0


def test_each_account_asks_for_keys_of_its_own(desk: Path) -> None:
    change_account(desk, HEDGE, require_signature={"keys": [key("bob")]})
    assert xp("plan", "--group", "desk", "--out", PLAN, "--sign", "alice").code == 0
    ran = xp("apply", PLAN)
    refused(ran, desk, "hedge:", "plans of the account hedge need a signature", "who may: bob")
    assert "plans of the account cash" not in ran.err
    shown = xp("show", PLAN)
    assert "Signed by alice (SHA256:" in shown.out
    assert "Signatures: 0 of the 1 that" in shown.out
    assert xp("sign", PLAN, "--key", "bob").code == 0
    assert xp("apply", PLAN).code == 0


def test_one_account_that_asks_for_none_is_content_with_any(desk: Path) -> None:
    change_account(desk, CASH, require_signature=None)
    assert xp("plan", "--group", "desk", "--out", PLAN).code == 0
    ran = xp("apply", PLAN)
    refused(ran, desk, "hedge:", "has none")
    assert "plans of the account cash" not in ran.err
    assert xp("sign", PLAN, "--key", "alice").code == 0
    assert xp("apply", PLAN).code == 0


def another_plan() -> None:
    kept = SIG.read_bytes()
    xp("plan", "--group", "desk", "--out", PLAN)
    SIG.write_bytes(kept)


def rewritten(change: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Alter the plan, and hash it anew all through, as somebody would who knows how."""

    def do() -> None:
        document = json.loads(Path(PLAN).read_text())
        change(document)
        for made in document["accounts"].values():
            made["sha256"] = plan_sha256(made)
        document["sha256"] = plan_sha256(document)
        Path(PLAN).write_text(json.dumps(document))

    return do


def later(document: dict[str, Any]) -> None:
    document["expires_at"] = "2099-01-01T00:00:00Z"
    for made in document["accounts"].values():
        made["expires_at"] = "2099-01-01T00:00:00Z"


def by_a_stranger() -> None:
    SIG.unlink()
    xp("keygen", "mallory")
    xp("sign", PLAN, "--key", "mallory")


def of_one_account_alone() -> None:
    """Put in a signature of the part that one account has in the plan."""
    part = load_group_plan(Path(PLAN)).accounts[CASH]
    Path("part.json").write_bytes(plan_bytes(part))
    assert xp("sign", "part.json", "--key", "alice").code == 0
    shutil.copy("part.json.sig", SIG)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "missing": (SIG.unlink, "has none"),
    "empty": (lambda: SIG.write_text(""), "has none"),
    "of another plan": (another_plan, "of another plan"),
    "of a plan that was altered and hashed anew": (rewritten(later), "of another plan"),
    "by an unknown key": (by_a_stranger, "does not list the key"),
    "of the part of one account": (of_one_account_alone, "of another plan"),
    "a key in place of a signature": (lambda: shutil.copy("alice", SIG), "none of the forms"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_signature_of_the_plan_sends_nothing(desk: Path, case: str) -> None:
    spoil, words = WRONG[case]
    spoil()
    for more in ((), ("--dry-run",)):
        refused(xp("apply", PLAN, *more), desk, "cash:", "hedge:", words)


def test_the_part_of_one_account_is_not_applied_alone_by_the_signature_of_the_group(desk: Path) -> None:
    part = load_group_plan(Path(PLAN)).accounts[CASH]
    Path("part.json").write_bytes(plan_bytes(part))
    shutil.copy(SIG, "part.json.sig")
    refused(xp("apply", "part.json"), desk)


def test_a_plan_that_is_made_on_the_spot_is_refused_before_anything_is_read_and_a_dry_run_is_not(desk: Path) -> None:
    ran = xp("apply", "--group", "desk", "--auto-approve")
    refused(ran, desk, "exitplan plan --group desk --out group.json, exitplan sign group.json --key KEY")
    assert "Bundle" not in ran.out
    assert xp("apply", "--group", "desk", "--dry-run").code == 0


def test_a_new_plan_in_the_place_of_a_signed_one_has_no_signature(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--out", PLAN).code == 0
    assert not SIG.exists()


def test_a_key_without_a_file_is_a_usage_error(desk: Path) -> None:
    assert xp("plan", "--group", "desk", "--sign", "alice").code == 64
    assert SIG.exists()


# --- what was cut short -----------------------------------------------------------------------------------------------


def test_what_was_cut_short_goes_on_by_the_signatures_that_it_was_begun_with(desk: Path) -> None:
    die_after(3, PLAN)
    SIG.unlink()
    Path(PLAN).unlink()
    ran = xp("apply", "--group", "desk")
    assert (ran.code, held(desk)) == (0, [[], []])


def test_once_its_key_does_not_count_any_more_it_waits_for_another(desk: Path) -> None:
    die_after(3, PLAN)
    before = held(desk)
    change_account(desk, HEDGE, require_signature={"keys": [key("bob")]})
    ran = xp("apply", "--group", "desk")
    assert (ran.code, held(desk)) == (6, before)
    assert "does not list the key" in " ".join(ran.err.split())
    assert xp("sign", PLAN, "--key", "bob").code == 0
    assert (xp("apply", PLAN).code, held(desk)) == (0, [[], []])


def tamper(name: str, table: str, where: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a document in an account's journal."""
    with sqlite3.connect(f"data/users/{name}/journal.db") as journal:
        ((row, text),) = journal.execute(f"SELECT rowid, document FROM {table} WHERE {where}").fetchall()  # noqa: S608
        document = json.loads(text)
        change(document)
        journal.execute(f"UPDATE {table} SET document = ? WHERE rowid = ?", (json.dumps(document).encode(), row))  # noqa: S608
    journal.close()


def without_signatures(document: dict[str, Any]) -> None:
    document["signatures"] = ""


def valid_for_ever(document: dict[str, Any]) -> None:
    later(document)
    for made in document["accounts"].values():
        made["sha256"] = plan_sha256(made)
    document["sha256"] = plan_sha256(document)


def test_without_the_signatures_in_its_journal_it_does_not_go_on(desk: Path) -> None:
    die_after(3, PLAN)
    before = held(desk)
    tamper(CASH, "group_steps", "step = 'going'", without_signatures)
    ran = xp("apply", "--group", "desk")
    assert (ran.code, held(desk), "has none" in ran.err) == (6, before, True)
    assert (xp("apply", PLAN).code, held(desk)) == (0, [[], []])


def test_a_plan_that_was_altered_in_the_journal_of_its_leader_does_not_go_on(desk: Path) -> None:
    die_after(3, PLAN)
    before = held(desk)
    tamper(CASH, "group_runs", "true", valid_for_ever)
    for words in (("--group", "desk"), (PLAN,)):
        ran = xp("apply", *words)
        assert (ran.code, held(desk), "of another plan" in " ".join(ran.err.split())) == (6, before, True)


def test_what_a_journal_holds_to_be_carried_out_has_to_be_the_plan_of_the_group(desk: Path) -> None:
    die_after(3, PLAN)
    before = held(desk)

    def larger(document: dict[str, Any]) -> None:
        document["actions"][-1]["quantity"] = "0.9"
        document["sha256"] = plan_sha256(document)

    tamper(HEDGE, "plans", "true", larger)
    ran = xp("apply", "--group", "desk")
    assert (ran.code, held(desk)) == (6, before)
    assert "is not the plan of its group" in " ".join(ran.err.split())
