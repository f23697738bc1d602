"""``halt``, ``resume``, ``unlock`` and ``apply --refresh``."""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path

import pytest
from filelock import FileLock

from exitplan.executor.store.halt import halt, halts_in
from exitplan.executor.store.lease import account_lease
from exitplan.ruleset.model.values import parse_time
from tests.builders import NOW
from tests.cli.conftest import xp


def test_a_halt_refuses_every_apply_until_it_is_ended(folder: Path) -> None:
    assert xp("plan", "--out", "plan.json").code == 0
    assert "Halted" in xp("halt", "fire drill").out
    refused = xp("apply", "plan.json")
    assert refused.code == 5
    assert "fire drill" in refused.err
    assert "Resumed" in xp("resume").out
    assert xp("apply", "plan.json").code == 0


def test_a_halt_of_one_account_leaves_the_others_alone(folder: Path) -> None:
    assert xp("halt", "--account", "user123", "--json").json["halted"] is True
    assert xp("apply", "--auto-approve").code == 0
    assert xp("apply", "--auto-approve", "--account", "user123").code == 5


@pytest.mark.parametrize("line", ["apply", "apply --all", "apply plan.json --refresh"])
def test_on_a_halted_account_nobody_is_asked(line: str, saved: Path) -> None:
    xp("halt", "fire drill")
    refused = xp(*line.split())
    assert (refused.code, "fire drill" in refused.out + refused.err) == (5, True)
    assert "Only 'yes' goes on" not in refused.err


def test_an_apply_names_the_halted_account_and_the_command_that_ends_its_halt(folder: Path) -> None:
    xp("halt", "--account", "user123")
    refused = xp("apply", "--auto-approve", "--account", "user123").err
    assert "the account user123 is halted by" in refused
    assert "exitplan resume --account user123" in refused


def test_resuming_what_was_not_halted_says_so(folder: Path) -> None:
    assert "Nothing was halted" in xp("resume").out


def test_a_halt_names_the_command_that_ends_it(folder: Path) -> None:
    assert "nothing is sent for user123 until `exitplan resume --account user123`" in xp("halt", "-a", "user123").out
    assert "nothing is sent for any account until `exitplan resume`" in xp("halt").out


def test_the_platform_account_shares_its_halt_with_every_account_and_is_told_so(folder: Path) -> None:
    assert "nothing is sent for any account" in xp("halt", "--account", "platform").out
    assert "for every account" in xp("resume", "--account", "platform").out


def test_resuming_one_account_does_not_claim_to_end_the_halt_of_all(folder: Path) -> None:
    for words in (("halt",), ("halt", "--account", "user123")):
        assert xp(*words).code == 0
    resumed = xp("resume", "--account", "user123").out
    assert "orders are sent again" not in resumed
    assert "data/HALT still halts every account" in resumed
    assert "orders are sent again for every account" in xp("resume").out


def test_resuming_all_names_the_accounts_that_stay_halted_on_their_own(folder: Path) -> None:
    assert xp("halt", "--account", "user123").code == 0
    told = xp("resume").out
    assert "Nothing was halted" in told
    assert "data/users/user123/HALT" in told


def test_nothing_is_unlocked_where_nobody_is_at_work(folder: Path) -> None:
    assert "Nobody holds" in xp("unlock").out


def hold(lock: str) -> None:
    with account_lease(Path(lock), "platform", parse_time("2026-02-18T22:00:00Z")):
        time.sleep(60)


def wait_until_held(lock: Path) -> None:
    for _ in range(300):
        if lock.with_suffix(".holder.json").exists():
            return
        time.sleep(0.05)
    raise AssertionError("the other process never took the lease")


@pytest.mark.usefixtures("folder")
def test_the_lease_of_a_process_that_hangs_is_broken_on_request() -> None:
    lock = Path("data/account.lock").absolute()
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(str(lock),))
    holder.start()
    try:
        wait_until_held(lock)
        locked = xp("apply", "--auto-approve")
        assert locked.code == 7
        assert f"process {holder.pid}" in locked.err
        unlocked = xp("unlock", "--auto-approve")
        assert unlocked.code == 0
        assert f"process {holder.pid}" in unlocked.out
        assert xp("apply", "--auto-approve").code == 0
    finally:
        holder.kill()
        holder.join()


def test_a_lock_file_that_nobody_holds_locks_nothing(folder: Path) -> None:
    Path("data").mkdir(exist_ok=True)
    with FileLock("data/account.lock"):
        pass
    assert xp("apply", "--auto-approve").code == 0


def test_a_refreshed_plan_shows_what_differs_and_is_applied(folder: Path) -> None:
    xp("plan", "--out", "plan.json")
    assert xp("apply", "--auto-approve").code == 0  # somebody was faster
    refreshed = xp("apply", "plan.json", "--refresh", "--auto-approve")
    assert refreshed.code == 0
    assert "no longer planned" in refreshed.out
    assert "XRP/USD   unwind" in refreshed.out


