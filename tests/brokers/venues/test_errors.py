"""What becomes of a write that a venue answers with an error: refused only where the venue's own table says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exitplan.brokers.live.errors import ErrorTable
from exitplan.brokers.live.failures import RATE_LIMIT_PAUSE
from exitplan.brokers.protocol import Done, Outcome, RefusalReason, Refused, Unknown
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.ruleset.errors import CredentialsRefused
from tests.brokers.venues.one_answer import SELL, STOP, Answered, answered, named
from tests.brokers.venues.recorded import Reply

R = RefusalReason
GENERIC = ("bitget", "cryptocom", "luno", "mexc")

Form = Callable[[str], tuple[Any, int]]
"""Makes a reply, and its status, of an error code."""


def _of_coinbase(code: str) -> tuple[Any, int]:
    if code.isupper():
        failed = {"error": "UNKNOWN_FAILURE_REASON", "message": "", "preview_failure_reason": f"PREVIEW_{code}"}
        return {"success": False, "error_response": failed}, 200
    return {"error": code, "error_description": ""}, 400


def _entry_of_okx(code: str) -> tuple[Any, int]:
    return {"code": "1", "msg": "", "data": [{"ordId": "", "clOrdId": "xp0001", "sCode": code, "sMsg": ""}]}, 200


FORMS: dict[str, tuple[Form, ...]] = {
    "alpaca": (lambda code: ({"code": int(code), "message": ""}, 403),),
    "binance": (lambda code: ({"code": int(code), "msg": ""}, 400),),
    "bybit": (lambda code: ({"retCode": int(code), "retMsg": "", "result": {}, "retExtInfo": {}}, 200),),
    "coinbase": (_of_coinbase, lambda code: ({"error": code, "message": ""}, 403)),
    "gate": (lambda code: ({"label": code, "message": ""}, 400),),
    "kraken": (lambda code: ({"error": [code]}, 200),),
    "kucoin": (lambda code: ({"code": code, "msg": ""}, 200),),
    "okx": (_entry_of_okx, lambda code: ({"code": code, "msg": "", "data": []}, 200)),
}
"""How each venue tells an error."""

TABLES: dict[str, ErrorTable] = {venue: table for venue in KNOWN if (table := dialect_of(venue).errors) is not None}
LISTED = [(venue, why) for venue, table in TABLES.items() for why in table.refused]


@pytest.fixture(scope="module")
def clients() -> Iterator[Callable[[str], Answered]]:
    """Open a client of each venue once."""
    with ExitStack() as stack:
        opened: dict[str, Answered] = {}

        def client(venue: str) -> Answered:
            if venue not in opened:
                opened[venue] = stack.enter_context(answered(venue))
            return opened[venue]

        yield client


@pytest.fixture
def at() -> Iterator[Callable[[str], Answered]]:
    """Open clients of their own, for replies after which a venue is given a rest."""
    with ExitStack() as stack:
        yield lambda venue: stack.enter_context(answered(venue))


def reason(outcome: Outcome) -> RefusalReason:
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


# --- laws of all tables ---


def test_every_venue_that_is_known_has_a_table() -> None:
    assert sorted(TABLES) == sorted(FORMS)


@pytest.mark.parametrize("venue", sorted(TABLES))
def test_no_code_stands_in_a_table_twice(venue: str) -> None:
    table = TABLES[venue]
    codes = [*table.unknown, *(code for listed in table.refused.values() for code in listed)]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize(("venue", "expected"), LISTED)
def test_a_code_that_is_listed_refuses_an_order_for_its_reason(
    clients: Any, venue: str, expected: RefusalReason
) -> None:
    client = clients(venue)
    for code in TABLES[venue].refused[expected]:
        for form in FORMS[venue]:
            outcome = client.place(*form(code))
            assert reason(outcome) is expected, code
            assert len(client.network.sent) == 1
            assert (outcome.retry_after is not None) == (expected is R.RATE_LIMITED)


@pytest.mark.parametrize("venue", sorted(TABLES))
def test_a_code_that_says_the_venue_broke_refuses_nothing(clients: Any, venue: str) -> None:
    for code in TABLES[venue].unknown:
        for form in FORMS[venue]:
            outcomes = [clients(venue).place(*form(code)), *clients(venue).cancel(*form(code))]
            assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown], code


@pytest.mark.parametrize("venue", sorted(TABLES))
@given(number=some.integers(1, 10**7))
def test_a_code_that_nobody_has_looked_up_refuses_nothing(clients: Any, venue: str, number: int) -> None:
    words = {"kraken": f"EOrder:Reason {number}", "coinbase": f"REASON_{number}", "gate": f"REASON_{number}"}
    code = words.get(venue, f"-{number}" if venue == "binance" else str(number))
    if TABLES[venue].knows(code) or code in {"200", "200000"}:
        return
    for form in FORMS[venue]:
        assert isinstance(clients(venue).place(*form(code)), Unknown)


@pytest.mark.parametrize("venue", sorted(TABLES))
def test_every_code_that_ccxt_knows_and_we_do_not_refuses_nothing(clients: Any, venue: str) -> None:
    exceptions = clients(venue).exchange.exceptions
    exact = [exceptions.get("exact", {}), *(part["exact"] for part in exceptions.values() if "exact" in part)]
    known = {code for table in exact for code in table if isinstance(code, str)}
    for code in sorted(known):
        is_code = code.lstrip("-").isdigit() if venue in {"alpaca", "binance", "bybit"} else True
        if is_code and not TABLES[venue].knows(code) and not (venue == "kraken" and code.count(":") > 1):
            assert isinstance(clients(venue).place(*FORMS[venue][0](code)), Unknown), code


ONE, TWO = ("7",), ("7", "8")
NO_FORM: tuple[Any, ...] = (
    {"message": "upstream connect error"},
    {"error": "upstream"},
    {"code": None},
    {"code": ""},
    {"message": "no", "orderId": 5, "order_id": "5", "id": "5", "ordId": "5"},
    {"success": False},
    [],
    [{"code": "1"}],
    "text",
    7,
    None,
    True,
)
"""JSON that is in no venue's own form of a refusal."""


