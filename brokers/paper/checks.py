"""What a venue refuses before an order reaches its book: each check answers with the refusal, or None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from exitplan.brokers.paper.ledger import Ledger
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.paper.pricing import Taken, Terms, cost_of_buy, is_self_funding, mark_price, reduces, taker_price
from exitplan.brokers.protocol import ConvertRequest, OrderRequest, RefusalReason, Refused
from exitplan.ruleset.model.snapshot import Market, Side
from exitplan.ruleset.model.values import ZERO, is_derivative, plain

LARGEST = Decimal("1e24")
"""No order is above this, in units or in value, so that no amount outgrows what a snapshot file can hold."""


class OrderCase(Struct, frozen=True):
    """A request with all that its checks look at."""

    request: OrderRequest
    market: Market
    position_side: Side
    terms: Terms
    ledger: Ledger
    options: PaperOptions

    @property
    def reducing(self) -> bool:
        """Whether the order would make its position smaller."""
        return reduces(self.request.side, self.position_side)

    @property
    def expected_price(self) -> Decimal | None:
        """The price the order counts on: its limit, its trigger, else what a market order is filled at."""
        request = self.request
        taken = Taken(request.quantity, self.terms)
        return request.price or request.trigger_price or taker_price(self.market, request.side, self.options, taken)


Check = Callable[[OrderCase], Refused | None]


def aimed_side(request: OrderRequest, ledger: Ledger, *, hedge_mode: bool = False) -> Side:
    """Find which position an order is about: the one it names, else it reduces, else it opens.

    In hedge mode an order that does not say that it reduces opens.
    """
    if request.position_side is not None:
        return request.position_side
    exit_side: Side = "long" if request.side == "sell" else "short"
    opened: Side = "long" if request.side == "buy" else "short"
    if hedge_mode and is_derivative(request.symbol):
        return exit_side if request.reduce_only else opened
    if request.reduce_only or (request.symbol, exit_side) in ledger.positions:
        return exit_side
    return opened if is_derivative(request.symbol) else "long"


def first_refusal(case: OrderCase) -> Refused | None:
    """Run every check in a venue's order; None where the order may enter the book."""
    for check in _CHECKS:
        refusal = check(case)
        if refusal is not None:
            return refusal
    return None


def _type(case: OrderCase) -> Refused | None:
    request, options = case.request, case.options
    offered = {"market": True, "limit": True, "stop": options.stop_market, "stop_limit": options.stop_limit}
    if not offered.get(request.type, False):
        return Refused(RefusalReason.UNSUPPORTED, f"the venue has no {request.type} orders")
    if request.reduce_only and not options.reduce_only:
        return Refused(RefusalReason.UNSUPPORTED, "the venue has no reduce-only orders")
    return None


def _active(case: OrderCase) -> Refused | None:
    return _not_active(case.request.symbol, case.market)


def _quantity(case: OrderCase) -> Refused | None:
    return _not_a_quantity(case.request.quantity)


def _amount_step(case: OrderCase) -> Refused | None:
    step = case.market.amount_step
    if not step or case.request.quantity % step == 0:
        return None
    text = f"{plain(case.request.quantity)} is not a multiple of {plain(step)}"
    return Refused(RefusalReason.AMOUNT_STEP, text)


def _min_amount(case: OrderCase) -> Refused | None:
    least = case.market.min_amount
    if least is None or case.request.quantity >= least:
        return None
    text = f"{plain(case.request.quantity)} is below the minimum of {plain(least)}"
    return Refused(RefusalReason.BELOW_MIN_AMOUNT, text)


def _max_amount(case: OrderCase) -> Refused | None:
    at_market = case.market.market_max_amount if case.request.type in {"market", "stop"} else None
    most = min((amount for amount in (case.market.max_amount, at_market) if amount), default=None)
    if most is None or case.request.quantity <= most:
        return None
    text = f"{plain(case.request.quantity)} is above the maximum of {plain(most)}"
    return Refused(RefusalReason.ABOVE_MAX_AMOUNT, text)


def _prices(case: OrderCase) -> Refused | None:
    request = case.request
    wanted = {
        "price": request.type in {"limit", "stop_limit"},
        "trigger price": request.type in {"stop", "stop_limit"},
    }
    given = {"price": request.price, "trigger price": request.trigger_price}
    for name, price in given.items():
        if wanted[name] != (price is not None):
            word = "needs a" if wanted[name] else "takes no"
            return Refused(RefusalReason.INVALID_PRICE, f"a {request.type} order {word} {name}")
        if price is not None and not (price.is_finite() and 0 < price <= LARGEST):
            return Refused(RefusalReason.INVALID_PRICE, f"{price} is not a {name}")
        step = case.market.price_step
        if price is not None and step and price % step:
            text = f"the {name} {plain(price)} is not a multiple of {plain(step)}"
            return Refused(RefusalReason.PRICE_STEP, text)
    return None


def _price_known(case: OrderCase) -> Refused | None:
    request = case.request
    without_rate = _without_rate(request.symbol, case.ledger) if is_derivative(request.symbol) else None
    if without_rate is not None:
        return without_rate
    if case.expected_price is None or (request.trigger_price is not None and mark_price(case.market) is None):
        return Refused(RefusalReason.NO_PRICE, f"{request.symbol} has no price to fill at")
    return None


