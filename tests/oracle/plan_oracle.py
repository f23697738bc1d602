"""Plans computed a second time, from the text of the contract alone and from plain JSON documents.

Nothing of the product is imported. Every function names the section it reads. It knows the rules of
``policies/default.yaml`` by heart and takes parameters, protection, aliases, cash, guards and cap from the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from functools import cached_property
from typing import Any, Literal

Json = Mapping[str, Any]
Side = Literal["long", "short"]
ZERO = Decimal(0)
EIGHT_PLACES = Decimal("1e-8")
USUAL_NAMES = {"XBT": "BTC"}
ALIGNED, LEGACY, ZOMBIE, DEFERRED = "STRATEGY_ALIGNED", "LEGACY_NON_COMPLIANT", "ZOMBIE_LEGACY", "DEFERRED"


def number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def amount(value: Any) -> Decimal:
    return number(value) or ZERO


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def six_places(value: Decimal) -> Decimal:
    """Section 3: six places, rounded toward minus infinity."""
    return value.quantize(Decimal("1e-6"), ROUND_FLOOR)


def down(quantity: Decimal, step: Decimal | None) -> Decimal:
    return quantity if not step else (quantity / step).to_integral_value(ROUND_FLOOR) * step


def up(quantity: Decimal, step: Decimal | None) -> Decimal:
    """Section 12: without a step eight places, rounded up."""
    unit = step or EIGHT_PLACES
    return (quantity / unit).to_integral_value(ROUND_CEILING) * unit


def minutes_between(start: datetime, end: datetime) -> Decimal:
    passed = end - start
    return (Decimal(passed.days * 86400 + passed.seconds) + Decimal(passed.microseconds) / 1_000_000) / 60


@dataclass(frozen=True)
class Market:
    """Section 2, ``markets``."""

    active: bool
    step: Decimal | None
    price_step: Decimal | None
    min_amount: Decimal
    min_notional: Decimal
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    status: str | None
    inverse: bool
    max_amount: Decimal | None
    max_notional: Decimal | None
    market_max_amount: Decimal | None


@dataclass(frozen=True)
class Holding:
    """Section 2, ``positions``."""

    symbol: str
    side: Side
    quantity: Decimal
    locked: Decimal
    contract_size: Decimal
    entry_price: Decimal | None
    opened_at: datetime | None
    named_asset: str | None
    debt: Decimal

    @property
    def key(self) -> tuple[str, Side]:
        return self.symbol, self.side

    @property
    def derivative(self) -> bool:
        return ":" in self.symbol

    @property
    def exit_side(self) -> str:
        return "sell" if self.side == "long" else "buy"


@dataclass(frozen=True)
class Resting:
    """Section 2, ``open_orders``."""

    id: str
    symbol: str
    side: str
    type: str
    remaining: Decimal
    price: Decimal | None
    age: Decimal | None
    reduce_only: bool
    position_side: Side | None
    held: Decimal


@dataclass(frozen=True)
class Price:
    """What section 2 and 13.2 make of a market: a believed mark and where it is from, or why there is none."""

    status: str
    mark: Decimal | None = None
    basis: str | None = None


@dataclass(frozen=True)
class Verdict:
    category: str
    rule: str | None


@dataclass
class Exit:
    """What section 6 does with one position."""

    holding: Holding
    rule: str
    kind: str
    parts: list[Decimal] = field(default_factory=list)
    reason: str | None = None
    until: datetime | None = None
    everything: bool = True


def market_of(entry: Json) -> Market:
    """Section 2: absent active means active, an absent step no rounding; 0 and null are no maximum."""
    return Market(
        active=entry.get("active") is not False,
        step=number(entry.get("amount_step")),
        price_step=number(entry.get("price_step")),
        min_amount=amount(entry.get("min_amount")),
        min_notional=amount(entry.get("min_notional")),
        bid=number(entry.get("bid")),
        ask=number(entry.get("ask")),
        last=number(entry.get("last")),
        status=entry.get("price_status"),
        inverse=entry.get("inverse") is True,
        max_amount=number(entry.get("max_amount")) or None,
        max_notional=number(entry.get("max_notional")) or None,
        market_max_amount=number(entry.get("market_max_amount")) or None,
    )


def holding_of(entry: Json) -> Holding:
    return Holding(
        symbol=entry["symbol"],
        side=entry.get("side") or "long",
        quantity=Decimal(entry["quantity"]),
        locked=amount(entry.get("locked")),
        contract_size=Decimal(1) if entry.get("contract_size") is None else Decimal(entry["contract_size"]),
        entry_price=number(entry.get("entry_price")),
        opened_at=moment(entry.get("opened_at")),
        named_asset=entry.get("asset"),
        debt=amount(entry.get("debt")),
    )


def order_type(entry: Json) -> str:
    """Section 3 and 12: anything with a trigger price is a stop or a stop_limit; a trigger of 0 is none."""
    if amount(entry.get("trigger_price")) <= 0:
        return str(entry["type"])
    return "stop" if entry.get("price") is None else "stop_limit"


def order_age(entry: Json, now: datetime) -> Decimal | None:
    """13.6: up to 60 s in the future is new, further ahead is of unknown age."""
    created = moment(entry.get("created_at"))
    if created is None or created > now + timedelta(seconds=60):
        return None
    return max(ZERO, minutes_between(created, now))


def order_of(entry: Json, now: datetime) -> Resting:
    limit = number(entry.get("price"))
    remaining = Decimal(entry["quantity"]) - amount(entry.get("filled"))
    return Resting(
        id=entry["id"],
        symbol=entry["symbol"],
        side=entry["side"],
        type=order_type(entry),
        remaining=remaining,
        price=limit or number(entry.get("trigger_price")) or None,
        age=order_age(entry, now),
        reduce_only=entry.get("reduce_only") is True,
        position_side=entry.get("position_side"),
        held=ZERO if entry.get("holds_nothing") else remaining,
    )


class Oracle:
    """One account, read as the contract reads it."""

    def __init__(self, snapshot: Json, policy: Json, state: Json, now: datetime) -> None:
        self.snapshot, self.policy, self.state, self.now = snapshot, policy, state, now
        self.parameters: Json = policy["parameters"]
        self.quote: str = snapshot["quote"]
        self.markets = {symbol: market_of(entry) for symbol, entry in (snapshot.get("markets") or {}).items()}
        self.tracker: Json = snapshot.get("tracker") or {}
        self.orders = [order_of(entry, now) for entry in snapshot.get("open_orders") or ()]
        held = [holding_of(entry) for entry in snapshot.get("positions") or ()]
        self.held_as = {holding.symbol: holding.named_asset for holding in held if holding.named_asset}
        self.kept = [holding for holding in held if self.is_money(holding)]
        self.positions = [holding for holding in held if not self.is_money(holding)]
        self.over_cap: set[tuple[str, Side]] = set()

    def parameter(self, name: str) -> Decimal:
        return Decimal(self.parameters[name])

    # --- 13.1 What is held: assets ----------------------------------------------------------------------------------

    def usual_name(self, currency: str) -> str:
        """13.1: names such as XBT and BTC, and aliases, followed to the end."""
        aliases = self.policy.get("aliases") or {}
        while currency in aliases or currency in USUAL_NAMES:
            currency = aliases.get(currency) or USUAL_NAMES[currency]
        return currency

    def asset_of_symbol(self, symbol: str) -> str:
        """13.1: a derivative is its own asset, under the usual name of its base; else the base currency."""
        base, _, rest = symbol.partition("/")
        if ":" in symbol:
            return f"{self.usual_name(base)}/{rest}"
        return self.usual_name(self.held_as.get(symbol, base))

    def asset(self, holding: Holding) -> str:
        return self.asset_of_symbol(holding.symbol)

    def order_asset(self, order: Resting) -> str:
        return self.asset_of_symbol(order.symbol)

    def own_first(self, names: Iterable[str], holding: Holding) -> str | None:
        """13.1: the exact symbol's goes first, else the first by symbol of the asset."""
        of_asset = sorted(name for name in names if self.asset_of_symbol(name) == self.asset(holding))
        return holding.symbol if holding.symbol in names else next(iter(of_asset), None)

    def is_protected_asset(self, asset: str, symbol: str | None = None) -> bool:
        return any(
            entry.get("symbol") == symbol is not None
            or asset
            == (self.asset_of_symbol(entry["symbol"]) if "symbol" in entry else self.usual_name(entry["asset"]))
            for entry in self.policy.get("protect") or ()
            if entry.get("until") is None or self.now < datetime.fromisoformat(entry["until"])
        )

    def protected(self, holding: Holding) -> bool:
        """Section 3, ``protected``; section 12: an entry has expired from that moment on."""
        return self.is_protected_asset(self.asset(holding), holding.symbol)

    def order_protected(self, order: Resting) -> bool:
        return self.is_protected_asset(self.order_asset(order), order.symbol)

    # --- 13.4 Other money -------------------------------------------------------------------------------------------

    def is_kept(self, currency: str) -> bool:
        return currency != self.usual_name(self.quote) and self.is_listed(currency)

    def is_listed(self, currency: str) -> bool:
        return self.usual_name(currency) in {self.usual_name(kept) for kept in self.policy["cash"]["keep"]}

    def is_money(self, holding: Holding) -> bool:
        """13.4: spot holdings of ``cash.keep`` currencies other than the quote are cash."""
        return not holding.derivative and self.is_kept(self.asset(holding))

    @cached_property
    def other_cash(self) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """13.4: {currency: (free, locked, debt)}, kept positions among them."""
        money = {
            currency: (amount(entry.get("free")), amount(entry.get("locked")), amount(entry.get("debt")))
            for currency, entry in (self.snapshot.get("other_cash") or {}).items()
        }
        for holding in self.kept:
            free, locked, debt = money.get(self.asset(holding), (ZERO, ZERO, ZERO))
            own = (holding.quantity - holding.locked, holding.locked, holding.debt)
            if holding.side == "short":
                own = (ZERO, ZERO, abs(holding.quantity) + holding.debt)
            money[self.asset(holding)] = (free + own[0], locked + own[1], debt + own[2])
        return money

    def cash_value(self, currency: str) -> Decimal | None:
        """13.4: what is free and locked of it, at its rate."""
        free, locked, _ = self.other_cash[currency]
        rate = self.cash_rate(currency)
        return None if rate is None else (free + locked) * rate

    def cash_rate(self, currency: str) -> Decimal | None:
        """13.4: its rate, else a mark of its own market; none for what is outside ``cash.keep``."""
        if not self.is_listed(currency):
            return None
        rate = number((self.snapshot.get("rates") or {}).get(currency))
        if rate:
            return rate
        own = sorted((held for held in self.kept if self.asset(held) == currency), key=lambda held: held.key)
        symbol = f"{currency}/{self.quote}"
        if not own and currency in (self.snapshot.get("other_cash") or {}) and symbol in self.markets:
            free, locked, _ = self.other_cash[currency]
            own.append(probe(symbol, free + locked))
        marks = [self.value_of(holding, Decimal(1)) for holding in own]
        return next((mark for mark in marks if mark is not None), None)

    # --- 2 and 13.2 Prices ------------------------------------------------------------------------------------------

    def rate(self, symbol: str) -> Decimal | None:
        """Section 2: units of the account's quote for one unit of the market's currency."""
        quote = symbol.partition("/")[2].partition(":")[0]
        if quote == self.quote:
            return Decimal(1)
        return number((self.snapshot.get("rates") or {}).get(quote)) or None

    def plain_mark(self, market: Market, side: Side) -> Price:
        """Section 2: last, else the mid, else the side an exit would hit."""
        bid, ask, last = market.bid or ZERO, market.ask or ZERO, market.last or ZERO
        exit_price = bid if side == "long" else ask
        if last > 0:
            return Price("ok", last, "last")
        if bid > 0 and ask > 0:
            return Price("ok", (bid + ask) / 2, "mid")
        return Price("ok", exit_price, "one_side") if exit_price > 0 else Price("missing")

    def price(self, holding: Holding) -> Price:
        """Section 2, 12 and 13.2: no rate comes first, then what was recorded, then what is plausible."""
        market = self.markets.get(holding.symbol)
        if market is None:
            return Price("missing")
        if self.rate(holding.symbol) is None:
            return Price("unavailable")
        if market.status not in {None, "ok"}:
            return Price(str(market.status))
        plain = self.plain_mark(market, holding.side)
        if not market.active or self.is_small_at_the_highest(holding, market):
            return plain
        return self.plausible(market, holding.side, plain)

    def is_small_at_the_highest(self, holding: Holding, market: Market) -> bool:
        """13.2: exempt are positions worth less than ``dust_usd_threshold`` at the highest of the three."""
        highest = max(market.bid or ZERO, market.ask or ZERO, market.last or ZERO)
        worth = self.notional(holding, holding.quantity, highest) * (self.rate(holding.symbol) or ZERO)
        return abs(worth) < self.parameter("dust_usd_threshold")

    def plausible(self, market: Market, side: Side, plain: Price) -> Price:
        """13.2: a far last price gives way to the mid; a wide or crossed book or an empty exit side is no price."""
        gap, step = self.parameter("max_price_gap"), market.price_step or ZERO
        bid, ask, last = market.bid or ZERO, market.ask or ZERO, market.last or ZERO
        if any(0 < price < step for price in (bid, ask, last)):
            step = ZERO  # a step that a price is below is wrong, so it exempts nothing
        exit_price, other = (market.bid, ask) if side == "long" else (market.ask, bid)
        if exit_price == 0 and max(other, last) > 0 and not self.is_one_step(side, (other, last), step):
            return Price("implausible")
        if bid <= 0 or ask <= 0:
            return plain
        mid = (bid + ask) / 2
        wide = ask - bid > 5 * gap * mid
        if abs(ask - bid) > step and (wide or bid - ask > gap * ask):
            return Price("implausible")
        if wide:
            return plain
        too_low = last < bid * (1 - gap) and bid - last > step
        too_high = last > ask * (1 + gap) and last - ask > step
        return Price("ok", mid, "mid") if last > 0 and (too_low or too_high) else plain

    def is_one_step(self, side: Side, others: tuple[Decimal, Decimal], step: Decimal) -> bool:
        """13.2: exempt is a gap of one ``price_step``, also the one between nothing and the lowest price."""
        return side == "long" and min(price for price in others if price > 0) <= step

    def notional(self, holding: Holding, quantity: Decimal, price: Decimal) -> Decimal:
        """Section 2: of an inverse market a contract is worth contract_size in quote."""
        market = self.markets.get(holding.symbol)
        return quantity * holding.contract_size * (1 if market and market.inverse else price)

    def value(self, holding: Holding) -> Decimal | None:
        """Section 3, ``value_usd``, exact."""
        return self.value_of(holding, abs(holding.quantity))

    def value_of(self, holding: Holding, quantity: Decimal) -> Decimal | None:
        mark, rate = self.price(holding).mark, self.rate(holding.symbol)
        return None if mark is None or rate is None else self.notional(holding, quantity, mark) * rate

    # --- 3 Records and entry prices ---------------------------------------------------------------------------------

    def held_sides(self, asset: str) -> set[Side]:
        return {holding.side for holding in self.positions if self.asset(holding) == asset}

    def record(self, holding: Holding) -> Json | None:
        """13.1 and 13.7: a record with a side registers that side, one without the only side held."""
        both = len(self.held_sides(self.asset(holding))) == 2
        fitting = {
            symbol: record
            for symbol, record in self.tracker.items()
            if (not both if record.get("side") is None else record["side"] == holding.side)
        }
        name = self.own_first(fitting, holding)
        return None if name is None else fitting[name]

    def record_symbol(self, holding: Holding) -> str:
        record = self.record(holding)
        return next(symbol for symbol, other in self.tracker.items() if other is record)

    def entry(self, holding: Holding) -> tuple[bool, Decimal | None]:
        """Section 3: known from the tracker, else from the venue; 13.1: turned by the two rates."""
        record = self.record(holding)
        recorded = amount((record or {}).get("entry_price"))
        if recorded > 0:
            return True, self.turned(recorded, self.record_symbol(holding), holding.symbol)
        venue = holding.entry_price or ZERO
        return venue > 0, venue if venue > 0 else None

    def turned(self, price: Decimal, source: str, target: str) -> Decimal | None:
        if source.partition("/")[2] == target.partition("/")[2]:
            return price
        one, other = self.rate(source), self.rate(target)
        return None if one is None or other is None else price * one / other

    def pnl(self, holding: Holding) -> Decimal | None:
        """Section 3, ``pnl_pct``, exact."""
        mark, entry = self.price(holding).mark, self.entry(holding)[1]
        if mark is None or entry is None:
            return None
        return (mark - entry) / entry * (1 if holding.side == "long" else -1)

    # --- 3, 12, 13.5 Equity and debts -------------------------------------------------------------------------------

    def profit(self, holding: Holding) -> Decimal | None:
        """Section 3 and 12: a derivative's unrealised profit, by the venue's entry price first."""
        mark, rate, entry = self.price(holding).mark, self.rate(holding.symbol), holding.entry_price or ZERO
        known = entry if entry > 0 else self.entry(holding)[1]
        if mark is None or rate is None:
            return None
        if known is None:
            return ZERO
        sign = 1 if holding.side == "long" else -1
        market = self.markets[holding.symbol]
        move = (mark - known) / known if market.inverse else mark - known
        return sign * move * abs(holding.quantity) * holding.contract_size * rate

    def owed(self, holding: Holding) -> Decimal:
        """13.5: borrowed coins, negative balances and spot shorts."""
        if holding.derivative:
            return ZERO
        held = -holding.quantity if holding.side == "long" else abs(holding.quantity)
        return max(held, ZERO) + holding.debt

    def is_owed(self, holding: Holding) -> bool:
        return not holding.derivative and (holding.side == "short" or holding.quantity < 0)

    def is_nothing_but_owed(self, holding: Holding) -> bool:
        """Section 12: a negative balance, or one of nothing with a debt."""
        empty = holding.quantity < 0 or (holding.quantity == 0 and holding.debt > 0)
        return empty and not holding.derivative

    def owed_balance(self, holding: Holding) -> Decimal:
        """What is owed beside what is held short."""
        if holding.derivative:
            return ZERO
        return holding.debt + (-self.held(holding) if self.is_nothing_but_owed(holding) else ZERO)

    def held(self, holding: Holding) -> Decimal:
        """Section 3: a derivative short that is told as negative counts as its size."""
        return abs(holding.quantity) if holding.derivative and holding.side == "short" else holding.quantity

    def assets_of(self, holding: Holding) -> Decimal:
        """What is held of a spot position and not owed."""
        return max(holding.quantity, ZERO) if holding.side == "long" else ZERO

    def is_managed(self, holding: Holding) -> bool:
        """Section 3: managed equity leaves out protected positions and those on markets that do not trade."""
        market = self.markets.get(holding.symbol)
        return market is not None and market.active and not self.protected(holding)

    def worth(self, counted: Callable[[Holding], bool]) -> Decimal:
        """Section 3: cash, other cash, spot values and derivative profits that are counted, less all debts."""
        cash = self.snapshot.get("cash") or {}
        total = amount(cash.get("free")) + amount(cash.get("locked")) - amount(cash.get("debt"))
        for currency, (free, locked, debt) in self.other_cash.items():
            total += (free + locked - debt) * (self.cash_rate(currency) or ZERO)
        for holding in self.positions:
            if holding.derivative:
                total += (self.profit(holding) or ZERO) if counted(holding) else ZERO
                continue
            total -= self.value_of(holding, self.owed(holding)) or ZERO
            total += (self.value_of(holding, self.assets_of(holding)) or ZERO) if counted(holding) else ZERO
        return total

    @cached_property
    def equity(self) -> Decimal:
        return self.worth(lambda _: True)

    @cached_property
    def managed_equity(self) -> Decimal:
        return self.worth(self.is_managed)

    @cached_property
    def debts(self) -> dict[str, tuple[Decimal, Decimal | None]]:
        """13.5: {currency or symbol: (amount, value)}."""
        money: Json = self.snapshot.get("cash") or {}
        cash = amount(money.get("debt")) + max(-(amount(money.get("free")) + amount(money.get("locked"))), ZERO)
        listed: dict[str, tuple[Decimal, Decimal | None]] = {self.quote: (cash, cash)} if cash > 0 else {}
        for currency, (free, locked, debt) in self.other_cash.items():
            owed, rate = max(-(free + locked), ZERO) + debt, self.cash_rate(currency)
            if owed > 0:
                listed[currency] = owed, None if rate is None else owed * rate
        for holding in self.positions:
            if self.owed(holding) > 0:
                listed[holding.symbol] = self.owed(holding), self.value_of(holding, self.owed(holding))
        return listed

    @cached_property
    def shares_known(self) -> bool:
        """Section 3, ``account_pct``: absent while a debt, or a counted derivative, has no believed price."""
        derivatives = [holding for holding in self.positions if holding.derivative and self.is_managed(holding)]
        debts_known = all(value is not None for _, value in self.debts.values())
        return debts_known and all(self.price(holding).mark is not None for holding in derivatives)

    @cached_property
    def equity_complete(self) -> bool:
        """Section 3, ``equity_complete``."""
        managed = [holding for holding in self.positions if self.is_managed(holding)]
        cash_known = all(self.cash_rate(currency) is not None for currency in self.other_cash)
        return self.shares_known and cash_known and all(self.price(holding).mark is not None for holding in managed)

    def account_pct(self, holding: Holding) -> Decimal | None:
        """Section 3 and 12: of the exact value, then rounded down."""
        value, managed = self.value(holding), self.managed_equity
        if value is None or managed <= 0 or not self.shares_known:
            return None
        left_out = not self.is_managed(holding) and not self.is_owed(holding)
        return value / (managed + value if left_out else managed)

    # --- 3 Facts ----------------------------------------------------------------------------------------------------

    def missing_since(self, holding: Holding) -> Json | None:
        note: Json | None = self.kept_by_key("price_missing", holding)
        return note

    def kept_by_key(self, name: str, holding: Holding) -> Any:
        """Section 12 and 13.1: progress of a short is kept under ``SYMBOL#short``; the asset's counts."""
        kept = self.state.get(name) or {}
        of_side = {
            key.partition("#")[0]: entry
            for key, entry in kept.items()
            if (key.partition("#")[2] or "long") == holding.side
        }
        symbol = self.own_first(of_side, holding)
        return None if symbol is None else of_side[symbol]

    def missing_minutes(self, holding: Holding) -> Decimal:
        """Section 3, ``price_missing_minutes``; section 12: without a note the price is missing since now."""
        note = self.missing_since(holding)
        if note is None or self.price(holding).mark is not None:
            return ZERO
        return max(ZERO, minutes_between(datetime.fromisoformat(note["since"]), self.now))

    def api_mismatch(self, holding: Holding) -> bool:
        """Section 3 and 12: the venue's own numbers contradict each other."""
        if self.held(holding) <= 0 or holding.locked > self.held(holding):
            return True
        market = self.markets.get(holding.symbol)
        if market is None or market.status not in {None, "ok"} or self.price(holding).status != "missing":
            return False
        return any((price or ZERO) < 0 for price in (market.bid, market.ask, market.last))

    def sellable(self, holding: Holding) -> bool:
        """Section 3, ``sellable``."""
        market = self.markets.get(holding.symbol)
        return market is not None and market.active and self.reaches_minimum(holding, self.held(holding))

    def reaches_minimum(self, holding: Holding, quantity: Decimal, price: Decimal | None = None) -> bool:
        """Section 3 and 12: rounded down, above zero, the minimum amount, and the minimum value where it is known."""
        market = self.markets[holding.symbol]
        rounded, mark = down(quantity, market.step), price or self.price(holding).mark
        if rounded <= 0 or rounded < market.min_amount:
            return False
        return mark is None or self.notional(holding, rounded, mark) >= market.min_notional

    def facts(self, holding: Holding) -> dict[str, Any]:
        """Section 3: all present facts, numbers with six places."""
        market, price, record = self.markets.get(holding.symbol), self.price(holding), self.record(holding)
        progress = self.kept_by_key("unwind_progress", holding)
        present: dict[str, Any] = {
            "symbol": holding.symbol,
            "side": holding.side,
            "venue": self.snapshot["venue"],
            "market_known": market is not None,
            "market_active": market is not None and market.active,
            "price_status": price.status,
            "asset": holding.symbol if holding.derivative else self.asset(holding),
            "value_usd": self.value(holding),
            "account_pct": self.account_pct(holding),
            "equity_complete": self.equity_complete,
            "price_basis": price.basis,
            "price_missing_minutes": self.missing_minutes(holding),
            "has_entry_price": self.entry(holding)[0],
            "pnl_pct": self.pnl(holding),
            "age_minutes": self.age(holding),
            "api_mismatch": self.api_mismatch(holding),
            "sellable": self.sellable(holding),
            "over_cap": holding.key in self.over_cap,
            "unwind_cycle": Decimal(progress["cycle"] if progress else 0),
            "failed_exits": Decimal(self.kept_by_key("failed_exits", holding) or 0),
            "protected": self.protected(holding),
            **self.record_facts(holding, record),
        }
        rounded = {key: six_places(fact) if isinstance(fact, Decimal) else fact for key, fact in present.items()}
        return {key: fact for key, fact in rounded.items() if fact is not None}

    def age(self, holding: Holding) -> Decimal | None:
        opened = holding.opened_at or moment((self.record(holding) or {}).get("first_entry_time"))
        return None if opened is None else minutes_between(opened, self.now)

    def record_facts(self, holding: Holding, record: Json | None) -> dict[str, Any]:
        """Section 3: what the tracker's record says."""
        known = record or {}
        by_strategy = record is not None and known.get("position_source") in self.parameters["strategy_sources"]
        logic = known.get("exit_logic")
        registered = number(known.get("quantity"))
        untracked = None
        if registered is not None:
            held = self.held(holding)
            untracked = (held - registered) / held if held > 0 and held > registered else ZERO
        return {
            "tracked": record is not None,
            "position_source": known.get("position_source"),
            "strategy": known.get("strategy"),
            "opened_by_strategy": by_strategy,
            "has_exit_logic": (by_strategy or known.get("stop_price") is not None) if logic is None else logic,
            "tracked_quantity": registered,
            "untracked_pct": untracked,
        }

    # --- 4 and 5 Categories -----------------------------------------------------------------------------------------

    def is_dust(self, facts: Json) -> bool:
        """Section 4, the definition ``dust``."""
        small = "value_usd" in facts and facts["value_usd"] < self.parameter("dust_usd_threshold")
        share = "account_pct" in facts and facts["account_pct"] < self.parameter("dust_pct_threshold")
        return facts.get("price_basis") in {"last", "mid"} and (small or share)

    def verdict(self, facts: Json) -> Verdict:
        """Section 4, ``classification``: the first match decides."""
        too_large = "account_pct" in facts and facts["account_pct"] > self.parameter("max_position_pct")
        rules = (
            ("deferred.price-unavailable", DEFERRED, facts["price_status"] == "unavailable"),
            ("deferred.price-implausible", DEFERRED, facts["price_status"] == "implausible"),
            ("zombie.unknown-asset", ZOMBIE, not facts["market_known"]),
            ("zombie.api-mismatch", ZOMBIE, facts["api_mismatch"]),
            ("zombie.no-price", ZOMBIE, facts["price_status"] == "missing"),
            ("zombie.dust", ZOMBIE, self.is_dust(facts)),
            ("zombie.no-entry-price", ZOMBIE, facts["tracked"] and not facts["has_entry_price"]),
            ("legacy.untracked", LEGACY, not facts["tracked"]),
            ("legacy.external", LEGACY, not facts["opened_by_strategy"]),
            ("legacy.wrong-size", LEGACY, too_large and facts["equity_complete"]),
            ("legacy.no-exit-logic", LEGACY, not facts["has_exit_logic"]),
            ("legacy.over-cap", LEGACY, facts["over_cap"]),
        )
        return next((Verdict(category, rule) for rule, category, holds in rules if holds), Verdict(ALIGNED, None))

    def judged(self, holding: Holding) -> tuple[Verdict, str | None]:
        """Return the category and the exit that section 4 and 6 have for it."""
        facts = self.facts(holding)
        verdict = self.verdict(facts)
        if verdict.category == DEFERRED or self.protected(holding):
            return verdict, None
        if self.is_dust(facts):
            return verdict, "dust"
        if verdict.category == ZOMBIE:
            return verdict, "zombie"
        if verdict.category == LEGACY:
            return verdict, "over-cap" if facts["over_cap"] else "legacy"
        return verdict, None

    # --- 13.6, 13.7 Orders ------------------------------------------------------------------------------------------

    def amount_held(self, asset: str, side: Side) -> Decimal:
        """What is there to be closed: positions, cash, and short what a spot account owes."""
        total = self.cash_held(asset) if side == "long" else ZERO
        for holding in self.positions:
            if self.asset(holding) == asset:
                total += max(self.held(holding), ZERO) if holding.side == side else ZERO
                total += self.owed_balance(holding) if side == "short" else ZERO
        return total

    def belongs_to(self, order: Resting) -> Side:
        """13.7: the side it closes if only that is held, else the side of its own direction, unless reduce-only."""
        closes, adds = directions(order)
        asset = self.order_asset(order)
        if order.position_side is not None:
            return order.position_side
        if order.reduce_only or (self.amount_held(asset, closes) > 0 and self.amount_held(asset, adds) == 0):
            return closes
        return adds

    def opens(self, order: Resting) -> bool:
        """13.6: filled, it would open or add to a position; 13.7: where both sides are held it adds to its own."""
        closes, adds = directions(order)
        asset, spot = self.order_asset(order), ":" not in order.symbol
        if order.reduce_only or (spot and (asset == self.usual_name(self.quote) or self.is_money_name(asset))):
            return False
        if order.position_side is not None:
            return order.position_side == adds
        there, beside = self.amount_held(asset, closes), self.amount_held(asset, adds)
        if spot and order.side == "sell" and beside == 0:
            return False
        return there < order.remaining or (not spot and there > 0 and beside > 0)

    def is_money_name(self, asset: str) -> bool:
        return self.is_kept(asset) or asset in {self.usual_name(currency) for currency in self.other_cash}

    def position_held(self, order: Resting) -> bool:
        """Section 3, ``position_held`` of an order: something is there for it to close, or will be."""
        asset, (closes, _) = self.order_asset(order), directions(order)
        if order.position_side not in {None, closes}:
            return False
        if self.amount_held(asset, closes) > 0:
            return True
        stale = self.parameter("stale_order_minutes")
        return any(
            self.order_asset(other) == asset
            and self.opens(other)
            and self.belongs_to(other) == closes
            and (other.type not in {"stop", "stop_limit"} or (other.age is not None and other.age < stale))
            for other in self.orders
            if other is not order
        )

    def cash_held(self, asset: str) -> Decimal:
        cash: Json = self.snapshot.get("cash") or {}
        if asset == self.usual_name(self.quote):
            return max(amount(cash.get("free")) + amount(cash.get("locked")), ZERO)
        sums = [money[0] + money[1] for name, money in self.other_cash.items() if self.usual_name(name) == asset]
        return max(sums[-1], ZERO) if sums else ZERO

    def order_rule(self, order: Resting) -> str | None:
        """Section 4, ``orders``; 13.6: an order of unknown age is judged by no rule."""
        if order.age is None or six_places(order.age) <= self.parameter("stale_order_minutes"):
            return None
        if order.type == "limit":
            return "stale-limit-order"
        orphan = order.type in {"stop", "stop_limit"} and not self.position_held(order)
        return "orphan-stop" if orphan else None

    @cached_property
    def stale(self) -> dict[str, str]:
        """Section 4 and 9: {order id: rule} of what an order rule matches, protected ones aside."""
        rules = {order.id: self.order_rule(order) for order in self.orders if not self.order_protected(order)}
        return {name: rule for name, rule in rules.items() if rule is not None}

    def is_its_own(self, order: Resting, holding: Holding) -> bool:
        """13.1: what names its symbol is its own; what names none of the asset's goes to the first of them."""
        symbols = sorted(other.symbol for other in self.positions if self.asset(other) == self.asset(holding))
        return holding.symbol == (order.symbol if order.symbol in symbols else symbols[0])

    def concerns(self, order: Resting, holding: Holding) -> bool:
        """13.1 and 13.7: an order is the asset's and the side's."""
        mine = self.order_asset(order) == self.asset(holding) and not self.order_protected(order)
        return mine and self.is_its_own(order, holding) and self.belongs_to(order) == holding.side

    def released(self, order: Resting, holding: Holding) -> Decimal:
        """13.1: an order holds what it pays with: base of a sell, remaining x price of the quote of a buy."""
        if not self.is_its_own(order, holding) or self.order_protected(order):
            return ZERO
        if holding.derivative:
            exits = self.concerns(order, holding) and order.side == holding.exit_side
            return order.remaining if exits else ZERO
        if holding.side == "short" or ":" in order.symbol:
            return ZERO
        if order.side == "sell":
            return order.held if self.order_asset(order) == self.asset(holding) else ZERO
        pays_with = self.usual_name(order.symbol.partition("/")[2]) == self.asset(holding)
        return order.held * (order.price or ZERO) if pays_with else ZERO

    def opening_orders(self, holding: Holding) -> list[Resting]:
        return [order for order in self.orders if self.concerns(order, holding) and self.opens(order)]

    def close_cancels(self, holding: Holding) -> list[Resting]:
        """Section 6: a close cancels the asset's orders on the exit side, what holds it, and what would open."""
        return [
            order
            for order in self.orders
            if (self.concerns(order, holding) and (order.side == holding.exit_side or self.opens(order)))
            or self.released(order, holding) > 0
        ]

    # --- 6 Exits ----------------------------------------------------------------------------------------------------

    @property
    def collar(self) -> Decimal | None:
        return number(self.policy["guards"].get("price_collar_pct"))

    def order_price(self, holding: Holding) -> Decimal | None:
        """13.8: minimums are checked at the price that the order itself carries."""
        mark = self.price(holding).mark
        if mark is None or self.collar is None:
            return mark
        step = self.markets[holding.symbol].price_step
        if holding.side == "short":
            return up(mark * (1 + self.collar), step) if step else mark * (1 + self.collar)
        price = down(mark * (1 - self.collar), step)
        return price if price > 0 else step

    def free_part(self, holding: Holding, cancels: list[Resting]) -> Decimal:
        """Section 6 and 12: at most quantity - locked + what cancels release."""
        release = sum((self.released(order, holding) for order in cancels), ZERO)
        return min(self.held(holding), self.held(holding) - holding.locked + release)

    def could_sell(self, holding: Holding, quantity: Decimal) -> bool:
        return self.reaches_minimum(holding, quantity, self.order_price(holding))

    def obstacle(self, holding: Holding, rule: str) -> str | None:
        """Section 6: the first that holds, in this order; section 12: a negative balance is ``owed``."""
        market = self.markets.get(holding.symbol)
        if market is None:
            return "no-market"
        if not market.active:
            return "market-inactive"
        if self.is_nothing_but_owed(holding):
            return "owed"
        if not self.sellable(holding) or not self.could_sell(holding, self.held(holding)):
            return "below-minimum"
        failed = self.kept_by_key("failed_exits", holding) or 0
        return "attempts-exhausted" if rule == "zombie" and failed >= 1 else None

    def shortage(self, holding: Holding, cancels: list[Resting]) -> str | None:
        """Section 6, 12 and 13.5: what is held or owed."""
        if not self.could_sell(holding, self.free_part(holding, cancels)):
            return "locked"
        return None if self.could_sell(holding, self.sold_at_most(holding, cancels)) else "owed"

    def sold_at_most(self, holding: Holding, cancels: list[Resting]) -> Decimal:
        """13.5: at most quantity - debt."""
        most = self.free_part(holding, cancels)
        if holding.side == "long":
            most = min(most, self.held(holding) - holding.debt)
        return down(most, self.markets[holding.symbol].step)

    def close(self, holding: Holding, rule: str) -> Exit:
        """Section 6: a close sells everything that is free then, or says why not."""
        cancels = self.close_cancels(holding)
        reason = self.obstacle(holding, rule) or self.shortage(holding, cancels) or self.delay(holding, rule)
        if reason is None:
            return self.sale(Exit(holding, rule, "close"), self.sold_at_most(holding, cancels))
        return Exit(holding, rule, "close", reason=reason)

    def sale(self, ending: Exit, quantity: Decimal) -> Exit:
        """13.8: what the venue takes of it; nothing where its maximum is below its minimum."""
        ending.parts = self.orders_for(ending.holding, quantity)
        ending.reason = None if ending.parts else "below-minimum"
        return ending

    def delay(self, holding: Holding, rule: str) -> str | None:
        """Section 6, 13.3 and 13.6: entry-open, no-price-yet, no-value."""
        stale = self.parameter("stale_order_minutes")
        opening = [
            order for order in self.orders if self.order_asset(order) == self.asset(holding) and self.opens(order)
        ]
        if rule == "dust" and any(order.age is not None and order.age < stale for order in opening):
            return "entry-open"
        if rule == "zombie" and self.price(holding).status == "missing":
            if self.missing_minutes(holding) < self.parameter("blind_exit_minutes"):
                return "no-price-yet"
            if self.blind_value(holding) is None:
                return "no-value"
        return None

    def blind_value(self, holding: Holding) -> Decimal | None:
        """13.3: quantity x contract_size x the last price seen x rate, else the entry price."""
        guards = self.policy["guards"]
        if guards.get("price_collar_pct") is not None or guards.get("max_spread_pct") is not None:
            return None
        seen = amount((self.missing_since(holding) or {}).get("last_price"))
        price = seen if seen > 0 else self.entry(holding)[1]
        rate = self.rate(holding.symbol)
        return None if price is None or rate is None else self.notional(holding, self.held(holding), price) * rate

    def orders_for(self, holding: Holding, quantity: Decimal, *, at_market: bool = False) -> list[Decimal]:
        """13.8: the least number of orders, as equal as the step allows, larger first; a thousand at most."""
        market, price = self.markets[holding.symbol], None if at_market else self.order_price(holding)
        price = price or self.price(holding).mark
        most = [limit for limit in (market.max_amount,) if limit is not None]
        if market.market_max_amount is not None and (
            at_market or self.collar is None or self.order_price(holding) is None
        ):
            most.append(market.market_max_amount)
        if market.max_notional is not None and price is not None:
            most.append(market.max_notional / self.notional(holding, Decimal(1), price))
        largest = down(min(most), market.step or EIGHT_PLACES) if most else quantity
        if quantity <= largest:
            return [quantity]
        if largest > 0 and quantity > 1_000 * largest:
            return [largest] * 1_000 if self.could_sell(holding, largest) else []
        parts = equal_parts(quantity, largest, market.step) if largest > 0 else [ZERO]
        if self.could_sell(holding, parts[-1]):
            return parts
        return [largest] if self.could_sell(holding, largest) else []

    # --- 6 and 13.11 Unwinds ----------------------------------------------------------------------------------------

    def unwind(self, holding: Holding, cancels: list[Resting]) -> Exit | None:
        """Section 6: one cycle, or why not, or nothing."""
        _, target = self.target(holding)
        reason, until = self.obstacle(holding, "legacy"), self.due(holding)
        waiting = Exit(holding, "legacy", "unwind", reason="waiting", until=until)
        if self.held(holding) <= target:
            return waiting if reason is None and until is not None else None
        reason = reason or self.shortage(holding, cancels)
        if reason is not None:
            return Exit(holding, "legacy", "unwind", reason=reason)
        if until is not None:
            return waiting
        sold = min(self.slice(holding, target), self.sold_at_most(holding, cancels))
        whole = sold >= down(self.held(holding), self.markets[holding.symbol].step)
        return self.sale(Exit(holding, "legacy", "unwind", everything=whole), sold)

    def target(self, holding: Holding) -> tuple[int, Decimal]:
        """Section 6 and 13.11: the cycle that comes, and what it leaves."""
        progress, held = self.kept_by_key("unwind_progress", holding), self.held(holding)
        cycle, initial = 0, held
        if progress:
            cycle, initial = self.grown(holding, progress)
        if self.parameter("gradual_unwind_pct") == 0:
            return cycle, held
        if cycle + 1 >= int(self.parameter("unwind_cycles")):
            return cycle + 1, ZERO
        return cycle + 1, initial * (1 - self.parameter("gradual_unwind_pct")) ** (cycle + 1)

    def grown(self, holding: Holding, progress: Json) -> tuple[int, Decimal]:
        """13.11: growth of at most 1 % of what was there moves the target; beyond, the unwind begins anew."""
        initial, added = Decimal(progress["initial_quantity"]), amount(progress.get("added"))
        market = self.markets.get(holding.symbol)
        step = (market.step if market else None) or EIGHT_PLACES
        growth = self.held(holding) - initial * Decimal(progress["remaining_pct"])
        if growth <= step:
            return int(progress["cycle"]), initial
        if added + growth <= (initial - added) / 100:
            return int(progress["cycle"]), initial + growth
        return 0, self.held(holding)

    def due(self, holding: Holding) -> datetime | None:
        """13.11: return when the cycle is due, None where it is now."""
        progress = self.kept_by_key("unwind_progress", holding) or {}
        last = moment(progress.get("last_cycle_at"))
        if last is None or last > self.now:
            return None
        until = last + timedelta(minutes=float(self.parameter("unwind_interval_minutes")))
        return until if until > self.now else None

    def slice(self, holding: Holding, target: Decimal) -> Decimal:
        """Section 6 and 12: rounded down, raised to the minimum, everything where the rest would be below it."""
        market, held = self.markets[holding.symbol], self.held(holding)
        whole = down(held, market.step)
        part = down(held - target, market.step) if market.step else up(held - target, None)
        if not self.could_sell(holding, part):
            price = self.order_price(holding) or self.price(holding).mark or ZERO
            by_value = market.min_notional / self.notional(holding, Decimal(1), price)
            part = up(max(market.min_amount, by_value), market.step) or market.step or EIGHT_PLACES
        if target == 0 or part >= whole:
            return whole
        return part if self.could_sell(holding, held - part) else whole

    # --- 6 The cap --------------------------------------------------------------------------------------------------

    def counted(self, holding: Holding, verdict: Verdict, ending: Exit | None) -> bool:
        """Section 6: all positions less those that are closed, unsellable, implausible or in the making."""
        if self.protected(holding) or verdict.rule == "deferred.price-implausible":
            return False
        if ending is not None and (ending.reason is None or ending.reason in {"no-price-yet", "entry-open"}):
            return False
        like_dust = verdict.category == ZOMBIE or self.is_crumb(holding)
        untradeable = like_dust and not self.sellable(holding)
        return not untradeable or bool(self.policy["cap"].get("count_untradeable"))

    @cached_property
    def counted_positions(self) -> list[Holding]:
        """Section 6: what the cap counts, before anything is chosen by it."""
        counted = []
        for holding in self.positions:
            verdict, rule = self.judged(holding)
            ending = self.close(holding, rule) if rule in {"dust", "zombie"} else None
            if self.counted(holding, verdict, ending):
                counted.append(holding)
        return counted

    def choose_by_cap(self) -> None:
        """Section 6: B first, then A, by rank; none while a price is unavailable."""
        unavailable = any(
            self.price(holding).status == "unavailable" for holding in self.positions if not self.protected(holding)
        )
        excess = len(self.counted_positions) - int(self.parameters["max_positions"])
        if unavailable or excess <= 0:
            return
        scope = {LEGACY: 0, ALIGNED: 1} if self.policy["cap"].get("scope", "all") == "all" else {LEGACY: 0}
        candidates = [
            (scope[self.judged(holding)[0].category], self.rank(holding), holding.key)
            for holding in self.counted_positions
            if self.judged(holding)[0].category in scope and self.is_candidate(holding)
        ]
        self.over_cap = {key for _, _, key in sorted(candidates)[:excess]}

    def is_candidate(self, holding: Holding) -> bool:
        """Section 6: sellable, and a close, its own cancels counted, could sell at least the minimum."""
        return (
            self.sellable(holding)
            and self.could_sell(holding, self.held(holding))
            and self.shortage(holding, self.close_cancels(holding)) is None
        )

    def rank(self, holding: Holding) -> tuple[Any, ...]:
        """Section 6: smallest value, worst profit, oldest, symbol; section 12: long before short."""
        facts = self.facts(holding)
        ranks = {
            "value_usd": facts.get("value_usd", ZERO),
            "pnl_pct": facts.get("pnl_pct", ZERO),
            "oldest": -facts["age_minutes"] if "age_minutes" in facts else Decimal("Infinity"),
        }
        return (*(ranks[name] for name in self.policy["cap"]["rank_by"]), holding.symbol, holding.side)

    # --- 6 The plan -------------------------------------------------------------------------------------------------

    def exits(self) -> list[Exit]:
        """Section 6: closes first, for unwinds count what all cancels of the plan release."""
        rules = [(holding, self.judged(holding)[1]) for holding in self.positions]
        closes = [self.close(holding, rule) for holding, rule in rules if rule not in {None, "legacy"} and rule]
        cancelled = [order for order, _ in self.cancels(closes).values()]
        unwinds = [self.unwind(holding, cancelled) for holding, rule in rules if rule == "legacy"]
        return closes + [ending for ending in unwinds if ending is not None]

    def cancels(self, exits: Iterable[Exit]) -> dict[str, tuple[Resting, str]]:
        """Section 6 and 12: {order id: (order, rule)}; an order both stale and in the way is listed once."""
        found = {order.id: (order, self.stale[order.id]) for order in self.orders if order.id in self.stale}
        for ending in sorted(exits, key=lambda ending: (ending.kind, ending.holding.key)):
            if ending.reason is not None or not ending.everything:
                continue
            orders = self.close_cancels if ending.kind == "close" else self.opening_orders
            for order in orders(ending.holding):
                found.setdefault(order.id, (order, ending.rule))
        return found

    def actions(self, exits: list[Exit]) -> list[dict[str, Any]]:
        """Section 6: cancels by symbol and id, then zombie, dust, over-cap, unwind, inside each by symbol."""
        cancels = sorted(self.cancels(exits).values(), key=lambda pair: (pair[0].symbol, pair[0].id))
        rows: list[dict[str, Any]] = [
            {
                "kind": "cancel_order",
                "symbol": order.symbol,
                "side": order.side,
                "quantity": order.remaining,
                "rule": rule,
                "order_id": order.id,
            }
            for order, rule in cancels
        ]
        for ending in sorted(exits, key=exit_order):
            rows += [
                {
                    "kind": ending.kind,
                    "symbol": ending.holding.symbol,
                    "side": ending.holding.exit_side,
                    "quantity": part,
                    "rule": ending.rule,
                    "est_value": self.value_of(ending.holding, part),
                }
                for part in ending.parts
            ]
        return rows + (self.cash_conversions() if self.policy["cash"].get("convert") else [])

    def cash_conversions(self) -> list[dict[str, Any]]:
        """13.4: other money goes through whichever market there is: selling it, or buying the quote with it."""
        rows = []
        for currency, (free, _, debt) in self.other_cash.items():
            if self.cash_rate(currency) is not None and currency != self.quote and free > debt:
                sale = self.cash_order(f"{currency}/{self.quote}", "long", currency, free - debt)
                rows.append(sale or self.cash_order(f"{self.quote}/{currency}", "short", currency, free - debt))
        return sorted((row for rows_of in rows for row in rows_of), key=lambda row: str(row["symbol"]))

    def cash_order(self, symbol: str, side: Side, currency: str, free: Decimal) -> list[dict[str, Any]]:
        """13.4: sell what is free, or buy the quote for it at the price that an order meets."""
        market, holding = self.markets.get(symbol), replace(probe(symbol, self.other_cash[currency][0]), side=side)
        if market is None or not market.active or (mark := self.price(holding).mark) is None:
            return []
        quantity = down(free if side == "long" else free / max(mark, market.ask or ZERO), market.step)
        rate = self.cash_rate(currency) or ZERO
        if not self.reaches_minimum(holding, quantity):
            return []
        return [
            {
                "kind": "convert_cash",
                "symbol": symbol,
                "side": holding.exit_side,
                "quantity": part,
                "rule": "cash.convert",
                "est_value": part * rate * (1 if side == "long" else mark),
            }
            for part in self.orders_for(replace(holding, quantity=free), quantity, at_market=True)
        ]

    def blocked(self, exits: list[Exit]) -> list[tuple[str, str, str, bool, datetime | None]]:
        """Section 6: (symbol, rule, reason, escalate, until)."""
        patient = {"entry-open", "no-price-yet", "waiting"}
        return sorted(
            (
                ending.holding.symbol,
                ending.rule,
                ending.reason,
                ending.rule == "zombie" and ending.reason not in patient,
                ending.until,
            )
            for ending in exits
            if ending.reason is not None
        )

    # --- 5 and 6 Guards ---------------------------------------------------------------------------------------------

    def guards(self, exits: list[Exit]) -> dict[str, bool]:
        """Section 5 and 6: whether each guard lets the plan pass."""
        limits = self.policy["guards"]
        verdicts = {
            "max_actions": len(self.actions(exits)) <= int(limits["max_actions"]),
            "max_run_pct": self.run_passes(exits, Decimal(limits["max_run_pct"])),
            "max_zombie_pct": self.zombies_pass(Decimal(limits["max_zombie_pct"])),
            "max_equity_change_pct": self.balance_is_no_surprise(Decimal(limits["max_equity_change_pct"])),
        }
        if limits.get("max_order_value") is not None:
            most = Decimal(limits["max_order_value"])
            verdicts["max_order_value"] = all(
                self.sold_value(ending, ending.parts[0]) <= most for ending in exits if ending.parts
            )
        if limits.get("max_spread_pct") is not None:
            widest = Decimal(limits["max_spread_pct"])
            verdicts["max_spread_pct"] = all(
                self.spread_passes(ending.holding, widest) for ending in exits if ending.parts
            )
        return verdicts

    def sold_value(self, ending: Exit, sold: Decimal) -> Decimal:
        """Section 6 and 13.3: the estimated value, of what has no price the blind one of what is sold."""
        known = self.value_of(ending.holding, sold)
        if known is None:
            whole = self.blind_value(ending.holding)
            assert whole is not None
            known = whole * sold / self.held(ending.holding)
        return known

    def run_passes(self, exits: list[Exit], limit: Decimal) -> bool:
        sold = sum((self.sold_value(ending, sum(ending.parts, ZERO)) for ending in exits if ending.parts), ZERO)
        if self.managed_equity <= 0 or not self.shares_known:
            return sold == 0
        return sold / self.managed_equity <= limit

    def zombies_pass(self, limit: Decimal) -> bool:
        """Section 5: zombies for want of a price or a market, by deciding rule."""
        rules = [self.judged(holding)[0].rule for holding in self.positions if not self.protected(holding)]
        wanting = sum(rule in {"zombie.unknown-asset", "zombie.no-price"} for rule in rules)
        return len(rules) < 3 or Decimal(wanting) / len(rules) <= limit

    def spread_passes(self, holding: Holding, limit: Decimal) -> bool:
        market = self.markets[holding.symbol]
        bid, ask = market.bid or ZERO, market.ask or ZERO
        return 0 < bid <= ask and (ask - bid) / ((ask + bid) / 2) <= limit

    # --- 13.10 Less than before -------------------------------------------------------------------------------------

    @cached_property
    def held_now(self) -> dict[str, Decimal]:
        """13.10: what is held, by asset; the quote is one of them, what is held short counts against it."""
        cash: Json = self.snapshot.get("cash") or {}
        amounts = [(self.quote, amount(cash.get("free")) + amount(cash.get("locked")))]
        amounts += [(currency, free + locked) for currency, (free, locked, _) in self.other_cash.items()]
        for holding in self.positions:
            held = self.held(holding)
            amounts.append((self.asset(holding), -held if holding.side == "short" else held))
        sums: dict[str, Decimal] = {}
        for asset, part in amounts:
            sums[asset] = sums.get(asset, ZERO) + part
        return {asset: total for asset, total in sums.items() if total}

    def price_today(self, asset: str, quantity: Decimal) -> Decimal | None:
        """13.10: at today's prices: the rate of money, the mark of what is held, else of a market, else a rate."""
        if asset == self.quote:
            return Decimal(1)
        if asset in self.other_cash and self.cash_rate(asset) is not None:
            return self.cash_rate(asset)
        held = [holding for holding in self.positions if self.asset(holding) == asset and not holding.derivative]
        named = [
            symbol for symbol in sorted(self.markets) if ":" not in symbol and self.asset_of_symbol(symbol) == asset
        ]
        probes = sorted(held, key=lambda holding: holding.key) + [probe(symbol, quantity) for symbol in named]
        marks = [self.value_of(holding, Decimal(1)) for holding in probes]
        rate = number((self.snapshot.get("rates") or {}).get(asset))
        return next((mark for mark in marks if mark is not None), rate)

    def balance_is_no_surprise(self, limit: Decimal) -> bool:
        """13.10: a difference above the share of what was held then refuses the plan, and an empty account does."""
        last: Json | None = self.state.get("last_balance")
        then = {asset: Decimal(held) for asset, held in ((last or {}).get("held") or {}).items()}
        if not self.held_now and (then if last else self.tracker):
            return False
        if last is None:
            return True
        before, after = self.worth_then_and_now(last, then)
        return before <= 0 or abs(after - before) <= limit * before

    def worth_then_and_now(self, last: Json, then: dict[str, Decimal]) -> tuple[Decimal, Decimal]:
        """13.10: implausible positions and derivatives aside; by equity where nobody can price what has changed."""
        aside = {self.asset(holding) for holding in self.positions if self.price(holding).status == "implausible"}
        names = {name for name in self.held_now.keys() | then.keys() if ":" not in name and name not in aside}
        prices = {name: self.price_today(name, then.get(name, self.held_now.get(name, ZERO))) for name in names}
        changed = {name for name in names if self.held_now.get(name, ZERO) != then.get(name, ZERO)}
        equity = amount(last.get("equity"))
        if equity > 0 and any(prices[name] is None for name in changed):
            return equity, self.equity
        before = sum((then.get(name, ZERO) * (price or ZERO) for name, price in prices.items()), ZERO)
        return before, sum((self.held_now.get(name, ZERO) * (price or ZERO) for name, price in prices.items()), ZERO)

    # --- 9 The state as it stands -----------------------------------------------------------------------------------

    def state_now(self) -> str:
        """Section 9: UNKNOWN, NEEDS_CLEANUP, CLEANUP_IN_PROGRESS or CLEAN."""
        managed = [holding for holding in self.positions if not self.protected(holding)]
        statuses = {self.price(holding).status for holding in managed}
        unjudged = any(order.age is None and not self.order_protected(order) for order in self.orders)
        expected = self.balance_is_no_surprise(Decimal(self.policy["guards"]["max_equity_change_pct"]))
        if "unavailable" in statuses or unjudged or not expected:
            return "UNKNOWN"
        zombies = any(self.held_against_clean(holding) for holding in managed)
        unregistered = [holding for holding in managed if self.is_unregistered(holding)]
        small = self.parameter("dust_usd_threshold")
        debts = any(value is None or value >= small for _, value in self.debts.values())
        unwinding = [holding for holding in unregistered if self.is_under_way(holding)]
        too_many = len(self.counted_positions) - len(unwinding) > int(self.parameters["max_positions"])
        if zombies or too_many or debts or "implausible" in statuses or self.stale:
            return "NEEDS_CLEANUP"
        if not unregistered:
            return "CLEAN"
        return "CLEANUP_IN_PROGRESS" if len(unwinding) == len(unregistered) else "NEEDS_CLEANUP"

    def is_under_way(self, holding: Holding) -> bool:
        """Section 9 and 13.11: an unwind has begun, or waits for its next cycle."""
        progress: Json = self.kept_by_key("unwind_progress", holding) or {}
        own = holding.symbol + ("" if holding.side == "long" else "#short") in (self.state.get("unwind_progress") or {})
        if own or progress.get("cycle", 0) > 0:
            return True
        stale = [order for order in self.orders if order.id in self.stale]
        waits = self.unwind(holding, stale) if self.judged(holding)[1] == "legacy" else None
        return waits is not None and waits.reason == "waiting"

    def held_against_clean(self, holding: Holding) -> bool:
        return self.judged(holding)[0].category == ZOMBIE and not self.is_tolerated(holding)

    def is_tolerated(self, holding: Holding) -> bool:
        """Section 9 and 13.2: dust that is blocked, and what is as small and unsellable, priced from one side."""
        rule = self.judged(holding)[1]
        if rule == "dust":
            return self.close(holding, "dust").reason not in {None, "no-price-yet"}
        return self.is_crumb(holding)

    def is_crumb(self, holding: Holding) -> bool:
        """13.2: priced from one side, unsellable and below the dust threshold: tolerated like dust."""
        value = self.value(holding)
        small = value is not None and value < self.parameter("dust_usd_threshold")
        return self.price(holding).basis == "one_side" and small and not self.sellable(holding)

    def is_unregistered(self, holding: Holding) -> bool:
        """Section 9: every position registered in the tracker, tolerated dust aside."""
        if self.is_tolerated(holding):
            return False
        return not self.facts(holding)["tracked"] or self.judged(holding)[0].category == LEGACY


