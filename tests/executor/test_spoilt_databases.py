"""Every reader of a database, on damaged pages and on values that nobody wrote: it is told, and nothing else raised."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exitplan.executor.accounts.folder import DELIVERIES
from exitplan.executor.alerting.channels import read_channels
from exitplan.executor.alerting.intake import Router, take_in
from exitplan.executor.alerting.outbox import open_outbox
from exitplan.executor.escalation.incidents import open_incidents
from exitplan.executor.prune import prune
from exitplan.executor.report import report_account
from exitplan.executor.restore import restore
from exitplan.executor.store.alerts import raise_alert
from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.backup import back_up
from exitplan.executor.store.history import account_status, past_runs
from exitplan.ruleset.errors import ExitplanError
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy
from tests.spoiling import fuzzed

FAILED = {"symbol": "AAA/USD", "rule": "legacy", "kind": "close", "reason": "other: not today"}


def incidents(scene: Scene) -> None:
    with open_incidents(scene.store) as kept:
        kept.open(), kept.ended()
        kept.raise_untold(scene.store)


def deliveries(scene: Scene) -> None:
    router = Router({one.name: one for one in read_channels(scene.root / "alerts.yaml")}, lambda _: None)
    with open_outbox(scene.root / "data") as outbox, outbox.transaction():
        outbox.since()
        take_in(outbox, scene.root / "data", ["platform"], router, NOW, NOW)
        outbox.waiting("desk"), outbox.state("desk"), outbox.sent_since("desk", NOW)
        outbox.drop_others(["other"])


READERS: Mapping[str, Callable[[Scene], Any]] = {
    "apply": Scene.apply,
    "verify": Scene.verify,
    "status": lambda scene: account_status(scene.open()).document,
    "history": lambda scene: past_runs(scene.open()),
    "audit": lambda scene: list(audit_trail(scene.store)),
    "report": lambda scene: report_account(scene.open(), NOW - timedelta(days=1)),
    "incidents": incidents,
    "backup": lambda scene: back_up(scene.folder, scene.root / "second"),
    "restore": lambda scene: restore(scene.open(), scene.root / "copy", accept_orders=True),
    "prune": lambda scene: prune(scene.store, NOW + timedelta(days=1), NOW + timedelta(days=2)),
    "deliveries": deliveries,
}
PLACES = {"restore": "copy/journal.db", "deliveries": f"data/{DELIVERIES}"}
"""The database that a reader reads, where it is not the account's journal."""

VALUES = st.sampled_from([None, b"{", b"[]", b"{}", b"\xff", "", "x", "NaN", "2026-99-99T00:00:00Z", -1, 2**62, 0.5])


ANYWHERE = st.integers(0, 2**20)


@dataclass(frozen=True)
class Damage:
    """Bytes that are overwritten in a file, where it is cut off, or a value of another kind in one column."""

    bytes: tuple[tuple[int, int], ...] = ()
    cut: int | None = None
    column: tuple[int, int] | tuple[str, str] | None = None
    value: object = None

    def done_to(self, path: Path) -> None:
        if self.column:
            with closing(sqlite3.connect(path)) as db, suppress(sqlite3.IntegrityError), db:
                self._change(db, *self.column)
            return
        content = bytearray(path.read_bytes())
        for at, byte in self.bytes:
            content[at % len(content)] = byte
        path.write_bytes(content if self.cut is None else content[: self.cut % len(content)])

    def _change(self, db: sqlite3.Connection, table: int | str, column: int | str) -> None:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        name = _chosen(table, tables)
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        place = _chosen(column, columns)
        db.execute(f"UPDATE {name} SET {place} = ?", (self.value,))  # noqa: S608 - names of the file


def _chosen(which: int | str, names: Sequence[str]) -> str:
    """Return the name at a place, or the one that is meant; another where there is none of it."""
    if isinstance(which, str):
        return which if which in names else names[0]
    return names[which % len(names)]


DAMAGES = st.builds(
    Damage,
    st.lists(st.tuples(ANYWHERE, st.integers(0, 255)), min_size=1, max_size=30).map(tuple),
    st.none() | ANYWHERE,
) | st.builds(Damage, column=st.tuples(ANYWHERE, ANYWHERE), value=VALUES)


class Kept:
    """An account, and where its files are kept as they were; without a long repr in what a failure shows."""

    def __init__(self, scene: Scene, files: Path) -> None:
        self.scene, self.files = scene, files


@pytest.fixture
def kept(on_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """An account with two runs, a backup between them, an alert, and what waits to be delivered; and its files."""
    scene = on_stage(legacy())
    (scene.root / "alerts.yaml").write_text("version: 1\nchannels: {desk: {url: env:A}}\n", encoding="utf-8")
    scene.apply()
    back_up(scene.folder, scene.root / "copy")
    scene.clock.advance(600)
    scene.apply()
    raise_alert(scene.folder.alerts, "EXIT_FAILED", "platform", NOW, FAILED, None)
    deliveries(scene)
    copy = tmp_path_factory.mktemp("kept") / "files"
    shutil.copytree(scene.root, copy)
    return Kept(scene, copy)


@pytest.mark.parametrize("name", READERS)
@fuzzed(8)
@example(damage=Damage(column=(122, 122), value=0.5))
@example(damage=Damage(column=("state", "document"), value=b"{}"))
@example(damage=Damage(column=("cursors", "newest"), value=2**62))
@given(damage=DAMAGES)
def test_a_damaged_database_is_read_or_told(kept: Kept, name: str, damage: Damage) -> None:
    scene, files = kept.scene, kept.files
    shutil.rmtree(scene.root)
    shutil.copytree(files, scene.root)
    damage.done_to(scene.root / PLACES.get(name, "data/journal.db"))
    with suppress(ExitplanError):
        READERS[name](scene)
    assert Decimal(30) < Decimal(scene.held()) <= Decimal("56.25")  # one cycle more is sold at most
