"""One day of a small bot: its own trades, somebody else's, dust, a stale order, outages, a crash, and cron."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.paper.engine import Prices
from exitplan.brokers.protocol import Done, OrderRequest
from exitplan.brokers.registry import open_broker
from exitplan.cli.main import app
from exitplan.dropin.tracker import PositionTracker
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import PriceStatus
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.policies import shipped_policy
from tests.builders import market, snapshot

PRICES: dict[str, str | int] = {
    "BTC/USD": 50_000,
    "ETH/USD": 2_500,
    "SOL/USD": 100,
    "DOGE/USD": "0.2",
    "SHIB/USD": "0.00002",
}
BLOCK: dict[str, Any] = {
    "id": "platform",
    "venue": "paper",
    "quote": "USD",
    "options": {"file": "paper.json", "taker_fee": 0, "maker_fee": 0, "spread": 0},
}


class ProcessDied(BaseException):
    """What kills a run in its middle; nothing in exitplan catches it."""


@dataclass
class Day:
    """The day's clock, the account at paper, and the bot's tracker."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def at(self, hour: int, minute: int = 0) -> None:
        """Let the time pass until then."""
        then = self.now.replace(hour=hour, minute=minute)
        assert then > self.now, "a day has no way back"
        self.now = then

    # --- exitplan, as cron and the start script call it ---

    def exitplan(self, *words: str) -> int:
        result = CliRunner().invoke(app, list(words), prog_name="exitplan")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code

    def cron(self) -> int:
        self.now += timedelta(seconds=5)
        return self.exitplan("run", "--broker", "paper")

    def may_trade(self) -> bool:
        return self.exitplan("gate", "--account", "platform") == 0

    # --- the bot, started anew each time ---

    def bot_buys(self, symbol: str, quantity: str) -> None:
        self.somebody_buys(symbol, quantity)
        price = Decimal(PRICES[symbol])
        self.tracker.track_entry(symbol, price, quantity, price * Decimal(quantity), stop_price=price / 2)

    def bot_sells(self, symbol: str, quantity: str) -> None:
        self.order(symbol, "sell", quantity)
        self.tracker.track_exit(symbol)

    @property
    def tracker(self) -> PositionTracker:
        return PositionTracker("data/positions.json", clock=self)

    # --- the venue ---

    @property
    def venue(self) -> PaperBroker:
        broker = open_broker(BLOCK, Path(), self)
        assert isinstance(broker, PaperBroker)
        return broker

    def somebody_buys(self, symbol: str, quantity: str, *, limit: str | None = None) -> None:
        self.order(symbol, "buy", quantity, limit=limit)

    def order(self, symbol: str, side: Any, quantity: str, *, limit: str | None = None) -> None:
        price = None if limit is None else Decimal(limit)
        request = OrderRequest(
            client_order_id=None,
            symbol=symbol,
            side=side,
            type="market" if limit is None else "limit",
            quantity=Decimal(quantity),
            price=price,
        )
        assert isinstance(self.venue.place_orders([request])[0], Done)

    def prices(self, status: PriceStatus | None) -> None:
        for symbol, price in PRICES.items():
            self.venue.move_price(symbol, Prices(last=Decimal(price), price_status=status))

    def held(self) -> dict[str, str]:
        found = self.venue.read_account().positions
        return {entry.symbol.removesuffix("/USD"): format(entry.quantity.normalize(), "f") for entry in found}

    def open_orders(self) -> int:
        return len(self.venue.read_account().open_orders)

    def state(self) -> Any:
        return json.loads(Path("data/legacy_exit_protocol_state.json").read_text(encoding="utf-8"))


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    """Begin a day with 10,000 in cash and nothing else."""
    day = Day(datetime(2026, 3, 2, 0, 0, tzinfo=UTC))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("exitplan.cli.arguments.datetime", SimpleNamespace(now=lambda _: day()))
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("os.fsync", lambda _: None)
    markets = {
        symbol: market(price, step="0.0001" if symbol != "SHIB/USD" else "1") for symbol, price in PRICES.items()
    }
    account = snapshot(cash=10_000, markets=markets)
    Path("paper.json").write_text(json.dumps(snapshot_to_document(account)), encoding="utf-8")
    Path("accounts").mkdir()
    policy = {"version": 1, "name": "bot", "extends": str(shipped_policy("default")), "account": BLOCK}
    policy["account"] = {**BLOCK, "options": {**BLOCK["options"], "file": "../paper.json"}}
    Path("accounts/platform.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    return day


@contextmanager
def dying_after_the_order() -> Iterator[None]:
    """Let the process die when the venue has taken an order and nobody has heard its answer."""
    place = PaperBroker.place_orders

    def die(self: PaperBroker, requests: Any) -> Any:
        place(self, requests)
        raise ProcessDied

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperBroker, "place_orders", die)
        yield


