"""What is remembered of how an account stands: whose it is, what the last verification found, and that none stands."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.state_transitions import after_escalating
from exitplan.executor.logs import RUN, note
from exitplan.executor.readings import with_reading
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import (
    AccountIsAnother,
    AccountIsHalted,
    AccountIsLocked,
    CancelledByUser,
    DataFolderUnusable,
    FileIsInvalid,
    RefusedByGuard,
)
from exitplan.ruleset.planning.actions import Blocked
from exitplan.ruleset.planning.checks import AccountState


def ensure_same_account(account: Account, state: State) -> None:
    """Raise AccountIsAnother where the account at the venue is not the one that the state is about."""
    difference = None if state.bound is None else state.bound.difference(account.identity)
    if difference is not None:
        raise AccountIsAnother(
            f"the account {account.id} is another one than before: {difference}",
            hint=f"undo the change in {account.file}; if it is right (a new key of the same account, say), look at the"
            " account at its venue and confirm it with: exitplan accept-balance",
        )


def verified(state: State, account: Account, known: AccountState) -> State:
    """Return the state with the answer of a verification in it, and the account that it is about."""
    policy = account.loaded.policy.sha256
    bound = account.identity if state.bound is None else state.bound
    if bound.difference(account.identity) is None:
        bound = account.identity.completed(state.bound)
    now = account.clock()
    return replace(state, account_state=known, last_verified_at=now, verified_policy=policy, bound=bound)


@contextmanager
def no_old_answer(account: Account) -> Iterator[None]:
    """Let no earlier answer stand where the block fails to give a new one.

    The state is UNKNOWN then, and NEEDS_CLEANUP where a guard refused what there was to do. Raises what the block does.
    """
    had_journal = account.store.has_journal()
    try:
        yield
    except (AccountIsHalted, AccountIsLocked, CancelledByUser):  # these say nothing of how it stands
        raise
    except RefusedByGuard:
        remember(account, AccountState.NEEDS_CLEANUP)
        raise
    except Exception as error:  # whatever broke, nobody knows how the account stands
        note(RUN, "verified", level=logging.WARNING, account=account.id, state="UNKNOWN", message=str(error))
        if had_journal and not account.store.has_journal():  # a new one would stand where that has to go back to
            account.store.mark_gate_closed("the journal was moved away or removed", account.clock())
        else:
            remember(account, AccountState.UNKNOWN)
        raise


def no_answer_left(account: Account) -> AbstractContextManager[None]:
    """Let no earlier answer stand where the block fails; where none was remembered, nothing is begun for that."""
    return no_old_answer(account) if account.store.has_journal() else nullcontext()


def remember(account: Account, known: AccountState, read: State | None = None, blocked: Sequence[Blocked] = ()) -> None:
    """Note an answer in the state; where that cannot be done, note beside it that no earlier answer stands.

    What is ``blocked`` in a plan that is not carried out now, and that a person has to look at, is told, once. Raises
    DataFolderUnusable where neither can be done.
    """

    def answered(state: State) -> State:
        state = verified(state, account, known)
        state = state if read is None else with_reading(state, read)
        return _escalated(account, state, blocked) if blocked else state

    try:
        account.store.ensure_journal()
        account.store.change_state(answered, account.clock(), lifts_mark=True)
    except (AccountIsLocked, DataFolderUnusable, FileIsInvalid) as error:
        note(RUN, "not_remembered", level=logging.WARNING, account=account.id, state=known.value, message=str(error))
        account.store.mark_gate_closed(f"that the account was {known.value} could not be remembered", account.clock())


def _escalated(account: Account, state: State, blocked: Sequence[Blocked]) -> State:
    now = account.clock()
    state, told = after_escalating(state, blocked, now)
    for figures in told:
        account.store.raise_alert("ZOMBIE_ESCALATED", now, figures)
    return state
