"""The accounts of the project: as they are now, and read anew only where something of theirs has changed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event

import pytest

from exitplan.executor.accounts.account import AccountFile, load_account_file
from exitplan.schemas.policies import shipped_policy
from exitplan.web.known_accounts import KnownAccounts
from tests.web.visit import Desk


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownAccounts:
    monkeypatch.setattr("exitplan.web.known_accounts._PATIENCE", 0)
    (tmp_path / "accounts").mkdir()
    write(tmp_path / "house.yaml", f"version: 1\nname: house\nextends: {shipped_policy('default')}\n")
    for name in ("a", "b"):
        text = f"version: 1\nname: {name}\nextends: ../house.yaml\naccount: {{id: {name}, venue: paper, quote: USD}}\n"
        write(tmp_path / f"accounts/{name}.yaml", text)
    return KnownAccounts(tmp_path)


def write(path: Path, text: str, *, age: int = 60) -> None:
    path.write_text(text)
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))


def edited(path: Path, old: str, new: str, *, age: int = 30) -> None:
    write(path, path.read_text().replace(old, new), age=age)


@pytest.fixture
def loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is loaded here; a dashboard of a test before may not have ended yet."""
    names: list[str] = []

    def load(path: Path) -> AccountFile:
        if path.is_relative_to(tmp_path):
            names.append(path.stem)
        return load_account_file(path)

    monkeypatch.setattr("exitplan.web.known_accounts.load_account_file", load)
    return names


def test_what_has_not_changed_is_read_once(known: KnownAccounts, loads: list[str]) -> None:
    assert known.files().sound.keys() == {"a", "b"}
    known.files()
    assert loads == ["a", "b"]


def test_only_what_has_changed_is_read_anew(known: KnownAccounts, loads: list[str]) -> None:
    known.files()
    edited(known.root / "accounts/a.yaml", "quote: USD", "quote: EUR")
    assert known.files().sound["a"].block["quote"] == "EUR"
    assert loads == ["a", "b", "a"]


def test_a_policy_that_is_extended_changes_all_that_extend_it(known: KnownAccounts, loads: list[str]) -> None:
    known.files()
    edited(known.root / "house.yaml", "name: house", "name: house\nparameters: {max_positions: 3}")
    policies = [file.loaded.shown["policy"] for file in known.files().sound.values()]
    assert [policy["parameters"]["max_positions"] for policy in policies] == [3, 3]
    assert loads == ["a", "b", "a", "b"]


def test_a_broken_file_hides_no_other_and_comes_back(known: KnownAccounts) -> None:
    known.files()
    edited(known.root / "house.yaml", "version: 1", "version: x")
    assert known.files().sound == {}
    assert len(known.files().broken) == 2
    edited(known.root / "house.yaml", "version: x", "version: 1", age=20)
    assert known.files().sound.keys() == {"a", "b"}


def test_a_file_that_goes_is_gone_and_one_that_is_new_is_trusted_later(known: KnownAccounts, loads: list[str]) -> None:
    known.files()
    (known.root / "accounts/a.yaml").unlink()
    edited(known.root / "accounts/b.yaml", "id: b", "id: c", age=0)
    assert known.files().sound.keys() == {"c"}
    known.files()
    assert loads == ["a", "b", "b", "b"]


def test_while_many_are_read_for_the_first_time_the_list_has_those_that_were_read_and_nothing_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (desk.root / "accounts/main.yaml").read_text()
    for number in range(3):
        (desk.root / f"accounts/a{number}.yaml").write_text(text.replace("id: main", f"id: a{number}"))
    may_go_on = Event()

    def load(path: Path) -> AccountFile:
        if path.stem == "main":
            assert may_go_on.wait(60)
        return load_account_file(path)

    monkeypatch.setattr("exitplan.web.known_accounts.MANY", 2)
    monkeypatch.setattr("exitplan.web.known_accounts.load_account_file", load)
    monkeypatch.setattr("exitplan.web.pages.overview._SHOWN_EVERY", 0)
    vera, listed = desk.browser("vera"), ""
    try:
        for _ in range(600):
            listed = vera.get("/").text
            if "/accounts/a0" in listed:
                break
            time.sleep(0.05)
        assert "The accounts are being read:" in listed
        assert 'http-equiv="refresh"' in listed
        assert "/accounts/a0" in listed
        one, told = vera.get("/accounts/a0"), desk.program("vera").get("/accounts")
        assert (one.status_code, told.status_code, told.json()["error"]["type"]) == (503, 503, "AccountsBeingRead")
        assert "the accounts are still being read" in one.text.lower()
        assert told.headers["retry-after"] == "5"
    finally:
        may_go_on.set()
    for _ in range(600):
        listed = vera.get("/").text
        if "being read" not in listed:
            break
        time.sleep(0.05)
    assert "/accounts/main" in listed
    assert vera.get("/accounts/a0").status_code == 200
