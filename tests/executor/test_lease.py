"""One writer an account: a second one is told who the first is, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from filelock import FileLock

from exitplan.brokers.identity import Identity
from exitplan.executor.store.lease import (
    account_lease,
    break_lease,
    holder_of,
    seems_held,
    seems_held_by,
    staying_in_place,
    trading_lease,
)
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import legacy

_HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from exitplan.executor.store.lease import account_lease
with account_lease(Path(sys.argv[1]), "platform", datetime(2026, 2, 18, 22, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a lease until the block ends."""
    command = [sys.executable, "-c", _HOLD, str(lock)]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        command, text=True, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_the_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    with held_elsewhere(scene.folder.lock) as process:
        with pytest.raises(AccountIsLocked, match=f"by process {process.pid} on .* since 2026-02-18T22:00:00Z") as no:
            scene.apply(plan)
        assert (no.value.exit_code, scene.trouble.sent) == (7, [])
        assert scene.verify().state == "NEEDS_CLEANUP"


def test_the_lease_goes_with_a_process_that_is_killed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    with held_elsewhere(scene.folder.lock) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert scene.apply(plan).exit_code == 0


def test_a_second_apply_in_the_same_process_is_refused_too(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    refusals: list[str] = []

    def second() -> None:
        with pytest.raises(AccountIsLocked) as refusal:
            scene.apply(plan)
        refusals.append(str(refusal.value))

    scene.trouble.before.append(second)
    assert scene.apply(plan).exit_code == 0
    assert f"by process {os.getpid()}" in refusals[0]


def test_other_accounts_are_free_meanwhile(tmp_path: Path) -> None:
    with account_lease(tmp_path / "a.lock", "a", NOW), account_lease(tmp_path / "b.lock", "b", NOW):
        pass


def test_the_note_of_the_holder_goes_with_the_lease(tmp_path: Path) -> None:
    lock = tmp_path / "account.lock"
    with account_lease(lock, "platform", NOW):
        assert (tmp_path / "account.holder.json").exists()
    assert not (tmp_path / "account.holder.json").exists()
    with account_lease(lock, "platform", NOW):
        pass


def test_a_lease_is_given_back_when_its_block_fails(tmp_path: Path) -> None:
    lock = tmp_path / "account.lock"
    with pytest.raises(KeyError), account_lease(lock, "platform", NOW):
        raise KeyError
    with account_lease(lock, "platform", NOW):
        pass


def test_a_holder_is_told_by_its_command_and_never_by_what_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/exitplan", "apply", "--note", "a secret"])
    with account_lease(tmp_path / "lock", "platform", NOW):
        assert str(holder_of(tmp_path / "lock")).endswith(" (exitplan apply)")


def test_a_note_that_is_gone_does_not_keep_a_lease_from_being_given_back(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with account_lease(lock, "platform", NOW):
        lock.with_suffix(".holder.json").unlink()
    assert holder_of(lock) is None


def test_the_folder_and_the_lock_of_an_account_are_private(tmp_path: Path) -> None:
    lock = tmp_path / "data" / "users" / "account.lock"
    with account_lease(lock, "platform", NOW):
        modes = [path.stat().st_mode & 0o777 for path in (lock.parent, lock)]
    assert modes == [0o700, 0o600]


def test_a_lock_that_others_could_read_is_made_private_when_it_is_taken(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch(0o666)
    lock.chmod(0o666)
    with account_lease(lock, "platform", NOW):
        assert lock.stat().st_mode & 0o777 == 0o600


def linked(locks: Path) -> None:
    elsewhere = locks.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    locks.symlink_to(elsewhere)


def replaceable(locks: Path) -> None:
    locks.parent.chmod(0o777)


def a_file(locks: Path) -> None:
    locks.write_bytes(b"")


@pytest.mark.parametrize("prepare", [linked, replaceable, a_file])
def test_a_machine_lock_that_another_user_could_swap_sends_nothing(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    (tmp_path / "cache").mkdir()
    prepare(tmp_path / "cache" / "locks")
    traded = Identity("kraken", "production", "fingerprint")
    with pytest.raises(DataFolderUnusable, match="lock the account"), trading_lease(tmp_path / "l", traded, "a", NOW):
        raise AssertionError("the lease was given")


@pytest.mark.parametrize("fate", ["gone", "another", "the same"])
def test_a_lock_is_watched_while_it_is_worked_under(tmp_path: Path, fate: str) -> None:
    lock, other = tmp_path / "lock", tmp_path / "other"
    lock.touch()
    other.touch()
    ensure_kept = staying_in_place(lock)
    if fate != "the same":
        lock.rename(tmp_path / "away")
    if fate == "another":
        other.rename(lock)
    with nullcontext() if fate == "the same" else pytest.raises(DataFolderUnusable, match="moved away or replaced"):
        ensure_kept()


def test_a_broken_note_does_not_hide_that_the_account_is_in_use(tmp_path: Path) -> None:
    lock = tmp_path / "account.lock"
    with account_lease(lock, "platform", NOW):
        (tmp_path / "account.holder.json").write_text("[")
        with pytest.raises(AccountIsLocked, match="by another process"), account_lease(lock, "platform", NOW):
            pass


def test_a_lock_that_cannot_be_made_is_a_data_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataFolderUnusable), account_lease(tmp_path / "data" / "account.lock", "platform", NOW):
        pass


def test_a_lease_can_be_taken_away_from_whoever_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert (holder_of(lock), break_lease(lock), lock.exists()) == (None, None, False)
    with account_lease(lock, "platform", NOW):
        who = holder_of(lock)
        assert who is not None
        assert f"by process {os.getpid()} on" in who
        assert (break_lease(lock), list(tmp_path.iterdir())) == (who, [])
    assert holder_of(lock) is None


def test_a_lease_that_nobody_holds_any_more_is_left_alone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    note = tmp_path / "lock.holder.json"
    note.touch()
    assert (holder_of(lock), break_lease(lock), lock.exists(), note.exists()) == (None, None, True, True)
    with account_lease(lock, "platform", NOW):
        assert holder_of(lock) is not None


def test_a_holder_without_a_note_is_another_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with FileLock(lock):
        assert break_lease(lock) == "by another process"
        assert not lock.exists()


def test_a_note_tells_whether_its_holder_seems_to_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, me, here = tmp_path / "lock", os.getpid(), socket.gethostname()
    assert (seems_held(lock), seems_held_by(lock, me, here)) == (None, False)
    with account_lease(lock, "platform", NOW):
        assert seems_held(lock) == holder_of(lock)
        assert [seems_held_by(lock, me, here), seems_held_by(lock, me + 1, here)] == [True, False]
        assert not seems_held_by(lock, me, "elsewhere")
        for error, lives in ((PermissionError, True), (ProcessLookupError, False)):
            with monkeypatch.context() as system:
                system.setattr(os, "kill", raising(error))
                assert (seems_held(lock) is not None, seems_held_by(lock, me, here)) == (lives, lives)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1, "host": "elsewhere"}'])
def test_a_holder_that_cannot_be_looked_at_counts_as_one_that_lives(tmp_path: Path, text: str) -> None:
    lock = tmp_path / "lock"
    (tmp_path / "lock.holder.json").write_text(text)
    assert seems_held(lock) == "by another process"
    assert not seems_held_by(lock, 1, socket.gethostname())


def raising(error: type[OSError]) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail
