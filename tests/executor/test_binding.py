"""Journal, state, plan and gate are bound to one account at one venue: its address and its key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from msgspec import structs

from exitplan.brokers.identity import Identity, identity_of
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.apply.apply import apply_plan, check_plan
from exitplan.executor.plan import plan_account
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.history import import_state, restore_state
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import machine_lock
from exitplan.executor.verify import verify_account
from exitplan.ruleset.errors import (
    AccountIsAnother,
    AccountIsLocked,
    DataFolderUnusable,
    FileIsInvalid,
    OutcomeUnknown,
    PlanIsAltered,
    PlanIsStale,
)
from exitplan.ruleset.planning.plan import plan_sha256, read_plan
from exitplan.ruleset.planning.plan_types import Plan
from tests.builders import order, position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, statuses
from tests.faults import SILENT, Fault

LIVE = Identity("paper", "production", "key one")
"""What a live account is known by; the venue behind it is the paper one."""

OTHERS = [
    Identity("kraken", "production", "key one"),
    Identity("paper", "https://127.0.0.1:1", "key one"),
    Identity("paper", "sandbox", "key one"),
    Identity("paper", "production", "key two"),
]
"""Every way in which an account may be another one under the same id."""


def live(scene: Scene, identity: Identity = LIVE, data: str = "data") -> Account:
    """Open the scene's account as one with a key, on a data folder of its own."""
    return replace(scene.open(), identity=identity, store=FileStore.of(scene.root / data, "platform"))


def made(account: Account) -> Plan:
    return plan_account(account).plan


# --- one trader on this machine ---


