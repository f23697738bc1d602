from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from exitplan.brokers.identity import Identity
from exitplan.executor.store.state import State, state_to_document
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.progress import Balance, MissingPrice, UnwindProgress, progress_from_document
from exitplan.ruleset.model.snapshot import Cash, Conversion, Market, OpenOrder, Position, Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.model.values import parse_time
from exitplan.schemas.documents import KINDS, Kind, kind_of, parse_document
from exitplan.schemas.validators import committed_schema
from tests.builders import plan_of, position, unwound
from tests.builders import snapshot as account_of
from tests.schemas.conftest import problems_of

ENTRY = {
    "cycle": 1,
    "remaining_pct": "0.75",
    "initial_quantity": "10",
    "started_at": "2026-02-10T22:00:00Z",
    "last_cycle_at": None,
}
PLAN: dict[str, Any] = plan_of(
    account_of(position(), position("X/USD"), position("Y/USD"), markets={"X/USD": None}, tracked=["Y/USD"]),
    protect=[{"symbol": "Y/USD", "until": "2027-01-01T00:00:00Z"}],
)
OPTIONAL = {"group", "other_cash", "debts", "warnings", "health"}


def read(document: object, kind: Kind) -> dict[str, Any]:
    return parse_document(json.dumps(document).encode(), kind, "file.json")


def only(document: object, kind: Kind) -> str:
    (problem,) = problems_of(document, kind)
    return problem.line


def test_a_progress_file_needs_only_its_unwinds() -> None:
    assert read({"unwind_progress": {}}, "state") == {"unwind_progress": {}}
    assert "'unwind_progress' is missing" in only({}, "state")


def test_figures_of_an_unwind_may_be_text_or_numbers() -> None:
    found = read({"unwind_progress": {"A/USD": {**ENTRY, "remaining_pct": 0.75}, "A/USD#short": ENTRY}}, "state")
    assert found["unwind_progress"]["A/USD"]["remaining_pct"] == Decimal("0.75")


@pytest.mark.parametrize("pct", ["0.01234567891", "0." + "123456789" * 4])
def test_what_a_cycle_leaves_of_an_unwind_is_read_to_its_last_digit(pct: str) -> None:
    begun = unwound(3, 1, 10)
    plan = plan_of(account_of(position()), begun, gradual_unwind_pct=Decimal(pct), unwind_cycles=5)
    left = plan["positions"][0]["unwind"]["remaining_pct"]
    found = read({"unwind_progress": {"A/USD": {**ENTRY, "cycle": 4, "remaining_pct": left}}}, "state")
    assert progress_from_document(found).unwinds["A/USD"].remaining_pct == Decimal(left)
    assert len(left) > 42


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cycle", -1),
        ("cycle", "1"),
        ("remaining_pct", "1.5"),
        ("remaining_pct", 1.5),
        ("remaining_pct", "-0.1"),
        ("initial_quantity", "0"),
        ("initial_quantity", 0),
        ("started_at", None),
    ],
)
def test_an_unwind_that_cannot_be_is_refused(key: str, value: object) -> None:
    assert f'unwind_progress["A/USD"].{key}: ' in only({"unwind_progress": {"A/USD": {**ENTRY, key: value}}}, "state")


def test_failed_exits_are_counts() -> None:
    state = {"unwind_progress": {}, "failed_exits": {"A/USD": "two"}}
    assert "failed_exits[\"A/USD\"]: a whole number is expected, found the text 'two'" in only(state, "state")


def test_a_state_file_may_hold_more_than_exitplan_knows() -> None:
    assert read({"unwind_progress": {}, "mine": [1], "cleanup_metrics": {"capital_freed_usd": 1.5}}, "state")


def test_a_tracker_keeps_unknown_keys_and_reads_numbers_exactly() -> None:
    found = read({"positions": {"A/USD": {"entry_price": 0.1, "mine": {"x": 1}}}, "last_updated": None}, "tracker")
    assert str(found["positions"]["A/USD"]["entry_price"]) == "0.1"


def test_a_tracker_time_without_zone_is_local_time_and_accepted() -> None:
    tracker = {"positions": {"A/USD": {"first_entry_time": "2026-01-01T00:00:00.123456"}}}
    assert parse_document(json.dumps(tracker).encode(), "tracker", "tracker") == tracker


@pytest.mark.parametrize("moment", ["2026-13-01T00:00:00", "2026-01-01T25:00:00Z"])
def test_a_tracker_time_that_does_not_exist_is_refused(moment: str) -> None:
    assert "there is no time" in only({"positions": {"A/USD": {"first_entry_time": moment}}}, "tracker")


def test_a_tracker_time_that_is_none_is_refused() -> None:
    assert "an ISO 8601 time is expected" in only({"positions": {"A/USD": {"first_entry_time": "noon"}}}, "tracker")


def test_a_tracker_with_a_symbol_in_two_spellings_is_refused() -> None:
    assert "are the same symbol" in only({"positions": {"A/USD": {}, "A-USD": {}}}, "tracker")


def test_a_plan_as_exitplan_writes_it_is_good() -> None:
    assert read(PLAN, "plan") == PLAN


