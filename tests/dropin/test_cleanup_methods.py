"""The published methods of the forced cleanup: what would be closed, one broker, many accounts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from exitplan import EXCHANGE_MIN_CLOSE_USD, CleanupType, ForcedPositionCleanup, is_position_closable
from tests.builders import NOW
from tests.dropin.bot import RAISES, BotBroker, held, stale
from tests.executor.scene import ensure_registered


class Venue(Enum):
    KRAKEN = "kraken"
    COINBASE = "coinbase"


class CleanedBroker(BotBroker):
    """A broker as the forced cleanup knows them: it tells its positions under another name."""

    get_open_positions: Any = None
    connected = True

    def get_positions(self) -> Any:
        return self._answer("get_positions", lambda: [dict(position) for position in self.positions.values()])

    def get_asset_balance(self, asset: str) -> float:
        return float(sum(held["quantity"] for name, held in self.positions.items() if name.startswith(asset)))


def broker(*positions: dict[str, Any]) -> CleanedBroker:
    return CleanedBroker({position["symbol"]: position for position in positions})


@dataclass
class Manager:
    platform_brokers: dict[Any, Any] = field(default_factory=dict)
    user_brokers: dict[str, dict[Any, Any]] = field(default_factory=dict)


@dataclass
class Clock:
    now: Any = NOW

    def __call__(self) -> Any:
        return self.now


def forced(root: Path, **chosen: Any) -> ForcedPositionCleanup:
    return ForcedPositionCleanup(data_dir=root, sleep=lambda _: None, **{"clock": Clock(), **chosen})


# --- what would be closed ---


def test_dust_is_what_is_worth_less_than_the_threshold(tmp_path: Path) -> None:
    told = [held("A-USD", 4.99), held("B-USD", 5.0), held("C-USD", 0.0), {"symbol": "D-USD", "usd_value": 1.0}]
    found = forced(tmp_path, dust_threshold_usd=5).identify_dust_positions(told)
    assert found[0] == {
        "symbol": "A-USD",
        "size_usd": 4.99,
        "quantity": 10.0,
        "pnl_pct": 0,
        "cleanup_type": CleanupType.DUST.value,
        "reason": "dust, below 5.00 USD",
        "priority": "HIGH",
    }
    assert [entry["symbol"] for entry in found] == ["A-USD", "D-USD"]


def test_what_is_above_the_cap_is_the_smallest_then_the_worst_then_the_oldest(tmp_path: Path) -> None:
    old, new = NOW - timedelta(days=2), NOW - timedelta(days=1)
    told = [
        held("BIG-USD", 100.0),
        held("NEW-USD", 10.0, pnl_pct=0.1, entry_time=new),
        held("OLD-USD", 10.0, pnl_pct=0.1, entry_time=old),
        held("BAD-USD", 10.0, pnl_pct=-0.1),
        held("TINY-USD", 5.0, pnl_pct=None),
    ]
    found = forced(tmp_path, max_positions=1).identify_cap_excess_positions(told)
    assert [entry["symbol"] for entry in found] == ["TINY-USD", "BAD-USD", "OLD-USD", "NEW-USD"]
    assert {entry["cleanup_type"] for entry in found} == {"CAP_EXCEEDED"}
    assert forced(tmp_path, max_positions=5).identify_cap_excess_positions(told) == []


def test_a_position_is_closable_with_a_quantity_a_value_and_a_balance() -> None:
    source = broker(held("A-USD"))
    assert is_position_closable(held("A-USD", EXCHANGE_MIN_CLOSE_USD), source)
    assert not is_position_closable(held("A-USD", EXCHANGE_MIN_CLOSE_USD - 0.01), source)
    assert not is_position_closable(held("A-USD", 10.0, 0.0), source)
    assert is_position_closable(held("A-USD", 10.0, 0.0), source, base_size=1.0)
    assert not is_position_closable(held("B-USD", 10.0), source), "nothing of it is there"
    assert is_position_closable(held("B-USD", 10.0), object()), "a broker that cannot tell says nothing against it"


# --- one broker ---


def test_what_is_named_is_closed_and_nothing_else(tmp_path: Path) -> None:
    source = broker(held("A-USD", 100.0), held("B-USD", 100.0), held("SMALL-USD", 2.0))
    cleanup = forced(tmp_path)
    named = [{"symbol": "A-USD"}, {"symbol": "A-USD"}, {"symbol": "SMALL-USD"}, {"symbol": "GONE-USD"}]
    assert cleanup.execute_cleanup(named, source) == (1, 0, 2)
    assert sorted(source.positions) == ["B-USD", "SMALL-USD"]
    assert cleanup.execute_cleanup([], source) == (0, 0, 0)


def test_a_close_that_is_refused_or_an_account_that_cannot_be_read_has_failed(tmp_path: Path) -> None:
    source, cleanup = broker(held("A-USD", 100.0)), forced(tmp_path)
    source.will("close_position", False)
    assert cleanup.execute_cleanup([{"symbol": "A-USD"}], source) == (0, 1, 0)
    source.will("get_positions", RAISES)
    assert cleanup.execute_cleanup([{"symbol": "A-USD"}], source) == (0, 1, 0)


def test_one_account_is_cleaned_up(tmp_path: Path) -> None:
    source = broker(held("D-USD", 4.0), held("S-USD", 20.0), held("B-USD", 30.0), held("TINY-USD", 0.5))
    cleanup = forced(tmp_path, dust_threshold_usd=5, max_positions=1)
    assert cleanup.cleanup_single_account(source, "platform_kraken") == {
        "account_id": "platform_kraken",
        "initial_positions": 4,
        "dust_closed": 1,
        "cap_closed": 1,
        "final_positions": 2,
        "status": "cleaned",
    }
    assert sorted(source.positions) == ["B-USD", "TINY-USD"], "no exchange takes an order of half a dollar"
    assert (cleanup.open_positions_count, len(cleanup.current_positions)) == (2, 2)
    assert cleanup.cleanup_single_account(broker(), "empty")["status"] == "clean"


def test_what_no_exchange_takes_does_not_count_for_the_cap(tmp_path: Path) -> None:
    source = broker(*[held(f"T{number}-USD", 2.9) for number in range(3)], held("A-USD", 10.0), held("B-USD", 20.0))
    cleanup = forced(tmp_path, max_positions=2)
    assert cleanup.cleanup_single_account(source)["cap_closed"] == 0
    cleanup.max_positions = 1
    assert cleanup.cleanup_single_account(source)["cap_closed"] == 1
    assert sorted(source.positions) == ["B-USD", "T0-USD", "T1-USD", "T2-USD"]


def test_an_account_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    source = broker(held("A-USD", 1.0))
    source.will("get_positions", RAISES)
    found = forced(tmp_path).cleanup_single_account(source)
    assert (found["status"], "venue is away" in found["error"], found["final_positions"]) == ("error", True, 0)


def test_a_broker_that_tells_no_balance_is_cleaned_up(tmp_path: Path) -> None:
    source = broker(held("S-USD", 20.0), held("B-USD", 30.0))
    vars(source)["get_account_balance"] = None
    assert forced(tmp_path, max_positions=1).cleanup_single_account(source)["cap_closed"] == 1


def test_a_dry_run_tells_what_it_would_close(tmp_path: Path) -> None:
    source = broker(held("S-USD", 20.0), held("B-USD", 30.0))
    found = forced(tmp_path, max_positions=1, dry_run=True).cleanup_single_account(source)
    assert (found["cap_closed"], found["final_positions"], len(source.positions)) == (1, 1, 2)


def test_a_close_clears_its_way_whatever_the_options_say(tmp_path: Path) -> None:
    source = broker(held("S-USD", 20.0), held("B-USD", 30.0))
    source.orders = [stale("mine", "S-USD", minutes=1, side="sell"), stale("other", "B-USD", minutes=999, side="sell")]
    cleanup = forced(tmp_path, max_positions=1, cancel_open_orders=False)
    assert cleanup.cleanup_single_account(source)["cap_closed"] == 1
    assert [order["order_id"] for order in source.orders] == ["other"]


def test_everything_is_closed_once_at_startup_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARTUP_KILL_ALL_POSITIONS", "true")
    cleanup = forced(tmp_path)
    source = broker(held("A-USD", 20.0), held("TINY-USD", 1.0))
    found = cleanup.cleanup_single_account(source, "p", is_startup=True)
    assert (found["status"], found["dust_closed"], found["skipped_dust"]) == ("kill_all_complete", 1, 1)
    source.positions = {"A-USD": held("A-USD", 20.0)}
    assert cleanup.cleanup_single_account(source, "p", is_startup=True)["status"] == "cleaned"
    assert (len(source.positions), cleanup.has_run_startup) == (1, True)


def test_a_cycle_begins_two_minutes_after_the_last(tmp_path: Path) -> None:
    clock = Clock()
    cleanup = forced(tmp_path, clock=clock)
    assert cleanup.run_cleanup_cycle(broker()) is not None
    clock.now += timedelta(seconds=119)
    assert cleanup.run_cleanup_cycle(broker()) is None
    clock.now += timedelta(seconds=1)
    assert cleanup.run_cleanup_cycle(broker()) is not None


def test_the_parameters_can_be_read_and_assigned(tmp_path: Path) -> None:
    cleanup = forced(tmp_path, dust_threshold_usd=2.5)
    assert (cleanup.dust_threshold_usd, cleanup.max_positions) == (2.5, 8)
    cleanup.max_positions = 1
    assert len(cleanup.identify_cap_excess_positions([held("A-USD"), held("B-USD")])) == 1


@pytest.mark.parametrize(
    ("conditions", "position", "asked"),
    [
        ("usd_value<1.0", {"size_usd": 0.5}, True),
        ("usd_value<1.0", {"size_usd": 1.0}, False),
        ("nonsense, usd_value<<1, rank>max_positions", {"cleanup_type": "CAP_EXCEEDED", "size_usd": 5.0}, True),
        ("rank>max_positions", {"cleanup_type": "DUST", "size_usd": 0.5}, False),
    ],
)
def test_conditions_ask_for_orders_to_be_cancelled(
    tmp_path: Path, conditions: str, position: dict[str, Any], asked: bool
) -> None:
    cleanup = forced(tmp_path, cancel_conditions=conditions)
    assert cleanup.cancel_open_orders is True
    assert cleanup._should_cancel_open_orders(position) is asked


# --- many accounts ---


def test_a_users_cap_counts_over_all_brokers(tmp_path: Path) -> None:
    kraken, coinbase = (
        broker(held("A-USD", 100.0), held("B-USD", 200.0)),
        broker(held("A-USD", 50.0), held("D-USD", 4.0)),
    )
    manager = Manager(
        {Venue.KRAKEN: broker(held("P-USD", 10.0))}, {"ann": {Venue.KRAKEN: kraken, Venue.COINBASE: coinbase}}
    )
    cleanup = forced(tmp_path, dust_threshold_usd=5, max_positions=2)
    summary = cleanup.cleanup_all_accounts(manager)
    details = {entry["account_id"]: entry for entry in summary.pop("details")}
    assert summary == {
        "accounts_processed": 3,
        "initial_total": 5,
        "dust_closed": 1,
        "cap_closed": 1,
        "final_total": 3,
        "reduction": 2,
    }
    assert (sorted(kraken.positions), sorted(coinbase.positions)) == (["A-USD", "B-USD"], [])
    assert details["user_ann_coinbase"]["user_total_initial"] == 4
    alerts = [json.loads(line) for line in (tmp_path / "users/ann/alerts.jsonl").read_text().splitlines()]
    for alert in alerts:
        ensure_registered(alert)
    assert [(alert["alert_type"], alert["severity"], alert["excess_count"]) for alert in alerts] == [
        ("POSITION_CAP_VIOLATION", "CRITICAL", 1)
    ]


def test_a_broker_that_cannot_be_read_hides_positions_and_no_more_is_closed_for_it(tmp_path: Path) -> None:
    kraken, coinbase = broker(held("A-USD", 100.0), held("B-USD", 200.0)), broker(held("C-USD", 50.0))
    coinbase.will("get_positions", *[RAISES] * 9)
    manager = Manager(user_brokers={"ann": {Venue.KRAKEN: kraken, Venue.COINBASE: coinbase}})
    summary = forced(tmp_path, max_positions=2).cleanup_all_accounts(manager)
    assert [entry["status"] for entry in summary["details"]] == ["cleaned", "error"]
    assert (len(kraken.positions), len(coinbase.positions)) == (2, 1)


def test_a_broker_that_is_not_connected_is_left_alone(tmp_path: Path) -> None:
    source = broker(held("A-USD", 1.0))
    source.connected = False
    assert forced(tmp_path).cleanup_all_accounts(Manager({Venue.KRAKEN: source}))["accounts_processed"] == 0