def test_two_data_folders_do_not_trade_on_one_account_at_once(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.clock.advance(1)
    plan = made(live(scene))
    refusals: list[str] = []

    def second() -> None:
        with pytest.raises(AccountIsLocked) as refusal:
            apply_plan(live(scene, data="elsewhere"), plan, sleep=scene.clock.sleep)
        refusals.append(str(refusal.value))

    scene.trouble.before.append(second)
    assert apply_plan(live(scene), plan, sleep=scene.clock.sleep).exit_code == 0
    assert (len(refusals), len(scene.trouble.orders), scene.held()) == (1, 1, "75")


@pytest.mark.parametrize("other", [Identity("paper", "production", "key two"), Identity("paper", "sandbox", "key one")])
def test_other_accounts_trade_side_by_side(on_stage: Stage, other: Identity) -> None:
    scene = on_stage(snapshot())
    plan, theirs = made(live(scene)), made(live(scene, other, "elsewhere"))
    codes: list[int] = []
    scene.trouble.before.append(
        lambda: codes.append(apply_plan(live(scene, other, "elsewhere"), theirs, sleep=scene.clock.sleep).exit_code)
    )
    assert machine_lock(LIVE) != machine_lock(other)
    assert apply_plan(live(scene), plan, sleep=scene.clock.sleep).exit_code == 0


def test_where_no_lock_can_be_taken_nothing_is_sent(on_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = on_stage(legacy())
    plan = made(live(scene))
    (scene.root / "file").write_text("")
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(scene.root / "file"))
    with pytest.raises(DataFolderUnusable, match="cannot lock"):
        apply_plan(live(scene), plan, sleep=scene.clock.sleep)
    assert scene.trouble.sent == []


# --- another account under the same id ---


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("act", [verify_account, plan_account])
def test_another_account_under_the_same_id_is_refused(
    on_stage: Stage, other: Identity, act: Callable[[Account], object]
) -> None:
    scene = on_stage(legacy())
    verify_account(live(scene))
    with pytest.raises(AccountIsAnother, match="another one than before") as refusal:
        act(live(scene, other))
    assert "exitplan accept-balance" in str(refusal.value.hint)
    assert (scene.says(), scene.state().bound) == ("UNKNOWN", LIVE)


@pytest.mark.parametrize("other", OTHERS[1:])
def test_a_plan_made_at_one_account_is_not_applied_at_another(on_stage: Stage, other: Identity) -> None:
    scene = on_stage(legacy())
    plan = made(live(scene))
    assert (plan.account.address, plan.account.key) == (LIVE.address, LIVE.key)
    for act in (check_plan, apply_plan):
        with pytest.raises(PlanIsStale, match="made for another account"):
            act(live(scene, other), plan)
    assert scene.trouble.sent == []


def test_an_apply_is_refused_where_the_journal_is_about_another_account(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    verify_account(live(scene))
    plan = structs.replace(made(live(scene)))
    document = orjson.loads(orjson.dumps(plan.document))
    del document["account"]["key"]
    document["sha256"] = plan_sha256(document)
    for act in (check_plan, apply_plan):
        with pytest.raises(AccountIsAnother):
            act(live(scene, OTHERS[3]), read_plan(document))
    assert scene.trouble.sent == []


def test_a_change_is_confirmed_by_accepting_what_it_holds(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    verify_account(live(scene))
    new = live(scene, OTHERS[3])
    accept_balance(new)
    assert (scene.state().bound, scene.says()) == (OTHERS[3], None)
    scene.clock.advance(1)
    assert apply_plan(new, made(new), sleep=scene.clock.sleep).exit_code == 0


def test_a_change_is_not_confirmed_while_an_order_is_unresolved(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 5)
    assert apply_plan(live(scene), made(live(scene)), sleep=scene.clock.sleep).exit_code == 9
    with pytest.raises(OutcomeUnknown, match="is another account than before"):
        accept_balance(live(scene, OTHERS[3]))


def test_a_key_that_is_not_at_hand_speaks_against_nothing_and_is_not_forgotten(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    verify_account(live(scene))
    verify_account(live(scene, Identity("paper", "production")))
    assert scene.state().bound == LIVE


def test_a_state_of_an_earlier_version_is_bound_by_the_next_verification_or_run(on_stage: Stage) -> None:
    for act in (
        verify_account,
        lambda account: apply_plan(account, made(account), sleep=lambda _: None),
    ):
        scene = on_stage(legacy())
        shutil.rmtree(scene.folder.path, ignore_errors=True)
        scene.folder.path.mkdir()
        scene.folder.state.write_text('{"unwind_progress": {}, "account_state": "CLEAN"}')
        act(live(scene))
        assert scene.state().bound == LIVE


def test_one_address_is_spelled_in_one_way(tmp_path: Path) -> None:
    def address(**block: object) -> str | None:
        return identity_of({"id": "a", "venue": "kraken", **block}, tmp_path).address

    assert (
        address(base_url="HTTPS://Proxy.Test/x/") == address(base_url="https://proxy.test/x") == "https://proxy.test/x"
    )
    assert address(base_url="https://name:word@proxy.test") == "https://proxy.test"
    assert (address(), address(sandbox=True)) == ("production", "sandbox")


def test_a_paper_account_is_its_file(tmp_path: Path) -> None:
    assert identity_of({"id": "a", "venue": "paper"}, tmp_path) == Identity("paper", "a.paper.json")
    options = {"file": "b.json"}
    assert identity_of({"id": "a", "venue": "paper", "options": options}, tmp_path) == Identity("paper", "b.json")


# --- a plan that is resumed ---


def test_another_plan_under_the_id_of_one_that_was_begun_is_not_carried_out(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", 100), position("BBB/USD", 100)))
    plan = scene.plan()
    assert scene.apply(plan, stop_after=1).exit_code == 8
    other = orjson.loads(orjson.dumps(plan))
    other["actions"] = other["actions"][1:] * 1
    other["sha256"] = plan_sha256(other)
    for act in (lambda: scene.apply(other), lambda: check_plan(scene.open(), read_plan(other))):
        with pytest.raises(PlanIsAltered, match="not the one that was begun"):
            act()
    assert (len(scene.trouble.orders), statuses(scene.apply(plan))) == (1, ["done", "done"])


# --- a journal that knows less than the state beside it ---


def emptied(folder: DataFolder) -> None:
    folder.journal.write_bytes(b"")


def truncated(folder: DataFolder) -> None:
    folder.journal.write_bytes(b"S")


def missing(folder: DataFolder) -> None:
    folder.journal.unlink()


@pytest.mark.parametrize("lose", [emptied, truncated, missing])
def test_a_journal_that_is_lost_is_noticed_before_anything_is_sent(
    on_stage: Stage, lose: Callable[[DataFolder], None]
) -> None:
    scene = on_stage(legacy())
    scene.apply()
    plan = scene.plan()
    told = scene.folder.state.read_bytes()
    lose(scene.folder)
    acts = (scene.plan, lambda: scene.apply(plan), scene.verify, lambda: restore_state(scene.open()))
    for act in acts:
        with pytest.raises(FileIsInvalid, match=r"the journal that .* was exported from is not there"):
            act()
    assert (len(scene.trouble.orders), scene.folder.state.read_bytes()) == (1, told)
    import_state(scene.open())
    scene.clock.advance(60)
    assert (scene.apply().exit_code, scene.state().unwinds["AAA/USD"].cycle) == (0, 2)


def test_a_journal_without_its_wal_is_noticed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    plan = scene.plan()
    with open_journal(scene.folder.journal) as journal:  # it is in use: what was written last is in the wal alone
        journal.put_state(journal.state() or {})
        copy = scene.root / "copy.db"
        shutil.copyfile(scene.folder.journal, copy)
        scene.verify()
    for name in ("journal.db-wal", "journal.db-shm"):
        (scene.folder.path / name).unlink(missing_ok=True)
    shutil.copyfile(copy, scene.folder.journal)
    with pytest.raises(FileIsInvalid, match="is an older one, or another"):
        scene.apply(plan)
    assert len(scene.trouble.orders) == 1


def test_a_journal_put_back_from_yesterday_is_noticed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    yesterday = scene.folder.journal.read_bytes()
    scene.clock.advance(60)
    scene.apply()
    plan = scene.plan()
    scene.folder.journal.write_bytes(yesterday)
    for act in (scene.plan, lambda: scene.apply(plan), scene.verify, lambda: restore_state(scene.open())):
        with pytest.raises(FileIsInvalid, match="is an older one, or another"):
            act()
    assert len(scene.trouble.orders) == 2


def test_the_journal_of_another_account_is_noticed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    other = scene.root / "other.db"
    with open_journal(other) as journal:
        for _ in range(99):
            journal.put_state({"unwind_progress": {}})
    shutil.copyfile(other, scene.folder.journal)
    with pytest.raises(FileIsInvalid, match="is an older one, or another"):
        scene.plan()


def whole_folder(scene: Scene, kept: Path) -> None:
    """Bring the data folder back as it was, journal and state file together."""
    shutil.rmtree(scene.folder.path)
    shutil.copytree(kept, scene.folder.path)


def nothing_left(scene: Scene, _kept: Path) -> None:
    shutil.rmtree(scene.folder.path)


@pytest.mark.parametrize("happen", [whole_folder, nothing_left])
def test_a_data_folder_that_was_put_back_or_emptied_is_noticed_on_a_live_account(
    on_stage: Stage, happen: Callable[[Scene, Path], None]
) -> None:
    scene = on_stage(legacy())
    verify_account(live(scene))
    kept = scene.root / "backup"
    shutil.copytree(scene.folder.path, kept)
    assert apply_plan(live(scene), made(live(scene)), sleep=scene.clock.sleep).exit_code == 0
    happen(scene, kept)
    scene.clock.advance(60)
    plan = made(live(scene))
    with pytest.raises(FileIsInvalid, match="is older than the journal that the account was last traded by"):
        apply_plan(live(scene), plan, sleep=scene.clock.sleep)
    assert len(scene.trouble.orders) == 1
    accept_balance(live(scene))
    assert apply_plan(live(scene), made(live(scene)), sleep=scene.clock.sleep).exit_code == 0


OURS = order("o1", "BBB/USD", "sell", 1, price=500, client="xp0123456789abcdef")


def test_orders_of_ours_that_the_journal_does_not_know_stop_a_live_account(on_stage: Stage) -> None:
    scene = on_stage(legacy(position("BBB/USD", 100), orders=[OURS], tracked=("BBB/USD",)))
    plan = made(live(scene))
    for act in (apply_plan, check_plan) if scene.folder.journal.exists() else (apply_plan,):
        with pytest.raises(OutcomeUnknown, match="does not know: open orders xp0123456789abcdef"):
            act(live(scene), plan)
    assert scene.trouble.sent == []
    accept_balance(live(scene))
    assert apply_plan(live(scene), plan, sleep=scene.clock.sleep).exit_code == 0


def test_orders_of_a_plan_in_the_journal_are_known(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.apply(plan)
    (action,) = plan["actions"]
    with open_journal(scene.folder.journal) as journal:
        assert journal.unknown_orders([action["client_order_id"], "xp" + "0" * 16]) == ["xp" + "0" * 16]


# --- one address, however it is spelled ---


@pytest.mark.parametrize("venue", KNOWN)
@pytest.mark.parametrize("spelled", ["{}", "{}/", "{}:443"])
def test_a_venues_own_address_spelled_out_is_no_other_one(venue: str, spelled: str) -> None:
    block = {"venue": venue, "id": "platform"}
    told = identity_of({**block, "base_url": spelled.format(dialect_of(venue).traits.address)}, Path())
    assert told == identity_of(block, Path()) == Identity(venue, "production")


@pytest.mark.parametrize("other", ["https://127.0.0.1:1", "https://api.kraken.com/beta", "http://api.kraken.com"])
def test_any_other_address_is_another_one(other: str) -> None:
    block = {"venue": "kraken", "id": "platform"}
    told = identity_of({**block, "base_url": other}, Path())
    assert identity_of(block, Path()).difference(told) is not None


def test_an_address_that_was_remembered_spelled_out_is_no_other_one() -> None:
    remembered = Identity("kraken", "https://api.kraken.com", "key one")
    assert remembered.difference(Identity("kraken", "production", "key one")) is None
