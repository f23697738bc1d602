"""Binance, https://developers.binance.com/docs/binance-spot-api-docs and /docs/derivatives: spot and USD-M futures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from exitplan.brokers.live.dialect import MAX_PAGES, Dialect, Exchange, MarketType, Order, Traits
from exitplan.brokers.live.failures import exceptions_for, is_not_found
from exitplan.brokers.live.limits import HeaderNames
from exitplan.brokers.live.parsing import BadReply, VenueBalance, only_mappings
from exitplan.brokers.protocol import OrderReference, RefusalReason
from exitplan.brokers.venues.conversions import told_by
from exitplan.ruleset.model.values import ZERO, is_derivative

_WINDOW = 5
_TRADES = 1000
_EARN = "LD"
_MUST_HOLD = {"/api/v3/account": "balances", "/fapi/v3/account": "assets"}
_LISTS = ("/openOrders", "/openAlgoOrders", "/myTrades", "/userTrades", "/positionRisk", "/ticker/24hr")
"""What ccxt reads as nothing at all where it is missing."""
_REFUSALS = {
    "Filter failure: NOTIONAL": RefusalReason.BELOW_MIN_NOTIONAL,
    "Filter failure: MIN_NOTIONAL": RefusalReason.BELOW_MIN_NOTIONAL,
    "-4164": RefusalReason.BELOW_MIN_NOTIONAL,
    "Duplicate order sent.": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
    "-4116": RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
    "-2022": RefusalReason.REDUCE_ONLY,
    "-4118": RefusalReason.REDUCE_ONLY,
    "-2021": RefusalReason.TRIGGER_SIDE,
    "Stop price would trigger immediately.": RefusalReason.TRIGGER_SIDE,
    "Market is closed.": RefusalReason.MARKET_INACTIVE,
    "This symbol is not permitted for this account.": RefusalReason.PERMISSION_DENIED,
    # ccxt takes this one for an overload once a call of the same key has worked, as with a key that may only read.
    "Invalid API-key, IP, or permissions for action.": RefusalReason.PERMISSION_DENIED,
}


class Binance(Dialect):
    """Spot, and futures margined in USDT or USDC, at Binance."""

    traits: ClassVar[Traits] = Traits(
        venue="binance",
        title="Binance",
        client_order_ids="A",
        unique_client_order_ids="open",
        client_id_parameter="newClientOrderId",
        # A request may be signed up to a second ahead of the venue's clock.
        receive_window=_WINDOW + 1,
        writes_at_once=10,
        triggers_apart=True,
        stop_market=True,
        stop_limit=True,
        fee_asset="BNB",
        convert=True,
        # 6,000 of the venue's weights a minute an address, of which ccxt counts 5 as 1.
        burst=240.0,
        refill=20.0,
        limited_by="ip",
        headers=HeaderNames(used="x-mbx-used-weight-1m", known_limit=6000.0, window=60.0, unit=5.0),
        loopback=("spot",),
        options={
            "recvWindow": _WINDOW * 1000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
            "fetchMargins": False,
            "fetchCurrencies": False,
        },
        permissions="Enable Reading, Enable Spot & Margin Trading; Enable Futures for swaps. Never: Withdrawals.",
        limits_known=(
            "A client order id is unique among open orders only. What a proxy delivers twice is executed twice.",
            "What is in flexible Simple Earn (LDBTC and the like) counts as locked.",
            "What else is staked, and what is in the funding wallet, is not seen.",
            "Futures are the USD-M ones; those margined in coins (COIN-M) are not read.",
            "The venue gives no time at which a position of futures was opened.",
            "Sells below the minimum need a conversion, which is a permission of its own.",
        ),
    )

    def config(self, market_types: Sequence[MarketType]) -> dict[str, Any]:
        """List only the kinds of markets that are asked for."""
        kinds = (["spot"] if "spot" in market_types else []) + (["linear"] if set(market_types) - {"spot"} else [])
        refusals = exceptions_for(_REFUSALS)
        by_market = {kind: {"exact": refusals} for kind in ("spot", "linear")}
        return {
            "options": {**self.traits.options, "fetchMarkets": {"types": kinds}, "marketTypes": list(market_types)},
            "exceptions": {"exact": refusals, **by_market},
        }

    def validate_reply(self, url: str, reply: object) -> str | None:
        """Hold balances to have their list, and lists to be lists."""
        wrong, path = super().validate_reply(url, reply), urlsplit(url).path
        key = next((key for end, key in _MUST_HOLD.items() if path.endswith(end)), None)
        if wrong is None and key is not None and not (isinstance(reply, dict) and isinstance(reply.get(key), list)):
            return f"it holds no {key}"
        if wrong is None and path.endswith("/api/v3/account") and isinstance(reply, dict):
            kind = reply.get("accountType", "SPOT")
            return None if kind == "SPOT" else f"exitplan does not know accounts of the kind {kind}"
        if wrong is None and path.endswith(_LISTS) and "symbol=" not in url and not isinstance(reply, list):
            return "it is no list"
        return wrong

    def of_type(self, market_type: MarketType) -> dict[str, Any]:
        """Turn a question to the spot market or to the USD-M futures."""
        return {} if market_type == "spot" else {"type": "future", "subType": "linear"}

    # --- reading ---

    def read_balances(self, exchange: Exchange, market_type: MarketType) -> list[VenueBalance]:
        """Read a wallet; what is in Simple Earn, told as LD and its name, is locked."""
        if market_type == "future" and "swap" in exchange.options["marketTypes"]:
            return []  # one wallet for both, and read already
        balances = {balance.currency: balance for balance in super().read_balances(exchange, market_type)}
        listed = {market["base"] for market in exchange.markets.values()} if market_type == "spot" else set()
        for name in [name for name in balances if name.startswith(_EARN) and name not in listed]:
            earning, currency = balances.pop(name), name.removeprefix(_EARN)
            known = balances.get(currency, VenueBalance(currency, ZERO, ZERO))
            balances[currency] = replace(known, staked=known.staked + earning.total)
        return list(balances.values())

    def read_open_orders(self, exchange: Exchange, market_type: MarketType) -> list[Order]:
        """Read resting orders, and of futures those that wait for their trigger from their own list."""
        orders = super().read_open_orders(exchange, market_type)
        if market_type == "spot":
            return orders
        waiting = exchange.fetch_open_orders(None, None, None, {**self.of_type(market_type), "trigger": True})
        return [
            order
            for order in [*orders, *only_mappings(waiting, "orders")]
            if exchange.market(order["symbol"])["type"] == market_type
        ]

    def read_positions(self, exchange: Exchange, market_type: MarketType) -> list[Mapping[str, Any]]:
        """Read positions of futures; ccxt gives the time of their last change as that of their opening."""
        positions: list[Mapping[str, Any]] = []
        for entry in only_mappings(exchange.fapiPrivateV3GetPositionRisk(), "positions"):
            market = exchange.safe_market(entry.get("symbol"), None, None, "contract")
            if entry.get("positionSide") in {"LONG", "SHORT"}:
                exchange.options["hedged"] = True
            side = str(entry.get("positionSide")).lower()
            if market["type"] in {market_type, None}:
                contracts, price = entry.get("positionAmt"), entry.get("entryPrice")
                position = {"symbol": market["symbol"], "contracts": contracts, "entryPrice": price}
                positions.append({**position, "side": side} if side in {"long", "short"} else position)
        return positions

    def trade_pages(self, exchange: Exchange, symbol: str | None) -> Iterator[list[Mapping[str, Any]]]:
        """Read executions of a symbol, 1,000 a page, backwards in time."""
        seen, asked = set[Any](), dict[str, int]()
        for _ in range(MAX_PAGES):
            page = only_mappings(exchange.fetch_my_trades(symbol, None, _TRADES, asked), "trades")
            # Of trades at the same millisecond some may stand on the page before.
            fresh = [trade for trade in page if trade.get("id") not in seen]
            yield fresh
            if len(page) < _TRADES or not fresh:
                return
            seen.update(trade.get("id") for trade in fresh)
            asked = {"until": min(int(trade["timestamp"]) for trade in fresh)}

    # --- writing ---

    def trigger_parameters(self, is_trigger: bool) -> dict[str, Any]:  # noqa: FBT001 - as the base
        """Turn to the list of orders that wait for a trigger; spot has one list for all, and ccxt looks no further."""
        return {"trigger": True} if is_trigger else {}

    # --- looking up ---

    def find_by_client_id(self, exchange: Exchange, reference: OrderReference) -> Order | None:
        """Ask for an order by our id, of futures in both lists."""
        name = reference.client_order_id
        lists = [{}, {"trigger": True}] if is_derivative(reference.symbol) else [{}]
        for which in lists:
            try:
                order = exchange.fetch_order(None, reference.symbol, {"clientOrderId": name, **which})
            except Exception as error:
                if is_not_found(error):
                    continue
                raise
            if order.get("clientOrderId") != name:
                raise BadReply("the venue tells of another order than was asked for")
            return dict(order)
        return None

    def conversion_of(self, reply: object) -> Mapping[str, Any]:
        """Read a conversion; the reply that it was taken comes before it is done."""
        return told_by(super().conversion_of(reply), "orderStatus", finished="SUCCESS", refused="FAIL")
