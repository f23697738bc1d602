"""Open orders as a program's own broker tells them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.duck_typed.resting import read_orders
from exitplan.ruleset.errors import AccountUnreadable

ORDER = {"order_id": "1", "symbol": "ETH-USD", "side": "sell", "quantity": "2", "price": "3000"}


@pytest.mark.parametrize("moment", [None, "", 0, "0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"])
def test_an_order_without_a_time_has_none_and_is_not_of_1970(moment: object) -> None:
    (resting,) = read_orders([{**ORDER, "created_at": moment}])
    assert resting.order.created_at is None


def test_a_time_that_is_none_makes_the_account_unreadable() -> None:
    with pytest.raises(AccountUnreadable, match="no time"):
        read_orders([{**ORDER, "created_at": "yesterday"}])


def test_a_stop_has_its_trigger_and_an_order_that_only_reduces_says_so() -> None:
    (resting,) = read_orders([{**ORDER, "type": "stop", "stop_price": "2500", "reduce_only": True}])
    assert (resting.order.trigger_price, resting.order.reduce_only) == (Decimal(2500), True)
