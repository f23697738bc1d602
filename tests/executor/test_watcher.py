"""Many accounts, again and again, by a clock that is moved by hand: who is due when, who fails, who hangs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exitplan.executor.accounts.account import Account, AccountFile, AccountRequest, load_account_file
from exitplan.executor.accounts.selection import AccountSelection, Selected
from exitplan.executor.store.file_store import files_below
from exitplan.executor.store.lease import account_lease, staying_in_place, watch_lease
from exitplan.executor.watching.accounts import accounts_now, open_as_it_is
from exitplan.executor.watching.rounds import Round
from exitplan.executor.watching.schedule import LONGEST_PAUSE, Pace
from exitplan.executor.watching.threads import Task, Threads
from exitplan.executor.watching.watcher import Surroundings, Watcher
from exitplan.ruleset.errors import (
    AccountIsLocked,
    AccountUnreadable,
    DataFolderUnusable,
    ExitplanError,
    FileIsInvalid,
    RefusedByGuard,
)
from tests.builders import NOW, snapshot
from tests.executor.scene import Scene, StillClock, stage, zombie

MINUTE = timedelta(minutes=1)
FIVE = Pace(5 * MINUTE, 0 * MINUTE, 5 * MINUTE)


@dataclass
class AtOnce:
    """Do tasks in the moment they are begun, but those of accounts that hang: they end when they are let go."""

    hanging: dict[str, Task | None] = field(default_factory=dict)
    ended: list[tuple[str, Round | None]] = field(default_factory=list)

    def start(self, name: str, task: Task) -> None:
        if name in self.hanging:
            self.hanging[name] = task
        else:
            self.ended.append((name, task()))

    def finished(self) -> list[tuple[str, Round | None]]:
        ended, self.ended = self.ended, []
        return ended

    def let_go(self, name: str) -> None:
        task = self.hanging.pop(name)
        assert task is not None
        self.start(name, task)


@dataclass
class Stand:
    """A watcher with its accounts, and what it has told."""

    root: Path
    clock: StillClock = field(default_factory=StillClock)
    workers: AtOnce = field(default_factory=AtOnce)
    scenes: dict[str, Scene] = field(default_factory=dict)
    broken: dict[str, ExitplanError] = field(default_factory=dict)
    lists: bool = True
    told: list[Round] = field(default_factory=list)
    tended: list[str] = field(default_factory=list)
    delivered: list[Sequence[str]] = field(default_factory=list)

    def add(self, name: str, account: object = None, **changes: object) -> Scene:
        folder = self.root / name
        folder.mkdir()
        held = zombie() if account is None else account
        scene = stage(folder, held, account_id=name, **changes)  # type: ignore[arg-type]
        scene.clock = self.clock
        scene.open()
        self.scenes[name] = scene
        return scene

    def find(self) -> list[Selected]:
        if not self.lists:
            raise OSError("the disk is gone")
        sound = [Selected(name, load_account_file(scene.root / "account.yaml")) for name, scene in self.scenes.items()]
        return sound + [Selected(name, error) for name, error in self.broken.items()]

    def open(self, file: AccountFile) -> Account:
        if file.id in self.broken:
            raise self.broken[file.id]
        return self.scenes[file.id].open()

    def watcher(self, pace: Pace = FIVE, ensure_kept: Callable[[], None] = lambda: None) -> Watcher:
        return Watcher(
            Surroundings(
                ensure_kept=ensure_kept,
                find=self.find,
                open=self.open,
                open_offline=self.open,
                store_of=files_below(self.root / "data"),
                clock=self.clock,
                sleep=self.clock.sleep,
                workers=self.workers,
                notify=self.told.append,
                tend=lambda account, _now: self.tended.append(account.id),
                deliver=lambda names, _now: self.delivered.append(names),
            ),
            pace,
        )

    def go(self, watcher: Watcher, minutes: int) -> None:
        """Let time go by, a minute a step."""
        for _ in range(minutes):
            watcher.step(self.clock())
            self.clock.advance(60)

    def kinds(self, name: str, *, news: bool = True) -> list[str]:
        return [done.kind for done in self.told if done.account == name and (done.is_news or not news)]

    def alerts(self, name: str) -> list[str]:
        file = self.root / "data" / "users" / name / "alerts.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.split('"alert_type":"')[1].split('"')[0] for line in lines]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_each_account_has_its_rounds_and_what_does_not_change_is_no_news(stand: Stand) -> None:
    stand.add("quiet", snapshot())
    stand.add("busy", approval="auto")
    stand.go(stand.watcher(), 10)
    assert stand.kinds("quiet", news=False) == ["quiet"] * 2
    assert stand.kinds("quiet") == ["quiet"]
    assert stand.kinds("busy") == ["applied", "quiet"]
    assert stand.tended.count("quiet") == stand.tended.count("busy") == 2
    assert stand.delivered[0] == ["quiet", "busy"]


def test_an_account_that_fails_is_told_once_a_cause_left_alone_longer_and_does_not_stop_others(stand: Stand) -> None:
    stand.broken |= {"guarded": RefusedByGuard("too much"), "bad": AccountUnreadable("no answer after 3 seconds")}
    watcher = stand.watcher()
    stand.go(watcher, 60)
    assert stand.kinds("guarded", news=False) == ["failed"] * 12
    assert stand.kinds("bad", news=False) == ["failed"] * 4  # after 0, 5, 15 and 35 minutes
    stand.broken["bad"] = AccountUnreadable("no answer after 9 seconds")
    stand.go(watcher, 60)
    assert stand.alerts("bad") == ["ROUND_FAILED"]
    del stand.broken["bad"]
    stand.add("bad", snapshot())
    stand.go(watcher, 60)
    assert stand.kinds("bad") == ["failed", "quiet"]


def test_an_account_that_hangs_is_cut_off_told_once_and_skipped_until_it_is_back(stand: Stand) -> None:
    stand.add("good", snapshot())
    stuck = stand.add("stuck", approval="auto")
    stand.workers.hanging["stuck"] = None
    watcher = stand.watcher()
    stand.go(watcher, 15)
    assert stand.kinds("stuck") == ["hangs"]
    assert stand.alerts("stuck") == ["ACCOUNT_HANGS"]
    assert stand.kinds("good", news=False) == ["quiet"] * 3
    stand.workers.let_go("stuck")
    watcher.step(stand.clock())
    assert stand.kinds("stuck") == ["hangs", "back", "stopped"]
    assert stuck.held() == "100"
    stand.workers.hanging["stuck"] = None
    stand.go(watcher, 15)
    assert stand.alerts("stuck") == ["ACCOUNT_HANGS"] * 2


def test_what_is_held_back_is_delivered_between_rounds_that_are_rare(stand: Stand) -> None:
    stand.add("quiet", snapshot())
    stand.go(stand.watcher(Pace(60 * MINUTE, 0 * MINUTE, 5 * MINUTE)), 30)
    assert stand.kinds("quiet", news=False) == ["quiet"]
    assert len(stand.delivered) == 30  # a minute a step: each of them


def test_an_alert_that_cannot_be_written_is_written_once_it_can(stand: Stand) -> None:
    stand.broken |= {"bad": AccountUnreadable("the disk is full")}
    in_the_way = stand.root / "data" / "users"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    watcher = stand.watcher()
    stand.go(watcher, 12)
    in_the_way.unlink()
    assert stand.alerts("bad") == []
    stand.go(watcher, 1)
    assert stand.alerts("bad") == ["ROUND_FAILED"]


def test_an_account_that_somebody_holds_for_an_hour_is_told(stand: Stand) -> None:
    scene = stand.add("held", approval="auto")
    watcher = stand.watcher()
    with account_lease(scene.folder.lock, "held", stand.clock()):
        stand.go(watcher, 60)
        assert (stand.kinds("held"), stand.alerts("held")) == (["locked"], [])
        stand.go(watcher, 30)
        assert (stand.kinds("held"), stand.alerts("held")) == (["locked", "failed"], ["ROUND_FAILED"])
    stand.go(watcher, 5)
    assert stand.kinds("held")[-1] == "applied"


def test_two_causes_in_turn_are_told_once_each_until_it_goes_well(stand: Stand) -> None:
    watcher = stand.watcher(Pace(5 * MINUTE, 0 * MINUTE, 5 * MINUTE))
    for turn in range(4):
        stand.broken["bad"] = RefusedByGuard(("too much", "too odd")[turn % 2])
        stand.go(watcher, 5)
    assert stand.alerts("bad") == ["ROUND_FAILED"] * 2


def test_accounts_that_cannot_be_listed_for_a_while_are_watched_on(stand: Stand) -> None:
    stand.broken["a"] = RefusedByGuard("too much")
    watcher = stand.watcher()
    stand.go(watcher, 5)
    stand.lists = False
    stand.go(watcher, 10)
    assert stand.kinds("a", news=False) == ["failed"] * 3


def test_those_that_hang_take_nobodys_place(stand: Stand) -> None:
    for name in ("a", "b"):
        stand.add(name, snapshot())
    stand.workers.hanging["a"] = None
    stand.go(stand.watcher(Pace(5 * MINUTE, 0 * MINUTE, 2 * MINUTE, jobs=1)), 5)
    assert stand.kinds("b") == ["quiet"]


def test_accounts_come_and_go_while_they_are_watched(stand: Stand) -> None:
    stand.add("first", snapshot())
    watcher = stand.watcher()
    stand.go(watcher, 5)
    gone = stand.scenes.pop("first")
    stand.add("second", snapshot())
    stand.broken["policies/accounts/third.yaml"] = FileIsInvalid("third.yaml: it is broken")
    stand.go(watcher, 10)
    assert gone.folder.journal.exists()
    assert stand.kinds("first")[-1] == "removed"
    assert stand.kinds("second") == ["quiet"]
    assert stand.kinds("policies/accounts/third.yaml") == ["failed"]


def test_what_is_due_follows_a_clock_that_is_put_back(stand: Stand) -> None:
    stand.add("a", snapshot())
    watcher = stand.watcher()
    stand.go(watcher, 1)
    stand.clock.advance(-86_400)
    stand.go(watcher, 6)
    assert stand.kinds("a", news=False) == ["quiet"] * 2


def test_one_round_for_cron_exits_as_the_worst_account_does(stand: Stand) -> None:
    stand.add("quiet", snapshot())
    stand.add("asks")
    assert stand.watcher().once(lambda: False) == 2
    assert stand.delivered == [["quiet", "asks"]]


def test_a_stop_waits_for_rounds_under_way_and_leaves_those_that_hang(stand: Stand) -> None:
    stand.add("stuck", snapshot())
    stand.workers.hanging["stuck"] = None
    watcher = stand.watcher()
    watcher.step(stand.clock())
    before = stand.clock()
    assert watcher.stop() == 9
    assert stand.clock() - before > FIVE.cut_off


def test_a_stop_with_nothing_under_way_is_clean(stand: Stand) -> None:
    stand.add("a", snapshot())
    watcher = stand.watcher()
    watcher.step(stand.clock())
    assert watcher.run(lambda: True) == 0


def test_a_fault_of_ours_in_one_account_ends_nothing(stand: Stand) -> None:
    stand.add("a", snapshot())
    stand.open = lambda _file: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    stand.go(stand.watcher(), 6)
    assert stand.kinds("a") == ["failed"]
    assert str(stand.told[0].problem) == "ZeroDivisionError: division by zero"


def test_one_watcher_a_project(tmp_path: Path) -> None:
    with (
        watch_lease(tmp_path / "watch.lock", NOW),
        pytest.raises(AccountIsLocked, match="already watched by process"),
        watch_lease(tmp_path / "watch.lock", NOW),
    ):
        pass


def test_a_watch_ends_where_its_data_folder_is_moved_away(stand: Stand) -> None:
    stand.add("quiet", snapshot())
    lock = stand.root / "data" / "watch.lock"
    lock.parent.mkdir()
    lock.touch()
    watcher = stand.watcher(ensure_kept=staying_in_place(lock))

    def moved_away() -> bool:
        if stand.told and lock.exists():
            lock.parent.rename(stand.root / "away")
        return False

    with pytest.raises(DataFolderUnusable, match="moved away or replaced"):
        watcher.run(moved_away)
    assert stand.kinds("quiet") == ["quiet"]
    assert not lock.parent.exists()


def test_files_that_are_named_and_gone_do_not_hide_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "accounts"
    folder.mkdir()
    for name in ("a", "b"):
        text = f"version: 1\nname: x\nexits: []\naccount: {{id: {name}, venue: paper, quote: USD, tags: [{name}s]}}\n"
        (folder / f"{name}.yaml").write_text(text)
    wanted = AccountSelection(("a", "b"), tags=("as",))
    (first, _) = accounts_now(wanted, tmp_path)
    assert isinstance(first.file, AccountFile)
    (folder / "b.yaml").unlink()
    assert [who.name for who in accounts_now(wanted, tmp_path)] == ["a"]
    (folder / "a.yaml").write_text((folder / "a.yaml").read_text().replace("id: a", "id: c"))
    with pytest.raises(FileIsInvalid, match="the account a has become c"):
        open_as_it_is(first.file, AccountRequest(clock=StillClock(), offline=True))
    assert accounts_now(AccountSelection(every=True), tmp_path / "nowhere") == ()


def test_threads_hand_over_what_they_came_to() -> None:
    threads, done = Threads(), Round("a", None, NOW, "quiet")
    threads.start("a", lambda: done)
    ended: list[tuple[str, Round | None]] = []
    while not ended:
        ended = threads.finished()
    assert ended == [("a", done)]
    assert threads.finished() == []


@given(some.text(min_size=1), some.integers(1, 10_000))
def test_law_an_account_has_its_own_place_within_the_jitter(name: str, seconds: int) -> None:
    pace = Pace(timedelta(seconds=seconds * 2), timedelta(seconds=seconds), MINUTE)
    assert timedelta(0) <= pace.offset(name) < pace.jitter
    assert pace.offset(name) == pace.offset(name)


@given(some.integers(0, 10_000), some.timedeltas(timedelta(seconds=1), timedelta(days=3)))
def test_law_pauses_grow_with_failures_up_to_an_hour_or_the_usual_one(failures: int, every: timedelta) -> None:
    pace = Pace(every, timedelta(0), MINUTE)
    assert every <= pace.pause(failures) <= pace.pause(failures + 1) <= max(every, LONGEST_PAUSE)


def test_a_week_in_rounds_of_an_hour(stand: Stand) -> None:
    stand.broken |= dict.fromkeys(("a", "b"), RefusedByGuard("too much"))
    watcher = stand.watcher(Pace(60 * MINUTE, 20 * MINUTE, 5 * MINUTE))
    stand.go(watcher, 7 * 24 * 60)
    minutes = {name: {done.at.minute for done in stand.told if done.account == name} for name in ("a", "b")}
    assert [len(stand.kinds(name, news=False)) for name in ("a", "b")] == [7 * 24] * 2
    assert all(len(at) == 1 for at in minutes.values())
    assert minutes["a"] != minutes["b"]
