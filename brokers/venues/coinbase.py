"""Coinbase Advanced Trade, https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis: stop-limit orders only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import (
    MAX_PAGES,
    Dialect,
    Exchange,
    MarketType,
    Order,
    Traits,
    newest_by_client_id,
    pages_by_cursor,
    sent_since,
    side_by_side,
    with_client_id,
)
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import BadReply, Ticker, VenueBalance, amount_of, balances_of, only_mappings
from exitplan.brokers.protocol import OrderReference
from exitplan.brokers.venues.conversions import told_by
from exitplan.ruleset.model.values import ZERO

_BATCH = "v3PrivateGetBrokerageOrdersHistoricalBatch"
_MUST_HOLD = {
    "/brokerage/accounts": "accounts",
    "/brokerage/orders/historical/batch": "orders",
    "/brokerage/orders/historical/fills": "fills",
    "/brokerage/orders/batch_cancel": "results",
    "/brokerage/best_bid_ask": "pricebooks",
    "/brokerage/products": "products",
    "/brokerage/market/products": "products",
}
"""What a reply must hold, by the end of its address: ccxt reads nothing where it is missing."""


_KINDS = frozenset({"ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT", "ACCOUNT_TYPE_VAULT", "ACCOUNT_TYPE_PERP_FUTURES"})


class Coinbase(Dialect):
    """Spot at Coinbase."""

    traits: ClassVar[Traits] = Traits(
        venue="coinbase",
        title="Coinbase Advanced",
        client_order_ids="B",
        unique_client_order_ids="ever",
        client_id_parameter="client_order_id",
        # A request is accepted as long as its token lives. That an id is taken only once does not help where the
        # order is not sent again: a later plan sells under another id.
        receive_window=120,
        writes_at_once=20,
        cancel_batch=100,
        lists_by_client_id=True,
        stop_limit=True,
        buys_by_cost=True,
        convert=True,
        history_by_symbol=False,
        burst=30.0,
        refill=30.0,
        headers=HeaderNames(remaining="x-ratelimit-remaining", limit="x-ratelimit-limit", reset="x-ratelimit-reset"),
        loopback=("spot",),
        options={"fetchBalance": "v3PrivateGetBrokerageAccounts", "advanced": True},
        permissions="View and Trade. Never: Transfer.",
        limits_known=(
            "Keys are CDP keys: the name is the key, the private key (ES256, PEM) the secret.",
            "Stops are stop-limit orders: the venue has no other.",
            "Staked assets are in no list of the API and are not seen.",
            "The venue converts few currencies; the others stay blocked as below the minimum.",
        ),
    )

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold the replies that are lists to hold their list."""
        wrong = super().validate_reply(url, reply)
        if wrong is not None or not isinstance(reply, dict):
            return wrong
        path = urlsplit(url).path
        key = next((key for end, key in _MUST_HOLD.items() if path.endswith(end)), None)
        if key is not None and not isinstance(reply.get(key), list):
            return f"it holds no {key}"
        return None

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read all pages of accounts, with what is on hold."""
        if market_type != "spot":
            return super().read_balances(exchange, market_type)
        reply = exchange.fetch_balance({"v3": True})
        if (reply.get("info") or {}).get("has_next"):
            raise BadReply("the pages of accounts do not end")
        _require_whole((reply.get("info") or {}).get("accounts"))
        return balances_of(reply)

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read all pages of open orders; there is one list for every kind of market."""
        return _orders(exchange, {"order_status": "OPEN"}) if market_type == "spot" else []

    def read_tickers(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, Ticker]:
        """Read last prices from the products, and the best bids and asks from a list of their own.

        Straight from the replies: ccxt's way through 1,600 tickers takes longer than the questions.
        """
        kind = {"product_type": "SPOT" if market_type == "spot" else "FUTURE"}
        books, products = side_by_side(
            [exchange.v3PrivateGetBrokerageBestBidAsk, partial(exchange.v3PublicGetBrokerageMarketProducts, kind)]
        )
        tops = {book.get("product_id"): book for book in only_mappings(books.get("pricebooks"), "pricebooks")}
        tickers = {
            str(exchange.safe_symbol(product.get("product_id"))): _ticker(product, tops.get(product.get("product_id")))
            for product in only_mappings(products.get("products"), "products")
        }
        if not tickers:
            raise BadReply("the reply holds no products")
        return tickers

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:  # noqa: ARG002 - one list
        """Ask for one order in the list of all: asked for by itself, ccxt can't tell an unknown one from a failure."""
        for order in _orders(exchange, {"order_ids": [order_id]}):
            if order.get("id") == order_id:
                return order
        from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

        raise OrderNotFound("the venue lists no such order")

    def find_many(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Ask for orders by their ids, in one list."""
        names = [str(reference.order_id) for reference in references]
        return {str(order["id"]): order for order in _orders(exchange, {"order_ids": names})}

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Look through all orders since shortly before ours was sent: the venue cannot be asked for our id."""
        asked: dict[str, Any] = {"product_ids": [exchange.market(reference.symbol)["id"]]}
        if reference.since is not None:
            asked["start_date"] = exchange.iso8601(int(reference.since.timestamp() * 1000) - 60_000)
        return with_client_id(_orders(exchange, asked), reference.client_order_id)

    def list_by_client_id(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Look through all orders since shortly before the first of them was sent."""
        products = sorted({exchange.market(reference.symbol)["id"] for reference in references})
        since = exchange.iso8601(sent_since(references))
        return newest_by_client_id(_orders(exchange, {"product_ids": products, "start_date": since}), references)

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:  # noqa: ARG002 - one list
        """Cancel one order as a batch of one: ccxt raises the same error whatever the reason."""
        from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - as above

        (refusal,) = self.cancel_batch(exchange, [reference])
        if refusal is not None:
            raise OrderNotFound(refusal)
        return reference.order_id

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[str | None]:
        """Cancel up to 100 orders, each with an answer of its own; ccxt raises for all where one is refused."""
        names = [str(reference.order_id) for reference in references]
        reply = exchange.v3PrivatePostBrokerageOrdersBatchCancel({"order_ids": names})
        results = {str(entry.get("order_id")): entry for entry in only_mappings(reply.get("results"), "results")}
        if set(names) - set(results):
            raise BadReply("the reply does not tell of every order")
        return [
            None if results[name].get("success") is True else str(results[name].get("failure_reason")) for name in names
        ]

    def quote_conversion(self, exchange: Exchange, currency: str, quote: str, quantity: str) -> Mapping[str, Any]:
        """Ask on what terms the venue would convert; what it gives after its fee ccxt leaves out."""
        offer = super().quote_conversion(exchange, currency, quote, quantity)
        total = (offer.get("info") or {}).get("total") or {}
        if total.get("currency") != quote:
            raise BadReply("the quote does not say what it gives")
        return {**offer, "toAmount": total.get("value")}

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion; the reply that it was taken may come before it is done."""
        words = {"finished": "TRADE_STATUS_COMPLETED", "refused": "TRADE_STATUS_CANCELED"}
        return told_by(super().conversion_of(reply), "status", **words)

    def find_conversion(self, exchange: Exchange, name: str, currency: str, quote: str) -> Mapping[str, Any]:
        """Ask what became of a conversion; the venue wants both currencies with its id."""
        return self.conversion_of(exchange.fetch_convert_trade(name, currency, {"toCode": quote}))

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of all symbols by cursor, newest first."""
        cursor = None
        for _ in range(MAX_PAGES):
            page = only_mappings(
                exchange.fetch_my_trades(symbol, None, 250, {"cursor": cursor} if cursor else {}), "trades"
            )
            yield page
            cursors = [(entry.get("info") or {}).get("cursor") for entry in page]
            cursor = next((name for name in cursors if name), None)
            if not cursor:
                return


def _orders(exchange: Exchange, asked: Mapping[str, Any]) -> list[Order]:
    """Read every page of a list of orders, 100 a page."""

    def page(cursor: str | None) -> tuple[list[Order], str | None]:
        more = {"cursor": cursor} if cursor else {}
        reply = getattr(exchange, _BATCH)({**asked, "limit": 100, **more})
        orders = only_mappings(reply.get("orders"), "orders")
        read = [_with_fee_currency(order, exchange) for order in exchange.parse_orders(orders)]
        if reply.get("has_next") and not reply.get("cursor"):
            raise BadReply("there are more pages, and no way to them")
        return read, reply.get("cursor") if reply.get("has_next") else None

    return pages_by_cursor(page)


def _require_whole(accounts: object) -> None:
    """Raise BadReply for an account of an unknown kind, or without one of its amounts: ccxt leaves such a one out."""
    for entry in only_mappings(accounts, "accounts"):
        if entry.get("type") and entry["type"] not in _KINDS:
            raise BadReply(f"exitplan does not know accounts of the kind {entry['type']}")
        amounts = [entry.get(name) for name in ("available_balance", "hold")]
        if not entry.get("type") or not all(isinstance(amount, Mapping) and amount.get("value") for amount in amounts):
            raise BadReply(f"the account of {entry.get('currency')} is not told whole")


def _with_fee_currency(order: Order, exchange: Exchange) -> Order:
    """Name the currency of an order's fee, which ccxt leaves out: the market's quote."""
    market = exchange.markets.get(order.get("symbol")) or {}
    return {**order, "fee": {**(order.get("fee") or {}), "currency": market.get("quote")}}


def _ticker(product: Mapping[str, Any], book: Mapping[str, Any] | None) -> Ticker:
    """Read a product's prices; a side of the book without a level is empty."""
    bid, ask = (None if book is None else _best(book.get(side)) for side in ("bids", "asks"))
    return Ticker(bid, ask, amount_of(product.get("price")))


def _best(side: object) -> Decimal | None:
    if side is None:
        return None
    levels = only_mappings(side, "levels")
    return amount_of(levels[0].get("price")) if levels else ZERO