def test_a_plan_with_a_key_that_this_version_does_not_know_is_refused() -> None:
    assert "unknown key 'later'" in only({**PLAN, "later": True}, "plan")
    assert "did you mean 'quantity'" in only({**PLAN, "actions": [{**PLAN["actions"][0], "quantty": "1"}]}, "plan")


def test_the_schema_of_plans_names_every_key_that_is_written_and_no_other() -> None:
    schema = committed_schema("plan")
    assert set(schema["required"]) == set(PLAN)
    assert set(schema["properties"]) == set(PLAN) | OPTIONAL
    for key, part in (("positions", PLAN["positions"]), ("actions", PLAN["actions"]), ("blocked", PLAN["blocked"])):
        shape = schema["properties"][key]["items"]
        assert all(set(shape["required"]) <= set(entry) <= set(shape["properties"]) for entry in part), key


def test_the_schema_of_states_names_every_key_that_is_written_and_no_other() -> None:
    at = parse_time("2026-02-18T22:00:00Z")
    balance = Balance(at, {"USD": Decimal(1)})
    written = state_to_document(
        State(
            unwinds={"A/USD": UnwindProgress(1, Decimal(1), Decimal(1), at, at, Decimal("0.1"))},
            price_missing={"A/USD": MissingPrice(at)},
            last_prices={"A/USD": Decimal(1)},
            last_balance=balance,
            pending_balance=balance,
            verified_policy="0" * 64,
            bound=Identity("kraken", "production", "0" * 24),
        )
    )
    shape = committed_schema("state")["properties"]
    assert set(written) | {"exported_from"} == set(shape)
    assert set(written["unwind_progress"]["A/USD"]) == set(
        shape["unwind_progress"]["additionalProperties"]["properties"]
    )
    assert set(written["cleanup_metrics"]) == set(shape["cleanup_metrics"]["properties"])
    assert set(written["price_missing"]["A/USD"]) == set(shape["price_missing"]["additionalProperties"]["properties"])
    for name in ("last_balance", "pending_balance"):
        assert set(written[name]) == set(shape[name]["properties"])


def test_the_schema_of_snapshots_names_every_key_that_is_written_and_no_other() -> None:
    at, one = parse_time("2026-02-18T22:00:00Z"), Decimal(1)
    market = Market(max_amount=one, max_notional=one, market_max_amount=one, taker_fee=one, fee_is_listed=True)
    market = replace(market, data=MarketData(one, 30, one, one, one, one, one))
    order = OpenOrder("o1", "A/USD", "buy", "limit", one, position_side="long", holds_nothing=True)
    written = snapshot_to_document(
        Snapshot(
            "a",
            "paper",
            "USD",
            at,
            cash=Cash(one, one, one),
            positions=(Position("A/USD", "long", one, asset="A", debt=one),),
            open_orders=(order,),
            markets={"A/USD": market},
            tracker={"A/USD": TrackerRecord(exit_logic=True, side="long")},
            rates={"EUR": one},
            conversions={"A/USD": Conversion(one)},
            other_cash={"EUR": Cash(one, one, one)},
            share_of=one,
            unread=("stop orders",),
        )
    )
    shape = committed_schema("snapshot")["properties"]
    assert set(written) == set(shape) - {"paper"}
    assert set(written["cash"]) == set(shape["cash"]["properties"])
    for name in ("positions", "open_orders"):
        assert set(written[name][0]) == set(shape[name]["items"]["properties"])
    for name in ("markets", "tracker", "conversions", "other_cash"):
        (entry,) = written[name].values()
        assert set(entry) == set(shape[name]["additionalProperties"]["properties"])


@pytest.mark.parametrize("key", sorted(PLAN))
def test_a_plan_lacks_nothing(key: str) -> None:
    plan = {name: value for name, value in PLAN.items() if name != key}
    assert f"{key!r} is missing" in only(plan, "plan")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "sell"),
        ("side", "long"),
        ("quantity", 0.125),
        ("client_order_id", "SHORT"),
        ("phase", 9),
        ("symbol", "A B"),
    ],
)
def test_an_action_has_values_that_apply_understands(key: str, value: object) -> None:
    plan = copy.deepcopy(PLAN)
    plan["actions"][0][key] = value
    assert f"actions[0].{key}: " in only(plan, "plan")


def test_an_alert_carries_the_figures_of_its_case() -> None:
    alert = {
        "timestamp": "2026-02-18T22:00:00Z",
        "alert_type": "POSITION_CAP_VIOLATION",
        "severity": "WARNING",
        "user_id": "platform",
        "excess_count": 4,
    }
    assert read(alert, "alert") == alert
    assert "one of INFO, WARNING, CRITICAL is expected" in only({**alert, "severity": "BAD"}, "alert")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b"1", b"\xff", b"", b"{", b'{"a": NaN}'])
def test_what_is_no_such_file_at_all_is_refused(kind: Kind, content: bytes) -> None:
    with pytest.raises(FileIsInvalid):
        parse_document(content, kind, "file.json")


def test_a_document_is_known_by_its_keys() -> None:
    assert kind_of(PLAN) == "plan"
    assert kind_of({"unwind_progress": {}}) == "state"
    assert kind_of([]) is None


def test_a_tracker_is_known_by_its_positions_although_it_says_nothing_of_its_time() -> None:
    assert kind_of({"positions": {"A/USD": {}}}) == "tracker"
    assert kind_of({"positions": []}) is None
