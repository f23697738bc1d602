"""Phase 4: read the account again and run the four checks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from exitplan.executor.accounts.account import Account
from exitplan.executor.logs import RUN, note
from exitplan.executor.plan import read_snapshot, read_state
from exitplan.executor.readings import after_reading, with_reading
from exitplan.executor.store.journal import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.executor.store.state import State, export_state, state_to_document, take_state
from exitplan.ruleset.errors import (
    AccountIsHalted,
    AccountIsLocked,
    CancelledByUser,
    DataFolderUnusable,
    FileIsInvalid,
    RefusedByGuard,
)
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.checks import AccountState, Checks
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan


def verify_account(account: Account) -> Checks:
    """Check an account as it is now; raises and remembers what :func:`examine_account` does."""
    return examine_account(account).checks


def examine_account(account: Account) -> Draft:
    """Check an account as it is now, and remember the answer in its state; what it was found by comes with it.

    What the reading notes of prices and balances is remembered with the answer. Where another process is at work on the
    account, the answer is given and not remembered. Raises AccountUnreadable
    where balances or orders cannot be read, FileIsInvalid for a broken tracker: then the state is UNKNOWN.
    """
    with no_old_answer(account):
        state = read_state(account)
        snapshot = read_snapshot(account, state.progress)
        state = after_reading(state, account.rulebook.policy, snapshot, account.clock())
        draft = draft_of(account, snapshot, state)
    note(RUN, "verified", account=account.id, state=draft.checks.state.value)
    _remember(account, draft.checks.state, state)
    return draft


@contextmanager
def no_old_answer(account: Account) -> Iterator[None]:
    """Let no earlier answer stand where the block fails to give a new one.

    The state is UNKNOWN then, and NEEDS_CLEANUP where a guard refused what there was to do. Raises what the block does.
    """
    try:
        yield
    except (AccountIsHalted, AccountIsLocked, CancelledByUser):  # these say nothing of how it stands
        raise
    except RefusedByGuard:
        _remember(account, AccountState.NEEDS_CLEANUP)
        raise
    except Exception as error:  # whatever broke, nobody knows how the account stands
        note(RUN, "verified", level=logging.WARNING, account=account.id, state="UNKNOWN", message=str(error))
        _remember(account, AccountState.UNKNOWN)
        raise


def _remember(account: Account, known: AccountState, read: State | None = None) -> None:
    """Note the answer in the state, unless somebody else is at work on the account or the state cannot be written."""
    try:
        with (
            account_lease(account.folder.lock, account.id, account.clock()),
            open_journal(account.folder.journal) as journal,
        ):
            state = verified(take_state(journal, account.folder.state), account, known)
            state = state if read is None else with_reading(state, read)
            journal.put_state(state_to_document(state))
            export_state(journal, state, account.folder.state)
    except (AccountIsLocked, DataFolderUnusable, FileIsInvalid):
        pass  # whoever is at work notes what it finds; a state that cannot be read keeps the gate closed


def draft_of(account: Account, snapshot: Snapshot, state: State) -> Draft:
    """Decide on an account that was just read, with the four checks and the warnings."""
    return draft_plan(PlanInput(account.rulebook, snapshot, account.clock(), state.progress))


def verified(state: State, account: Account, known: AccountState) -> State:
    """Return the state with the answer of a verification in it."""
    policy = account.loaded.policy.sha256
    return replace(state, account_state=known, last_verified_at=account.clock(), verified_policy=policy)
