"""The plan as a file: what is in it, byte for byte, and what it hashes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from exitplan.ruleset.errors import PlanIsAltered
from exitplan.ruleset.model.snapshot import Cash, Conversion, Snapshot
from exitplan.ruleset.planning import plan_text
from exitplan.ruleset.planning.plan import Document, client_order_id, ensure_unaltered, make_plan, plan_sha256
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.planner import PlanScope
from tests.builders import (
    NOW,
    Node,
    actions,
    market,
    order,
    plan_input,
    plan_of,
    position,
    price_missing,
    record,
    shown,
    snapshot,
    typed_plan_of,
)


def busy() -> Snapshot:
    """Make an account with something of everything."""
    held = [position(), position("BBB/USD", "0.05"), position("CCC/USD"), position("DDD/USD"), position("EEE/USD")]
    records = {"CCC/USD": record(entry=None), "EEE/USD": record()}
    resting = [order("o1", "EEE/USD", minutes=31), order("o2", "CCC/USD")]
    return snapshot(*held, orders=resting, markets={"DDD/USD": None}, tracked=records)


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert plan_bytes(typed_plan_of(busy())) == plan_bytes(typed_plan_of(busy()))


@pytest.mark.parametrize("at_once", [1, 2, 4, 5, 6])
def test_it_is_the_same_however_many_positions_are_written_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = snapshot(*busy().positions, position("\u202e\u00e9/USD", 3))
    whole = typed_plan_of(account)
    monkeypatch.setattr(plan_text, "CHUNK", at_once)
    in_pieces = typed_plan_of(account)
    assert in_pieces == whole
    assert plan_bytes(in_pieces) == plan_bytes(whole)
    assert json.loads(plan_bytes(in_pieces)) == in_pieces.document
    ensure_unaltered(in_pieces.document)


def test_it_has_all_its_parts() -> None:
    plan = plan_of(busy())
    assert {
        "format_version", "tool_version", "plan_id", "created_at", "expires_at", "account", "policy", "snapshot",
        "engine", "positions", "actions", "blocked", "guards", "forecast", "summary", "sha256",
    } <= set(plan)  # fmt: skip
    assert plan["account"] == {"id": "platform", "venue": "paper", "quote": "USD"}
    assert plan["engine"] == {"name": "durable_rules", "version": "2.0.28", "checked": True}


def test_it_expires_after_the_policy_s_minutes() -> None:
    assert plan_of(busy())["expires_at"] == "2026-02-18T22:15:00Z"
    half = {"valid_minutes": Decimal("0.5")}
    assert plan_of(busy(), plan=half)["expires_at"] == "2026-02-18T22:00:30Z"


def test_at_the_end_of_the_calendar_it_expires_with_it() -> None:
    plan = plan_of(busy(), now=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert plan["expires_at"] == "9999-12-31T23:59:59.999999Z"


def test_the_order_of_positions_and_orders_in_the_snapshot_does_not_matter() -> None:
    account = busy()
    turned = replace(account, positions=account.positions[::-1], open_orders=account.open_orders[::-1])
    kept = [_without_ids(plan_of(found)) for found in (account, turned)]
    assert kept[0] == kept[1]


def _without_ids(plan: Document) -> tuple[Any, ...]:
    bare = [{key: value for key, value in found.items() if key != "client_order_id"} for found in plan["actions"]]
    return plan["positions"], bare, plan["blocked"], plan["guards"], plan["forecast"], plan["summary"]


def test_positions_are_listed_by_symbol() -> None:
    assert [found["symbol"][:3] for found in plan_of(busy())["positions"]] == ["AAA", "BBB", "CCC", "DDD", "EEE"]


def test_rule_is_null_for_category_a_and_matched_is_empty() -> None:
    found = shown(plan_of(busy()), "EEE/USD")
    assert (found["rule"], found["matched"]) == (None, [])


def test_present_facts_are_shown_and_absent_ones_left_out() -> None:
    found = shown(plan_of(busy()), "DDD/USD")["facts"]
    assert None not in found.values()
    assert "value_usd" not in found
    assert found["market_known"] is False


def test_order_ids_are_18_characters_and_differ() -> None:
    ids = [found["client_order_id"] for found in plan_of(busy())["actions"]]
    assert len(set(ids)) == len(ids) == 5
    assert all(re.fullmatch(r"[0-9a-z]{18}", found) for found in ids)


def test_order_ids_come_of_plan_and_action_alone() -> None:
    assert client_order_id("p", "a1") == client_order_id("p", "a1")
    assert len({client_order_id(plan, action) for plan in ("p", "q") for action in ("a1", "a2")}) == 4


@pytest.mark.parametrize("later", [timedelta(seconds=1), timedelta(microseconds=1)])
def test_a_plan_made_at_another_moment_has_other_ids(later: timedelta) -> None:
    first, second = plan_of(busy()), plan_of(busy(), now=NOW + later)
    ids = [{found["client_order_id"] for found in plan["actions"]} for plan in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    assert first["plan_id"] != second["plan_id"]


def test_est_value_is_exact_and_null_where_there_is_no_price() -> None:
    account = snapshot(position(quantity="0.33333333"), markets={"AAA/USD": market("0.00001234", step=None)}, cash=0)
    listed = market("0.00001234", step=None, min_amount=None, min_notional=None)
    plan = plan_of(replace(account, markets={"AAA/USD": listed}))
    assert plan["actions"][0]["est_value"] == "0.0000041133332922"
    assert plan["summary"]["est_value"] == "0.0000041133332922"
    (blind,) = plan_of(snapshot(position(), markets={"AAA/USD": market(None)}), price_missing(30))["actions"]
    assert blind["est_value"] is None


def test_no_amount_is_written_with_an_exponent_or_empty_zeros() -> None:
    plan = plan_of(snapshot(position(quantity="1E+1"), markets={"AAA/USD": market("1E+2", step="1E-8")}, cash="1E+4"))
    assert plan["actions"][0]["quantity"] == "2.5"
    assert plan["snapshot"]["equity"] == "11000"


def test_the_hash_holds_after_a_reload() -> None:
    plan = typed_plan_of(busy())
    for reloaded in (json.loads(plan_bytes(plan)), orjson.loads(plan_bytes(plan))):
        ensure_unaltered(reloaded)
        assert plan_sha256(reloaded) == plan.sha256


def test_key_order_and_spacing_do_not_matter_to_the_hash() -> None:
    plan = plan_of(busy())
    ensure_unaltered(json.loads(json.dumps(dict(reversed(plan.items())), indent=7)))


@pytest.mark.parametrize(
    "altered",
    [{"plan_id": "other"}, {"expires_at": "2027-01-01T00:00:00Z"}, {"extra": None}, {"n": 2**70}, {"n": "\ud800"},
     {"n": 0.1}, {"n": Decimal("0.1")}, {"n": float("nan")}, {"actions": []}],
)  # fmt: skip
def test_any_change_is_noticed(altered: dict[str, Any]) -> None:
    with pytest.raises(PlanIsAltered, match="changed after it was made"):
        ensure_unaltered({**plan_of(busy()), **altered})


@pytest.mark.parametrize("extra", [Decimal("1.5"), 2**70, {"nested": [Decimal("1e-30"), None]}, "日本"])
def test_keys_of_the_tracker_that_exitplan_does_not_know_do_no_harm(extra: Node) -> None:
    odd = replace(record(), extra={"score": extra})
    plan = plan_of(snapshot(position(), tracked={"AAA/USD": odd}))
    assert plan["snapshot"]["sha256"] != plan_of(snapshot(position(), tracked=["AAA/USD"]))["snapshot"]["sha256"]


def test_overrides_are_recorded() -> None:
    plan = make_plan(
        plan_input(busy()), overrides={"max_positions": 3, "dust_pct_threshold": Decimal("0.010")}
    ).document
    assert plan["policy"]["overrides"] == {"dust_pct_threshold": "0.01", "max_positions": "3"}


def test_a_refused_plan_is_written_and_shown_all_the_same() -> None:
    plan = plan_of(busy(), guards={"max_actions": 0})
    assert len(plan["actions"]) == 5
    refusing = [found for found in plan["guards"] if not found["ok"]]
    assert [(found["name"], found["limit"], found["value"]) for found in refusing] == [("max_actions", 0, 5)]


def test_a_share_above_its_limit_never_looks_within_it() -> None:
    limits = {"max_run_pct": Decimal("0.1")}
    plan = plan_of(snapshot(position(), cash="8999.9999"), gradual_unwind_pct=1, guards=limits)
    (run,) = (found for found in plan["guards"] if found["name"] == "max_run_pct")
    assert (run["limit"], run["value"], run["ok"]) == ("0.1", "0.100001", False)


def test_a_share_of_absurd_size_is_still_written() -> None:
    plan = plan_of(snapshot(position("X/USD:USD", "1E+60"), markets={"X/USD:USD": market("1E+60")}, cash="1E-8"))
    (run,) = (found for found in plan["guards"] if found["name"] == "max_run_pct")
    assert (len(run["value"]), run["ok"]) == (128, False)


def test_the_summary_counts_by_kind_and_category() -> None:
    summary = plan_of(busy())["summary"]
    assert summary["actions"] == {"cancel_order": 2, "close": 2, "unwind": 1}
    assert summary["categories"] == {"LEGACY_NON_COMPLIANT": 1, "STRATEGY_ALIGNED": 1, "ZOMBIE_LEGACY": 3}
    assert summary["blocked"] == 1


# --- Scope: a narrowed plan decides as the whole one would ------------------------------------------------------

WHOLE = [
    ("cancel_order", "CCC/USD", "1", "zombie"),
    ("cancel_order", "EEE/USD", "1", "stale-limit-order"),
    ("close", "CCC/USD", "10", "zombie"),
    ("close", "BBB/USD", "0.05", "dust"),
    ("unwind", "AAA/USD", "2.5", "legacy"),
]


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        (PlanScope(), [0, 1, 2, 3, 4]),
        (PlanScope(targets=("CCC/USD",)), [0, 2]),
        (PlanScope(targets=("CCC/USD", "AAA/USD")), [0, 2, 4]),
        (PlanScope(excludes=("CCC/USD",)), [1, 3, 4]),
        (PlanScope(rules=("dust", "stale-limit-order")), [1, 3]),
        (PlanScope(phase=2), [1]),
        (PlanScope(phase=3), [0, 2, 3, 4]),
        (PlanScope(phase=1), []),
        (PlanScope(phase=4), []),
        (PlanScope(targets=("CCC/USD",), phase=2), []),
        (PlanScope(targets=("NOT/USD",)), []),
    ],
)
def test_a_scope_leaves_out_what_is_outside(scope: PlanScope, kept: list[int]) -> None:
    assert actions(plan_of(busy())) == WHOLE
    assert actions(plan_of(busy(), scope=scope)) == [WHOLE[number] for number in kept]


def test_a_close_whose_stale_order_is_out_of_scope_cancels_it_itself() -> None:
    account = snapshot(position(locked=1), orders=[order(minutes=31)], tracked={"AAA/USD": record(entry=None)})
    assert actions(plan_of(account, scope=PlanScope(rules=("zombie",)))) == [
        ("cancel_order", "AAA/USD", "1", "zombie"),
        ("close", "AAA/USD", "10", "zombie"),
    ]


def test_an_unwind_does_not_count_on_cancels_out_of_scope() -> None:
    account = snapshot(position(locked=10), orders=[order(quantity=10, minutes=31)])
    assert actions(plan_of(account))[-1] == ("unwind", "AAA/USD", "2.5", "legacy")
    assert actions(plan_of(account, scope=PlanScope(phase=3))) == []


def test_excluding_a_symbol_does_not_make_room_under_the_cap() -> None:
    account = snapshot(position(), position("BBB/USD", 20), tracked=["AAA/USD", "BBB/USD"])
    assert actions(plan_of(account, scope=PlanScope(excludes=("AAA/USD",)), max_positions=1)) == []


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        ({"bid": "99", "ask": "101"}, {"est_spread_cost": "1"}),
        ({"bid": "100", "ask": "100"}, {"est_spread_cost": "0"}),
        ({"bid": "100.5", "ask": "100"}, {"est_spread_cost": "0"}),
        ({}, {"unknown_spreads": 1}),
        ({"bid": "99"}, {"unknown_spreads": 1}),
    ],
)
def test_the_summary_tells_what_half_the_spread_takes_of_the_sales(prices: Node, cost: Node) -> None:
    plan = plan_of(snapshot(position("AAA/USD", "1"), markets={"AAA/USD": market("100", **prices)}))
    assert [action["est_value"] for action in plan["actions"]] == ["100"]
    told = {key: plan["summary"].get(key) for key in ("est_spread_cost", "unknown_spreads")}
    assert told == {"est_spread_cost": None, "unknown_spreads": None, **cost}


@pytest.mark.parametrize(
    ("rates", "fees"),
    [
        ((None, None), {}),
        (("0.001", "0.0025"), {"est_fees": "0.35"}),
        (("0", "0"), {"est_fees": "0"}),
        (("0.001", None), {"est_fees": "0.1", "unknown_fees": 1}),
        (("0.000000004", None), {"est_fees": "0", "unknown_fees": 1}),
        (("0.000000006", None), {"est_fees": "0.000001", "unknown_fees": 1}),
    ],
)
def test_the_summary_tells_the_fees_of_the_sales_where_rates_are_known(
    rates: tuple[str | None, str | None], fees: Node
) -> None:
    names = ("AAA/USD", "BBB/USD")
    markets = {name: market("100", taker_fee=rate) for name, rate in zip(names, rates, strict=True)}
    plan = plan_of(snapshot(*(position(name, "1") for name in names), markets=markets))
    assert {action["est_value"] for action in plan["actions"]} == {"100"}
    assert {key: value for key, value in plan["summary"].items() if key.endswith("_fees")} == fees
    assert tuple(action.get("taker_fee") for action in plan["actions"]) == rates


def test_a_fee_that_is_a_list_price_says_so_with_the_sale_and_in_the_summary() -> None:
    markets = {"AAA/USD": market("100", taker_fee="0.001", fee_is_listed=True)}
    plan = plan_of(snapshot(position(), markets=markets))
    assert plan["actions"][0]["fee_is_listed"] is True
    assert plan["summary"]["listed_fees"] == 1


def test_only_sales_pay_a_fee() -> None:
    markets = {"AAA/USD": market("100", taker_fee="0.001")}
    cancel, sale = plan_of(snapshot(position(locked=1), orders=[order(minutes=31)], markets=markets))["actions"]
    assert "taker_fee" not in cancel
    assert sale["taker_fee"] == "0.001"


def test_exits_stand_in_the_order_of_their_kinds_whatever_their_symbols() -> None:
    exits = [
        {"id": "stop", "when": {"symbol": {"in": ["BB/USD", "AA/USD"]}}, "action": "attach_stop", "adopt": True}
        | {"stop_pct": Decimal("0.1")},
        {"id": "dust", "when": {"symbol": {"in": ["YY/USD", "VV/USD"]}}, "action": "close"},
        {"id": "zombie", "when": {"symbol": "ZZ/USD"}, "action": "close"},
        {"id": "other", "when": {"symbol": "XX/USD"}, "action": "close"},
        {"id": "legacy", "when": {"symbol": "WW/USD"}, "action": "unwind"},
    ]
    held = [position(symbol) for symbol in ("AA/USD", "WW/USD", "XX/USD", "YY/USD", "ZZ/USD")]
    account = snapshot(
        *held,
        position("VV/USD", "0.0005"),
        other_cash={"EUR": Cash(Decimal(100))},
        rates={"EUR": "1.1"},
        markets={"EUR/USD": market("1.1")},
    )
    account = replace(account, conversions={"VV/USD": Conversion(Decimal("0.02"))})
    plan = plan_of(account, exits=exits, dust={"convert": True}, cash={"convert": True})
    assert [(found["kind"], found["symbol"]) for found in plan["actions"]] == [
        ("close", "ZZ/USD"),
        ("close", "YY/USD"),
        ("close", "XX/USD"),
        ("unwind", "WW/USD"),
        ("convert_dust", "VV/USD"),
        ("convert_cash", "EUR/USD"),
        ("attach_stop", "AA/USD"),
        ("adopt", "AA/USD"),
    ]
