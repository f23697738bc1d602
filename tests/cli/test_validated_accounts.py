"""``exitplan validate`` of account files: the venue must be one, and a live one needs credentials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, xp

FILE = "account.yaml"


def validated(venue: str, *more: str) -> Ran:
    block = ["account:", "  id: a", f"  venue: {venue}", "  quote: USD", *(f"  {line}" for line in more)]
    text = "\n".join(["version: 1", "name: a", "parameters: {max_positions: 3}", *block, ""])
    Path(FILE).write_text(text, encoding="utf-8")
    return xp("validate", FILE)


@pytest.mark.parametrize(
    ("venue", "near"), [("krakn", "kraken"), ("papr", "paper"), ("Kraken", "kraken"), ("bitfinx", "bitfinex")]
)
def test_a_venue_that_there_is_not_is_told_with_its_place_and_the_nearest_name(venue: str, near: str) -> None:
    shown = validated(venue, "credentials: env:K")
    assert shown.code == 65
    assert f"{FILE}:6:10: error: " in shown.out
    assert f"there is no venue '{venue}'" in shown.out
    assert f"did you mean '{near}'?" in shown.out


@pytest.mark.parametrize("venue", ["kraken", "bitfinex"])
def test_a_live_venue_without_credentials_is_told(venue: str) -> None:
    shown = validated(venue)
    assert (shown.code, "1 error" in shown.out) == (65, True)
    assert f"{FILE}:6:10: error: " in shown.out
    assert "credentials: env:NAME" in shown.out


@pytest.mark.parametrize("venue", ["kraken", "bitfinex"])
def test_a_live_venue_with_credentials_is_sound_and_they_are_not_looked_for(venue: str) -> None:
    assert validated(venue, "credentials: env:NOWHERE").code == 0


def test_a_paper_account_needs_no_credentials() -> None:
    assert validated("paper").code == 0


def test_a_mistake_in_a_shared_base_is_told_once() -> None:
    validated("krakn")
    Path("child.yaml").write_text(f"version: 1\nname: c\nextends: {FILE}\n", encoding="utf-8")
    shown = xp("validate", FILE, "child.yaml", "--json").json
    assert (shown["errors"], [entry["ok"] for entry in shown["files"]]) == (1, [False, False])


@pytest.mark.parametrize("missing", ["id", "venue", "quote"])
def test_an_account_block_that_does_not_say_all_is_told(missing: str) -> None:
    block = {name: value for name, value in {"id": "a", "venue": "paper", "quote": "USD"}.items() if name != missing}
    Path(FILE).write_text(f"version: 1\nname: a\naccount: {json.dumps(block)}\n", encoding="utf-8")
    shown = xp("validate", FILE)
    assert (shown.code, "1 error" in shown.out) == (65, True)
    assert f"{FILE}:3:10: error: account: {missing!r} is missing" in shown.out


@pytest.mark.usefixtures("folder")
def test_a_policy_in_the_folder_of_accounts_is_told() -> None:
    Path("policies/accounts/x.yaml").write_text("version: 1\nname: x\nextends: ../default.yaml\n", encoding="utf-8")
    shown = xp("validate")
    assert (shown.code, "a policy without an account block" in shown.out) == (65, True)


@pytest.mark.usefixtures("folder")
def test_two_files_with_one_id_are_told() -> None:
    first = Path("policies/accounts/user123.yaml")
    Path("policies/accounts/zzz.yaml").write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    shown = xp("validate")
    assert shown.code == 65
    assert "zzz.yaml" in shown.out
    assert f"the id 'user123' is used by {first} as well" in shown.out


def test_options_of_the_paper_venue_are_checked() -> None:
    shown = validated("paper", "options: {fil: x.json, spread: 2}")
    assert shown.code == 65
    assert "account.options.fil: no such option as 'fil'; did you mean 'file'?" in shown.out
    assert "account.options.spread: a fraction from 0 to below 1 is wanted" in shown.out


@pytest.mark.usefixtures("folder")
def test_a_strategy_source_that_is_nearly_one_of_the_tracker_is_told() -> None:
    path = Path("policies/accounts/demo.yaml")
    text = path.read_text(encoding="utf-8").replace("parameters: {", "parameters: {strategy_sources: [nija_strategi], ")
    path.write_text(text, encoding="utf-8")
    shown = xp("validate")
    assert (shown.code, "strategy_sources names nija_strategi" in shown.out) == (0, True)
    assert "some carry nija_strategy" in shown.out


def test_known_venues_are_checked_without_loading_ccxt() -> None:
    validated("kraken", "credentials: env:K")
    code = f"import sys; from tests.cli.conftest import xp; assert xp('validate', '{FILE}').code == 0; "
    code += "sys.exit('ccxt' in sys.modules)"
    root = str(Path(__file__).parents[2])
    ran = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": root})
    assert ran.returncode == 0


def live_files(first: str, second: str, venue: str = "kraken") -> tuple[Path, Path]:
    """Write two account files at live venues with these credentials."""
    paths = (Path("policies/accounts/one.yaml"), Path("policies/accounts/two.yaml"))
    for path, credentials, at in zip(paths, (first, second), ("kraken", venue), strict=True):
        block = {"id": path.stem, "venue": at, "quote": "USD", "credentials": credentials}
        text = f"version: 1\nname: a\nextends: ../default.yaml\naccount: {json.dumps(block)}\n"
        path.write_text(text, encoding="utf-8")
    return paths


@pytest.mark.usefixtures("folder")
def test_two_account_files_that_share_credentials_are_told() -> None:
    first, second = live_files("env:SHARED", "env:SHARED")
    shown = xp("validate")
    assert (shown.code, f"{second}:4:" in shown.out) == (0, True)
    assert f"{first} has the same credentials" in shown.out


@pytest.mark.usefixtures("folder")
def test_two_account_files_with_one_key_under_two_names_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(f"{name}_API_KEY", "a-key-of-tests")
        monkeypatch.setenv(f"{name}_API_SECRET", f"a-secret-of-{name}")
    first, _ = live_files("env:ONE", "env:TWO")
    shown = xp("validate")
    assert (shown.code, f"{first} has the same credentials" in shown.out) == (0, True)
    assert "a-key-of-tests" not in shown.out


@pytest.mark.parametrize("second", ["env:OTHER", "file:shared.json"])
@pytest.mark.usefixtures("folder")
def test_account_files_with_credentials_of_their_own_are_not_told(second: str) -> None:
    live_files("env:SHARED", second)
    assert "has the same credentials" not in xp("validate").out


@pytest.mark.usefixtures("folder")
def test_one_name_for_the_keys_of_two_venues_is_not_told() -> None:
    live_files("env:SHARED", "env:SHARED", venue="coinbase")
    assert "has the same credentials" not in xp("validate").out


UNSAFE = ["http://venue.example", "http://10.0.0.1:8080/api", "http://127.0.0.1.example", "http://0x7f.1.example"]
NONE = [
    "https:///path",
    "https://[::1",
    "https://venue.example:99999",
    "https://venue..example",
    "https://a b",
    "https://1.2.3",
]


@pytest.mark.parametrize("address", [*UNSAFE, *NONE, "https://venue.example/?key=51Habc"])
def test_an_address_that_is_none_or_not_safe_is_an_error_of_the_file_and_not_repeated(address: str) -> None:
    shown = validated("kraken", "credentials: env:NOWHERE", f"base_url: '{address}'")
    assert (shown.code, address in shown.out) == (65, False)
    assert f"{FILE}:9:" in shown.out
    assert "base_url" in shown.out


@pytest.mark.parametrize(
    "more",
    [
        "base_url: 'http://127.0.0.1:8080'",
        "base_url: 'http://localhost:1/x'",
        "base_url: 'http://[::1]:8080'",
        "base_url: 'https://venue.example'",
        "base_url: 'http://venue.example', allow_http: true",
    ],
)
def test_an_address_on_this_machine_or_by_https_or_with_the_flag_is_sound(more: str) -> None:
    assert validated("kraken", "credentials: env:NOWHERE", *more.split(", ")).code == 0


@pytest.mark.parametrize("address", [*UNSAFE, *NONE])
def test_nothing_is_asked_at_such_an_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "SECRET"):
        monkeypatch.setenv(f"NOWHERE_API_{name}", "a2V5a2V5a2V5")
    validated("kraken", "credentials: env:NOWHERE", f"base_url: '{address}'")
    for verb in ("plan", "verify"):
        shown = xp(verb, "--account", FILE)
        assert (shown.code, address in shown.out + shown.err) == (65, False)
    assert xp("init", "new", "--from-venue", "kraken", "--base-url", address).code == 64
