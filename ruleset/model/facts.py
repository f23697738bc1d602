"""Compute the facts of every position and open order of a snapshot.

What cannot be known is left out of the facts; nothing is guessed and nothing counts as zero for want of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Market, OpenOrder, Position, PriceStatus, Side, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import EXACT, MICRO, ZERO, floor_to_step, is_derivative, quote_of, to_micro

OUR_ORDER = re.compile(r"xp[0-9a-z]{16}")
"""The form of the client order ids that exitplan gives."""

_MICROSECOND = timedelta(microseconds=1)
_MICROS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Price:
    """The mark price of a market in its own quote currency, and the rate into the account's.

    ``mark`` is None unless ``status`` is ``ok``. ``mismatch`` says that the venue sent a price of zero or less.
    """

    mark: Decimal | None
    rate: Decimal
    status: PriceStatus
    mismatch: bool = False


_NO_MARKET = Price(None, Decimal(1), "missing")


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position with all that is known of it; ``value`` is exact, in the account's quote currency."""

    position: Position
    market: Market | None
    price: Price
    record: TrackerRecord | None
    value: Decimal | None
    facts: dict[str, FactValue]

    @property
    def held(self) -> Decimal:
        """What an exit would have to sell, in the position's units; a short reported as negative counts as its size."""
        return held_quantity(self.position)

    def worth(self, quantity: Decimal) -> Decimal | None:
        """Value a quantity of this position in the account's quote currency; None without a price."""
        native = self.notional(quantity)
        return None if native is None else native * self.price.rate

    def notional(self, quantity: Decimal) -> Decimal | None:
        """Value a quantity of this position in the market's own quote currency; None without a price."""
        if self.price.mark is None:
            return None
        units = quantity * self.position.contract_size
        return units if self.market is not None and self.market.inverse else units * self.price.mark

    def marked(self, **facts: FactValue) -> PositionView:
        """Give a copy with further facts."""
        return replace(self, facts={**self.facts, **facts})


def observe_positions(
    snapshot: Snapshot, policy: Policy, progress: Progress, now: datetime
) -> tuple[list[PositionView], Decimal]:
    """Observe every position, ordered by symbol and long before short, and compute the account's equity."""
    positions = sorted(snapshot.positions, key=lambda position: (position.symbol, position.side))
    protected = frozenset(entry.symbol for entry in policy.protect if entry.holds(now))
    valued = [_valued(snapshot, position) for position in positions]
    equity = snapshot.cash.free + snapshot.cash.locked + sum((_contribution(found) for found in valued), ZERO)
    for found in valued:
        found.facts.update(_tracked_facts(found, policy, now))
        found.facts.update(_account_facts(found, equity, progress))
        found.facts["protected"] = found.position.symbol in protected
    return valued, equity


def price_of(snapshot: Snapshot, symbol: str, market: Market | None) -> Price:
    """Find the mark price: last, else the mid of bid and ask; without a rate into the account's currency, none."""
    if market is None:
        return _NO_MARKET
    rate = _rate(snapshot, symbol)
    if rate is None or market.price_status == "unavailable":
        return Price(None, rate or Decimal(1), "unavailable")
    if market.price_status == "missing":
        return Price(None, rate, "missing")
    mark, mismatch = _mark(market)
    return Price(mark, rate, "missing" if mark is None else "ok", mismatch)


def held_quantity(position: Position) -> Decimal:
    """Give what a position holds; derivative shorts that a venue reports as negative count as their size."""
    if position.side == "short" and is_derivative(position.symbol):
        return abs(position.quantity)
    return position.quantity


def observe_order(snapshot: Snapshot, order: OpenOrder, now: datetime) -> dict[str, FactValue]:
    """Compute the facts of an open order."""
    facts: dict[str, FactValue] = {
        "symbol": order.symbol,
        "side": order.side,
        "type": order_type(order),
        "ours": order.client_order_id is not None and OUR_ORDER.fullmatch(order.client_order_id) is not None,
        "reduce_only": order.reduce_only,
    }
    if order.created_at is not None:
        facts["age_minutes"] = minutes_between(order.created_at, now)
    value = order_value(snapshot, order)
    if value is not None:
        facts["value_usd"] = to_micro(value)
    return facts


def order_value(snapshot: Snapshot, order: OpenOrder) -> Decimal | None:
    """Value what remains of an order at its price, in the account's quote currency; None without a price or a rate."""
    rate = _rate(snapshot, order.symbol)
    return None if order.price is None or rate is None else order.remaining * order.price * rate


def order_type(order: OpenOrder) -> str:
    """Name the kind of an order: anything with a trigger price is a stop or a stop_limit."""
    if not order.trigger_price:
        return order.type
    return "stop" if order.price is None else "stop_limit"


def is_protective(order: OpenOrder, side: Side, mark: Decimal | None) -> bool:
    """Tell whether an order is a stop on the losing side of the mark: below it for a long, above it for a short."""
    if not order.trigger_price or mark is None:
        return False
    return order.trigger_price < mark if side == "long" else order.trigger_price > mark


def minutes_between(start: datetime, end: datetime) -> int:
    """Give the time between two moments in millionths of a minute, rounded down."""
    # One microsecond is 1/60 of a millionth of a minute.
    return (end - start) // _MICROSECOND // _MICROS_PER_MINUTE