def _trigger_side(case: OrderCase) -> Refused | None:
    trigger, mark = case.request.trigger_price, mark_price(case.market)
    if trigger is None or mark is None:
        return None
    if (trigger > mark) if case.request.side == "buy" else (trigger < mark):
        return None
    word = "above" if case.request.side == "buy" else "below"
    text = f"a {case.request.side} stop must be {word} the price {plain(mark)}"
    return Refused(RefusalReason.TRIGGER_SIDE, text)


def _notional(case: OrderCase) -> Refused | None:
    request = case.request
    price = request.price or request.trigger_price or mark_price(case.market) or case.expected_price
    if price is None:
        return None
    notional = case.terms.notional(request.quantity, price)
    if notional > LARGEST or case.terms.value(request.quantity, price) > LARGEST:
        return Refused(RefusalReason.INVALID_QUANTITY, f"{plain(request.quantity)} is more than the venue trades")
    least, most = case.market.min_notional, case.market.max_notional
    if most and notional > most:
        text = f"a value of {plain(notional)} is above the maximum of {plain(most)}"
        return Refused(RefusalReason.ABOVE_MAX_NOTIONAL, text)
    if least is None or notional >= least:
        return None
    text = f"a value of {plain(notional)} is below the minimum of {plain(least)}"
    return Refused(RefusalReason.BELOW_MIN_NOTIONAL, text)


def _reduce_only(case: OrderCase) -> Refused | None:
    request = case.request
    if not request.reduce_only:
        return None
    held = case.ledger.held(request.symbol, case.position_side)
    if case.reducing and request.quantity <= held:
        return None
    text = f"{plain(request.quantity)} on a position of {plain(held)} would do more than reduce it"
    return Refused(RefusalReason.REDUCE_ONLY, text)


def _quantity_free(case: OrderCase) -> Refused | None:
    request = case.request
    if not case.reducing:
        if request.side == "sell" and not is_derivative(request.symbol):
            return Refused(RefusalReason.INSUFFICIENT_BALANCE, "spot cannot be sold short here")
        return None
    return _beyond_free(request.symbol, request.quantity, case.position_side, case.ledger)


def _cash_free(case: OrderCase) -> Refused | None:
    cost, currency = cash_needed(case), case.ledger.currency_of(case.request.symbol)
    free = case.ledger.free_money(currency)
    if cost <= free or not cost:
        return None
    text = f"{plain(cost)} needed, {plain(free)} {currency} free"
    return Refused(RefusalReason.INSUFFICIENT_BALANCE, text)


def cash_needed(case: OrderCase) -> Decimal:
    """Return the free money an order needs, fee included.

    A spot buy needs its cost. A derivative opened on paper needs its whole value free when it is placed, and
    keeps no margin afterwards. Reducing a derivative needs nothing.
    """
    price, fee = case.expected_price, max(case.options.taker_fee, case.options.maker_fee)
    if price is None or is_self_funding(case.terms, case.request.side, case.position_side):
        return ZERO
    return cost_of_buy(case.terms, case.request.quantity, price, fee)


def _not_active(symbol: str, market: Market) -> Refused | None:
    if market.active:
        return None
    return Refused(RefusalReason.MARKET_INACTIVE, f"{symbol} does not trade at the moment")


def _not_a_quantity(quantity: Decimal) -> Refused | None:
    if quantity.is_finite() and 0 < quantity <= LARGEST:
        return None
    return Refused(RefusalReason.INVALID_QUANTITY, f"{quantity} is not a quantity to trade")


def _without_rate(symbol: str, ledger: Ledger) -> Refused | None:
    if ledger.rate_of(symbol) is not None:
        return None
    return Refused(RefusalReason.NO_PRICE, f"no rate from the currency of {symbol} to {ledger.quote}")


def _beyond_free(symbol: str, quantity: Decimal, side: Side, ledger: Ledger) -> Refused | None:
    free = ledger.free_quantity(symbol, side)
    if quantity <= free:
        return None
    text = f"{plain(quantity)} asked, {plain(free)} of {symbol} free"
    return Refused(RefusalReason.INSUFFICIENT_BALANCE, text)


_CHECKS: tuple[Check, ...] = (
    _type,
    _active,
    _quantity,
    _amount_step,
    _min_amount,
    _max_amount,
    _prices,
    _price_known,
    _trigger_side,
    _notional,
    _reduce_only,
    _quantity_free,
    _cash_free,
)


def refuse_conversion(request: ConvertRequest, market: Market, ledger: Ledger, options: PaperOptions) -> Refused | None:
    """Check a conversion: of spot only, of what is free, of something that has a rate."""
    if not options.convert or is_derivative(request.symbol):
        return Refused(RefusalReason.UNSUPPORTED, f"the venue does not convert {request.symbol}")
    return (
        _not_active(request.symbol, market)
        or _not_a_quantity(request.quantity)
        or _without_rate(request.symbol, ledger)
        or _beyond_free(request.symbol, request.quantity, "long", ledger)
    )
