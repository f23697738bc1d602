"""Turn money in other currencies into the account's quote, through whichever market there is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from exitplan.ruleset.model.account_view import AccountView, OtherCash
from exitplan.ruleset.model.position_view import PositionView, reaches_minimum
from exitplan.ruleset.model.snapshot import OrderSide, Position, Side
from exitplan.ruleset.model.valuation import Belief, Price, price_of
from exitplan.ruleset.model.values import EXACT, floor_to_step, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.exits import Rank
from exitplan.ruleset.planning.order_sizes import divide_order

RULE = "cash.convert"
"""What a plan names as the rule of these actions: the setting of the policy."""


def plan_conversions(account: AccountView, belief: Belief) -> Iterator[Action]:
    """Plan the conversion of all other money that is kept as cash, has a rate, and is enough for an order."""
    quote = account.names.resolve(account.snapshot.quote)
    for money in account.other_cash:
        if account.names.resolve(money.currency) == quote:
            continue
        if money.is_kept and money.rate is not None and money.free - money.debt > 0:
            yield from _conversion(account, money, belief)


def _conversion(account: AccountView, money: OtherCash, belief: Belief) -> Iterator[Action]:
    for side, symbol in _ways(account, money.currency):
        view = _market_view(account, money, symbol, side, belief)
        if view is None or view.price.mark is None:
            continue
        quantity = _quantity(view, money.free - money.debt, side)
        if not reaches_minimum(view, quantity):
            continue
        sizes = divide_order(view, quantity, None, at_market=True)
        if not sizes:
            continue
        for number, size in enumerate(sizes, start=1):
            yield _action(account, money, view, side, size, number if len(sizes) > 1 else 0)
        return


def _ways(account: AccountView, currency: str) -> Iterator[tuple[OrderSide, str]]:
    """Yield the markets that turn a currency into the quote: selling it, or buying the quote with it."""
    quote = account.snapshot.quote
    yield "sell", f"{currency}/{quote}"
    yield "buy", f"{quote}/{currency}"


def _market_view(
    account: AccountView, money: OtherCash, symbol: str, side: OrderSide, belief: Belief
) -> PositionView | None:
    """Look at the market as at a position in it: what a sale of one would meet."""
    market = account.snapshot.markets.get(symbol)
    if market is None or not market.active:
        return None
    held: Side = "long" if side == "sell" else "short"
    position = Position(symbol, held, money.free)
    return PositionView(position, money.currency, market, _price(account, position, belief))


def _price(account: AccountView, position: Position, belief: Belief) -> Price:
    return price_of(account.snapshot, position, belief)


def _quantity(view: PositionView, free: Decimal, side: OrderSide) -> Decimal:
    """Return the quantity of the order: all of it, or what it buys at the price an order would meet."""
    mark, market = view.price.mark, view.market
    if side == "sell" or mark is None or market is None:
        return floor_to_step(free, view.amount_step)
    ask = market.ask if market.ask is not None and market.ask > mark else mark
    return floor_to_step(EXACT.divide(free, ask), view.amount_step)


def _action(
    account: AccountView, money: OtherCash, view: PositionView, side: OrderSide, quantity: Decimal, part: int
) -> Action:
    mark = view.price.mark
    spent = quantity if side == "sell" or mark is None else quantity * mark
    return Action(
        kind="convert_cash",
        phase=3,
        symbol=view.position.symbol,
        side=side,
        quantity=quantity,
        rule=RULE,
        because=f"{money.currency} is turned into {account.snapshot.quote}",
        est_value=None if money.rate is None else spent * money.rate,
        expects={"cash_free": plain(money.free), "mark_price": None if mark is None else plain(mark)},
        rank=Rank.CONVERT_CASH,
        part=part,
    )