@contextmanager
def venue_down() -> Iterator[None]:
    def fail(self: PaperBroker) -> Any:
        raise AccountUnreadable("no answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperBroker, "read_account", fail)
        yield


def test_a_day_of_a_small_bot(day: Day) -> None:  # noqa: PLR0915 - it is one day
    # Midnight: nobody has looked at the account yet, so the bot may not start. Cron finds it clean.
    assert not day.may_trade()
    day.at(1)
    assert day.cron() == 0
    assert day.may_trade()

    # The bot opens two positions and registers them; cron leaves them alone.
    day.bot_buys("BTC/USD", "0.04")
    day.bot_buys("ETH/USD", "0.8")
    day.at(2)
    assert day.cron() == 0
    assert day.held() == {"BTC": "0.04", "ETH": "0.8"}

    # Nobody looked for two hours: what was clean then says nothing of now.
    day.at(4, 30)
    assert not day.may_trade()

    # Somebody buys DOGE by hand and leaves a bid at a price it never sees; the unwind of DOGE begins.
    day.somebody_buys("DOGE/USD", "5000")
    day.at(4, 45)
    day.somebody_buys("ETH/USD", "0.1", limit="1000")
    day.at(5)
    assert day.cron() == 2
    assert (day.held()["DOGE"], day.open_orders()) == ("3750", 1), "the bid is not stale yet"
    assert not day.may_trade()
    assert day.state()["account_state"] == "CLEANUP_IN_PROGRESS"
    day.at(6)
    assert day.cron() == 2
    assert (day.held()["DOGE"], day.open_orders()) == ("2812.5", 0)

    # Prices cannot be read: nothing is a zombie for that, nothing is sold, and nobody calls it clean.
    before = day.held()
    day.prices("unavailable")
    day.at(7)
    assert day.cron() not in {0, 4}
    assert not day.may_trade()
    day.prices(None)

    # The venue does not answer at all.
    day.at(8)
    with venue_down():
        assert day.cron() == 1
    assert day.held() == before

    # The process dies after the order was taken. The next run learns what became of it, and sells nothing twice.
    day.at(9)
    with dying_after_the_order(), pytest.raises(ProcessDied):
        day.cron()
    sold_unseen = day.held()["DOGE"]
    assert sold_unseen == "2109.375"
    day.at(10)
    assert day.cron() == 2
    assert (day.held()["DOGE"], day.state()["unwind_progress"]["DOGE/USD"]["cycle"]) == (sold_unseen, 3)
    day.at(10, 30)
    assert day.cron() == 0
    assert "DOGE" not in day.held(), "the fourth cycle closes what is left"

    # The bot closes ETH and opens SOL, and is restarted in between; an airdrop leaves dust.
    day.bot_sells("ETH/USD", "0.8")
    day.bot_buys("SOL/USD", "10")
    day.somebody_buys("SHIB/USD", "200000")
    assert day.tracker.get_all_positions() == ["BTC/USD", "SOL/USD"]
    day.at(11)
    day.cron()
    assert day.held() == {"BTC": "0.04", "SOL": "10"}, "dust goes, the bot's positions stay"

    # For the rest of the day there is nothing to do, and the bot may trade.
    for hour in range(12, 24):
        day.at(hour)
        assert day.cron() == 0
        assert day.may_trade()
    assert day.state()["cleanup_metrics"]["stale_orders_cancelled"] == 1
    assert day.state()["unwind_progress"] == {}
    assert sorted(day.tracker.get_all_positions()) == ["BTC/USD", "SOL/USD"]