LIKE_OTHERS = (201, 400, 403, 408, 409, 422, 451, 499, 503, 520)


@pytest.mark.parametrize(
    "status", [200, 307, 404, 500, *(pytest.param(status, marks=pytest.mark.thorough) for status in LIKE_OTHERS)]
)
@pytest.mark.parametrize("venue", [*sorted(TABLES), *GENERIC])
def test_a_reply_in_no_form_of_the_venue_refuses_nothing(clients: Any, venue: str, status: int) -> None:
    client = clients(venue)
    for document in NO_FORM:
        outcomes = [client.place(document, status)]
        outcomes += [outcome for names in (ONE, TWO) for outcome in client.cancel(document, status, names)]
        assert not any(isinstance(outcome, Refused) for outcome in outcomes), (document, outcomes)
        if status >= 300:
            assert all(isinstance(outcome, Unknown) for outcome in outcomes), (document, outcomes)


@pytest.mark.parametrize("venue", [*sorted(TABLES), *GENERIC])
@given(
    document=some.recursive(
        some.none() | some.booleans() | some.integers(0, 99) | some.text("ab:-", max_size=4),
        lambda inner: (
            some.lists(inner, max_size=2)
            | some.dictionaries(
                some.sampled_from(["code", "msg", "message", "error", "data", "result", "label", "id", "errors"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=6,
    ),
    status=some.sampled_from([200, 400, 404]),
)
def test_json_at_random_refuses_nothing(clients: Any, venue: str, document: Any, status: int) -> None:
    outcome = clients(venue).place(document, status)
    assert not isinstance(outcome, Refused), outcome


@pytest.mark.parametrize(
    ("venue", "taken"),
    [
        ("bybit", {"retCode": 0, "retMsg": "OK", "result": {"orderId": "5"}, "retExtInfo": {}}),
        ("okx", {"code": "0", "msg": "", "data": [{"ordId": "5", "sCode": "0", "sMsg": ""}]}),
        ("kucoin", {"code": "200000", "data": {"orderId": "5"}}),
        ("kraken", {"error": [], "result": {"txid": ["OABC"]}}),
        ("coinbase", {"success": True, "success_response": {"order_id": "5"}}),
    ],
)
@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 409, 422, 429])
def test_an_order_that_is_taken_beside_a_status_of_an_error_is_not_refused(
    at: Any, venue: str, taken: Any, status: int
) -> None:
    assert isinstance(at(venue).place(taken, status), Unknown)


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("alpaca", {"code": 40310000, "message": "insufficient balance", "id": "5"}, 403),
        (
            "binance",
            {"code": -2010, "msg": "Account has insufficient balance for requested action.", "orderId": 5},
            400,
        ),
        ("bybit", {"retCode": 170131, "retMsg": "Insufficient balance.", "result": {"orderId": "5"}}, 200),
        ("coinbase", {"success": False, "order_id": "5", "error_response": {"error": "INSUFFICIENT_FUND"}}, 200),
        ("gate", {"label": "BALANCE_NOT_ENOUGH", "message": "", "id": "5"}, 400),
        ("kraken", {"error": ["EOrder:Insufficient funds"], "result": {"txid": ["OABC"]}}, 200),
        ("kucoin", {"code": "200004", "msg": "Balance insufficient!", "data": {"orderId": "5"}}, 200),
        ("okx", {"code": "1", "msg": "", "data": [{"ordId": "5", "sCode": "51008", "sMsg": "Insufficient"}]}, 200),
    ],
)
def test_an_error_beside_the_id_of_an_order_refuses_nothing(clients: Any, venue: str, reply: Any, status: int) -> None:
    assert isinstance(clients(venue).place(reply, status), Unknown)


