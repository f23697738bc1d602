"""Look for orders of exitplan's own that the journal knows nothing of: a run is missing from it then.

Open ones stand in every reading. Those that are over are asked for once, before the first order of a run, and beside
the reading of the account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from exitplan.brokers.call_log import as_caller
from exitplan.brokers.protocol import PastOrders
from exitplan.executor.accounts.account import Account
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import OutcomeUnknown
from exitplan.ruleset.model.facts import OUR_ORDER
from exitplan.ruleset.model.snapshot import Snapshot

T = TypeVar("T")

REACH = timedelta(days=7)
"""How far back past orders are asked for at most: some venues keep them no longer."""
_MARGIN = timedelta(minutes=1)
"""By how much the clocks of this machine and of a venue may differ."""
_A_MOMENT = timedelta(milliseconds=1)
"""What venues tell apart."""


def read_with_past_orders(
    account: Account, journal: Journal | None, state: State, symbols: Collection[str], read: Callable[[], T]
) -> tuple[T, PastOrders]:
    """Read the account, and beside it the orders that it has had since the newest run that is known.

    ``symbols`` are those that matter where the venue lists orders by symbol. Where it lists none, nothing is asked.
    Raises AccountUnreadable where either cannot be read.
    """
    if account.broker.capabilities.past_orders is None:
        return read(), PastOrders()
    since = _newest_run(journal, state, account.clock())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(as_caller(lambda: account.broker.read_past_orders(since, symbols)))
        answer = read()
    told = asked.result()
    if not told.is_complete:
        note(RUN, "past_orders_cut_off", level=logging.WARNING, account=account.id, seen=len(told.client_order_ids))
    return answer, told


def _newest_run(journal: Journal | None, state: State, now: datetime) -> datetime:
    """Return from when on orders are asked for: the beginning of the newest run in the journal.

    A state that was imported knows of runs that its journal does not, up to and with the moment at which the last of
    them ended.
    """
    begun = None if journal is None else journal.last_run_at()
    moments = [now - REACH, *([] if begun is None else [begun - _MARGIN])]
    known = state.last_cleanup_run
    return min(max(*moments, now - REACH if known is None else known + _A_MOMENT), now)


def ensure_orders_known(account: Account, journal: Journal | None, snapshot: Snapshot, past: PastOrders) -> None:
    """Raise OutcomeUnknown where the account has orders of exitplan's own, open or over, that the journal has not.

    A run is missing from the journal then: it was put back from a backup or begun anew, or another data folder works on
    the same account.
    """
    resting = _missing_from(journal, _open_ones(account, snapshot))
    over = [name for name in _missing_from(journal, past.client_order_ids) if name not in resting]
    if not resting and not over:
        return
    told = [f"{which} orders {', '.join(names)}" for which, names in (("open", resting), ("past", over)) if names]
    raise OutcomeUnknown(
        f"{account.venue} knows orders of exitplan that this journal does not know: {'; '.join(told)}",
        hint="a run is missing from it: put the newest journal back, or work in the data folder that sent them; if"
        " there is none any more, look at the orders, then say that they are right with: exitplan accept-balance",
    )


def accept_orders(account: Account, journal: Journal, snapshot: Snapshot, past: PastOrders) -> None:
    """Note that a person knows of the orders that the journal has not."""
    journal.accept_orders(_missing_from(journal, told_orders(account, snapshot, past)))


def told_orders(account: Account, snapshot: Snapshot, past: PastOrders) -> frozenset[str]:
    """Return the client order ids of all orders, open or over, that the venue has told of."""
    return frozenset({*_open_ones(account, snapshot), *past.client_order_ids})


def _open_ones(account: Account, snapshot: Snapshot) -> Collection[str]:
    """Return the ids of open orders; a paper account may be the copy of a live one, its open orders included."""
    if account.identity.key is None:
        return ()
    return [order.client_order_id for order in snapshot.open_orders if order.client_order_id is not None]


def _missing_from(journal: Journal | None, names: Collection[str]) -> list[str]:
    ours = sorted(name for name in set(names) if OUR_ORDER.fullmatch(name))
    return ours if journal is None else journal.unknown_orders(ours)
