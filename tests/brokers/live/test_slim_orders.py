"""Only what is read of an order is worked out of a reply; it is what ccxt would give."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import ccxt
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.parsing import BadReply, open_order_of, report_of
from exitplan.brokers.venues import dialect_of

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
CLIENT = open_exchange(dialect_of("coinbase"), Connection(venue="coinbase", clock=lambda: NOW))
AMOUNTS = st.sampled_from([None, "", "0", "0.00", "1e-8", "1.5", "2", "7.25", 3, 0.5])
ORDERS = st.fixed_dictionaries(
    {"id": st.sampled_from(["7", 7]), "side": st.sampled_from(["buy", "sell"]), "symbol": st.just("BTC/USD")},
    optional={
        **dict.fromkeys(("filled", "amount", "remaining", "average", "price", "cost", "triggerPrice"), AMOUNTS),
        "stopPrice": st.sampled_from([None, "", "41.5"]),
        "status": st.sampled_from([None, "open", "closed", "canceled", "rejected", "waiting"]),
        "type": st.sampled_from([None, "limit", "market"]),
        "clientOrderId": st.sampled_from([None, "", "x-1", 12]),
        "timestamp": st.sampled_from([None, 1_771_000_000_000, "1771000000000"]),
        "lastTradeTimestamp": st.sampled_from([None, 1_771_000_000_001]),
        "reduceOnly": st.sampled_from([None, True, False]),
        "fee": st.sampled_from([None, {"cost": "0.1", "currency": "USD"}, {"cost": "0.1", "currency": None}]),
        "fees": st.sampled_from([None, [], [{"cost": "0.2", "currency": "BTC"}]]),
        "trades": st.sampled_from([None, []]),
    },
)


def read(order: Any) -> list[object]:
    found: list[object] = [float(fee["cost"]) for fee in order["fees"]]
    for reader in (report_of, open_order_of):
        with suppress(BadReply):
            found.append(reader(order))
    return found


@given(ORDERS)
def test_what_is_read_of_an_order_is_what_ccxt_gives(told: dict[str, object]) -> None:
    order = {name: told.get(name) for name in (*told, "symbol", "side", "type", "id", "status")}
    assert read(CLIENT.safe_order(dict(order))) == read(ccxt.coinbase.safe_order(CLIENT, dict(order)))


def test_what_is_not_read_is_not_worked_out() -> None:
    order = {"filled": "1", "average": "100", "amount": "1", "status": "closed", "id": "7"}
    assert CLIENT.safe_order(order)["cost"] is None