# --- what may have been executed ---


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (170035, "Submitted to the system for processing!"),
        (3400214, "Server error, please try again later"),
        (10014, "Invalid duplicate request."),
        (-1, "request expired: o@0, now[1] diff[2]"),
        (429, "The trading service is experiencing a high server load. Please retry"),
        (10002, "The request time exceeds the time window range."),
    ],
)
def test_bybit_that_may_have_taken_an_order_refuses_nothing(clients: Any, code: int, message: str) -> None:
    reply = {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1771452000000}
    assert isinstance(clients("bybit").place(reply), Unknown)


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("okx", {"code": "1", "msg": "", "data": [{"ordId": "", "sCode": "50071", "sMsg": "Duplicated clOrdId"}]}, 200),
        ("okx", {"code": "1", "msg": "", "data": [{"ordId": "", "sCode": "51016", "sMsg": "Duplicated clOrdId"}]}, 200),
        ("kucoin", {"code": "102426", "msg": "Duplicate custom order id"}, 200),
        ("kucoin", {"code": "300018", "msg": "clientOid parameter repeated"}, 200),
        ("kucoin", {"code": "126044", "msg": "clientOid exists"}, 200),
        ("kucoin", {"code": "126033", "msg": "clientOid repeated"}, 200),
        ("kucoin", {"code": "400100", "msg": "validation.createOrder.clientOidDuplicated"}, 200),
        ("binance", {"code": -2010, "msg": "Duplicate order sent."}, 400),
        ("binance", {"code": -4116, "msg": "clientOrderId is duplicated."}, 400),
        ("bybit", {"retCode": 170141, "retMsg": "Duplicate clientOrderId", "result": {}}, 200),
        ("bybit", {"retCode": 110072, "retMsg": "OrderLinkedID is duplicate", "result": {}}, 200),
        ("kraken", {"error": ["EOrder:Duplicate client order id"]}, 200),
        ("alpaca", {"code": 40010001, "message": "client_order_id must be unique"}, 422),
        ("gate", {"label": "REPEATED_CREATION", "message": ""}, 400),
        (
            "coinbase",
            {
                "success": False,
                "error_response": {
                    "error": "UNKNOWN_FAILURE_REASON",
                    "preview_failure_reason": "PREVIEW_DUPLICATE_CLIENT_ORDER_ID",
                },
            },
            200,
        ),
    ],
)
def test_an_order_under_an_id_of_ours_that_the_venue_has_seen_is_a_duplicate(
    clients: Any, venue: str, reply: Any, status: int
) -> None:
    assert reason(clients(venue).place(reply, status)) is R.DUPLICATE_CLIENT_ORDER_ID


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("alpaca", {"code": 40010001, "message": "already exists"}, 422),
        ("alpaca", {"code": 42210000, "message": "duplicate client order id"}, 422),
        ("binance", {"code": -1101, "msg": "Duplicate values for a parameter detected."}, 400),
        ("bybit", {"retCode": 10001, "retMsg": "params error: OrderLinkId duplicated", "result": {}}, 200),
        ("coinbase", {"error": "INVALID_ARGUMENT", "message": "duplicate client_order_id"}, 400),
        ("gate", {"label": "INVALID_PARAM_VALUE", "message": "duplicate text"}, 400),
        ("kucoin", {"code": "400100", "msg": "clientOid already exists"}, 200),
    ],
)
def test_a_code_that_stands_for_much_refuses_nothing_beside_words_of_something_seen_before(
    clients: Any, venue: str, reply: Any, status: int
) -> None:
    assert isinstance(clients(venue).place(reply, status), Unknown)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("40010", "Request timed out"),
        ("40015", "System is abnormal, please try again later"),
        ("43059", "Request failed, please try again"),
        ("25000", "System error"),
        ("25003", "Processing"),
        ("40725", "service return an error"),
        ("40034", "Parameter does not exist"),
        ("43012", "Insufficient balance, but the system is busy"),
    ],
)
def test_bitget_that_may_have_taken_an_order_refuses_nothing(clients: Any, code: str, message: str) -> None:
    reply = {"code": code, "msg": message, "requestTime": 1771452000000, "data": None}
    assert isinstance(clients("bitget").place(reply, 400), Unknown)