def test_a_refresh_that_is_only_looked_at_sends_nothing(folder: Path) -> None:
    xp("plan", "--out", "plan.json")
    before = Path("data/paper/platform.json").read_bytes()
    looked = xp("apply", "plan.json", "--refresh", "--dry-run")
    assert (looked.code, Path("data/paper/platform.json").read_bytes()) == (0, before)
    assert "does the same as the old one" in looked.out


def test_a_refresh_keeps_the_scope_and_tells_machines_what_differs(folder: Path) -> None:
    xp("plan", "--out", "plan.json", "--target", "XRP/USD")
    assert xp("apply", "plan.json").code == 0
    lines = xp("apply", "plan.json", "--refresh", "--auto-approve", "--json").lines
    assert {change["change"] for change in lines[0]["changes"]} == {"removed", "changed"}
    assert {change["old"]["symbol"] for change in lines[0]["changes"]} == {"XRP/USD"}


def test_a_refresh_asks_before_it_goes_on(folder: Path) -> None:
    xp("plan", "--out", "plan.json")
    assert xp("apply", "plan.json", "--refresh").code == 8


def test_a_refresh_without_a_plan_is_a_usage_error(folder: Path) -> None:
    assert xp("apply", "--refresh").code == 64


def test_nothing_is_unresolved_in_an_account_that_is_well(folder: Path) -> None:
    assert "No order of platform is unresolved" in xp("resolve").out
    assert xp("resolve", "--json").said == {"account": "platform", "unresolved": []}


def test_settling_needs_an_unresolved_order_and_a_quantity(folder: Path) -> None:
    assert xp("resolve", "xp0123456789abcdef").code == 64
    assert xp("resolve", "xp0123456789abcdef", "--filled", "some").code == 64
    assert xp("apply", "--auto-approve").code == 0
    assert "no order of this account is unresolved" in xp("resolve", "xp0123456789abcdef", "--filled", "0").err


# --- halts are never overlooked, and never of more than was meant ---


def test_a_halt_where_there_is_nothing_to_halt_is_an_error(nothing: Path) -> None:
    refused = xp("halt")
    assert (refused.code, "there are no account files" in refused.err) == (64, True)
    assert list(nothing.iterdir()) == []


def test_a_halt_without_account_files_is_one_where_there_is_data(nothing: Path) -> None:
    Path("data").mkdir()  # of an account that the keys in the environment imply
    assert xp("halt").code == 0


def test_a_full_disk_keeps_nobody_from_halting(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # a file may be made, and nothing written into it
    try:
        halt(tmp_path, "the disk is full", NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (found,) = halts_in(tmp_path)
    assert found.text == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", [["--why", "venue"], ["--reason", "venue"], ["venue", "--why", "it is odd"]])
def test_a_reason_may_be_given_as_other_commands_take_it(words: list[str]) -> None:
    assert xp("halt", *words).code == 0
    assert "venue" in xp("plan").err


def test_a_halt_names_its_file_in_full(folder: Path) -> None:
    assert f"Halted by {folder / 'data/HALT'}:" in xp("halt").out


@pytest.mark.parametrize("reason", ["user123", "USER123", "user12", "policies/accounts/user123.yaml"])
def test_an_account_in_the_place_of_the_reason_halts_nothing(folder: Path, reason: str) -> None:
    refused = xp("halt", reason)
    assert (refused.code, "exitplan halt --account" in refused.err) == (64, True)
    assert not Path("data/HALT").exists()


def test_an_account_in_a_sentence_is_a_reason(folder: Path) -> None:
    assert xp("halt", "user123 is odd").code == 0


LINES = [
    "plan",
    "verify",
    "status",
    "history",
    "explain XRP/USD",
    "show plan.json",
    "apply --dry-run",
    "run --verify-only",
    "policies show",
    "gate",
    "snapshot",
    "state export",
    "resolve",
]


@pytest.mark.parametrize("line", LINES)
def test_every_command_tells_of_a_halt(saved: Path, line: str) -> None:
    assert xp("apply", "--auto-approve").code == 0
    before = xp(*line.split())
    assert "halt" not in before.err
    xp("halt", "fire drill")
    shown = xp(*line.split())
    assert f"warning: everything is halted by {saved.parent / 'data/HALT'}: fire drill" in shown.err
    assert "exitplan resume" in shown.err


def test_a_halt_of_another_account_is_told_unless_one_is_named(folder: Path) -> None:
    xp("halt", "-a", "user123")
    assert "the account user123 is halted" in xp("status").err
    assert "halted" not in xp("status", "-a", "platform").err
    assert "the account user123 is halted" in xp("status", "-a", "user123").err


def test_a_halt_is_told_to_machines(folder: Path) -> None:
    assert xp("status", "--json").json["halt"] is None
    xp("halt", "fire drill")
    shown = xp("status", "--json")
    assert shown.json["halt"]["file"] == str(folder / "data/HALT")
    assert '"warning"' in shown.err
