"""An account as the rules see it: positions with their values, money in other currencies, debts, orders and equity."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.order_view import Holdings, OrderView
from exitplan.ruleset.model.position_view import PositionView, signed_value, unrealised_profit
from exitplan.ruleset.model.snapshot import Cash, Position, Snapshot
from exitplan.ruleset.model.valuation import rate_of
from exitplan.ruleset.model.values import ONE, ZERO


class OtherCash(Struct, frozen=True, gc=False):
    """Money beside the account's cash, nearly always in another currency; ``rate`` is None where no value is known."""

    currency: str
    free: Decimal
    locked: Decimal
    debt: Decimal
    rate: Decimal | None
    is_kept: bool = True

    @property
    def value(self) -> Decimal | None:
        """What it is worth in the account's quote currency, debts aside."""
        return None if self.rate is None else (self.free + self.locked) * self.rate


class Debt(Struct, frozen=True, gc=False):
    """What an account owes of a currency, or of a position's symbol; ``value`` is None where no price is believed."""

    name: str
    amount: Decimal
    value: Decimal | None
    kind: Literal["currency", "symbol"] = "currency"


class Equity(Struct, frozen=True, gc=False):
    """What an account is worth in its quote currency.

    ``managed`` leaves out protected positions and those on markets that do not trade. ``is_complete``: all that
    ``managed`` counts, other cash and every debt has a believed price. ``has_shares``: shares of it can be told.
    """

    total: Decimal
    managed: Decimal
    is_complete: bool
    has_shares: bool


class AccountView(Struct, frozen=True, gc=False):
    """Everything that is known of an account; positions by symbol, long before short, orders by symbol and id.

    ``amounts`` are what it holds, by asset, the quote currency among them; derivatives by their contracts, what is held
    short below zero.
    """

    snapshot: Snapshot
    names: AssetNames
    positions: tuple[PositionView, ...]
    orders: tuple[OrderView, ...]
    other_cash: tuple[OtherCash, ...]
    debts: tuple[Debt, ...]
    equity: Equity
    holdings: Holdings
    amounts: Mapping[str, Decimal]

    @property
    def unjudged_orders(self) -> tuple[OrderView, ...]:
        """The orders whose age or kind is not known: no rule judges them."""
        return tuple(
            view for view in self.orders if not view.is_protected and (view.age_minutes is None or view.kind is None)
        )


def held_amounts(
    snapshot: Snapshot, views: Iterable[PositionView], other_cash: Iterable[OtherCash]
) -> dict[str, Decimal]:
    """Add up what an account holds, by asset; what it has none of is left out."""
    amounts = {snapshot.quote: snapshot.cash.free + snapshot.cash.locked}
    for money in other_cash:
        amounts[money.currency] = amounts.get(money.currency, ZERO) + money.free + money.locked
    for view in views:
        held = -view.held if view.position.side == "short" else view.held
        amounts[view.asset] = amounts.get(view.asset, ZERO) + held
    return {asset: amount for asset, amount in sorted(amounts.items()) if amount}


def find_debts(snapshot: Snapshot, views: Iterable[PositionView], other_cash: Sequence[OtherCash]) -> list[Debt]:
    """List what the account owes: of its quote, of other money, and of coins; a spot short is owed too."""
    debts = []
    owed = snapshot.cash.debt + max(-(snapshot.cash.free + snapshot.cash.locked), ZERO)
    if owed > 0:
        debts.append(Debt(snapshot.quote, owed, owed))
    for money in other_cash:
        owed = money.debt + max(-(money.free + money.locked), ZERO)
        if owed > 0:
            debts.append(Debt(money.currency, owed, None if money.rate is None else owed * money.rate))
    for view in views:
        owed = view.position.debt + _held_short(view)
        if owed > 0:
            debts.append(Debt(view.position.symbol, owed, view.worth(owed), "symbol"))
    return debts


def add_up(
    snapshot: Snapshot, views: Sequence[PositionView], other_cash: Sequence[OtherCash], debts: Sequence[Debt]
) -> Equity:
    """Compute equity and managed equity; every debt is subtracted once, whatever is left out."""
    money = snapshot.cash.free + snapshot.cash.locked - snapshot.cash.debt
    for cash in other_cash:
        if cash.rate is not None:
            money += (cash.free + cash.locked - cash.debt) * cash.rate
    total = managed = money
    for view in views:
        amount = _contribution(view)
        total += amount
        if view.is_managed or is_owed(view):
            managed += amount
        if view.position.debt:
            owed = view.worth(view.position.debt) or ZERO
            total, managed = total - owed, managed - owed
    unpriced = [view for view in views if view.is_managed and view.price.mark is None]
    debts_known = all(debt.value is not None for debt in debts)
    return Equity(
        total=total,
        managed=managed,
        is_complete=debts_known and not unpriced and all(cash.rate is not None for cash in other_cash),
        has_shares=debts_known and not any(view.is_derivative for view in unpriced),
    )


def other_money(
    snapshot: Snapshot,
    views: Sequence[PositionView],
    quoted: Sequence[PositionView],
    names: AssetNames,
    kept: Collection[str],
) -> tuple[OtherCash, ...]:
    """Gather the money beside the account's cash: what the venue tells as such, and spot holdings of kept currencies.

    ``quoted`` is the former at the market of its own, which values it where no rate does; ``kept`` are the assets that
    are money: those that the policy names, and the quote.
    """
    if not (views or snapshot.other_cash):
        return ()
    quote = names.resolve(snapshot.quote)
    sums: dict[str, Cash] = {}
    marks: dict[str, Decimal] = {}
    for currency, cash in snapshot.other_cash.items():
        sums[currency] = _sum(sums.get(currency), cash)
    for view in views:
        sums[view.asset] = _sum(sums.get(view.asset), _as_cash(view.position))
    for view in (*views, *quoted):
        worth = view.worth(ONE)
        if worth is not None:
            marks.setdefault(view.asset, worth)
    money = []
    for currency, cash in sorted(sums.items()):
        is_kept = names.resolve(currency) in kept
        rate = ONE if names.resolve(currency) == quote else rate_of(snapshot, currency)
        known = marks.get(currency) if rate is None else rate
        money.append(
            OtherCash(currency, cash.free, cash.locked, cash.debt, known if is_kept else None, is_kept=is_kept)
        )
    return tuple(money)


def is_owed(view: PositionView) -> bool:
    """Check whether a position is a debt: a spot short, or a spot balance below zero."""
    return not view.is_derivative and (view.position.side == "short" or view.position.quantity < 0)


def _held_short(view: PositionView) -> Decimal:
    return abs(view.position.quantity) if is_owed(view) else ZERO


def _contribution(view: PositionView) -> Decimal:
    """Return what a position adds to equity: a spot position its value, a derivative its unrealised profit."""
    return (unrealised_profit(view) or ZERO) if view.is_derivative else signed_value(view)


def _as_cash(position: Position) -> Cash:
    """Return what a spot holding is as cash; one that is held short is owed."""
    if position.side == "short":
        return Cash(debt=abs(position.quantity) + position.debt)
    return Cash(position.quantity - position.locked, position.locked, position.debt)


def _sum(first: Cash | None, second: Cash) -> Cash:
    if first is None:
        return second
    return Cash(first.free + second.free, first.locked + second.locked, first.debt + second.debt)
