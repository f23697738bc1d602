"""Kraken, https://docs.kraken.com/api/: one private call at a time, staked balances under names of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from exitplan.brokers.live.dialect import (
    MAX_PAGES,
    Dialect,
    Exchange,
    Failed,
    MarketType,
    Order,
    Traits,
    newest_by_client_id,
    sent_since,
    with_client_id,
)
from exitplan.brokers.live.errors import ErrorTable
from exitplan.brokers.live.parsing import (
    BadReply,
    Ticker,
    VenueBalance,
    amount_of,
    balance_and_debt,
    balances_of,
    fee_rate_of,
    only_mappings,
    ticker_of,
)
from exitplan.brokers.live.past_orders import past_orders_in
from exitplan.brokers.live.prices import TickersOnDemand
from exitplan.brokers.protocol import OrderReference, OrderRequest, PastOrders, RefusalReason, Refused
from exitplan.brokers.venues.errors.kraken import ERRORS
from exitplan.brokers.venues.kraken_orders import completed
from exitplan.ruleset.model.values import EXACT, ZERO

_WINDOW = 5
_PAGE = 50
_QUERY = 50
_MUST_HOLD = {"OpenOrders": "open", "ClosedOrders": "closed", "TradesHistory": "trades"}
"""What a result must hold, by the end of its address: ccxt reads nothing where it is missing."""
_BALANCES = ("VenueBalance", "BalanceEx")
_REWARDED = "F"
"""Behind a dot: earns rewards by itself and is spent as the asset that it is of."""
_TOKENIZED = "T"
"""Behind a dot: a tokenized share, which is another asset."""


class Kraken(Dialect):
    """Spot at Kraken."""

    errors: ClassVar[ErrorTable] = ERRORS
    traits: ClassVar[Traits] = Traits(
        venue="kraken",
        title="Kraken",
        book_levels=100,
        address="https://api.kraken.com",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="clientOrderId",
        receive_window=_WINDOW,
        writes_at_once=5,  # one after the other: a halt waits for no more than these
        lists_by_client_id=True,
        rehearses=("spot",),
        cancel_batch=50,
        serialize_private=True,
        stop_market=True,
        stop_limit=True,
        history_by_symbol=False,
        past_orders="account",
        past_page=_PAGE,
        tells_fees=True,
        # 15 points at once, 0.33 back a second for the lowest tier; ccxt counts a point as 3.
        burst=45.0,
        refill=1.0,
        loopback=("spot",),
        permissions="Query funds; query, create and cancel orders; query closed orders. Never: withdraw funds.",
        limits_known=(
            "Private calls are sent one after the other: the nonce of a key must rise. Give exitplan a key of its own.",
            "Balances that earn rewards (SOL.F) are free: they are spent as SOL.",
            "Staked ones (BTC.M, ETH2.S, DOT.B, SOL.P and the like) count as locked: they are not sellable.",
            "No conversion of dust through the API.",
            "Spot only: an account with margin positions or margin orders is unreadable. Futures are another venue.",
            "An order ends with a deadline that goes by this machine's clock: while that is off, nothing is sent.",
            "Fees are taken from what an order brings: the quote of a sale, the base of a purchase.",
        ),
    )

    def codes_in(self, status: int, url: str, reply: object) -> tuple[str, ...] | None:  # noqa: ARG002 - as the base
        """Read the errors that every reply lists; one that begins with W is a warning beside an answer.

        What follows a second colon says more about an error that is known without it.
        """
        told = reply.get("error") if isinstance(reply, dict) else None
        if not isinstance(told, list) or not all(isinstance(error, str) for error in told):
            return None
        errors = [re.sub(r"\s*:\s*", ":", error) for error in told if not error.startswith("W")]
        return tuple(error if ERRORS.knows(error) else ":".join(error.split(":")[:2]) for error in errors)

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold every reply to have a result: without one ccxt reads an empty account out of it."""
        wrong = super().validate_reply(url, reply)
        result = reply.get("result") if isinstance(reply, dict) else None
        if wrong is None and not isinstance(result, dict | list):
            return "it holds no result"
        name = urlsplit(url).path.rpartition("/")[2]
        if wrong is None and not (isinstance(reply, dict) and isinstance(reply.get("error"), list)):
            return "it does not say whether there was an error"
        if wrong is None and name in _BALANCES and not isinstance(result, dict):
            return "it holds no balances"
        key = _MUST_HOLD.get(name)
        if wrong is None and key is not None and not (isinstance(result, dict) and isinstance(result.get(key), dict)):
            return f"it holds no {key}"
        return wrong

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read balances, and add those under a name with a dot to the asset that they are of.

        A line of credit that was used is a debt. Raises BadReply where there are margin positions: what they hold and
        owe is in no balance.
        """
        if market_type != "spot":
            raise BadReply(f"exitplan reads spot at kraken, and no markets of the type {market_type}")
        reply = exchange.fetch_balance(self.of_type(market_type))
        if positions := exchange.privatePostOpenPositions()["result"]:
            raise BadReply(f"the account has {len(positions)} margin positions, which exitplan can't read")
        owed = _credit_used(exchange, reply)
        balances: dict[str, VenueBalance] = {}
        for balance in balances_of(reply):
            name, _, kind = balance.currency.partition(".")
            if not kind or kind == _TOKENIZED:
                held = balance_and_debt(
                    balance.currency, balance.free, balance.locked, balance.debt + owed.get(balance.currency, ZERO)
                )
            else:
                asset = _asset_of(name, exchange.currencies or {})
                held = replace(balance, currency=asset)
                if kind != _REWARDED:
                    held = VenueBalance(asset, ZERO, ZERO, balance.total, balance.debt)
            known = balances.get(held.currency)
            balances[held.currency] = held if known is None else known.plus(held)
        return list(balances.values())

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders; raises BadReply for one with leverage, or of a kind that is not known here."""
        return [completed(order) for order in super().read_open_orders(exchange, market_type)]

    def read_tickers(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, Ticker]:  # noqa: ARG002 - spot alone
        """Read the prices of all pairs; ccxt would read each of them, and none is read here before it is asked for."""
        told = exchange.publicGetTicker()["result"]
        return TickersOnDemand(
            exchange,
            told if isinstance(told, Mapping) else {},
            lambda entry, market: ticker_of(exchange.parse_ticker(entry, market)),
        )

    def read_fees(self, exchange: Exchange, market_type: MarketType) -> Mapping[str, str]:  # noqa: ARG002 - spot alone
        """Read what the account traded in 30 days, by which the tier of each pair goes.

        https://docs.kraken.com/api-reference/account-data/get-trade-volume
        """
        result = exchange.privatePostTradeVolume()["result"]
        return {"volume": str(result["volume"]), "currency": str(result["currency"])}

    def fee_in(self, rates: Mapping[str, str], market: Mapping[str, Any]) -> Decimal | None:
        """Find the tier in the listing of the pair: steps of volume, each with the percent from there on."""
        info = market.get("info") or {}
        if not rates or info.get("fee_volume_currency", rates["currency"]) != rates["currency"]:
            return None
        try:
            steps = [(amount_of(start) or ZERO, amount_of(percent)) for start, percent in info["fees"]]
            volume = amount_of(rates["volume"]) or ZERO
        except (BadReply, KeyError, TypeError, ValueError):
            return None
        _, percent = max((step for step in steps if step[0] <= volume), key=lambda step: step[0], default=(ZERO, None))
        return None if percent is None else fee_rate_of(EXACT.divide(percent, Decimal(100)))

    def order_parameters(self, request: OrderRequest) -> dict[str, Any]:
        """Have the fee taken from what the order brings: the quote of a sale, the base of a purchase.

        Otherwise it comes off what is left of the position, or of the money, and all of it could never be spent.
        """
        return {**super().order_parameters(request), "oflags": "fciq" if request.side == "sell" else "fcib"}

    def window_parameters(self, exchange: Exchange) -> dict[str, Any]:
        """Return the deadline after which the matching engine no longer takes the order."""
        return {"deadline": exchange.iso8601(exchange.milliseconds() + _WINDOW * 1000)}

    def only_checks(self, url: str, body: str | None) -> bool:
        """Look for the word that keeps an order from being placed: there is one address for both."""
        told = parse_qs(body or "").get("validate", [])
        return urlsplit(url).path.endswith("/AddOrder") and [word.casefold() for word in told] == ["true"]

    def rehearse(self, exchange: Exchange, request: OrderRequest) -> None:
        """Have an order checked; raises BadReply where the reply names an order, which would have been placed."""
        symbol, kind, side, amount, price, parameters = self.order_of(exchange, request)
        told = exchange.create_order(symbol, kind, side, amount, price, {**parameters, "validate": True})
        if told.get("id"):
            raise BadReply(f"an order that was only to be checked was placed: {told['id']}")

    def cancel(self, exchange: Exchange, reference: OrderReference, *, is_trigger: bool) -> object:  # noqa: ARG002 - one list
        """Cancel one order; ccxt's own way takes a broken connection for what the reply before it said."""
        return exchange.privatePostCancelOrder({"txid": reference.order_id})

    def cancel_batch(self, exchange: Exchange, references: Sequence[OrderReference]) -> list[Failed | None]:
        """Cancel up to 50 orders; the reply is a number, so where some are missing each one is looked at."""
        names = [str(reference.order_id) for reference in references]
        reply = exchange.cancel_orders(names)
        count = ((reply[0].get("info") or {}).get("result") or {}).get("count")
        if count is None:
            raise BadReply("the reply does not say how many orders were cancelled")
        if Decimal(str(count)) == len(names):
            return [None] * len(names)
        orders = self.find_many(exchange, references)
        return [self._refusal(orders.get(name)) for name in names]

    def find(self, exchange: Exchange, order_id: str, symbol: str, *, is_trigger: bool) -> Order:  # noqa: ARG002 - one list
        """Ask for one order by its id."""
        order: Order = exchange.fetch_order(order_id, symbol)
        return order

    def find_many(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Ask for up to 50 orders a call."""
        names = [str(reference.order_id) for reference in references]
        chunks = [names[start : start + _QUERY] for start in range(0, len(names), _QUERY)]
        orders = [order for chunk in chunks for order in exchange.fetch_orders_by_ids(chunk)]
        return {str(order["id"]): order for order in orders}

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for the open, then for the closed orders with our id."""
        wanted = {"clientOrderId": reference.client_order_id}
        for ask in (exchange.fetch_open_orders, exchange.fetch_closed_orders):
            order = with_client_id(only_mappings(ask(None, None, None, wanted), "orders"), reference.client_order_id)
            if order is not None:
                return order
        return None

    def list_by_client_id(self, exchange: Exchange, references: Sequence[OrderReference]) -> dict[str, Order]:
        """Look through the open orders and those closed since shortly before the first was sent, 50 a page."""
        orders = only_mappings(exchange.fetch_open_orders(), "orders")
        newest = newest_by_client_id(orders, references)
        start, read = sent_since(references) // 1000, 0
        for _ in range(MAX_PAGES):
            if len(newest) == len(references):
                return newest
            result = exchange.privatePostClosedOrders({"start": start, "ofs": read})["result"]
            page = [exchange.parse_order({**order, "id": name}) for name, order in result["closed"].items()]
            orders, read = [*orders, *page], read + len(page)
            newest = newest_by_client_id(orders, references)
            if not page or read >= int(result["count"]):
                return newest
        raise BadReply("the pages of closed orders do not end")

    def read_past_orders(
        self,
        exchange: Exchange,
        market_type: MarketType,  # noqa: ARG002 - one list for all
        since: int,
        symbols: Sequence[str],  # noqa: ARG002 - one list for all
    ) -> PastOrders:
        """Read the newest 50 orders that were placed or ended since a time."""
        result = exchange.privatePostClosedOrders({"start": since // 1000})["result"]
        return past_orders_in(only_mappings(list(result["closed"].values()), "orders"), "cl_ord_id", _PAGE)

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of all symbols, 50 a page."""
        for page in range(MAX_PAGES):
            trades = only_mappings(exchange.fetch_my_trades(symbol, None, None, {"ofs": page * _PAGE}), "trades")
            yield trades
            if len(trades) < _PAGE:
                return

    @staticmethod
    def _refusal(order: Order | None) -> Refused | None:
        if order is None:
            return Refused(RefusalReason.UNKNOWN_ORDER, "the venue knows no such order")
        is_taken = order.get("status") in {"open", "canceled"}
        return None if is_taken else Refused(RefusalReason.ORDER_CLOSED, f"the order is {order.get('status')}")


def _credit_used(exchange: Exchange, reply: Mapping[str, Any]) -> dict[str, Decimal]:
    """Read what was used of lines of credit, by currency; ccxt leaves it out."""
    entries = ((reply.get("info") or {}).get("result") or {}).items()
    used = {
        str(exchange.safe_currency_code(name)): amount_of(entry.get("credit_used"))
        for name, entry in entries
        if isinstance(entry, Mapping)
    }
    return {currency: amount for currency, amount in used.items() if amount}


def _asset_of(name: str, currencies: Mapping[str, Any]) -> str:
    """Name what is staked: kraken puts a number behind it for the days it is bonded, as in DOT28.S, and in ETH2.S."""
    bare = name.rstrip("0123456789")
    return bare if bare in currencies and (name not in currencies or name == "ETH2") else name
