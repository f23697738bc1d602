"""Brokers of every shape that programs of the published protocol have, and those that lack a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exitplan import AccountState, PositionCategory
from tests.dropin.bot import Bot, BotBroker, bot, held, stale


@dataclass
class Adapter:
    """The shape of the published adapters: candles for prices, market orders for closes, and no open orders."""

    positions: list[dict[str, Any]]
    candles: Any = field(default_factory=lambda: [{"close": "100.0"}])
    answer: Any = field(default_factory=lambda: {"status": "filled"})
    orders: list[dict[str, Any]] = field(default_factory=list)

    def get_account_balance(self) -> dict[str, Any]:
        return {"total_balance": 10_000.0, "available_balance": 8000.0, "currency": "USD"}

    def get_open_positions(self) -> list[dict[str, Any]]:
        return [dict(position) for position in self.positions]

    def get_market_data(self, symbol: str, timeframe: str = "5m", limit: int = 100) -> Any:
        assert (timeframe, limit) == ("1m", 1)
        return {"symbol": symbol, "timeframe": timeframe, "candles": self.candles}

    def place_market_order(self, symbol: str, side: str, size: float, size_type: str = "quote") -> Any:
        self.orders.append({"symbol": symbol, "side": side, "size": size, "size_type": size_type})
        for position in self.positions:
            if position["symbol"] == symbol:
                position["size"] -= size
        self.positions = [position for position in self.positions if position["size"] > 0]
        return self.answer


def coin(symbol: str, size: float = 10.0) -> dict[str, Any]:
    return {"symbol": symbol, "size": size, "entry_price": 90.0, "current_price": 0.0, "pnl": 0.0, "pnl_pct": 0.0}


def test_an_adapter_is_read_and_sold_through_its_market_orders(tmp_path: Path) -> None:
    program = Bot(tmp_path, Adapter([coin("LTC-USD")]))
    assert program.protocol.run_full_protocol()["phase3_controlled_exits"]["successful"] == 1
    assert program.broker.orders == [{"symbol": "LTC-USD", "side": "sell", "size": 2.5, "size_type": "base"}]
    assert program.slept == [], "filled is a clear answer"


def test_an_order_that_an_adapter_does_not_call_filled_is_told_by_the_position(tmp_path: Path) -> None:
    program = Bot(tmp_path, Adapter([coin("LTC-USD")], answer=None))
    assert program.protocol.run_full_protocol()["phase3_controlled_exits"]["successful"] == 1
    assert len(program.broker.orders) == 1


@pytest.mark.parametrize("candles", [[], None])
def test_without_a_candle_there_is_no_price(tmp_path: Path, candles: Sequence[object] | None) -> None:
    program = Bot(tmp_path, Adapter([coin("LTC-USD")], candles=candles))
    assert program.protocol.classify_position(coin("LTC-USD"), 1000.0) is PositionCategory.ZOMBIE_LEGACY


class Frame:
    """As much of a data frame as the published protocol looked at."""

    iloc = ({"close": 100.0},)

    def __len__(self) -> int:
        return 1


def test_candles_may_be_a_data_frame(tmp_path: Path) -> None:
    class Framed(BotBroker):
        get_current_price: Any = None

        def get_market_data(self, symbol: str, timeframe: str, limit: int) -> Frame:
            return Frame()

    program = Bot(tmp_path, Framed())
    assert program.protocol.classify_position(held("LTC-USD"), 1000.0) is PositionCategory.LEGACY_NON_COMPLIANT


# --- how a close is called ---


def closing(method: Any) -> BotBroker:
    broker = BotBroker({"DUST-USD": held("DUST-USD", 0.5, 4.0)})
    vars(broker)["close_position"] = method.__get__(broker)
    return broker


def by_position(self: BotBroker, symbol: str, quantity: float, /) -> bool:
    return self._close(symbol, quantity)


def by_keyword(self: BotBroker, *, symbol: str, quantity: float, order_type: str) -> bool:
    assert order_type == "market"
    return self._close(symbol, quantity)


def by_base_size(self: BotBroker, symbol: str, base_size: float | None = None, **more: Any) -> bool:
    assert more == {}
    return self._close(symbol, base_size or 0.0)


def by_anything(self: BotBroker, *args: Any, **named: Any) -> bool:
    assert args == ()
    return self._close(named["symbol"], named["quantity"])


def by_symbol_alone(self: BotBroker, symbol: str) -> dict[str, str]:
    self._close(symbol, self.positions[symbol]["quantity"])
    return {"status": "filled"}


@pytest.mark.parametrize("method", [by_position, by_keyword, by_base_size, by_anything, by_symbol_alone])
def test_a_close_is_called_as_the_broker_names_what_it_takes(tmp_path: Path, method: Any) -> None:
    program = Bot(tmp_path, closing(method))
    assert program.protocol.run_full_protocol()["phase3_controlled_exits"]["successful"] == 1
    assert program.broker.positions == {}


def test_a_close_that_takes_no_quantity_never_closes_a_part(tmp_path: Path) -> None:
    program = Bot(tmp_path, closing(by_symbol_alone))
    program.broker.positions = {"LTC-USD": held("LTC-USD")}
    assert program.protocol.run_full_protocol()["phase3_controlled_exits"] == {
        "positions_processed": 1,
        "successful": 0,
        "failed": 1,
    }
    assert program.broker.positions["LTC-USD"]["quantity"] == 10.0


def test_a_user_is_named_to_the_methods_that_ask_for_one(tmp_path: Path) -> None:
    class Many(BotBroker):
        def close_position(self, symbol: str, quantity: float, user_id: str | None = None) -> Any:
            self.calls.append(("user", user_id))
            return self._close(symbol, quantity)

        def get_account_balance(self, user_id: str | None = None) -> Any:
            return {"user123": 10_000.0}[str(user_id)]

    program = Bot(tmp_path, Many({"DUST-USD": held("DUST-USD", 0.5)}))
    program.protocol.run_full_protocol(user_id="user123")
    assert program.broker.called("user") == [("user123",)]


# --- what a broker lacks costs the phase that needs it ---


def lacking(root: Path, method: str) -> Bot:
    program = bot(root, held("DUST-USD", 0.5))
    setattr(program.broker, method, None)
    return program


def test_without_open_orders_positions_are_sold_and_the_account_is_not_clean(tmp_path: Path) -> None:
    program = lacking(tmp_path, "get_open_orders")
    assert program.protocol.cancel_stale_orders() == (0, 0.0)
    results = program.protocol.run_full_protocol()
    assert program.broker.positions == {}
    assert (results["success"], results["error"]) == (False, "open orders could not be read")


def test_without_a_way_to_cancel_positions_are_sold(tmp_path: Path) -> None:
    program = lacking(tmp_path, "cancel_order")
    program.broker.orders = [stale()]
    assert program.protocol.cancel_stale_orders() == (0, 0.0)
    program.protocol.run_full_protocol()
    assert program.broker.positions == {}


def test_without_a_price_nothing_is_decided(tmp_path: Path) -> None:
    program = lacking(tmp_path, "get_current_price")
    assert program.protocol.classify_position(held("DUST-USD", 0.5), 1000.0) is PositionCategory.DEFERRED
    program.protocol.run_full_protocol()
    assert len(program.broker.positions) == 1


def test_a_position_that_carries_its_price_needs_no_question(tmp_path: Path) -> None:
    program = lacking(tmp_path, "get_current_price")
    found = program.protocol.classify_position(held("DUST-USD", 0.5, current_price=0.05), 1000.0)
    assert found is PositionCategory.ZOMBIE_LEGACY


def test_orders_are_cancelled_also_where_positions_cannot_be_read(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"))
    program.track("LTC-USD", position_source="manual")
    program.protocol.run_full_protocol()
    before = program.protocol.state["unwind_progress"]
    program.broker.orders = [stale("limit"), stale("stop", type="stop", stop_price=90.0, side="sell")]
    program.broker.get_open_positions = lambda: "unavailable"
    assert program.protocol.cancel_stale_orders() == (1, 100.0)
    assert program.broker.called("cancel_order") == [("limit",)], "nobody knows whether the stop closes something"
    state = program.protocol.state
    assert state["unwind_progress"] == before, "what could not be read is not gone"
    assert program.tracker.get_all_positions() == ["LTC-USD"]
    assert program.protocol.verify_clean_state()[0] is AccountState.NEEDS_CLEANUP


def test_an_exit_of_an_account_that_cannot_be_read_has_failed(tmp_path: Path) -> None:
    program = bot(tmp_path, held("LTC-USD"), held("BTC-USD"))
    program.track("BTC-USD")
    protocol = program.protocol
    told = protocol.classify_all_positions([held("LTC-USD"), held("BTC-USD")], 10_000.0)
    program.broker.get_open_positions = lambda: None
    assert protocol.execute_controlled_exits(told, 10_000.0) == {"LTC-USD": False}
    assert program.broker.called("close_position") == []


# --- a tracker that cannot tell ---


class Silent:
    """A tracker whose answers say nothing."""

    def get_position(self, symbol: str) -> object:
        return object()


def test_a_record_that_is_not_known_matters_only_where_it_makes_a_difference(tmp_path: Path) -> None:
    program = bot(tmp_path, position_tracker=Silent())
    classify = program.protocol.classify_position
    assert classify(held("DUST-USD", 0.5), 1000.0) is PositionCategory.ZOMBIE_LEGACY
    assert classify(held("LTC-USD"), 1000.0) is PositionCategory.DEFERRED
    program.broker.prices["GONE-USD"] = None
    assert classify(held("GONE-USD"), 1000.0) is PositionCategory.ZOMBIE_LEGACY
    program.broker.positions = {"LTC-USD": held("LTC-USD")}
    state, diagnostics = program.protocol.verify_clean_state()
    assert (state, "not a dict" in diagnostics["error"]) == (AccountState.NEEDS_CLEANUP, True)
    assert [entry["pass"] for entry in diagnostics["checks"].values()] == [False] * 4
