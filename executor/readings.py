"""What a reading of an account leaves to remember: missing prices, and whether its balance is believed. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import localcontext

from exitplan.executor.store.state import State
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.progress import MissingPrice, Progress
from exitplan.ruleset.model.values import EXACT
from exitplan.ruleset.planning.balance import balance_of, find_change
from exitplan.ruleset.planning.guards import judge_change

SECOND_READING = timedelta(minutes=1)
"""How much later a surprising balance has to be read again, the same, to be believed."""


def after_reading(state: State, seen: Observation) -> State:
    """Return the state after a live reading that was observed by it, before anything is decided on it.

    It is the same one where the reading found nothing new.
    """
    with localcontext(EXACT):
        return _with_balance(_with_prices(state, seen.account, seen.now), seen.policy, seen.account, seen.now)


def with_reading(state: State, read: State) -> State:
    """Return a state with what another one has noted of a reading."""
    return replace(
        state,
        price_missing=read.price_missing,
        last_prices=read.last_prices,
        pending_balance=read.pending_balance,
        last_balance=read.last_balance,
    )


def after_run(state: State, policy: Policy, account: AccountView, now: datetime) -> State:
    """Return the state after a run has ended: what is held now is what the next reading is compared with."""
    with localcontext(EXACT):
        if account.snapshot.missing or not _is_believed(state.progress, policy, account):
            return state
        return replace(state, last_balance=balance_of(account, now), pending_balance=None)


def accepted(state: State, seen: Observation) -> State:
    """Return the state after a person has said that what is held is right, even nothing."""
    with localcontext(EXACT):
        return replace(state, last_balance=balance_of(seen.account, seen.now), pending_balance=None)


def _with_prices(state: State, account: AccountView, now: datetime) -> State:
    """Note since when prices are missing; a failed question changes nothing, a price ends it."""
    missing, last = dict(state.price_missing), dict(state.last_prices)
    for view in account.positions:
        key, price = view.position.key, view.price
        if price.mark is not None:
            missing.pop(key, None)
            last[key] = price.mark
        elif price.status == "missing" and view.market is not None:
            missing.setdefault(key, MissingPrice(now, last.get(key)))
    if (missing, last) == (state.price_missing, state.last_prices):
        return state
    return replace(state, price_missing=missing, last_prices=last)


def _with_balance(state: State, policy: Policy, account: AccountView, now: datetime) -> State:
    """Believe a surprising balance once it was read twice, a minute apart; an empty one only when a person says so."""
    if account.snapshot.missing:
        return state
    if _is_believed(state.progress, policy, account):
        return state if state.pending_balance is None else replace(state, pending_balance=None)
    seen, pending = balance_of(account, now), state.pending_balance
    if not seen.held:
        return state
    is_the_same = pending is not None and _is_believed(Progress(last_balance=pending), policy, account)
    if pending is None or not is_the_same:
        return replace(state, pending_balance=seen)
    if now - pending.at < SECOND_READING:
        return state
    return replace(state, last_balance=seen, pending_balance=None)


def _is_believed(progress: Progress, policy: Policy, account: AccountView) -> bool:
    return judge_change(policy.guards["max_equity_change_pct"], find_change(account, progress, policy.belief)).ok