def _rate(snapshot: Snapshot, symbol: str) -> Decimal | None:
    currency = quote_of(symbol)
    if currency is None or currency == snapshot.quote:
        return Decimal(1)
    return _positive(snapshot.rates.get(currency))


def _mark(market: Market) -> tuple[Decimal | None, bool]:
    """Give the mark price and whether a price was not positive; such a price counts as none."""
    if market.last is not None:
        return (market.last, False) if market.last > 0 else (None, True)
    quotes = [price for price in (market.bid, market.ask) if price is not None]
    mismatch = any(price <= 0 for price in quotes)
    if len(quotes) < 2 or mismatch:  # noqa: PLR2004 - bid and ask
        return None, mismatch
    return EXACT.divide(quotes[0] + quotes[1], Decimal(2)), False


def _valued(snapshot: Snapshot, position: Position) -> PositionView:
    market = snapshot.markets.get(position.symbol)
    price = price_of(snapshot, position.symbol, market)
    record = snapshot.tracker.get(position.symbol)
    bare = PositionView(position, market, price, record, None, {})
    value = bare.worth(abs(position.quantity))
    facts: dict[str, FactValue] = {
        "symbol": position.symbol,
        "side": position.side,
        "venue": snapshot.venue,
        "market_known": market is not None,
        "market_active": market is not None and market.active,
        "price_status": price.status,
        "api_mismatch": price.mismatch or _quantity_mismatch(position),
        "sellable": _is_sellable(bare),
        "over_cap": False,
    }
    if value is not None:
        facts["value_usd"] = to_micro(value)
    return PositionView(position, market, price, record, value, facts)


def _quantity_mismatch(position: Position) -> bool:
    held = held_quantity(position)
    return held <= 0 or position.locked > held


def _is_sellable(found: PositionView) -> bool:
    market = found.market
    if market is None or not market.active:
        return False
    return reaches_minimum(found, floor_to_step(found.held, market.amount_step))


def reaches_minimum(found: PositionView, quantity: Decimal) -> bool:
    """Tell whether a quantity is above zero and reaches the market's minimums, in amount and (where known) in value."""
    market = found.market
    if quantity <= 0 or market is None:
        return False
    if market.min_amount is not None and quantity < market.min_amount:
        return False
    notional = found.notional(quantity)
    return market.min_notional is None or notional is None or notional >= market.min_notional


def _contribution(found: PositionView) -> Decimal:
    """Give what a position adds to equity: a spot position its value, a derivative its unrealised profit."""
    if is_derivative(found.position.symbol):
        return _unrealised(found)
    if found.value is None:
        return ZERO
    return -found.value if found.position.side == "short" else found.value


def _unrealised(found: PositionView) -> Decimal:
    """Give a derivative's profit in the account's currency; the venue's entry price goes before the tracker's."""
    position, mark = found.position, found.price.mark
    entry = _positive(position.entry_price) or _positive(found.record.entry_price if found.record else None)
    if mark is None or entry is None:
        return ZERO
    size = abs(position.quantity) * position.contract_size * found.price.rate
    profit = (mark - entry) * size
    if found.market is not None and found.market.inverse:
        profit = EXACT.divide(profit, entry)
    return -profit if position.side == "short" else profit


def _positive(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price > 0 else None


def entry_price(found: PositionView) -> Decimal | None:
    """Give the entry price above zero that is known: the tracker's, else the venue's."""
    recorded = _positive(found.record.entry_price) if found.record else None
    return recorded or _positive(found.position.entry_price)


def _tracked_facts(found: PositionView, policy: Policy, now: datetime) -> Mapping[str, FactValue]:
    record = found.record
    entry = entry_price(found)
    facts: dict[str, FactValue] = {"tracked": record is not None, "has_entry_price": entry is not None}
    by_strategy = record is not None and record.position_source in policy.strategy_sources
    facts["opened_by_strategy"] = by_strategy
    facts["has_exit_logic"] = _has_exit_logic(record, by_strategy=by_strategy)
    if record is not None and record.position_source is not None:
        facts["position_source"] = record.position_source
    if record is not None and record.strategy is not None:
        facts["strategy"] = record.strategy
    mark = found.price.mark
    if entry is not None and mark is not None:
        gain = mark - entry if found.position.side == "long" else entry - mark
        facts["pnl_pct"] = to_micro(EXACT.divide(gain, entry))
    opened = found.position.opened_at or (record.first_entry_time if record else None)
    if opened is not None:
        facts["age_minutes"] = minutes_between(opened, now)
    return facts


def _has_exit_logic(record: TrackerRecord | None, *, by_strategy: bool) -> bool:
    if record is None:
        return False
    if record.exit_logic is not None:
        return record.exit_logic
    return by_strategy or _positive(record.stop_price) is not None


def _account_facts(found: PositionView, equity: Decimal, progress: Progress) -> Mapping[str, FactValue]:
    key = found.position.key
    unwind = progress.unwinds.get(key)
    facts: dict[str, FactValue] = {
        "unwind_cycle": (unwind.cycle if unwind else 0) * MICRO,
        "failed_exits": progress.failed_exits.get(key, 0) * MICRO,
    }
    if found.value is not None and equity > 0:
        facts["account_pct"] = to_micro(EXACT.divide(found.value, equity))
    return facts
