"""What ``exitplan venues`` tells, and that it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exitplan.brokers.live.dialect import Traits
from exitplan.brokers.venues import KNOWN
from exitplan.cli.venue_facts import all_traits, scalar, traits_of
from exitplan.executor.accounts.env_accounts import usual_quote
from exitplan.schemas.policies import load_policy
from tests.cli.conftest import xp

ROOT = Path(__file__).parents[2]


def test_the_table_has_a_line_for_paper_every_known_venue_and_any_other() -> None:
    shown = xp("venues")
    assert shown.code == 0
    names = [line.split()[0] for line in shown.out.splitlines()[1 : len(KNOWN) + 3]]
    assert names == ["paper", *KNOWN, "any"]
    assert max(map(len, shown.out.splitlines())) <= 100


def test_the_line_of_a_venue_says_what_its_traits_say() -> None:
    header, *lines = (line.split("  ") for line in xp("venues").out.splitlines() if line)
    kraken = next(line for line in lines if line[0] == "kraken")
    told = dict(zip(_cells(header), _cells(kraken), strict=True))
    assert told == {
        "venue": "kraken",
        "found": "by our id",
        "ids": "open",
        "window": "5 s",
        "orders": "1",
        "cancels": "50",
        "stops": "both",
        "reduce": "yes",
        "dust": "no",
        "fees": "-",
        "in turn": "yes",
        "password": "no",
    }


def test_it_says_which_venues_are_tested_on_loopback_and_which_with_recorded_replies() -> None:
    told = {entry["venue"]: entry["tested_on_loopback"] for entry in xp("venues", "--json").json["venues"]}
    assert (told["kraken"], told["alpaca"], told["paper"], told[None]) == (["spot"], [], None, None)
    on_loopback, recorded = " ".join(xp("venues").out.split()).split("Tested with recorded replies only: ")
    assert "binance (spot and swap)" in on_loopback.split("Tested against a copy of the venue on loopback: ")[1]
    assert "alpaca" in recorded.split(".")[0]
    assert "Tested with recorded replies only." in xp("venues", "alpaca").out
    assert "a copy of the venue on loopback" in xp("venues", "kraken").out


def _cells(line: list[str]) -> list[str]:
    return [cell.strip() for cell in line if cell.strip()]


@pytest.mark.parametrize("traits", all_traits(), ids=lambda traits: traits.venue)
def test_as_json_every_venue_has_its_traits(traits: Traits) -> None:
    entries = xp("venues", "--json").json["venues"]
    told = next(entry for entry in entries if entry["title"] == traits.title)
    assert (told["look_up_tier"], told["receive_window_seconds"]) == (traits.client_order_ids, traits.receive_window)
    assert (told["convert"], told["cancel_batch"]) == (traits.convert, traits.cancel_batch)
    assert (told["past_orders"], told["past_orders_looked_at"]) == (traits.past_orders, traits.past_page or None)


@pytest.mark.parametrize("venue", KNOWN)
def test_the_sheet_of_a_venue_has_its_permissions_limits_and_an_account_block(venue: str) -> None:
    shown, traits = xp("venues", venue), traits_of(venue)
    assert shown.code == 0
    flat = " ".join(shown.out.split())
    for text in (traits.permissions, *traits.limits_known):
        assert " ".join(text.split()) in flat
    assert f"credentials: env:{venue.upper()}" in flat
    assert (f"{venue.upper()}_API_PASSWORD" in flat) == traits.needs_password


@pytest.mark.parametrize(("venue", "told"), [("kraken", "list"), ("binance", "symbol"), ("bitget", "no")])
def test_a_sheet_says_where_a_run_that_is_missing_is_looked_for(venue: str, told: str) -> None:
    (line,) = [line for line in xp("venues", venue).out.splitlines() if line.startswith("past ")]
    assert line.split()[1] == told


@pytest.mark.parametrize("venue", ["paper", *KNOWN, "bitget"])
def test_the_account_block_of_a_sheet_can_be_copied_into_a_file(venue: str, folder: Path) -> None:
    file = folder / "policies/accounts/copied.yaml"
    block = xp("venues", venue, "--json").json["account_block"]
    file.write_text(f"version: 1\nextends: ../default.yaml\n{block}", encoding="utf-8")
    account = load_policy(file).account or {}
    assert (account["venue"], account["quote"]) == (venue, usual_quote(venue) or "USDT")


def test_any_other_exchange_of_ccxt_has_a_general_sheet() -> None:
    shown = xp("venues", "bitget")
    assert shown.code == 0
    assert "works through its general calls, as tier C" in " ".join(shown.out.split())
    assert "BITGET_API_PASSWORD where it has one" in " ".join(shown.out.split())


def test_an_unknown_venue_is_a_usage_error_with_the_nearest_name() -> None:
    shown = xp("venues", "krakn")
    assert (shown.code, shown.out) == (64, "")
    assert shown.err == "error: there is no venue `krakn`\nhint: did you mean `kraken`?\n"


def test_the_table_and_the_sheets_of_known_venues_do_not_load_ccxt() -> None:
    code = (
        "import sys; from exitplan.cli.main import app\n"
        "for line in (['venues'], ['venues', 'kraken'], ['venues', 'paper', '--json']):\n"
        "    app(line, prog_name='exitplan', standalone_mode=False)\n"
        "assert 'ccxt' not in sys.modules and 'requests' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("text", ["USD", "no", "1e5", "env:KRAKEN", "a: b", "x #y", "file:~/k.json", "", "Größe", "-"])
def test_what_goes_into_a_file_is_read_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}") == {"key": text}
