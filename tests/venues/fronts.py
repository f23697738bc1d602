"""The fronts there are, by the name ccxt has for the venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from exitplan.brokers.paper.options import PaperOptions
from exitplan.ruleset.model.snapshot import OpenOrder, Snapshot
from exitplan.ruleset.model.values import floor_to_step
from tests.venues import binance_auth, bybit_auth, coinbase_auth, kraken_auth
from tests.venues.binance import BinanceFront
from tests.venues.bybit import BybitFront
from tests.venues.coinbase import CoinbaseFront
from tests.venues.kraken import KrakenFront
from tests.venues.venue import Venue
from tests.venues.wire import Credentials, Front


def open_front(
    name: str,
    venue: Venue,
    staked: Mapping[str, Decimal],
    page_size: int | None,
    credentials: Credentials | None,
) -> Front:
    """Put a front before a venue; raises KeyError for one there is not."""
    return _FRONTS[name][0](venue, staked, page_size, credentials)


def new_credentials(name: str) -> Credentials:
    """Make a key pair of a venue's form."""
    return _FRONTS[name][1]()


def _with_limits(snapshot: Snapshot) -> Snapshot:
    """Return stops a limit one percent beyond their trigger: coinbase has no others."""
    orders = [
        structs.replace(order, type="stop_limit", price=_limit(order, snapshot)) if order.type == "stop" else order
        for order in snapshot.open_orders
    ]
    return structs.replace(snapshot, open_orders=tuple(orders))


def _limit(order: OpenOrder, snapshot: Snapshot) -> Decimal:
    trigger, market = order.trigger_price or Decimal(0), snapshot.markets.get(order.symbol)
    worse = trigger * (Decimal("0.99") if order.side == "sell" else Decimal("1.01"))
    return floor_to_step(worse, market.price_step if market else None)


def account_at(name: str, snapshot: Snapshot) -> Snapshot:
    """Return the account as it can be at the venue."""
    if name == "binance":  # neither of its two wallets owes anything
        return structs.replace(snapshot, cash=structs.replace(snapshot.cash, debt=Decimal(0)))
    return _with_limits(snapshot) if name == "coinbase" else snapshot


def _holds_both_sides(account: Snapshot) -> bool:
    return len({entry.symbol for entry in account.positions}) < len(account.positions)


def options_of(name: str, options: PaperOptions, account: Snapshot) -> PaperOptions:
    """Return the paper venue the manners of the venue it plays.

    At binance the owner chooses whether both sides of a contract may be held: an account that holds both has.
    """
    if name == "coinbase":
        return replace(options, unique_client_order_ids="ever", reduce_only=False, stop_market=False, convert=True)
    if name == "binance":
        hedged = options.hedge_mode or _holds_both_sides(account)
        options = replace(options, unique_client_order_ids="open", convert=True, fee_asset="BNB")
        return replace(options, hedge_mode=hedged)
    if name == "bybit":
        return replace(options, unique_client_order_ids="ever", hedge_mode=True)
    return replace(options, unique_client_order_ids="open", reduce_only=False, convert=False)


_FRONTS: Mapping[str, tuple[Callable[..., Front], Callable[[], Credentials]]] = {
    "kraken": (KrakenFront, kraken_auth.new_credentials),
    "coinbase": (CoinbaseFront, coinbase_auth.new_credentials),
    "binance": (BinanceFront, binance_auth.new_credentials),
    "bybit": (BybitFront, bybit_auth.new_credentials),
}
"""Each with what makes a key pair of its form."""

FRONTS = tuple(_FRONTS)