@pytest.mark.parametrize(
    ("venue", "reply", "expected"),
    [
        ("bitget", {"code": "43012", "msg": "Insufficient balance", "data": None}, R.INSUFFICIENT_BALANCE),
        ("bitget", {"code": "43001", "msg": "The order does not exist", "data": None}, R.UNKNOWN_ORDER),
        ("bitget", {"code": "40012", "msg": "apikey/password is incorrect", "data": None}, R.PERMISSION_DENIED),
        ("mexc", {"code": 30004, "msg": "not enough"}, R.INSUFFICIENT_BALANCE),
        ("luno", {"error": "not enough", "error_code": "ErrInsufficientFunds"}, R.INSUFFICIENT_BALANCE),
    ],
)
def test_what_ccxt_calls_by_a_narrow_name_for_an_exact_code_is_a_refusal_where_there_is_no_table(
    clients: Any, venue: str, reply: Any, expected: RefusalReason
) -> None:
    assert reason(clients(venue).place(reply, 400)) is expected


@pytest.mark.parametrize(
    "words",
    [
        "Server error",
        "System error",
        "abnormal",
        "please try again",
        "deadline",
        "cancelled",
        "canceled",
        "timeout",
        "timed out",
        "busy",
        "internal",
        "processing",
        "unavailable",
        "request expired",
    ],
)
def test_a_narrow_name_beside_words_of_a_venue_that_broke_is_no_refusal(clients: Any, words: str) -> None:
    reply = {"code": "43012", "msg": f"Insufficient balance: {words}", "data": None}
    assert isinstance(clients("bitget").place(reply, 400), Unknown)


