"""What a program's own broker tells of an account, as a snapshot: its balance, and cash that makes up the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from exitplan.brokers.duck_typed.holdings import Holding, rates_of
from exitplan.brokers.duck_typed.methods import VENUE
from exitplan.brokers.duck_typed.resting import Resting
from exitplan.brokers.duck_typed.values import amount_of, first_amount
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.snapshot import Cash, Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO

QUOTE = "USD"
"""The currency that values and balances are told in."""
_AVAILABLE = ("available", "available_balance")
_TOTAL = ("total", "total_balance")


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account is said to be worth in ``total``, and the amount that shares of it are measured by."""

    total: Decimal
    share_of: Decimal


def snapshot_of(
    account: str,
    holdings: Sequence[Holding],
    orders: Sequence[Resting],
    balance: Balance,
    now: datetime,
) -> Snapshot:
    """Return an account whose equity is what it is said to be: cash makes up the rest.

    A balance that is less than what is held leaves the money in it out; then what is held is the equity.
    """
    symbols = [holding.position.symbol for holding in holdings] + [entry.order.symbol for entry in orders]
    cash = balance.total
    for holding in holdings:
        cash = EXACT.subtract(cash, holding.value)
    return Snapshot(
        account=account,
        venue=VENUE,
        quote=QUOTE,
        taken_at=now,
        cash=Cash(max(cash, ZERO)),
        positions=tuple(holding.position for holding in holdings),
        open_orders=tuple(entry.order for entry in orders),
        markets={holding.position.symbol: holding.market for holding in holdings if holding.market is not None},
        rates=rates_of(symbols, QUOTE),
        share_of=balance.share_of,
    )


def without_derived(snapshot: Snapshot, holdings: Sequence[Holding], tracked: Collection[str]) -> Snapshot:
    """Forget the entry prices that only a told result leads to, where there is a tracker record to know better."""
    derived = {
        holding.position.symbol for holding in holdings if holding.is_derived and holding.position.symbol in tracked
    }
    positions = [
        replace(position, entry_price=None) if position.symbol in derived else position
        for position in snapshot.positions
    ]
    return replace(snapshot, positions=tuple(positions))


def balance_of(reply: object) -> Balance:
    """Read a balance: a number, or a dict with ``available`` and ``total``; raises AccountUnreadable.

    As the published protocol has it, shares are measured by what is available, and by the total only where nothing is.
    """
    if not isinstance(reply, Mapping):
        told = amount_of(reply)
        total = available = told
    else:
        available, total = first_amount(reply, *_AVAILABLE), first_amount(reply, *_TOTAL)
    known = [amount for amount in (available, total) if amount is not None]
    if not known:
        raise AccountUnreadable(f"the account balance is {reply!r}, which is no amount")
    share_of = next((amount for amount in known if amount), ZERO)
    return Balance(max(known), share_of)
