"""What an account holds against what the last run left: the key of another account looks like a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.progress import Balance, Progress
from exitplan.ruleset.model.snapshot import Position
from exitplan.ruleset.model.valuation import Belief, price_of
from exitplan.ruleset.model.values import ZERO, is_derivative
from exitplan.ruleset.planning.guards import BalanceChange


def balance_of(account: AccountView, at: datetime) -> Balance:
    """Return what an account holds, and what it is worth."""
    return Balance(at, account.amounts, account.equity.total)


def find_change(account: AccountView, progress: Progress, belief: Belief) -> BalanceChange | None:
    """Compare the account with the last run's, at today's prices; None where there is nothing to compare with.

    Derivatives, whose contracts are no value, and positions with implausible prices are left out on both sides. Where
    the quantity of something that nobody can price has changed, equity is compared instead. What could not be read is
    compared with nothing.
    """
    if account.snapshot.missing:
        return None
    now, then = account.amounts, progress.last_balance
    if not now and (then.held if then is not None else account.snapshot.tracker):
        return BalanceChange(ZERO, ZERO, is_emptied=True)
    if then is None:
        return None
    if now == then.held:  # whatever it is worth, nothing has moved
        return BalanceChange(ZERO, ZERO)
    implausible = {view.asset for view in account.positions if view.price.status == "implausible"}
    prices = _prices(account, {**now, **then.held}, belief)
    moved = {asset for asset in {**now, **then.held} if now.get(asset, ZERO) != then.held.get(asset, ZERO)}
    if then.equity > 0 and any(asset not in prices and asset not in implausible for asset in moved if ":" not in asset):
        return BalanceChange(then.equity, account.equity.total)
    prices = {asset: price for asset, price in prices.items() if asset not in implausible}
    return BalanceChange(_value(then.held, prices), _value(now, prices))


def _value(held: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> Decimal:
    return sum((amount * prices[asset] for asset, amount in held.items() if asset in prices), ZERO)


def _prices(account: AccountView, amounts: Mapping[str, Decimal], belief: Belief) -> dict[str, Decimal]:
    """Return what one unit of each asset is worth now in the account's quote, where that is known."""
    snapshot = account.snapshot
    prices: dict[str, Decimal] = {snapshot.quote: Decimal(1)}
    for money in account.other_cash:
        if money.rate is not None:
            prices[money.currency] = money.rate
    for view in account.positions:
        worth = view.worth(Decimal(1))
        if worth is not None and not view.is_derivative:
            prices.setdefault(view.asset, worth)
    for symbol in sorted(snapshot.markets):
        asset = account.names.of_symbol(symbol)
        if asset in amounts and asset not in prices and not is_derivative(symbol):
            price = price_of(snapshot, Position(symbol, "long", amounts[asset]), belief)
            if price.mark is not None and price.rate is not None:
                prices[asset] = price.mark * price.rate
    for currency, rate in snapshot.rates.items():
        prices.setdefault(currency, rate)
    return prices
