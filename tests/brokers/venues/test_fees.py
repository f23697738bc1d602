"""What each venue takes of a market order, as it tells it: asked once a day, and no harm where it is not told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live.dialect import EACH, Fee
from exitplan.brokers.venues import dialect_of
from tests.brokers.venues import alpaca_replies, coinbase_replies, gate_replies, kucoin_replies
from tests.brokers.venues.bybit_replies import BYBIT
from tests.brokers.venues.okx_replies import FEES as OKX_FEES
from tests.brokers.venues.okx_replies import OKX
from tests.brokers.venues.recorded import MADE_UP_WORDS, Recorded, Replies, Reply, at_venue

d = Decimal
QUESTIONS = {
    "bybit": "GET /v5/account/fee-rate",
    "coinbase": "GET /api/v3/brokerage/transaction_summary",
    "gate": "GET /api/v4/wallet/fee",
    "kucoin": "GET /api/v1/base-fee",
    "okx": OKX_FEES,
}
RATES = {"bybit": d("0.0018"), "coinbase": d("0.01"), "gate": d("0.002"), "kucoin": None, "okx": d("0.001")}
"""What the recorded replies tell; the markets of kucoin are of no class there."""


@contextmanager
def account(venue: str, **more: Any) -> Iterator[Recorded]:
    replies: Replies = {
        "bybit": BYBIT,
        "coinbase": coinbase_replies.replies(),
        "gate": gate_replies.replies(),
        "kucoin": kucoin_replies.replies(),
        "okx": OKX,
    }[venue]
    words = MADE_UP_WORDS if venue in {"kucoin", "okx"} else None
    special: dict[str, Any] = {"secret": coinbase_replies.secret(), "quote": "USD"} if venue == "coinbase" else {}
    with at_venue(venue, replies, password=words, **special, **more) as recorded:
        yield recorded


def fee_of(recorded: Recorded, base: str = "SOL") -> Decimal | None:
    markets = recorded.broker.read_account().markets
    return next(market.taker_fee for symbol, market in markets.items() if symbol.startswith(f"{base}/"))


@pytest.mark.parametrize("venue", QUESTIONS)
def test_the_account_is_asked_for_its_fee_once_a_day(venue: str) -> None:
    now = [datetime.now(UTC)]
    with account(venue, clock=lambda: now[0]) as recorded:
        assert [fee_of(recorded), fee_of(recorded)] == [RATES[venue]] * 2
        assert len(recorded.all(QUESTIONS[venue])) == 1
        now[0] += timedelta(days=1, minutes=1)
        recorded.broker.read_account()
        assert len(recorded.all(QUESTIONS[venue])) == 2


REFUSALS: Mapping[str, Any] = {
    "bybit": {"retCode": 10005, "retMsg": "Permission denied", "result": {}},
    "coinbase": Reply({"error": "PERMISSION_DENIED", "message": "no"}, 403),
    "gate": Reply({"label": "FORBIDDEN", "message": "no"}, 403),
    "kucoin": {"code": "400007", "msg": "Access denied, require more permission."},
    "okx": {"code": "50120", "msg": "no permission", "data": []},
}


@pytest.mark.parametrize("venue", QUESTIONS)
@pytest.mark.parametrize("answer", ["refused", "garbled"])
def test_a_question_for_fees_that_fails_makes_no_account_unreadable_and_is_not_asked_again_at_once(
    venue: str, answer: str
) -> None:
    with account(venue) as recorded:
        recorded.answer(QUESTIONS[venue], REFUSALS[venue] if answer == "refused" else Reply("<html>"))
        assert [fee_of(recorded), fee_of(recorded)] == [None, None]
        assert len(recorded.all(QUESTIONS[venue])) == 1


def fee_in(venue: str, rates: Mapping[str, str], **market: Any) -> Decimal | None:
    return dialect_of(venue).fee_in(rates, {"spot": True, "quote": "USDT", "base": "SOL", **market})


def test_the_rate_at_kraken_is_that_of_the_step_which_the_volume_has_reached() -> None:
    listed = {"fees": [[0, 0.4], [10000, 0.35], [50000, "0.24"]], "fee_volume_currency": "ZUSD"}
    told = {"volume": "49999.5", "currency": "ZUSD"}
    assert fee_in("kraken", told, info=listed) == d("0.0035")
    assert fee_in("kraken", {**told, "volume": "50000"}, info=listed) == d("0.0024")
    unclear: list[Mapping[str, Any]] = [{}, {"fees": []}, {"fees": [[0, "much"]]}]
    for info in [*unclear, {**listed, "fee_volume_currency": "ZEUR"}]:
        assert fee_in("kraken", told, info=info) is None
    assert fee_in("kraken", {}, info=listed) is None


def test_the_basic_rate_at_kucoin_is_that_of_the_first_class_of_markets_alone() -> None:
    told = {EACH: "0.001"}
    assert fee_in("kucoin", told, info={"feeCategory": 1, "takerFeeCoefficient": "0.5"}) == d("0.0005")
    assert fee_in("kucoin", told, info={"feeCategory": 2, "takerFeeCoefficient": "1"}) is None
    assert fee_in("kucoin", told, info={}) is None


def test_the_rate_at_okx_is_that_of_the_group_else_of_the_currency_and_a_rebate_is_none() -> None:
    told = {"USDT": "-0.001", "group 3": "-0.0007"}
    assert fee_in("okx", told, info={"groupId": "3"}) == d("0.0007")
    assert fee_in("okx", told, info={"groupId": "4"}) == d("0.001")
    assert fee_in("okx", told, quote="EUR") is None
    assert fee_in("okx", {"USDT": "0.0001"}) is None


def test_pairs_of_stable_coins_at_coinbase_pay_another_rate_than_that_of_the_tier() -> None:
    assert fee_in("coinbase", {EACH: "0.006"}) == d("0.006")
    assert fee_in("coinbase", {EACH: "0.006"}, base="USDC") is None


def test_an_account_at_gate_that_pays_in_the_coin_of_the_venue_pays_less() -> None:
    with account("gate") as recorded:
        told = {"taker_fee": "0.002", "gt_discount": True, "gt_taker_fee": "0.0015", "futures_taker_fee": "0.0005"}
        recorded.answer(QUESTIONS["gate"], told)
        assert fee_of(recorded) == d("0.0015")


def test_the_fee_at_alpaca_is_what_it_lists_for_the_tier_of_the_account() -> None:
    with at_venue("alpaca", alpaca_replies.replies(), quote="USD") as recorded:
        assert fee_of(recorded) is None
        recorded.answer("GET /v2/account", {"currency": "USD", "cash": "1", "crypto_tier": 2})
        market = recorded.broker.read_account().markets["SOL/USD"]
        assert (market.taker_fee, market.fee_is_listed) == (d("0.0022"), True)


def test_elsewhere_the_fee_is_what_ccxt_has_as_the_list_price_of_the_market() -> None:
    class Client:
        markets: Mapping[str, Any] = {
            "A/USD": {"taker": "0.0025", "percentage": True},
            "B/USD": {"taker": "2", "percentage": False},
        }

    fees = [dialect_of("htx").taker_fee(Client(), symbol) for symbol in ("A/USD", "B/USD", "C/USD")]
    assert fees == [Fee(d("0.0025"), is_listed=True), None, None]
