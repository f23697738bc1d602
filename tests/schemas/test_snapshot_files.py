from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.documents import load_document, parse_document
from exitplan.schemas.validation import validate_paths
from exitplan.schemas.validators import passes, violations
from tests.schemas.conftest import SNAPSHOT, problems_of

Spoil = dict[str, Any]


def only(document: object) -> str:
    (problem,) = problems_of(document)
    return problem.line


def test_a_good_snapshot_comes_back_as_it_is(snapshot: Spoil) -> None:
    assert parse_document(json.dumps(snapshot).encode(), "snapshot", "s.json") == snapshot


def test_what_exitplan_writes_it_reads(snapshot: Spoil) -> None:
    written = snapshot_to_document(snapshot_from_document(snapshot))
    assert parse_document(json.dumps(written).encode(), "snapshot", "s.json") == written


def test_optional_keys_may_be_null(snapshot: Spoil) -> None:
    snapshot |= {"markets": None, "tracker": None, "rates": None, "paper": None}
    snapshot["positions"][0] |= {"side": None, "locked": None, "contract_size": None, "opened_at": None}
    assert passes("snapshot", snapshot)


def test_terms_of_conversion_come_back_as_they_are(snapshot: Spoil) -> None:
    snapshot["conversions"] = {"ETH-USD": {"cost_pct": "0.02", "min_quantity": "0.001", "max_quantity": None}}
    written = snapshot_to_document(snapshot_from_document(snapshot))
    assert parse_document(json.dumps(written).encode(), "snapshot", "s.json") == written
    assert written["conversions"] == {"ETH/USD": snapshot["conversions"]["ETH-USD"]}


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({}, "'cost_pct' is missing"),
        ({"cost_pct": None}, 'conversions["ETH/USD"].cost_pct'),
        ({"cost_pct": "0.02", "min_quantity": "-1"}, "a decimal that is not negative is expected"),
        ({"cost_pct": "0.02", "min_quantty": "1"}, "did you mean 'min_quantity'?"),
    ],
)
def test_terms_of_conversion_that_cannot_be_are_refused(snapshot: Spoil, terms: Spoil, words: str) -> None:
    snapshot["conversions"] = {"ETH/USD": terms}
    assert words in only(snapshot)


def test_terms_of_one_symbol_in_two_spellings_are_refused(snapshot: Spoil) -> None:
    snapshot["conversions"] = {name: {"cost_pct": "0"} for name in ("ETH/USD", "ETH-USD")}
    assert "ETH-USD and ETH/USD are the same symbol" in only(snapshot)


@pytest.mark.parametrize(
    "key", ["format_version", "account", "venue", "quote", "taken_at", "cash", "positions", "open_orders"]
)
def test_what_a_plan_needs_to_know_must_be_there(snapshot: Spoil, key: str) -> None:
    del snapshot[key]
    assert f"{key!r} is missing" in only(snapshot)


def test_an_amount_as_a_number_is_an_error_that_shows_how_to_write_it(snapshot: Spoil) -> None:
    snapshot["positions"][0]["quantity"] = 0.5
    assert only(snapshot) == (
        'file.json:15:16: error: positions[0].quantity: text is expected, found the number 0.5; write it as text, "0.5"'
    )


@pytest.mark.parametrize("amount", ["NaN", "0,5", "", " 1", "1\n", "1e999", "٣", "0x1", "Infinity"])
def test_what_is_no_decimal_is_refused(snapshot: Spoil, amount: str) -> None:
    snapshot["positions"][0]["quantity"] = amount
    assert "positions[0].quantity: a decimal is expected" in only(snapshot)


def test_a_misspelled_key_is_one_mistake(snapshot: Spoil) -> None:
    snapshot["positions"][0]["quantty"] = snapshot["positions"][0].pop("quantity")
    assert only(snapshot).endswith("positions[0].quantty: unknown key 'quantty'; did you mean 'quantity'?")


