"""Orders that a venue is to check without placing them: what it is asked, and what is made of its recorded answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from exitplan.brokers.live.dialect import MarketType
from exitplan.brokers.protocol import OrderRequest, RefusalReason, Refused, Unknown
from exitplan.brokers.rehearsal import NotChecked, Rehearsed
from tests.brokers.venues import bybit_replies, coinbase_replies, kucoin_replies, okx_replies
from tests.brokers.venues.recorded import MADE_UP_WORDS, NO_ANSWERS, Recorded, Reply, at_venue

SPOT = OrderRequest(client_order_id="xp0001", symbol="SOL/USDT", side="sell", type="market", quantity=Decimal("1.5"))
SWAP = replace(SPOT, symbol="SOL/USDT:USDT", quantity=Decimal(4), reduce_only=True)
OKX_CHECK, BYBIT_CHECK = "POST /api/v5/trade/order-precheck", "POST /v5/order/pre-check"
COINBASE_CHECK, KUCOIN_CHECK = "POST /api/v3/brokerage/orders/preview", "POST /api/v1/hf/orders/test"
BYBIT_INFO = "GET /v5/account/info"
WORKED_OUT = {"adjEq": "1500", "adjEqChg": "-0.3", "imr": "0", "imrChg": "0", "mmr": "0", "mmrChg": "0", "liqPx": ""}
PREVIEW = {"order_total": "209.6", "commission_total": "0.4", "warning": [], "errs": [], "base_size": "1.5"}


@dataclass(frozen=True)
class Asked:
    """An account whose venue may be asked about an order, at an address."""

    account: Recorded
    address: str
    order: OrderRequest

    def answered(self, reply: Any, **parts: Any) -> Rehearsed:
        self.account.answer(self.address, reply)
        return self.rehearsed(**parts)

    def rehearsed(self, **parts: Any) -> Rehearsed:
        (answer,) = self.account.broker.rehearse_orders([replace(self.order, **parts)])
        return answer

    @property
    def writes(self) -> list[str]:
        return [f"{sent.method} {sent.path}" for sent in self.account.sent if sent.method != "GET"]


def _opened(stack: ExitStack, venue: str) -> Asked:
    words: dict[str, Any] = {}
    if venue == "okx":
        replies, address, order = okx_replies.OKX, OKX_CHECK, SPOT
        words["password"] = MADE_UP_WORDS
    elif venue == "bybit":
        replies, address, order = bybit_replies.SWAPS, BYBIT_CHECK, SWAP
        kinds: tuple[MarketType, ...] = ("swap",)
        words["market_types"] = kinds
    elif venue == "coinbase":
        replies, address, order = coinbase_replies.replies(), COINBASE_CHECK, replace(SPOT, symbol="SOL/USD")
        words |= {"quote": "USD", "secret": coinbase_replies.secret()}
    else:
        replies, address, order = kucoin_replies.replies(), KUCOIN_CHECK, SPOT
        words["password"] = MADE_UP_WORDS
    account = stack.enter_context(at_venue(venue, replies, **words))
    if venue == "okx":
        account.answer(okx_replies.CONFIG, okx_replies.told({"acctLv": "3"}))
    if venue == "bybit":
        account.answer(BYBIT_INFO, bybit_replies.told({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5}))
    account.broker.read_account()
    account.forget()
    return Asked(account, address, order)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def asked(request: pytest.FixtureRequest, stack: ExitStack) -> Asked:
    return _opened(stack, request.param)


YES: dict[str, Any] = {
    "okx": okx_replies.told(WORKED_OUT),
    "bybit": bybit_replies.told({"orderId": "24920bdb", "orderLinkId": "", "preImrE4": 30, "postImrE4": 20}),
    "coinbase": PREVIEW,
    "kucoin": kucoin_replies.ok({"orderId": "6711", "clientOid": "5c52"}),
}
NO: list[tuple[str, Any, RefusalReason]] = [
    ("okx", okx_replies.error("51008", "Insufficient balance"), RefusalReason.INSUFFICIENT_BALANCE),
    ("okx", okx_replies.told({"sCode": "51008", "sMsg": "Insufficient"}, code="1"), RefusalReason.INSUFFICIENT_BALANCE),
    ("bybit", bybit_replies.refused(110007, "ab not enough"), RefusalReason.INSUFFICIENT_BALANCE),
    ("coinbase", {**PREVIEW, "errs": ["PREVIEW_INSUFFICIENT_FUND"]}, RefusalReason.INSUFFICIENT_BALANCE),
    ("coinbase", {**PREVIEW, "errs": ["PREVIEW_INVALID_SIZE_PRECISION"]}, RefusalReason.AMOUNT_STEP),
    ("kucoin", kucoin_replies.refused("200004", "Balance insufficient!"), RefusalReason.INSUFFICIENT_BALANCE),
]
SAYS_NOTHING: list[tuple[str, Any]] = [
    ("okx", okx_replies.told()),
    ("okx", okx_replies.told({"ordId": "77", "sCode": "0"})),
    ("okx", okx_replies.error("50001", "Service temporarily unavailable")),
    ("bybit", {"retCode": 0, "retMsg": "OK"}),
    ("bybit", bybit_replies.refused(10016, "Server error.")),
    ("coinbase", {name: value for name, value in PREVIEW.items() if name != "errs"}),
    ("coinbase", {**PREVIEW, "errs": "PREVIEW_INSUFFICIENT_FUND"}),
    ("coinbase", {**PREVIEW, "errs": ["UNKNOWN_PREVIEW_FAILURE_REASON"]}),
    ("coinbase", {**PREVIEW, "errs": ["PREVIEW_OF_SOMETHING_NEW"]}),
    ("coinbase", {**PREVIEW, "errs": [{"reason": "of another form"}]}),
    ("kucoin", {"code": "200000"}),
    ("kucoin", kucoin_replies.refused("500000", "Internal Server Error")),
    *((venue, reply) for venue in YES for reply in NO_ANSWERS),
]


@pytest.mark.parametrize(("asked", "reply"), YES.items(), indirect=["asked"])
def test_a_yes_is_one_and_only_the_check_was_asked_for(asked: Asked, reply: Any) -> None:
    assert asked.answered(reply) is None
    assert asked.writes == [asked.address]
    assert "xp0001" not in str([sent.body for sent in asked.account.sent])


@pytest.mark.parametrize(("asked", "reply", "reason"), NO, indirect=["asked"])
def test_a_no_is_told_with_its_reason(asked: Asked, reply: Any, reason: RefusalReason) -> None:
    answer = asked.answered(reply)
    assert isinstance(answer, Refused)
    assert answer.reason is reason


@pytest.mark.parametrize(("asked", "reply"), SAYS_NOTHING, indirect=["asked"])
def test_what_says_neither_is_no_yes(asked: Asked, reply: Any) -> None:
    assert isinstance(asked.answered(reply), Unknown | Refused)
    assert asked.writes == [asked.address]


@pytest.mark.parametrize("asked", ["okx", "bybit", "kucoin"], indirect=True)
def test_an_order_that_waits_for_a_trigger_is_not_asked_about(asked: Asked) -> None:
    assert isinstance(asked.rehearsed(type="stop", trigger_price=Decimal(120)), NotChecked)
    assert asked.writes == []


@pytest.mark.parametrize("level", ["1", "2"])
def test_account_modes_in_which_okx_checks_nothing_are_no_refusal(stack: ExitStack, level: str) -> None:
    account = stack.enter_context(at_venue("okx", okx_replies.OKX, password=MADE_UP_WORDS))
    account.answer(okx_replies.CONFIG, okx_replies.told({"acctLv": level}))
    account.answer(okx_replies.POSITIONS, okx_replies.told())
    account.broker.read_account()
    account.forget()
    answer = Asked(account, OKX_CHECK, SPOT).rehearsed()
    assert isinstance(answer, NotChecked)
    assert "mode" in answer.why
    assert account.sent == []


@pytest.mark.parametrize("mode", ["ISOLATED_MARGIN", None, "OF_NEXT_YEAR"])
def test_margin_modes_in_which_bybit_checks_nothing_are_no_refusal(stack: ExitStack, mode: str | None) -> None:
    asked = _opened(stack, "bybit")
    asked.account.answer(BYBIT_INFO, bybit_replies.told({"marginMode": mode}))
    assert isinstance(asked.rehearsed(), NotChecked)
    assert asked.writes == []


def test_where_bybit_does_not_say_the_mode_nobody_knows(stack: ExitStack) -> None:
    asked = _opened(stack, "bybit")
    asked.account.answer(BYBIT_INFO, Reply("", 502))
    assert isinstance(asked.rehearsed(), Unknown)
    assert asked.writes == []


def test_okx_is_asked_in_the_words_of_its_check_alone(stack: ExitStack) -> None:
    with at_venue("okx", okx_replies.OKX, market_types=("swap",), password=MADE_UP_WORDS) as account:
        account.answer(okx_replies.CONFIG, okx_replies.told({"acctLv": "4"}))
        account.answer(okx_replies.PENDING, okx_replies.told())
        account.broker.read_account()
        asked = Asked(account, OKX_CHECK, SWAP)
        assert asked.answered(okx_replies.told(WORKED_OUT)) is None
        form = account.only(OKX_CHECK).form
    assert form == {
        "instId": "SOL-USDT-SWAP",
        "side": "sell",
        "ordType": "market",
        "sz": "4",
        "tdMode": "isolated",
        "reduceOnly": True,
    }


def test_contracts_at_kucoin_are_checked_in_the_margin_mode_of_their_position(stack: ExitStack) -> None:
    address = "POST api-futures.kucoin.com/api/v1/orders/test"
    words: dict[str, Any] = {"password": MADE_UP_WORDS, "market_types": ("swap",)}
    account = stack.enter_context(at_venue("kucoin", kucoin_replies.replies(), **words))
    host = "GET api-futures.kucoin.com/api"
    wallet = {"currency": "USDT", "accountEquity": 520, "availableBalance": 400}
    account.answer(f"{host}/v1/account-overview", kucoin_replies.ok(wallet))
    account.answer(f"{host}/v1/orders", kucoin_replies.page([]))
    account.answer(f"{host}/v1/stopOrders", kucoin_replies.page([]))
    account.answer(f"{host}/v1/positions", kucoin_replies.ok([kucoin_replies.position()]))
    account.answer(f"{host}/v2/position/getMarginMode", kucoin_replies.ok({"marginMode": "CROSS"}))
    account.broker.read_account()
    account.forget()
    close = replace(SWAP, symbol="BTC/USDT:USDT", side="buy", quantity=Decimal(7))
    asked = Asked(account, address, close)
    assert asked.answered(kucoin_replies.ok({"orderId": "f1"})) is None
    form = account.only(address).form
    assert (form["size"], form["reduceOnly"], form["marginMode"]) == (7, True, "CROSS")
    assert asked.writes == ["POST /api/v1/orders/test"]


def test_closes_of_futures_at_coinbase_are_not_checked_since_they_go_another_way(stack: ExitStack) -> None:
    words: dict[str, Any] = {"quote": "USD", "secret": coinbase_replies.secret(), "market_types": ("future",)}
    account = stack.enter_context(at_venue("coinbase", coinbase_replies.replies(), **words))
    held = coinbase_replies.position("BIT-26APR30-CDE", "LONG", "3")
    account.answer(coinbase_replies.POSITIONS, {"positions": [held]})
    (name,) = [position.symbol for position in account.broker.read_account().positions]
    asked = Asked(account, COINBASE_CHECK, replace(SPOT, symbol=name, quantity=Decimal(1), reduce_only=True))
    assert isinstance(asked.rehearsed(), NotChecked)
    assert asked.writes == []
