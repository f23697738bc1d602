"""The account's own trades, as far back as the venue tells them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.live import history
from exitplan.brokers.retrying import RetryingBroker
from exitplan.brokers.trade_history import TellsTrades
from exitplan.ruleset.errors import AccountUnreadable
from tests.brokers.live.conftest import Opener
from tests.brokers.live.test_cost_basis import every_venue, held_with, sold
from tests.builders import position
from tests.venues.builders import bought
from tests.venues.faults import fault

PAST = [bought("AAA/USD", 4, 50, 30), bought("AAA/USD", 6, 100, 10), sold("AAA/USD", 2, 90, 5)]


@every_venue
def test_trades_come_in_the_order_of_time_with_their_fees_and_orders(open_at: Opener, venue: str) -> None:
    opened = held_with(
        open_at, venue, position("AAA/USD", 8), position("BBB/USD", 5), past=[*PAST, bought("BBB/USD", 5, 7, 3)]
    )
    found = opened.broker.read_trades(["AAA/USD", "BBB/USD", "GONE/USD"])
    trades = found.trades["AAA/USD"]
    assert [(trade.side, trade.quantity, trade.price) for trade in trades] == [
        ("buy", Decimal(4), Decimal(50)),
        ("buy", Decimal(6), Decimal(100)),
        ("sell", Decimal(2), Decimal(90)),
    ]
    assert all(trade.order_id and trade.fee is not None for trade in trades)
    assert len(found.trades["BBB/USD"]) == 1


def test_a_history_that_is_cut_off_is_not_complete(open_at: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    past = [bought("AAA/USD", 1, 7, 1 + number / 100) for number in range(120)]
    opened = held_with(open_at, "kraken", position("AAA/USD", 120), past=past, page_size=50)
    assert opened.broker.read_trades(["AAA/USD"]).is_complete
    monkeypatch.setattr(history, "MAX_HISTORY_PAGES", 2)
    found = opened.broker.read_trades(["AAA/USD"])
    assert (found.is_complete, len(found.trades["AAA/USD"])) == (False, 100)


def test_a_history_that_cannot_be_read_raises(open_at: Opener) -> None:
    opened = held_with(open_at, "kraken", position(), past=PAST)
    opened.plan_faults("reads", fault("error_before"))
    with pytest.raises(AccountUnreadable, match="the trade history could not be read"):
        opened.broker.read_trades(["AAA/USD"])


def test_what_failed_once_is_read_again(open_at: Opener) -> None:
    opened = held_with(open_at, "kraken", position(), past=PAST)
    opened.plan_faults("reads", fault("error_before"))
    broker = RetryingBroker(opened.broker, lambda _: None)
    assert isinstance(broker, TellsTrades)
    found = broker.read_trades(["AAA/USD"])
    assert found is not None
    assert len(found.trades["AAA/USD"]) == 3
