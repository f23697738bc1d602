"""Coinbase Advanced Trade, https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis: stop-limit orders only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import (
    EACH,
    MAX_PAGES,
    Dialect,
    Exchange,
    Failed,
    MarketType,
    Order,
    Traits,
    newest_by_client_id,
    pages_by_cursor,
    sent_since,
    side_by_side,
    with_client_id,
)
from exitplan.brokers.live.errors import ErrorTable, text_in
from exitplan.brokers.live.failures import refusal
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import (
    BadReply,
    Ticker,
    VenueBalance,
    amount_of,
    balance_and_debt,
    only_mappings,
)
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.live.prices import TickersOnDemand
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders, RefusalReason, Refused
from exitplan.brokers.venues.coinbase_orders import PRODUCTS, completed, is_for
from exitplan.brokers.venues.conversions import told_by
from exitplan.brokers.venues.errors.coinbase import ERRORS
from exitplan.ruleset.model.values import ZERO

_PAGE = 100
_BATCH = "v3PrivateGetBrokerageOrdersHistoricalBatch"
_MUST_HOLD = {
    "/brokerage/accounts": "accounts",
    "/brokerage/orders/preview": "errs",
    "/brokerage/orders/historical/batch": "orders",
    "/brokerage/orders/historical/fills": "fills",
    "/brokerage/orders/batch_cancel": "results",
    "/brokerage/best_bid_ask": "pricebooks",
    "/brokerage/products": "products",
    "/brokerage/market/products": "products",
}
"""What a reply must hold, by the end of its address: ccxt reads nothing where it is missing."""
_NO_ANSWER = frozenset({408, 409, 499})
"""HTTP: the request may have been executed, whatever stands in the reply."""
_PREVIEW = "PREVIEW_"
_UNKNOWN = "UNKNOWN_FAILURE_REASON"
_NOTHING_SAID = frozenset({_UNKNOWN, "UNKNOWN_PREVIEW_FAILURE_REASON"})
_TRADABLE, _VAULT = frozenset({"ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT"}), "ACCOUNT_TYPE_VAULT"
_NOTHING = frozenset(("0", *(f"0.{'0' * places}" for places in range(1, 19))))
"""How the venue writes that nothing is there."""
_SPOT_PLATFORMS = frozenset({None, "", "ACCOUNT_PLATFORM_UNSPECIFIED", "ACCOUNT_PLATFORM_CONSUMER"})
_FUTURES_PLATFORM = "ACCOUNT_PLATFORM_CFM_CONSUMER"
_SIDES = frozenset({"LONG", "SHORT"})
_STABLE = frozenset({"USD", "USDC", "USDT", "DAI", "PYUSD", "EUR", "EURC", "GBP"})
"""Money: what trades for one another of these pays less than the tier says."""


class Coinbase(Dialect):
    """Spot at Coinbase, and US derivatives: one wallet and one list of positions, perpetuals or not."""

    errors: ClassVar[ErrorTable] = ERRORS
    check_addresses: ClassVar[tuple[str, ...]] = ("/brokerage/orders/preview",)
    traits: ClassVar[Traits] = Traits(
        venue="coinbase",
        title="Coinbase Advanced",
        book_levels=100,
        address="https://api.coinbase.com",
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
        tells_fees=True,
        convert=True,
        history_by_symbol=False,
        past_orders="account",
        past_page=_PAGE,
        burst=30.0,
        refill=30.0,
        headers=HeaderNames(remaining="x-ratelimit-remaining", limit="x-ratelimit-limit", reset="x-ratelimit-reset"),
        rehearses=("spot",),  # of futures, ccxt closes positions at an address of their own
        loopback=("spot",),
        options={"fetchBalance": "v3PrivateGetBrokerageAccounts", "advanced": True},
        permissions="View and Trade. Never: Transfer.",
        limits_known=(
            "Keys are CDP keys: the name is the key, the private key (ES256, PEM) the secret.",
            "Stops are stop-limit orders: the venue has no other.",
            "A key sees one portfolio, and that is the account; one that sees several makes it unreadable.",
            "What is in a vault is held, and not sellable.",
            "Staked assets are in no list of the API and are not seen.",
            "Orders of the simple app, outside Advanced Trade, are not listed: what they hold counts as locked.",
            "Futures (US) are read where market_types names swap or future, with the wallet that they have.",
            "What is held on the international exchange makes the account unreadable.",
            "The venue converts few currencies; the others stay blocked as below the minimum.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """Remember what kinds of markets the account names: two of them have one wallet."""
        options = {**self.traits.options, "marketTypes": list(market_types)}
        return {**super().config(market_types), "options": options}

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read an error beside its explanation, or why an order failed; one that succeeded is taken, whatever else."""
        if status in _NO_ANSWER or not isinstance(reply, dict | list):
            return None
        if isinstance(reply, list) or reply.get("success") is True:
            return ()
        failed, several = reply.get("error_response"), reply.get("errors") or reply.get("errs")
        if isinstance(failed, dict):
            return _reasons(failed)
        if isinstance(several, list) and several:  # of a preview they are words
            return tuple(_reason(text_in(entry, "id") or str(entry)) for entry in several)
        if "error" in reply:
            code = text_in(reply, "error")
            is_explained = any(name in reply for name in ("message", "error_details", "error_description"))
            return (code,) if code is not None and is_explained else None
        is_taken = status < 300 and reply.get("success") is not False and set(reply) != {"message"}  # noqa: PLR2004 - HTTP
        return () if is_taken else None

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
        """Read all pages of accounts, with what is on hold, or the wallet of futures."""
        if market_type != "spot":
            return [_futures_wallet(exchange)] if _reads_futures(exchange, market_type) else []
        accounts = _all(exchange.v3PrivateGetBrokerageAccounts, "accounts", {"limit": 250})
        portfolios, balances = set(), dict[str, VenueBalance]()
        for entry in accounts:
            balance = None if _holds_nothing(entry) else _balance(exchange, entry)
            if balance is None or not (balance.total or balance.debt):
                continue
            portfolios.update([entry["retail_portfolio_id"]] if entry.get("retail_portfolio_id") else [])
            known = balances.get(balance.currency)
            balances[balance.currency] = balance if known is None else known.plus(balance)
        if len(portfolios) > 1:
            raise BadReply(f"the key sees {len(portfolios)} portfolios; exitplan wants a key of one portfolio")
        return list(balances.values())

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read every position of futures, perpetuals or not, which are one list; prices come as amounts of money."""
        if not _reads_futures(exchange, market_type):
            return []
        positions = only_mappings(exchange.v3PrivateGetBrokerageCfmPositions().get("positions"), "positions")
        for entry in positions:
            if entry.get("side") not in _SIDES:
                raise BadReply(f"the position of {entry.get('product_id')} is neither long nor short")
        return [
            exchange.parse_position({**entry, "avg_entry_price": _plain_amount(entry.get("avg_entry_price"))})
            for entry in positions
        ]

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read all pages of open orders, and keep those for our kind of market: there is one list for all.

        Raises BadReply for an order or a product of an unknown kind: what it holds could only be guessed.
        """
        if market_type != "spot" and not _reads_futures(exchange, market_type):
            return []
        return [order for order in _orders(exchange, {"order_status": "OPEN"}) if is_for(market_type, order)]

    def read_tickers(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, Ticker]:
        """Read last prices from the products, and the best bids and asks from a list of their own.

        Straight from the replies: ccxt's way through 1,600 tickers takes longer than the questions.
        """
        if market_type != "spot" and not _reads_futures(exchange, market_type):
            return {}
        kind = {"product_type": PRODUCTS[market_type]}
        books, products = side_by_side(
            [exchange.v3PrivateGetBrokerageBestBidAsk, partial(exchange.v3PublicGetBrokerageMarketProducts, kind)]
        )
        told = {product.get("product_id"): product for product in only_mappings(products.get("products"), "products")}
        best = {book.get("product_id"): book for book in only_mappings(books.get("pricebooks"), "pricebooks")}
        return TickersOnDemand(exchange, told, lambda product, market: _ticker(product, best.get(market["id"])))

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:
        """Read the rates of the account's tier, for spot; futures pay by contract, and nobody tells how much.

        https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/fees/get-transaction-summary
        """
        if market_type != "spot":
            return {}
        reply = exchange.v3PrivateGetBrokerageTransactionSummary({"product_type": PRODUCTS[market_type]})
        return {EACH: str(reply["fee_tier"]["taker_fee_rate"])}

    def fee_in(self, rates: Mapping[str, str], market: Mapping[str, Any]) -> Decimal | None:
        """Return the rate of the tier; pairs of stable coins have another one, which is not told."""
        is_of_tier = not {market.get("base"), market.get("quote")} <= _STABLE
        return super().fee_in(rates, market) if is_of_tier else None

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

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> None:
        """Have an order previewed.

        https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/preview-orders
        """
        symbol, kind, side, amount, price, parameters = self.order_of(exchange, request)
        exchange.create_order(symbol, kind, side, amount, price, {**parameters, "preview": True})

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:  # noqa: ARG002 - one list
        """Cancel one order as a batch of one: ccxt raises the same error whatever the reason."""
        (failed,) = self.cancel_batch(exchange, [reference])
        if failed is not None:
            raise refusal(RefusalReason.UNKNOWN_ORDER, failed.message)
        return reference.order_id

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to 100 orders, each with an answer of its own; ccxt raises for all where one is refused."""
        names = [str(reference.order_id) for reference in references]
        reply = exchange.v3PrivatePostBrokerageOrdersBatchCancel({"order_ids": names})
        results = {str(entry.get("order_id")): entry for entry in only_mappings(reply.get("results"), "results")}
        if set(names) - set(results):
            raise BadReply("the reply does not tell of every order")
        return [
            None
            if results[name].get("success") is True
            else Refused(RefusalReason.UNKNOWN_ORDER, str(results[name].get("failure_reason")))
            for name in names
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

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 100 orders since a time, of all kinds of markets: there is one list."""
        if market_type != exchange.options["marketTypes"][0]:
            return PastOrders()
        asked = {"start_date": exchange.iso8601(since), "limit": _PAGE}
        reply = getattr(exchange, _BATCH)(asked)
        told = past_orders_in(only_mappings(reply.get("orders"), "orders"), "client_order_id", _PAGE + 1)
        return PastOrders(told.client_order_ids, is_complete=not reply.get("has_next"))

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


