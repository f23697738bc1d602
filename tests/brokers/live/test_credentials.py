"""Where credentials come from, what is refused, and that nothing of them is ever shown."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from exitplan.brokers.live.credentials import MOST_BYTES, Credentials, Secret, read_credentials
from exitplan.ruleset.errors import CredentialsMissing

HERE = Path()
KEY, SECRET, PASSWORD = "pk-3f9a77d1", "c2VjcmV0LW9mLXRlc3Rz", "correct horse"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIJ0/fake+lines\nof4a/key=\n-----END EC PRIVATE KEY-----"
BOTH = {"K_API_KEY": KEY, "K_API_SECRET": SECRET}
ACCOUNT_FILE = {"api_key": KEY, "api_secret": SECRET}
Write = Callable[..., Path]


def revealed(credentials: Credentials) -> list[str]:
    return [secret.reveal() for secret in credentials.secrets()]


def refusal(reference: str, base: Path = HERE, environ: dict[str, str] | None = None) -> CredentialsMissing:
    with pytest.raises(CredentialsMissing) as caught:
        read_credentials(reference, base, environ or {})
    return caught.value


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: object, name: str = "keys.json", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    return write


class Drawer(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring leaves it unannotated
        self.entries: dict[tuple[str, str], str] = {}
        self.failure: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.failure is not None:
            raise self.failure
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before, drawer = keyring.get_keyring(), Drawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def test_two_variables_are_credentials() -> None:
    credentials = read_credentials("env:K", HERE, BOTH)
    assert (revealed(credentials), credentials.api_password) == ([KEY, SECRET], None)


def test_a_third_variable_is_the_password() -> None:
    assert revealed(read_credentials("env:K", HERE, BOTH | {"K_API_PASSWORD": PASSWORD})) == [KEY, SECRET, PASSWORD]


def test_blanks_and_line_ends_around_a_value_are_dropped() -> None:
    assert revealed(read_credentials("env:K", HERE, {"K_API_KEY": f" {KEY}\n", "K_API_SECRET": f"{SECRET}\r\n"})) == [
        KEY,
        SECRET,
    ]


@pytest.mark.parametrize("line_end", ["\\n", "\\r\\n", "\r\n", "\n"])
def test_a_pem_text_gets_its_lines_back(line_end: str) -> None:
    written = PEM.replace("\n", line_end) + line_end
    assert revealed(read_credentials("env:K", HERE, BOTH | {"K_API_SECRET": written}))[1] == PEM


def test_every_missing_variable_is_named() -> None:
    assert str(refusal("env:K")) == (
        "the environment variable K_API_KEY is missing; the environment variable K_API_SECRET is missing"
    )


def test_the_hint_names_the_variables_to_set() -> None:
    assert refusal("env:MY_BOT").hint == (
        "set it in the shell that runs exitplan: export MY_BOT_API_KEY=..., export MY_BOT_API_SECRET=..."
    )


def test_an_empty_variable_is_missing() -> None:
    assert str(refusal("env:K", environ=BOTH | {"K_API_SECRET": " \n"})) == (
        "the environment variable K_API_SECRET is empty"
    )


def test_an_empty_password_is_none() -> None:
    assert read_credentials("env:K", HERE, BOTH | {"K_API_PASSWORD": ""}).api_password is None


@pytest.mark.parametrize(
    ("variable", "value", "position"),
    [
        ("K_API_KEY", "pk-\u200b3f9a", 4),
        ("K_API_KEY", "pk 3f9a", 3),
        ("K_API_SECRET", "abc\x07def", 4),
        ("K_API_SECRET", PEM.replace("fake", "f\u00e4ke"), 45),
        ("K_API_PASSWORD", "corr\u00e9ct", 5),
    ],
)
def test_a_character_that_no_key_has_is_told_by_its_place(variable: str, value: str, position: int) -> None:
    told = str(refusal("env:K", environ=BOTH | {variable: value}))
    assert told == (
        f"the environment variable {variable} holds a blank, invisible or foreign character at position {position}"
    )


def test_a_pem_text_of_which_only_the_first_line_came_through_is_cut_off() -> None:
    assert "is cut off" in str(refusal("env:K", environ=BOTH | {"K_API_SECRET": PEM.partition("\n")[0]}))


@pytest.mark.parametrize("reference", [KEY, f"key:{KEY}", "env:", "file: ", "", f"env:{KEY}", "ENV:K"])
def test_what_is_no_reference_is_not_repeated(reference: str) -> None:
    refused = refusal(reference)
    assert (refused.exit_code, KEY in f"{refused}{refused.hint}") == (3, False)


@pytest.mark.parametrize("name", ["keys.json", "keys"])
def test_a_json_file_lies_beside_the_account_file(write: Write, name: str) -> None:
    path = write(ACCOUNT_FILE | {"api_password": PASSWORD}, name)
    assert revealed(read_credentials(f"file:{name}", path.parent, {})) == [KEY, SECRET, PASSWORD]


def test_a_yaml_file_holds_a_pem_text_as_it_is(write: Write) -> None:
    block = "\n".join(f"  {line}" for line in PEM.split("\n"))
    path = write(f"api_key: {KEY}\napi_secret: |\n{block}\n", "keys.yaml")
    assert revealed(read_credentials("file:keys.yaml", path.parent, {})) == [KEY, PEM]


def test_the_file_that_coinbase_hands_out_is_understood(write: Write) -> None:
    path = write({"name": "organizations/o/apiKeys/k", "privateKey": PEM + "\n"})
    assert revealed(read_credentials(f"file:{path}", HERE, {})) == ["organizations/o/apiKeys/k", PEM]


def test_a_tilde_is_the_home_folder(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write(ACCOUNT_FILE).parent))
    assert revealed(read_credentials("file:~/keys.json", HERE, {})) == [KEY, SECRET]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(write: Write, mode: int) -> None:
    path = write(ACCOUNT_FILE, mode=mode)
    refused = refusal("file:keys.json", path.parent)
    assert (f"(mode {mode:04o})" in str(refused), refused.hint) == (True, f"chmod 600 {path}")


def test_a_link_to_a_file_open_to_others_is_refused(write: Write) -> None:
    target = write(ACCOUNT_FILE, mode=0o644)
    (target.parent / "link.json").symlink_to(target)
    assert "is open to others" in str(refusal("file:link.json", target.parent))


def test_a_file_of_somebody_else_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ACCOUNT_FILE)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "belongs to another user" in str(refusal("file:keys.json", path.parent))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is not a regular file" in str(refusal(f"file:{tmp_path}"))


def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys", 0o600)
    assert "is not a regular file" in str(refusal("file:keys", tmp_path))


@pytest.mark.parametrize("name", ["nothing.json", "nu\0l", "x" * 300])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    assert "cannot be opened" in str(refusal(f"file:{name}", tmp_path))


def test_an_endless_file_is_not_read(write: Write) -> None:
    path = write("x" * (MOST_BYTES + 1))
    assert "is larger than" in str(refusal("file:keys.json", path.parent))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f'{{"api_key": "{KEY}", "api_key": "{SECRET}"}}', ":1:28: a key is there twice"),
        (f"api_key: {KEY}\napi_key: {SECRET}\n", ":2:1: a key is there twice"),
        (f'{{"api_key": {KEY}}}', ":1:13: it cannot be read"),
        (f"api_key: *{KEY}\n", ":1:10: it cannot be read"),
        (f"api_key: !{KEY} x\n", ": it cannot be read"),
        (f"{KEY}: {SECRET}\n", ":1:1: unknown key"),
        (f'{{"{KEY}": "x"}}', ":1:2: unknown key"),
        (f'{{"name": "{KEY}", "privateKey": "{SECRET}", "api_key": "x"}}', "unknown key"),
        (f'{{"api_key": "{KEY}", "api_secret": 12345678}}', ":1:42: api_secret is not text"),
        (f'["{KEY}"]', "does not hold a mapping"),
        (KEY, "does not hold a mapping"),
        (f'{{"api_key": "{KEY}"}}', "api_secret in "),
        (f'{{"api_key": "{KEY}", "api_secret": null}}', "is missing"),
        ("", "it cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["keys.json", "keys.yaml", "keys"])
def test_a_file_that_is_wrong_is_refused_without_showing_it(write: Write, name: str, content: str, told: str) -> None:
    path = write(content, name)
    refused = refusal(f"file:{name}", path.parent)
    if name == "keys" or name.endswith("json") == content.startswith(("{", "[")):
        assert told in str(refused)
    assert not any(value in f"{refused}{refused.hint}" for value in (KEY, SECRET, "12345678"))


def test_a_mistyped_key_is_told_what_was_meant(write: Write) -> None:
    path = write(ACCOUNT_FILE | {"apisecret": "x"})
    assert refusal("file:keys.json", path.parent).hint == "did you mean 'api_secret'?"


def test_a_file_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"api_key: " + KEY.encode() + b"\xff")
    (tmp_path / "keys").chmod(0o600)
    assert KEY not in str(refusal("file:keys", tmp_path))


def test_no_traceback_leads_to_a_line_of_the_file(write: Write) -> None:
    refused = refusal("file:keys.json", write(f'{{"api_key": "{KEY}" x}}').parent)
    assert (refused.__context__, refused.__cause__) == (None, None)


def test_a_keyring_keeps_credentials(drawer: Drawer) -> None:
    drawer.entries = {("k", "api_key"): KEY, ("k", "api_secret"): SECRET, ("k", "api_password"): PASSWORD}
    assert revealed(read_credentials("keyring:k", HERE, {})) == [KEY, SECRET, PASSWORD]


def test_what_a_keyring_lacks_is_named(drawer: Drawer) -> None:
    drawer.entries = {("k", "api_key"): KEY}
    refused = refusal("keyring:k")
    assert (str(refused), "keyring set k" in (refused.hint or "")) == (
        "api_secret of k in the keyring is missing",
        True,
    )


@pytest.mark.parametrize("failure", [KeyringLocked(SECRET), OSError(SECRET)])
def test_a_keyring_that_fails_is_no_empty_one(drawer: Drawer, failure: Exception) -> None:
    drawer.failure = failure
    assert str(refusal("keyring:k")) == f"the keyring cannot be asked for k ({type(failure).__name__})"


def test_without_the_package_a_keyring_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refusal("keyring:k").hint == "pip install keyring"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r:>5}".format, lambda value: f"{value}"])
@given(secret=st.text("!#%0123456789ABCXYZ", min_size=4))
def test_no_way_of_printing_shows_a_secret(show: Callable[[object], str], secret: str) -> None:
    credentials = Credentials("env:k", Secret(secret), Secret(secret), Secret(secret))
    assert secret not in show(credentials) + show(credentials.api_key)


@pytest.mark.parametrize(
    "dump", [pickle.dumps, copy.deepcopy, copy.copy, dataclasses.asdict, json.dumps, orjson.dumps, vars, bytes]
)
def test_no_way_of_dumping_takes_a_secret_along(dump: Callable[[object], object]) -> None:
    credentials = read_credentials("env:K", HERE, BOTH)
    with pytest.raises(TypeError):
        dump(credentials if dump is not copy.copy else credentials.api_key)


def test_the_same_key_has_the_same_fingerprint_and_the_key_is_not_in_it() -> None:
    one, same = (read_credentials("env:K", HERE, BOTH) for _ in range(2))
    other = read_credentials("env:K", HERE, BOTH | {"K_API_KEY": "another"})
    assert (one, hash(one), one.fingerprint()) == (same, hash(same), same.fingerprint())
    assert one.fingerprint() not in {other.fingerprint(), KEY}


PASTED = [
    "b3VyLXNlY3JldC1rZXktMTIzNDU2Nzg5MA==",
    "Qk9OaGx2d0pXbTR2/dGhpc0lzQVNlY3JldDEyMzQ1Njc4",
    "3f9a77d1c2b84e5f90a1b2c3d4e5f607",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    PEM,
]


@pytest.mark.parametrize("kind", ["env", "keyring", "file"])
@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.usefixtures("drawer")
def test_a_key_or_secret_pasted_in_place_of_its_name_is_not_repeated(kind: str, pasted: str, tmp_path: Path) -> None:
    told = refusal(f"{kind}:{pasted}", tmp_path)
    assert not any(line in f"{told} {told.hint}" for line in (pasted, *pasted.split("\n")))


@pytest.mark.parametrize("name", ["MY_KRAKEN_ACCOUNT_NUMBER_2", "KRAKEN2", "binanceMainAccount", "x_sub_account_2026"])
def test_a_name_is_still_told(name: str) -> None:
    assert f"{name}_API_KEY" in str(refusal(f"env:{name}"))


def test_a_file_of_a_random_name_is_read_where_it_is_there(write: Write) -> None:
    path = write(ACCOUNT_FILE, "cdpKey0f8fad5bd9cb469fa16570867728950e.json")
    assert revealed(read_credentials(f"file:{path.name}", path.parent, {})) == [KEY, SECRET]
