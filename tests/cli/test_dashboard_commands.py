"""``exitplan users`` and ``exitplan serve``: who may use the dashboard, and what is not served because it is unsafe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import xp
from tests.cli.test_answer_schemas import ensure

PASSWORD = "correct horse battery"  # noqa: S105 - of people who do not exist

pytestmark = pytest.mark.usefixtures("folder")


def added(name: str = "anna", role: str = "approver") -> None:
    assert xp("users", "add", name, "--role", role, typed=f"{PASSWORD}\n").code == 0


def test_a_user_is_added_and_the_password_is_nowhere() -> None:
    added()
    file = Path("data/users.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text()
    assert "$argon2id$" in file.read_text()
    ensure("token", xp("users", "token", "anna", "--json").json)
    listed = xp("users", "list", "--json").json
    ensure("users-shown", listed)
    (user,) = listed["users"]
    assert (user["name"], user["role"], user["has_password"], len(user["tokens"])) == ("anna", "approver", True, 1)


def test_a_role_a_password_and_a_user_can_be_changed() -> None:
    added()
    before = Path("data/users.json").read_text()
    assert xp("users", "role", "ANNA", "viewer").code == 0
    assert xp("users", "password", "anna", typed="something else altogether\n").code == 0
    after = Path("data/users.json").read_text()
    assert "viewer" in after
    assert before.count("$argon2id$") == after.count("$argon2id$") == 1
    assert xp("users", "remove", "anna").code == 0
    assert xp("users", "list", "--json").json["users"] == []


def test_a_token_is_shown_once_and_can_be_taken_back() -> None:
    added()
    ran = xp("users", "token", "anna", "--about", "the board\u202e", "--days", "7")
    assert re.fullmatch(r"exitplan_[0-9a-f]{12}_[\w-]{43}\n", ran.out)
    listed = xp("users", "list")
    assert "the board?, viewer" in " ".join(listed.out.split())
    (token,) = xp("users", "list", "--json").json["users"][0]["tokens"]
    assert token["id"] in ran.out
    assert xp("users", "revoke", token["id"]).code == 0
    assert xp("users", "list", "--json").json["users"][0]["tokens"] == []


@pytest.mark.parametrize(
    ("line", "typed", "said"),
    [
        ("users add anna", PASSWORD, "there is a user anna already"),
        ("users add Anna", PASSWORD, "there is a user anna already"),
        ("users add b\u0430d", PASSWORD, "is no name for a user"),
        ("users add ../x", PASSWORD, "is no name for a user"),
        ("users add bob", "short", "12 to 1000 are allowed"),
        ("users add bob", "", "12 to 1000 are allowed"),
        ("users add bob --role aprover", PASSWORD, "did you mean 'approver'?"),
        ("users role bob viewer", "", "there is no user 'bob'"),
        ("users role ana viewer", "", "did you mean 'anna'?"),
        ("users remove bob", "", "there is no user 'bob'"),
        ("users token bob", "", "there is no user 'bob'"),
        ("users revoke 0", "", "there is no token '0'"),
    ],
)
def test_what_is_impossible_changes_nothing(line: str, typed: str, said: str) -> None:
    added()
    before = Path("data/users.json").read_text()
    ran = xp(*line.split(), typed=typed + "\n")
    assert ran.code == 64
    assert said in " ".join(ran.err.split())
    assert Path("data/users.json").read_text() == before


def test_a_broken_file_of_users_is_told_with_its_place() -> None:
    Path("data").mkdir(exist_ok=True)
    Path("data/users.json").write_text('{"format_version": 1,\n "users": {"anna": {"role": "boss"}}}')
    ran = xp("users", "list")
    assert ran.code == 65
    assert "data/users.json:2" in ran.err


def test_two_spellings_of_one_name_are_a_broken_file() -> None:
    added()
    document = json.loads(Path("data/users.json").read_text())
    document["users"]["ANNA"] = document["users"]["anna"]
    Path("data/users.json").write_text(json.dumps(document))
    assert "are one name" in xp("users", "list").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--listen 0.0.0.0:8800", "passwords would go in the clear"),
        ("--listen [::]:8800 --public-url https://x.example", "passwords would go in the clear"),
        ("--listen 0.0.0.0:8800 --behind-proxy", "which address do people open?"),
        ("--behind-proxy", "which address do people open?"),
        ("--public-url https://x.example", "nothing here speaks TLS"),
        ("--public-url http://x.example --behind-proxy", "is not https://HOST"),
        ("--public-url https://x.example/path --behind-proxy", "is not https://HOST"),
        ("--certificate cert.pem", "--certificate and --key go together"),
        ("--no-login --listen 0.0.0.0:8800", "for this machine alone"),
        ("--no-login --behind-proxy --public-url https://x.example", "for this machine alone"),
        ("--listen 127.0.0.1:0 --no-login --proxy-header X-User", "cannot be used together"),
        ("--listen 127.0.0.1:0 --proxy-header X-User", "needs a secret that the proxy shows"),
        ("--listen 127.0.0.1:0 --proxy-header X/User", "is no header"),
        ("--listen 8800", "is not HOST:PORT"),
        ("--listen 127.0.0.1:0 --users nobody.json", "nobody.json"),
        ("--listen 127.0.0.1:0", "make the first user"),
    ],
)
def test_what_is_unsafe_or_unclear_is_not_served(options: str, said: str) -> None:
    ran = xp("serve", *options.split())
    assert ran.code in {64, 65}
    assert said in " ".join(ran.err.split())


def test_a_real_server_answers_until_it_is_told_to_end() -> None:
    added()
    token = xp("users", "token", "anna").out.strip()
    command = [sys.executable, "-m", "exitplan", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ}) as server:
        try:
            assert server.stderr is not None
            url = server.stderr.readline().split()[1].rstrip(".")
            with httpx.Client(base_url=url, timeout=20) as client:
                assert client.get("/").headers["location"] == "/login"
                answer = client.get("/api/v1/accounts", headers={"Authorization": f"Bearer {token}"})
                assert [one["account"] for one in answer.json()["accounts"]] == ["platform", "user123"]
                assert "server" not in answer.headers
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