def probe(symbol: str, quantity: Decimal) -> Holding:
    """What a market is asked for its price with."""
    return Holding(symbol, "long", quantity, ZERO, Decimal(1), None, None, None, ZERO)


def directions(order: Resting) -> tuple[Side, Side]:
    """Return the side an order would close, and the one it would add to."""
    return ("long", "short") if order.side == "sell" else ("short", "long")


def equal_parts(quantity: Decimal, largest: Decimal, step: Decimal | None) -> list[Decimal]:
    """13.8: as equal as the step allows, larger first; without a step eight places, rounded up."""
    count = int((quantity / largest).to_integral_value(ROUND_CEILING))
    unit = step or EIGHT_PLACES
    units, more = divmod(int((quantity / unit).to_integral_value(ROUND_CEILING)), count)
    parts = [(units + 1) * unit] * more + [units * unit] * (count - more)
    return [*parts[:-1], quantity - sum(parts[:-1], ZERO)]


def exit_order(ending: Exit) -> tuple[int, str, str]:
    """Section 6, the order of actions; section 12: long comes before short."""
    return ["zombie", "dust", "over-cap", "legacy"].index(ending.rule), ending.holding.symbol, ending.holding.side


def expected_plan(snapshot: Json, policy: Json, state: Json, now: datetime) -> dict[str, Any]:
    """Compute what the plan has to hold."""
    with localcontext(Context(prec=120)):
        oracle = Oracle(snapshot, policy, state, now)
        before = oracle.counted_positions
        oracle.choose_by_cap()
        exits = oracle.exits()
        return {
            "positions": {
                holding.key: (verdict.category, verdict.rule, {**oracle.facts(holding), "category": verdict.category})
                for holding in oracle.positions
                for verdict, _ in [oracle.judged(holding)]
            },
            "counted": len(before),
            "actions": oracle.actions(exits),
            "blocked": oracle.blocked(exits),
            "guards": oracle.guards(exits),
            "equity": oracle.equity,
            "managed_equity": oracle.managed_equity,
            "debts": oracle.debts,
            "other_cash": {name: (*cash, oracle.cash_value(name)) for name, cash in oracle.other_cash.items()},
            "state": oracle.state_now(),
        }
