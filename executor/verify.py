"""Phase 4: read the account again and run the four checks."""

from __future__ import annotations

from exitplan.executor.accounts.account import Account
from exitplan.executor.escalation.ladder import tended_after
from exitplan.executor.logs import RUN, note
from exitplan.executor.plan import observe_account, read_state
from exitplan.executor.readings import after_reading
from exitplan.executor.standing import ensure_same_account, no_old_answer, remember
from exitplan.executor.store.state import State
from exitplan.executor.tracing import span
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.planning.checks import Checks
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan


def verify_account(account: Account) -> Checks:
    """Check an account as it is now; raises and remembers what :func:`examine_account` does."""
    return examine_account(account).checks


def examine_account(account: Account) -> Draft:
    """Check an account as it is now, and remember the answer in its state; what it was found by comes with it.

    What the reading notes of prices and balances is remembered with the answer. Where another process is at work on the
    account, the answer is given and not remembered, and no earlier one stands. The account's incidents are tended in
    the end. Raises AccountUnreadable where balances or orders cannot be read, AccountIsAnother, FileIsInvalid for a
    broken tracker: then the state is UNKNOWN.
    """
    with tended_after(account):
        with span("verify", account=account.id, venue=account.venue), no_old_answer(account):
            state = read_state(account)
            ensure_same_account(account, state)
            seen = observe_account(account, state.progress)
            state = after_reading(state, seen)
            draft = draft_of(account, seen, state)
        note(RUN, "verified", account=account.id, state=draft.checks.state.value)
        remember(account, draft.checks.state, state)
        account.store.keep_reading(draft, is_verification=True)
    return draft


def draft_of(account: Account, seen: Observation, state: State) -> Draft:
    """Decide on an account that was just read, with the four checks and the warnings."""
    return draft_plan(PlanInput(account.rulebook, seen.snapshot, seen.now, state.progress, seen=seen))