@pytest.mark.parametrize("status", [408, 409, 499])
def test_coinbase_that_gave_up_on_a_request_refuses_nothing(clients: Any, status: int) -> None:
    reply = {"error": "PERMISSION_DENIED", "error_details": "", "message": "client closed request"}
    assert isinstance(clients("coinbase").place(reply, status), Unknown)
    assert reason(clients("coinbase").place(reply, 403)) is R.PERMISSION_DENIED


def test_a_token_that_coinbase_finds_too_old_refuses_nothing(clients: Any) -> None:
    assert isinstance(clients("coinbase").place("Unauthorized\n", 401), Unknown)
    assert isinstance(clients("coinbase").read("Unauthorized\n", 401), CredentialsRefused)


def test_an_order_that_coinbase_has_taken_is_taken_whatever_stands_beside_it(clients: Any) -> None:
    taken = {
        "success": True,
        "success_response": {"order_id": "5", "product_id": "SOL-USDT", "side": "SELL", "client_order_id": "xp0001"},
        "error_response": {"error": "UNKNOWN_FAILURE_REASON", "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND"},
    }
    outcome = clients("coinbase").place(taken)
    assert isinstance(outcome, Done)
    assert outcome.report.order_id == "5"


def test_a_warning_of_kraken_beside_an_order_is_an_order(clients: Any) -> None:
    taken = {"error": ["WGeneral:Danger"], "result": {"txid": ["OABC"], "descr": {"order": "sell 2 SOLUSDT @ market"}}}
    outcome = clients("kraken").place(taken)
    assert isinstance(outcome, Done)
    assert outcome.report.order_id == "OABC"
    assert isinstance(clients("kraken").place({"error": ["WGeneral:Danger"]}), Unknown)


def test_an_error_of_kraken_beside_one_that_is_unclear_refuses_nothing(clients: Any) -> None:
    both = {"error": ["EOrder:Insufficient funds", "EService:Busy"]}
    assert isinstance(clients("kraken").place(both), Unknown)


def test_a_remainder_that_kraken_has_cancelled_is_no_refusal_of_the_order(clients: Any) -> None:
    assert isinstance(clients("kraken").place({"error": ["EOrder:Reduce only:Position is closed"]}), Unknown)


def test_an_error_of_kraken_with_more_to_say_is_known_by_its_first_two_parts(clients: Any) -> None:
    assert reason(clients("kraken").place({"error": ["EGeneral:Invalid arguments:volume"]})) is R.OTHER
    assert reason(clients("kraken").place({"error": ["EGeneral:Invalid arguments:price"]})) is R.INVALID_PRICE
    too_small = {"error": ["EGeneral:Invalid arguments:volume minimum not met"]}
    assert reason(clients("kraken").place(too_small)) is R.BELOW_MIN_AMOUNT
    restricted = {"error": ["EAccount:Invalid permissions:SOL trading restricted for US:TX."]}
    assert reason(clients("kraken").place(restricted)) is R.PERMISSION_DENIED


# --- clear refusals ---


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("binance", {"code": -1003, "msg": "Too much request weight used"}, 429),
        ("binance", {"code": -1003, "msg": "Way too much request weight used; IP banned until 1771452000000"}, 418),
        ("binance", "", 418),
        ("bitget", {"code": "429", "msg": "Too Many Requests", "data": None}, 429),
        ("coinbase", {"error": "RESOURCE_EXHAUSTED", "error_details": "slow down", "message": "slow down"}, 429),
        *((venue, "Too many requests", 429) for venue in (*sorted(TABLES), *GENERIC)),
    ],
)
def test_too_many_requests_are_a_passing_refusal_with_the_rest_that_the_venue_wants(
    at: Any, venue: str, reply: Any, status: int
) -> None:
    outcome = at(venue).place(reply, status, headers={"Retry-After": "7"})
    assert reason(outcome) is R.RATE_LIMITED
    assert outcome.retry_after == 7
    assert reason(at(venue).place(reply, status)) is R.RATE_LIMITED


