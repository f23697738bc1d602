"""Alpaca, https://docs.alpaca.markets/: crypto only, listings for account holders only, stop-limit orders only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from exitplan.brokers.live.dialect import MAX_PAGES, Dialect, Exchange, Fee, MarketType, Order, Traits
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import unless_missing
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import BadReply, VenueBalance, amount_of, balance_and_debt, only_mappings
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders
from exitplan.brokers.venues.alpaca_orders import completed, is_crypto
from exitplan.brokers.venues.errors.alpaca import ERRORS
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import ZERO

_PAGE = 500
_FILLS = 100
_LISTS = ("/v2/positions", "/v2/assets", "/v2/account/activities/FILL")
_ONE_ORDER = re.compile(r"/v2/orders/[^/]+$")
_LARGEST = Decimal(200_000)
_TIER = "cryptoTierOfAccount"
_RATES = {str(tier): Decimal(points) / 10_000 for tier, points in enumerate((25, 22, 20, 18, 15, 13, 12, 10), start=1)}
"""What is taken of a market order, by the tier of the account: https://docs.alpaca.markets/docs/crypto-fees."""
_DOLLARS = frozenset({"USD", "USDC", "USDT"})


class Alpaca(Dialect):
    """Crypto at Alpaca; shares and options in the same account are left alone."""

    errors: ClassVar[ErrorTable] = ERRORS
    traits: ClassVar[Traits] = Traits(
        venue="alpaca",
        title="Alpaca (crypto)",
        address="https://api.alpaca.markets",
        client_order_ids="A",
        unique_client_order_ids="ever",
        client_id_parameter="clientOrderId",
        # Requests carry no time, so nothing at the venue ends their validity: this is how long one may be on its way.
        receive_window=60,
        writes_at_once=10,
        private_listings=True,
        stop_limit=True,
        reduce_only=False,
        history_by_symbol=False,
        past_orders="account",
        past_page=_PAGE,
        # 200 requests a minute.
        burst=100.0,
        refill=1.6,
        headers=HeaderNames(
            remaining="x-ratelimit-remaining",
            limit="x-ratelimit-limit",
            reset="x-ratelimit-reset",
            reset_unit="epoch_s",
        ),
        # ccxt's 10 is the least worth of a buy; sells may be smaller.
        options={"minCostUSD": 1},
        permissions="Trading API keys of a live or paper account; they can't be limited to reading or to trading.",
        limits_known=(
            "Keys of paper accounts work with sandbox: true only.",
            "Crypto only: shares, options and their orders are not read; any other kind makes the account unreadable.",
            "An account that is blocked, or whose trading is suspended, is unreadable.",
            "Stops are stop-limit orders: the venue has no other for crypto.",
            "Market orders are held to within about 2 percent of the price, so they may be filled in part.",
            "Fees are taken from what is bought and stand in no execution, so what a position cost may stay unknown.",
            "An order is at most 200,000 dollars.",
            "No conversion of dust.",
            "Days of candles begin at midnight in Chicago, so volatility and a day's volume are of those.",
        ),
    )

    # --- the client ---

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read a code beside its message; a message alone is no answer."""
        code = text_in(reply, "code")
        if isinstance(reply, dict) and "message" in reply:
            return None if code is None else (code,)
        return () if status < 300 and code is None else None  # noqa: PLR2004 - HTTP

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold lists to be lists and the account to have its cash; a cancel is answered by nothing at all."""
        parts = urlsplit(url)
        if reply is None and _ONE_ORDER.search(parts.path):
            return None
        wrong = super().validate_reply(url, reply)
        is_list = parts.path.endswith(_LISTS) or (parts.path.endswith("/v2/orders") and "status=" in parts.query)
        if wrong is None and is_list and not isinstance(reply, list):
            return "it is no list"
        if wrong is None and parts.path.endswith("/v2/account") and not (isinstance(reply, dict) and "cash" in reply):
            return "it holds no cash"
        return wrong

    # --- reading ---

    def candle_parameters(self) -> dict[str, Any]:
        """Follow the venue's pages, which may end before as many candles were told as were asked for."""
        return {"paginate": True}

    def correct_market(self, listing: Market, market: Mapping[str, Any]) -> Market:
        """Add the largest order, which the venue documents and does not list; it is in dollars."""
        return replace(listing, max_notional=_LARGEST) if market.get("quote") in _DOLLARS else listing

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read cash from the account and crypto from the positions."""
        if market_type != "spot":
            raise BadReply(f"exitplan reads spot at alpaca, and no markets of the type {market_type}")
        positions = only_mappings(exchange.traderPrivateGetV2Positions(), "positions")
        held = [_holding(exchange, entry) for entry in positions if is_crypto(entry)]
        account = exchange.traderPrivateGetV2Account()
        exchange.options[_TIER] = str(account.get("crypto_tier"))
        return [_cash(exchange, account), *held]

    def taker_fee(self, exchange: Exchange, symbol: str) -> Fee | None:  # noqa: ARG002 - one for all
        """Return what the venue documents for the tier that it tells with the account."""
        rate = _RATES.get(exchange.options.get(_TIER, ""))
        return None if rate is None else Fee(rate, is_listed=True)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:  # noqa: ARG002 - as above
        """Read all pages of resting orders for crypto, newest first."""
        asked, orders = {"status": "open", "limit": _PAGE, "direction": "desc"}, dict[str, Mapping[str, Any]]()
        for _ in range(MAX_PAGES):
            page = only_mappings(exchange.traderPrivateGetV2Orders(asked), "orders")
            known = len(orders)
            orders.update({str(entry.get("id")): entry for entry in page})
            if len(page) < _PAGE:
                return [completed(_parsed(exchange, entry)) for entry in orders.values() if is_crypto(entry)]
            if len(orders) == known:
                break
            asked = {**asked, "until": page[-1]["submitted_at"]}
        raise BadReply("the pages do not end")

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,  # noqa: ARG002 - one list for all
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 500 orders since a time that are over; those for shares are among them."""
        asked = {"status": "closed", "limit": _PAGE, "direction": "desc", "after": exchange.iso8601(since)}
        page = only_mappings(exchange.traderPrivateGetV2Orders(asked), "orders")
        return past_orders_in(page, "client_order_id", _PAGE)

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of all symbols, 100 a page, newest first."""
        more: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = only_mappings(
                exchange.fetch_my_trades(symbol, None, _FILLS, {"direction": "desc", **more}), "trades"
            )
            yield page
            if len(page) < _FILLS:
                return
            # Parsed executions stand with the oldest first.
            more = {"page_token": min(page, key=lambda trade: str(trade["id"]))["id"]}

    # --- writing ---

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Name the trigger as ccxt wants it here: by its other name it is dropped, and the order goes out at once."""
        parameters = super().order_parameters(request)
        if "stopLossPrice" in parameters:
            parameters["triggerPrice"] = parameters.pop("stopLossPrice")
        return parameters

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:  # noqa: ARG002 - one list
        """Cancel one order; the venue's answer is an empty one, and any other text is none."""
        reply = exchange.traderPrivateDeleteV2OrdersOrderId({"order_id": reference.order_id})
        if reply and not isinstance(reply, dict):
            raise BadReply("the reply to a cancel is neither empty nor JSON")
        return reply

    # --- looking up ---

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:  # noqa: ARG002 - one list
        """Ask for one order by its id."""
        return _parsed(exchange, exchange.traderPrivateGetV2OrdersOrderId({"order_id": order_id}))

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id, at an address that ccxt does not list."""
        path, asked = "v2/orders:by_client_order_id", {"client_order_id": reference.client_order_id}
        order = unless_missing(lambda: _parsed(exchange, exchange.request(path, ["trader", "private"], "GET", asked)))
        if order is None:
            return None
        if order.get("clientOrderId") != reference.client_order_id:
            raise BadReply("the venue tells of another order than was asked for")
        return order


def _cash(exchange: Exchange, account: Mapping[str, Any]) -> VenueBalance:
    """Read cash; what orders hold of it is missing in ``cash`` and still part of the equity.

    Raises BadReply for an account that may not trade, https://docs.alpaca.markets/reference/getaccount-1.
    """
    blocks = [name for name in ("account_blocked", "trading_blocked", "trade_suspended_by_user") if account.get(name)]
    if blocks:
        raise BadReply(f"the account is blocked: {', '.join(blocks)}")
    currency, free = exchange.safe_currency_code(account.get("currency")), amount_of(account.get("cash"))
    if currency is None or free is None:
        raise BadReply("the account has no currency or no cash")
    equity, invested = amount_of(account.get("equity")), amount_of(account.get("position_market_value"))
    locked = ZERO if equity is None or invested is None else max(equity - invested - free, ZERO)
    return balance_and_debt(currency, free, locked, ZERO)


def _holding(exchange: Exchange, entry: Mapping[str, Any]) -> VenueBalance:
    """Read a position of crypto, which is named after its price in dollars: BTCUSD, or BTC/USD."""
    name = str(entry.get("symbol"))
    base = name.partition("/")[0] if "/" in name else name.removesuffix("USD")
    total, free = amount_of(entry.get("qty")), amount_of(entry.get("qty_available"))
    if total is None or free is None or not base or base == name:
        raise BadReply(f"the position {name} has no amount or no currency")
    return balance_and_debt(str(exchange.safe_currency_code(base)), free, total - free, ZERO)


def _parsed(exchange: Exchange, entry: object) -> Order:
    """Read an order; older ones name their market without the stroke in between."""
    if not isinstance(entry, Mapping) or not entry.get("id"):
        raise BadReply("the reply names no order")
    name = str(entry.get("symbol"))
    ids = {str(market["id"]).replace("/", ""): market["id"] for market in exchange.markets.values()}
    order: Order = exchange.parse_order({**entry, "symbol": ids.get(name, name)})
    return order
