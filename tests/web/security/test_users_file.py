"""The file of users, whatever has become of it."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.errors import ExitplanError, FileIsInvalid
from exitplan.web.security.changing_users import add_user, made_token
from exitplan.web.security.passwords import hash_password, is_password
from exitplan.web.security.roles import Role
from exitplan.web.security.users_file import UsersFile
from tests.spoiling import fuzzed, spoilt_bytes, spoilt_structure
from tests.web.visit import PASSWORD, Desk


@fuzzed()
@given(data=st.data())
def test_a_spoilt_file_is_told_or_lets_in_whom_it_names(desk: Desk, data: st.DataObject) -> None:
    users = UsersFile(desk.given.data / "spoilt.json")
    good = json.loads(desk.users.path.read_bytes())
    document: Any = data.draw(spoilt_structure(good))
    users.path.write_bytes(
        data.draw(spoilt_bytes(json.dumps(document).encode()) | st.just(json.dumps(document).encode()))
    )
    with suppress(ExitplanError):
        for user in users.read().values():
            assert user.role in Role
            assert user.password is None or isinstance(user.password, str)


@pytest.mark.parametrize("known", ["", "x", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$x$x", "plain password"])
def test_what_is_no_hash_fits_no_password(known: str) -> None:
    assert not is_password(known, known)
    assert not is_password(PASSWORD, known)


def test_a_password_fits_its_own_hash_alone() -> None:
    known = hash_password("päss wörd 🙂 of many")
    assert is_password("päss wörd 🙂 of many", known)
    assert not is_password("päss wörd 🙂 of man", known)
    assert not is_password("päss wörd 🙂 of many", None)


def test_a_file_that_is_gone_lets_nobody_in(desk: Desk) -> None:
    browser = desk.browser("ada")
    desk.users.path.unlink()
    assert browser.get("/test/look").status_code == 500
    with pytest.raises(FileIsInvalid, match=r"users\.json"):
        desk.users.read()


def test_those_who_change_it_at_once_lose_nothing(desk: Desk) -> None:
    barrier = Barrier(8)

    def change(number: int) -> None:
        barrier.wait()
        add_user(UsersFile(desk.users.path), f"user{number}", Role.VIEWER, None, desk.clock())

    threads = [Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"user{number}" for number in range(8)} <= desk.users.read().keys()


def test_tokens_that_have_expired_go_with_the_next_one(desk: Desk) -> None:
    desk.program("vera", days=1)
    desk.clock.advance(2 * 86_400)
    made_token(desk.users, "vera", "new", Role.VIEWER, desk.clock(), desk.given.longest)
    assert [token.about for token in desk.users.read()["vera"].tokens] == ["new"]