@pytest.mark.parametrize(
    ("venue", "reply"),
    [
        ("bybit", {"retCode": 170005, "retMsg": "Too many new orders; current limit is 5 orders per 1.", "result": {}}),
        ("bybit", {"retCode": 10429, "retMsg": "System level frequency protection", "result": {}}),
        ("okx", {"code": "50040", "msg": "Too frequent operations, please try again later", "data": []}),
        ("kucoin", {"code": "200002", "msg": "Too many requests, please try again later"}),
        ("kucoin", {"code": "1015", "msg": "Rate limited"}),
        ("kraken", {"error": ["EOrder:Domain rate limit exceeded"]}),
        ("kraken", {"error": ["EAuth:Too many requests"]}),
        ("kraken", {"error": ["EService:Throttled: 1771452000"]}),
        ("kraken", {"error": ["EService: Throttled: 1771452000"]}),
    ],
)
def test_a_passing_refusal_is_never_final(clients: Any, venue: str, reply: Any) -> None:
    outcome = clients(venue).place(reply)
    assert reason(outcome).is_passing
    assert outcome.retry_after == RATE_LIMIT_PAUSE


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (-1112, "No orders on book for symbol.", R.NO_PRICE),
        (-2020, "Unable to fill.", R.NO_PRICE),
        (-5041, "No depth matches this BBO order", R.NO_PRICE),
        (-2023, "User in liquidation mode now.", R.OTHER),
        (-2015, "Invalid API-key, IP, or permissions for action, request ip: 192.0.2.1", R.PERMISSION_DENIED),
        (-1013, "Filter failure: MARKET_LOT_SIZE", R.AMOUNT_STEP),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", R.INVALID_PRICE),
        (-2010, "Account has insufficient balance for requested action.", R.INSUFFICIENT_BALANCE),
        (-2010, "Market orders are not supported for this symbol.", R.UNSUPPORTED),
        (-2010, "Quote order qty market orders are not support for this symbol.", R.UNSUPPORTED),
        (-2010, "Unsupported order combination", R.UNSUPPORTED),
        (-2010, "This action is disabled on this account.", R.PERMISSION_DENIED),
        (-2010, "This account may not place or cancel orders.", R.PERMISSION_DENIED),
        (-2010, "This symbol is not permitted for this account.", R.PERMISSION_DENIED),
        (-2010, "Rest API trading is not enabled.", R.PERMISSION_DENIED),
        (-2010, "Price * QTY is zero or less.", R.BELOW_MIN_NOTIONAL),
        (-2010, "Order book liquidity is too low for this pegged order.", R.NO_PRICE),
        (-2011, "Unknown order sent.", R.UNKNOWN_ORDER),
        (-2011, "Order was not canceled due to cancel restrictions.", R.OTHER),
    ],
)
def test_refusals_of_binance_are_told_by_their_reason(
    clients: Any, code: int, message: str, expected: RefusalReason
) -> None:
    assert reason(clients("binance").place({"code": code, "msg": message}, 400)) is expected


