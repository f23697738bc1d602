"""A journal that is put back while a plan of its group is on its way: nothing more is sent, and that is told."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from exitplan.executor.restore import restore
from exitplan.executor.store.backup import back_up
from exitplan.ruleset.errors import AccountIsInGroupRun, FileIsInvalid, OutcomeUnknown
from exitplan.ruleset.exit_codes import ExitCode
from tests.executor.groups.group_scene import CASH, HEDGE, GroupScene
from tests.executor.groups.test_kills import die_at, gone_on_with, staged, too_much

OTHER = {CASH: HEDGE, HEDGE: CASH}
"""The first of them leads: its journal has the whole plan."""
BEGUN = 75
"""A point at which a process dies: shortly after its first slices."""


@dataclass
class Cut:
    """A plan that was cut off halfway, with a copy of one account's journal from before."""

    scene: GroupScene
    whose: str
    copy: Path

    @property
    def journals(self) -> list[Path]:
        return list(self.folder.glob("journal.db*"))

    @property
    def folder(self) -> Path:
        return self.scene.scenes[self.whose].open().folder.path

    def put_older_file_back(self) -> Path:
        """Put the copied file in the place of the journal, as no verb of ours would; gives where the newest one is."""
        kept = self.copy.with_name("newest")
        kept.mkdir()
        for path in self.journals:
            shutil.move(path, kept / path.name)
        source = next(self.copy.rglob("journal.db"))
        shutil.copy(source, self.folder / source.name)
        return kept

    def put_newest_file_back(self, kept: Path) -> None:
        for path in self.journals:
            path.unlink()
        for path in kept.iterdir():
            shutil.move(path, self.folder / path.name)

    def restore(self) -> str | None:
        return restore(self.scene.scenes[self.whose].open(), self.copy, accept_orders=True).group


@pytest.fixture(params=[CASH, HEDGE])
def whose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["before it began", "when it had begun"])
def cut(request: pytest.FixtureRequest, whose: str, tmp_path: Path) -> Cut:
    scene = staged(tmp_path / "scene", ())
    plan, copy = scene.plan(), tmp_path / "copy"
    for one in scene.scenes.values():
        with one.open().store.open_journal():
            pass
    if request.param == "when it had begun":
        assert die_at(scene, plan, BEGUN)
    back_up(scene.scenes[whose].open().folder, copy)
    before = scene.holding()[whose]
    for at in range(20 if scene.open_rows() else BEGUN, 2 * BEGUN, 3):
        if scene.holding()[whose] == before:
            assert die_at(scene, None if scene.open_rows() else plan, at)
    assert set(scene.open_rows()) == {CASH, HEDGE}
    assert scene.holding()[whose] not in {before, "0"}
    return Cut(scene, whose, copy)


def test_an_older_file_in_the_place_of_a_journal_sends_nothing_anywhere_and_is_told_by_name(cut: Cut) -> None:
    before = cut.scene.holding()
    cut.put_older_file_back()
    result = cut.scene.apply()
    assert (result.exit_code, list(result.refusals), cut.scene.holding()) == (65, [cut.whose], before)
    assert "journal" in str(result.refusals[cut.whose])
    with pytest.raises(FileIsInvalid, match="journal"):
        cut.scene.scenes[cut.whose].apply()
    with pytest.raises(AccountIsInGroupRun):
        cut.scene.scenes[OTHER[cut.whose]].apply()
    assert cut.scene.holding() == before


def test_with_the_newest_journal_in_its_place_again_the_plan_comes_to_its_end(cut: Cut) -> None:
    kept = cut.put_older_file_back()
    cut.scene.apply()
    cut.put_newest_file_back(kept)
    gone_on_with(cut.scene, cut.scene.plan())
    assert (cut.scene.holding(), cut.scene.open_rows()) == ({CASH: "0", HEDGE: "0"}, {})
    assert too_much(cut.scene) == []


def test_a_backup_is_not_restored_behind_orders_of_the_group_unless_a_person_knows_of_them(cut: Cut) -> None:
    with pytest.raises(OutcomeUnknown, match="since this backup"):
        restore(cut.scene.scenes[cut.whose].open(), cut.copy)
    assert set(cut.scene.open_rows()) == {CASH, HEDGE}


def test_after_a_restore_nothing_more_is_sent_and_the_plan_ends_in_all_accounts(cut: Cut) -> None:
    before = cut.scene.holding()
    assert cut.restore() == "desk"
    with pytest.raises(AccountIsInGroupRun, match="takes part in a plan of the group"):
        cut.scene.scenes[OTHER[cut.whose]].apply()
    result = cut.scene.apply()
    assert result.exit_code == (ExitCode.UNKNOWN if cut.whose == CASH else ExitCode.PENDING)
    assert (cut.scene.holding(), cut.scene.open_rows(), result.refusals) == (before, {}, {})
    assert f"the journal of {cut.whose} came out of a backup" in str(result.note)
    told = cut.scene.told("group_finished")[-1]
    assert (told["is_open"], told["note"]) == (False, result.note)


def test_after_that_a_new_plan_closes_what_is_left_and_nothing_twice(cut: Cut) -> None:
    cut.restore()
    cut.scene.apply()
    assert cut.scene.holding()[CASH] != "0"  # else there is no pair any more, and a lone short is what it says
    assert cut.scene.apply(cut.scene.plan()).exit_code == 0
    assert (cut.scene.holding(), cut.scene.open_rows()) == ({CASH: "0", HEDGE: "0"}, {})
    assert too_much(cut.scene) == []


def test_where_the_leader_lost_the_plan_nobody_claims_to_know_how_far_its_legs_are_apart(tmp_path: Path) -> None:
    scene = staged(tmp_path / "scene", ())
    with scene.scenes[CASH].open().store.open_journal():
        pass
    back_up(scene.scenes[CASH].open().folder, tmp_path / "copy")
    assert die_at(scene, scene.plan(), BEGUN)
    restore(scene.scenes[CASH].open(), tmp_path / "copy", accept_orders=True)
    result = scene.apply()
    assert (result.exit_code, result.is_open, scene.open_rows()) == (ExitCode.UNKNOWN, False, {})
    assert "nobody knows" in str(result.note)


def test_legs_that_the_leader_knows_to_be_apart_are_told_when_another_journal_was_restored(tmp_path: Path) -> None:
    scene = staged(tmp_path / "scene", ())
    with scene.scenes[HEDGE].open().store.open_journal():
        pass
    back_up(scene.scenes[HEDGE].open().folder, tmp_path / "copy")
    plan = scene.plan()
    at = next(at for at in range(60, 200) if die_at(scene, None if scene.open_rows() else plan, at) and scene.net())
    assert at
    restore(scene.scenes[HEDGE].open(), tmp_path / "copy", accept_orders=True)
    result = scene.apply()
    assert (result.exit_code, scene.open_rows()) == (ExitCode.PENDING, {})
    assert scene.legs_apart() == ["CRITICAL"]
    assert "the journal of hedge came out of a backup" in str(result.note)


def test_a_plan_of_which_nothing_was_sent_is_told_as_such(tmp_path: Path) -> None:
    scene = staged(tmp_path / "scene", ())
    plan = scene.plan()
    assert any(die_at(scene, plan, at) and scene.open_rows() for at in range(1, 60))
    result = scene.apply()
    assert (result.exit_code, result.note) == (0, "Nothing of it had been sent; it has ended.")