def test_unknown_keys_are_refused_everywhere_but_in_tracker_records(snapshot: Spoil) -> None:
    for place in (snapshot, snapshot["cash"], snapshot["open_orders"][0], snapshot["markets"]["ETH/USD"]):
        place["xyzzy"] = 1
    snapshot["tracker"]["BTC/USD"]["xyzzy"] = 1
    assert [problem.message for problem in problems_of(snapshot)] == ["unknown key 'xyzzy'"] * 4


@pytest.mark.parametrize("moment", ["2026-02-18", "2026-02-18T22:00:00", "tomorrow", "2026-02-18T22:00Z"])
def test_a_time_without_zone_or_seconds_is_refused(snapshot: Spoil, moment: str) -> None:
    snapshot["taken_at"] = moment
    assert "taken_at: an ISO 8601 time in UTC is expected" in only(snapshot)


@pytest.mark.parametrize("moment", ["2026-02-30T00:00:00Z", "2026-02-18T25:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_a_moment_that_never_was_is_refused(snapshot: Spoil, moment: str) -> None:
    snapshot["taken_at"] = moment
    assert f"taken_at: there is no such moment as {moment!r}" in only(snapshot)


def test_the_same_symbol_and_side_twice_is_refused(snapshot: Spoil) -> None:
    snapshot["positions"] += [
        {"symbol": "ETH-USD", "quantity": "1"},
        {"symbol": "ETH/USD", "side": "short", "quantity": "1"},
    ]
    assert "positions[1]: the position ETH/USD long is there twice, first as positions[0]" in only(snapshot)


def test_the_same_order_id_twice_is_refused(snapshot: Spoil) -> None:
    snapshot["open_orders"] *= 2
    assert "open_orders[1].id: the order id o1 is there twice" in only(snapshot)


def test_the_same_market_in_two_spellings_is_refused(snapshot: Spoil) -> None:
    snapshot["markets"]["ETH-USD"] = {}
    assert "ETH-USD and ETH/USD are the same symbol" in only(snapshot)


@pytest.mark.parametrize("size", ["0", "0.000"])
def test_a_contract_size_of_nothing_is_refused(snapshot: Spoil, size: str) -> None:
    snapshot["positions"][0]["contract_size"] = size
    assert "contract_size: a number above 0 is expected" in only(snapshot)


def test_a_rate_of_nothing_is_refused(snapshot: Spoil) -> None:
    snapshot["rates"]["EUR"] = "0"
    assert "rates.EUR: a number above 0 is expected" in only(snapshot)


@pytest.mark.parametrize("version", [2, "1", True])
def test_another_format_version_is_refused(snapshot: Spoil, version: object) -> None:
    snapshot["format_version"] = version
    assert "format_version: " in only(snapshot)


def test_a_side_is_long_or_short(snapshot: Spoil) -> None:
    snapshot["positions"][0]["side"] = "lng"
    assert only(snapshot).endswith("one of long, short is expected, found the text 'lng'; did you mean 'long'?")


def test_a_type_of_order_is_any_word(snapshot: Spoil) -> None:
    snapshot["open_orders"][0]["type"] = "trailing_stop_market"
    assert passes("snapshot", snapshot)


def test_a_list_is_no_snapshot() -> None:
    assert only([]) == "file.json:1:1: error: a mapping is expected, found an empty list"


def test_all_problems_are_told_at_once_in_order_of_place(snapshot: Spoil) -> None:
    snapshot["positions"][0]["quantity"] = 1
    snapshot["cash"]["free"] = None
    snapshot["venu"] = snapshot.pop("venue")
    assert [problem.path[-1] for problem in problems_of(snapshot)] == ["free", "quantity", "venu"]


def test_a_snapshot_of_ten_thousand_positions_is_checked_in_seconds(snapshot: Spoil) -> None:
    snapshot["positions"] = [{**snapshot["positions"][0], "symbol": f"C{number}/USD"} for number in range(10_000)]
    snapshot["markets"] = {entry["symbol"]: snapshot["markets"]["ETH/USD"] for entry in snapshot["positions"]}
    text = json.dumps(snapshot).encode()
    start = time.process_time()
    parse_document(text, "snapshot", "s.json")
    assert time.process_time() - start < 5


def test_of_very_many_problems_the_first_are_shown_and_the_rest_counted(snapshot: Spoil) -> None:
    snapshot["positions"] = [{"symbol": f"C{number}/USD", "quantity": 1} for number in range(500)]
    with pytest.raises(FileIsInvalid, match=r"\.\.\. and 450 more"):
        parse_document(json.dumps(snapshot).encode(), "snapshot", "s.json")


def test_a_missing_file_a_folder_and_an_unreadable_one_are_invalid_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(FileIsInvalid):
            load_document(path, "snapshot")


def test_validate_knows_a_snapshot_by_its_keys(tmp_path: Path, snapshot: Spoil) -> None:
    snapshot["quote"] = 7
    (tmp_path / "account.json").write_text(json.dumps(snapshot))
    (result,) = validate_paths([tmp_path / "account.json"])
    assert (result.kind, result.ok, len(result.diagnostics)) == ("snapshot", False, 1)


PATHS: list[tuple[str | int, ...]] = [
    ("format_version",), ("taken_at",), ("cash", "free"), ("positions", 0, "quantity"), ("positions", 0, "side"),
    ("positions", 0), ("markets", "ETH/USD", "active"), ("markets", "ETH/USD"), ("tracker", "BTC/USD", "entry_price"),
    ("rates",), ("rates", "EUR"), ("open_orders", 0, "id"), ("open_orders",),
]  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(
    ["", "1", "long", "x y", "ETH/USD\n", "2026-02-18T22:00:00Z", "2026-13-18T22:00:00Z", "-1", [], {}, [1], {"a": 1}]
)  # fmt: skip


@given(st.sampled_from(PATHS), VALUES)
def test_the_fast_and_the_thorough_validator_agree(path: tuple[str | int, ...], value: object) -> None:
    document: Any = copy.deepcopy(SNAPSHOT)
    inner = document
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    assert passes("snapshot", document) == (not list(violations("snapshot", document)))


TOLD = {
    "volatility_1d": "0.041",
    "volatility_days": 30,
    "volume_1d": "1200",
    "volume_1h": "0",
    "bid_depth": "12.5",
    "ask_depth": "9",
    "depth_within": "0.01",
}


def test_market_data_comes_back_as_it_is(snapshot: Spoil) -> None:
    (symbol,) = snapshot["markets"]
    snapshot["markets"][symbol] |= TOLD
    written = snapshot_to_document(snapshot_from_document(snapshot))
    assert parse_document(json.dumps(written).encode(), "snapshot", "s.json") == written
    assert {name: written["markets"][symbol][name] for name in TOLD} == TOLD


def test_a_market_that_nobody_asked_about_says_nothing_of_it(snapshot: Spoil) -> None:
    (symbol,) = snapshot["markets"]
    snapshot["markets"][symbol] |= dict.fromkeys(TOLD)
    written = snapshot_to_document(snapshot_from_document(snapshot))
    assert not TOLD.keys() & written["markets"][symbol].keys()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"volatility_1d": "-0.1"}, "a decimal that is not negative is expected"),
        ({"volatility_1d": "10.000001"}, "at most 10 is expected, found '10.000001'; it is a fraction of a day"),
        ({"volatility_1d": "1e9"}, "volatility_1d: at most 10 is expected"),
        ({"volatility_days": 0}, "volatility_days"),
        ({"volatility_days": "30"}, "volatility_days"),
        ({"volatilty_1d": "0.1"}, "did you mean 'volatility_1d'?"),
    ],
)
def test_market_data_that_cannot_be_is_refused(snapshot: Spoil, data: Spoil, words: str) -> None:
    (symbol,) = snapshot["markets"]
    snapshot["markets"][symbol] |= data
    assert words in only(snapshot)