@pytest.mark.parametrize("status", [403, 422])
@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (40310000, "insufficient balance for SOL (requested: 2, available: 0)", R.INSUFFICIENT_BALANCE),
        (40310000, "insufficient buying power", R.INSUFFICIENT_BALANCE),
        (40310000, "insufficient qty available for order (requested: 2, available: 0)", R.INSUFFICIENT_BALANCE),
        (40310000, "potential wash trade detected. use complex orders", R.OTHER),
        (40310000, "account is restricted to liquidation only", R.PERMISSION_DENIED),
        (40310000, "trade denied due to pattern day trading protection", R.PERMISSION_DENIED),
        (40310000, "asset SOL is not tradable", R.MARKET_INACTIVE),
        (40310000, "cost basis must be >= minimal amount of order 10", R.BELOW_MIN_NOTIONAL),
        (40310000, "account not eligible to trade", R.PERMISSION_DENIED),
        (40310100, "trade denied due to pattern day trading protection", R.PERMISSION_DENIED),
        (40310000, "client_order_id already exists", R.DUPLICATE_CLIENT_ORDER_ID),
        (40010001, "invalid symbol", R.UNKNOWN_SYMBOL),
        (42210000, 'asset "SOL.US" not found', R.UNKNOWN_SYMBOL),
        (42210000, "limit price must be limited to 2 decimal places", R.PRICE_STEP),
        (42210000, "sub-penny increment does not fulfill minimum pricing criteria", R.PRICE_STEP),
        (42210000, "stop price must be less than current price", R.TRIGGER_SIDE),
        (42210000, "Order cannot be canceled", R.ORDER_CLOSED),
        (40010000, "invalid order type for crypto order", R.OTHER),
        (40010000, "request body format is invalid", R.OTHER),
        (42210000, 'order is already in "filled" state', R.ORDER_CLOSED),
    ],
)
def test_refusals_of_alpaca_are_told_by_their_words(
    clients: Any, code: int, message: str, expected: RefusalReason, status: int
) -> None:
    assert reason(clients("alpaca").place({"code": code, "message": message}, status)) is expected


def test_an_order_that_waits_for_its_trigger_is_refused_by_okx_in_a_reply_of_the_code_0(clients: Any) -> None:
    entry = {"algoId": "", "algoClOrdId": "xp0001", "sCode": "51000", "sMsg": "Parameter slTriggerPx error"}
    assert reason(clients("okx").place({"code": "0", "msg": "", "data": [entry]}, request=STOP)) is R.OTHER


@pytest.mark.parametrize("code", ["1", "2"])
def test_each_cancel_of_a_batch_at_okx_has_a_code_of_its_own(clients: Any, code: str) -> None:
    codes = {"1": "51400", "2": "50011", "3": "51412", "4": "0"}
    data = [{"ordId": name, "sCode": told, "sMsg": ""} for name, told in codes.items()]
    missing, limited, unclear, taken = clients("okx").cancel({"code": code, "msg": "", "data": data}, names=(*codes,))
    assert (reason(missing), reason(limited)) == (R.UNKNOWN_ORDER, R.RATE_LIMITED)
    assert (type(unclear), type(taken)) == (Unknown, Done)


def test_each_cancel_of_a_batch_at_bybit_has_a_code_of_its_own(clients: Any) -> None:
    codes = {"1": 170213, "2": 10006, "3": 170147, "4": 0}
    reply = {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"list": [{"orderId": name} for name in codes]},
        "retExtInfo": {"list": [{"code": told, "msg": ""} for told in codes.values()]},
    }
    missing, limited, unclear, taken = clients("bybit").cancel(reply, names=(*codes,))
    assert (reason(missing), reason(limited)) == (R.UNKNOWN_ORDER, R.RATE_LIMITED)
    assert (type(unclear), type(taken)) == (Unknown, Done)


def test_an_entry_of_a_batch_without_a_code_tells_nothing(clients: Any) -> None:
    reply = {"code": "1", "msg": "", "data": [{"ordId": "7", "sCode": "0"}, {"ordId": "8"}]}
    assert [type(outcome) for outcome in clients("okx").cancel(reply, names=TWO)] == [Unknown, Unknown]


def test_a_listed_refusal_stays_one_though_it_asks_to_try_again(clients: Any) -> None:
    message = "The order's margin mode does not match the selected one. Please switch and try again."
    assert reason(clients("kucoin").place({"code": "330005", "msg": message})) is R.OTHER