def _reasons(failed: Mapping[str, Any]) -> tuple[str, ...]:
    """Read why an order failed, from the names that say something."""
    names = ("preview_failure_reason", "new_order_failure_reason", "error")
    told = [text_in(failed, name) for name in names]
    reasons = [_reason(reason) for reason in told if reason is not None and reason not in _NOTHING_SAID]
    return tuple(reasons[:1]) or (_UNKNOWN,)


def _reason(told: str) -> str:
    """Return a reason under the name that it has whenever the venue looks at an order."""
    return _UNKNOWN if told in _NOTHING_SAID else told.removeprefix(_PREVIEW)


def _all(ask: Callable[[Mapping[str, Any]], Mapping[str, Any]], name: str, asked: Mapping[str, Any]) -> list[Any]:
    """Read every page of a list, which a reply has under its ``name``."""

    def page(cursor: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
        reply = ask({**asked, **({"cursor": cursor} if cursor else {})})
        if reply.get("has_next") and not reply.get("cursor"):
            raise BadReply("there are more pages, and no way to them")
        return only_mappings(reply.get(name), name), reply.get("cursor") if reply.get("has_next") else None

    return pages_by_cursor(page)


def _orders(exchange: Exchange, asked: Mapping[str, Any]) -> list[Order]:
    """Read every page of a list of orders, 100 a page."""
    orders = _all(getattr(exchange, _BATCH), "orders", {**asked, "limit": _PAGE})
    return [completed(order, exchange) for order in exchange.parse_orders(orders)]


def _reads_futures(exchange: Exchange, market_type: MarketType) -> bool:
    """Check whether this kind of market is the one to read the futures with: all kinds of them are in one list."""
    kinds = [kind for kind in exchange.options.get("marketTypes", ()) if kind != "spot"]
    return kinds[:1] == [market_type]


def _holds_nothing(entry: Mapping[str, Any]) -> bool:
    """Check whether one account plainly says so, as nearly all do: there is one for each currency of the venue."""
    try:
        are_none = entry["available_balance"]["value"] in _NOTHING and entry["hold"]["value"] in _NOTHING
        return are_none and entry["type"] in _TRADABLE and bool(entry["currency"])
    except (KeyError, TypeError):
        return False


def _balance(exchange: Exchange, entry: Mapping[str, Any]) -> VenueBalance | None:
    """Read one account; None for one in the wallet of futures. ccxt leaves out what it does not know.

    Raises BadReply for one of an unknown kind, or without one of its amounts.
    """
    currency, kind, platform = entry.get("currency"), entry.get("type"), entry.get("platform")
    amounts = [_plain_amount(entry.get(name)) for name in ("available_balance", "hold")]
    if not currency or not kind or None in amounts or "" in amounts:
        raise BadReply(f"the account of {currency} is not told whole")
    free, held = (amount_of(amount) or ZERO for amount in amounts)
    if kind in _TRADABLE and not (free or held):
        return None
    if platform == _FUTURES_PLATFORM:
        return None
    balance = balance_and_debt(str(exchange.safe_currency_code(currency)), free, held, ZERO)
    if platform not in _SPOT_PLATFORMS or kind == "ACCOUNT_TYPE_PERP_FUTURES":
        if balance.total or balance.debt:
            where = platform if platform not in _SPOT_PLATFORMS else kind
            raise BadReply(f"exitplan can't read {where}, where {currency} is held")
        return None
    if kind == _VAULT:
        return VenueBalance(balance.currency, ZERO, ZERO, balance.total, balance.debt)
    if kind not in _TRADABLE:
        raise BadReply(f"exitplan does not know accounts of the kind {kind}")
    return balance


def _futures_wallet(exchange: Exchange) -> VenueBalance:
    """Read the dollars in the wallet of futures; the summary's total has the dollars of spot in it as well.

    https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/futures/get-futures-balance-summary
    """
    summary = exchange.v3PrivateGetBrokerageCfmBalanceSummary().get("balance_summary")
    names = ("cfm_usd_balance", "available_margin")
    amounts = [amount_of(_plain_amount(summary.get(name))) for name in names] if isinstance(summary, Mapping) else []
    total, available = amounts or (None, None)
    if total is None or available is None:
        raise BadReply("the summary does not say what is in the wallet of futures")
    free = max(min(total, available), ZERO)
    return balance_and_debt("USD", free, total - free, ZERO)


def _plain_amount(value: object) -> object:
    """Return an amount of money as a number: some fields hold it as an object with its currency."""
    return value.get("value") if isinstance(value, dict | Mapping) else value


def _ticker(product: Mapping[str, Any], book: Mapping[str, Any] | None) -> Ticker:
    """Read a product's prices; a side of the book without a level is empty."""
    bid, ask = (None if book is None else _best(book.get(side)) for side in ("bids", "asks"))
    return Ticker(bid, ask, amount_of(product.get("price")))


def _best(side: object) -> Decimal | None:
    if side is None:
        return None
    levels = only_mappings(side, "levels")
    return amount_of(levels[0].get("price")) if levels else ZERO
