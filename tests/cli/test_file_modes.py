"""What exitplan keeps is for its user alone, whatever the umask; and another user's folder is not trusted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from exitplan.brokers.identity import Identity
from exitplan.brokers.private_files import ensure_ours, keep_private, make_private_folder, writers_besides_us
from exitplan.executor.store.lease import trading_lease
from exitplan.ruleset.errors import DataFolderUnusable
from tests.builders import NOW
from tests.cli.conftest import xp

OTHERS = stat.S_IRWXG | stat.S_IRWXO
IDENTITY = Identity("kraken", "production", "fingerprint")


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let files be as open as whoever makes them wants."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(*folders: str) -> list[str]:
    """List what anybody else may read, write or enter."""
    places = [path for folder in folders for path in (Path(folder), *Path(folder).rglob("*"))]
    return [f"{path} {path.stat().st_mode & 0o777:04o}" for path in places if path.stat().st_mode & OTHERS]


@pytest.mark.usefixtures("no_umask", "nothing")
def test_nothing_that_is_kept_is_open_to_others() -> None:
    assert xp("init").code == 0
    assert xp("plan", "--all", "--out", "plans").code == 0
    assert xp("--log-file", "out/log", "plan", "--out", "out/plan.json").code == 1  # logs make no folder
    make_private_folder(Path("out"))
    assert xp("--log-file", "out/log", "apply", "plans", "--json-into", "out/events").code == 0
    for line in ("snapshot --out out/recorded.json", "plan --out out/plan.json", "adopt BTC", "halt because", "resume"):
        assert xp(*line.split()).code == 0
    xp("run", "--all")
    xp("halt", "because")
    assert {path.name for path in Path("data").iterdir()} > {"journal.db", "alerts.jsonl", "positions.json", "HALT"}
    assert open_to_others("data", "plans", "out") == []


@pytest.mark.usefixtures("folder")
def test_a_journal_that_was_open_to_others_is_closed_to_them() -> None:
    xp("run")
    Path("data/journal.db").chmod(0o666)
    Path("data/account.lock").chmod(0o644)
    xp("run")
    assert open_to_others("data") == []


@pytest.mark.usefixtures("folder")
def test_a_file_that_others_may_read_on_purpose_stays_so() -> None:
    xp("run")
    state = Path("data/legacy_exit_protocol_state.json")
    state.chmod(0o644)
    xp("run")
    assert state.stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("mode", "who"), [(0o777, "every user of this machine"), (0o770, "the users of its group")])
def test_a_data_folder_that_others_can_write_is_told(mode: int, who: str) -> None:
    assert "can change" not in xp("plan").err
    Path("data").chmod(mode)
    err = xp("plan").err
    assert f"warning: {who} can change what is in" in err
    assert "chmod go-w" in err
    assert xp("run", "--json").err.startswith('{"warning"')


def test_another_users_data_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    folder = tmp_path / "theirs"
    folder.mkdir()
    told = writers_besides_us(folder)
    assert told == (None if tmp_path.stat().st_uid == 0 else "another user, who owns it")


# --- the cache, which may lie where every user can write -------------------------------------------------------------


def in_the_cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir(exist_ok=True)
    return tmp_path / "cache" / "locks"


def test_a_folder_that_another_user_made_before_us_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = in_the_cache(tmp_path)
    folder.mkdir(mode=0o700)
    owner = folder.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(OSError, match="another user"):
        ensure_ours(folder)


def test_a_folder_of_all_users_with_the_sticky_bit_will_do(tmp_path: Path) -> None:
    folder = in_the_cache(tmp_path)
    folder.parent.chmod(0o1777)
    ensure_ours(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_ours_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = in_the_cache(tmp_path)
    folder.mkdir()
    folder.chmod(0o755)
    ensure_ours(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    ensure_ours(in_the_cache(tmp_path))
    lock = tmp_path / "account.lock"
    lock.symlink_to(precious)
    with pytest.raises(DataFolderUnusable), trading_lease(lock, IDENTITY, "a", NOW):
        raise AssertionError("the lease was given")
    assert precious.read_text(encoding="utf-8") == "mine"


def test_what_is_not_there_is_kept_private_too(tmp_path: Path) -> None:
    keep_private(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