@pytest.mark.parametrize("words", ["internal error", "timeout", "system error", "busy"])
@pytest.mark.parametrize(
    ("venue", "code", "said"),
    [("kucoin", "400100", "msg"), ("binance", -2010, "msg"), ("alpaca", 40310000, "message")],
)
def test_a_code_that_stands_for_much_refuses_nothing_beside_words_of_a_venue_that_broke(
    clients: Any, venue: str, code: Any, said: str, words: str
) -> None:
    assert isinstance(clients(venue).place({"code": code, said: words}, 400), Unknown)


# --- what never went out ---


@pytest.mark.parametrize("venue", ["binance", "kraken", "bitget"])
def test_an_error_of_our_own_client_before_anything_is_sent_is_a_refusal(clients: Any, venue: str) -> None:
    client = clients(venue)
    lost = replace(SELL, symbol="LUNA/USDT")
    assert reason(client.place({}, request=lost)) is R.UNKNOWN_SYMBOL
    tiny = replace(SELL, quantity=SELL.quantity / 10**6)
    assert reason(client.place({}, request=tiny)) is R.OTHER
    assert {sent.method for sent in client.network.sent} <= {"GET"}  # what ccxt may ask for first


def test_an_error_after_a_write_was_taken_refuses_nothing(clients: Any) -> None:
    client = clients("kraken")
    client.replies.turns = [
        Reply({"error": [], "result": {"count": 1}}),
        Reply({"error": ["EGeneral:Permission denied"]}),
    ]
    outcomes = client.writer.cancel(named(*TWO), frozenset())
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    assert len(client.network.sent) >= 2


# --- questions ---


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("binance", {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401),
        ("okx", {"code": "50119", "msg": "API key doesn't exist", "data": []}, 401),
        ("kraken", {"error": ["EAPI:Invalid signature"]}, 200),
        ("kucoin", {"code": "400003", "msg": "KC-API-KEY not exists"}, 401),
        ("bybit", {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}}, 200),
        ("alpaca", {"message": "forbidden."}, 403),
        ("gate", {"label": "INVALID_KEY", "message": "Invalid key provided"}, 401),
        ("coinbase", {"error": "PERMISSION_DENIED", "error_details": "", "message": "Missing required scopes"}, 403),
        ("bitget", {"code": "40012", "msg": "apikey/password is incorrect", "data": None}, 400),
    ],
)
def test_a_wrong_key_is_told_as_one(clients: Any, venue: str, reply: Any, status: int) -> None:
    assert isinstance(clients(venue).read(reply, status), CredentialsRefused)


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("okx", {"code": "50112", "msg": "Invalid OK-ACCESS-TIMESTAMP", "data": []}, 401),
        (
            "gate",
            {"label": "REQUEST_EXPIRED", "message": "request timestamp too old"},
            403,
        ),
        ("kraken", {"error": ["EAPI:Invalid nonce"]}, 200),
        ("kraken", {"error": "upstream"}, 200),
        ("okx", {"message": "upstream"}, 200),
        ("bybit", [], 200),
        ("kucoin", {"code": None}, 200),
    ],
)
def test_a_wrong_time_and_a_strange_reply_are_no_wrong_key(clients: Any, venue: str, reply: Any, status: int) -> None:
    error = clients(venue).read(reply, status)
    assert error is not None
    assert not isinstance(error, CredentialsRefused)


@pytest.mark.parametrize(
    ("venue", "reply", "status"),
    [
        ("binance", {"code": -1003, "msg": "Too much request weight used"}, 429),
        ("bybit", {"retCode": 10429, "retMsg": "System level frequency protection", "result": {}}, 200),
        ("kraken", {"error": ["EAuth:Too many requests"]}, 200),
        ("okx", "", 429),
        ("bitget", "", 429),
    ],
)
def test_a_question_too_many_tells_the_rest_that_is_wanted(at: Any, venue: str, reply: Any, status: int) -> None:
    assert at(venue).read(reply, status).retry_after == RATE_LIMIT_PAUSE
