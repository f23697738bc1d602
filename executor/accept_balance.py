"""Believe what an account holds because a person says that it is right, even nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import localcontext

from exitplan.brokers.protocol import PastOrders
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.manual_resolution import unresolved_in
from exitplan.executor.apply.own_orders import accept_orders, read_with_past_orders
from exitplan.executor.plan import observe_account, read_account, read_state
from exitplan.executor.readings import accepted
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.state import State, state_to_document
from exitplan.ruleset.errors import BalanceHasChanged, OutcomeUnknown
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import Balance
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.balance import balance_of


def read_balance(account: Account) -> Balance:
    """Return what the account holds now; raises AccountUnreadable."""
    with localcontext(EXACT):
        state = read_state(account)
        seen = observe_account(account, state.progress)
        return balance_of(seen.account, seen.now)


def change_of(account: Account) -> str | None:
    """Return in what the account at the venue is another one than before; None where it is the same."""
    bound = read_state(account).bound
    return None if bound is None else bound.difference(account.identity)


def _bound_anew(state: State, account: Account, journal: Journal) -> State:
    """Return the state as one of the account that its file names now; raises OutcomeUnknown."""
    difference = None if state.bound is None else state.bound.difference(account.identity)
    if difference is None:
        return replace(state, bound=account.identity.completed(state.bound))
    unresolved = [action.client_order_id for _, action, _ in unresolved_in(journal)]
    if unresolved:
        raise OutcomeUnknown(
            f"{account.id} is another account than before ({difference}), and the outcome of {', '.join(unresolved)} is"
            " not known yet",
            hint="look for it at the venue, then: exitplan resolve ORDER --filled QUANTITY",
        )
    return replace(state.unverified, bound=account.identity)


def _read(account: Account, journal: Journal, state: State) -> tuple[Observation, PastOrders]:
    """Read the account and its past orders; where those are listed by symbol, of all that the account may sell."""
    held = read_account(account)
    symbols = {*(position.symbol for position in held.positions), *(order.symbol for order in held.open_orders)}
    return read_with_past_orders(
        account, journal, state, symbols, lambda: observe_account(account, state.progress, held)
    )


def accept_balance(account: Account, seen: Balance | None = None) -> Balance:
    """Read the account and compare every later reading with what it holds now; returns that.

    Where another venue, address or key stands in its file than before, the account is that one from now on; orders of
    exitplan that the journal does not know, open or over, are taken for right. Nothing is sent, and no progress is
    forgotten. ``seen`` is the balance that a person looked at: no other is accepted. Raises BalanceHasChanged where it
    is another one by now, OutcomeUnknown where the account changes and an order is unresolved, AccountUnreadable,
    AccountIsLocked, DataFolderUnusable, and FileIsInvalid where the state was edited by hand.
    """
    store = account.store
    store.ensure_ready()
    with localcontext(EXACT), store.lease(account.clock()), store.open_journal() as journal:
        journal.claim()
        state = _bound_anew(store.take_state(journal), account, journal)
        read, past = _read(account, journal, state)
        state = accepted(state, read)
        balance = state.last_balance
        assert balance is not None  # noqa: S101 - it was set a moment ago
        if seen is not None and seen.held != balance.held:
            raise BalanceHasChanged(f"what {account.id} holds has changed since you looked at it", hint="look again")
        accept_orders(account, journal, read.snapshot, past)
        journal.put_state(state_to_document(state))
        store.note_journal(account.identity, journal.mark())
        store.export_state(journal, state)
        figures = {"equity": plain(balance.equity), "held": {name: plain(left) for name, left in balance.held.items()}}
        store.raise_alert("BALANCE_ACCEPTED", read.now, figures)
    return balance
