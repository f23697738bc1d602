"""An account in a plan of its group that has not come to its end: nothing else is carried out on it meanwhile."""

from __future__ import annotations

from exitplan.executor.accounts.account import Account
from exitplan.executor.store.group_rows import open_group_run
from exitplan.executor.store.journal import Journal
from exitplan.ruleset.errors import AccountIsInGroupRun


def ensure_not_in_group_run(account: Account, journal: Journal) -> None:
    """Raise AccountIsInGroupRun where the account takes part in a plan of its group that is not carried out yet.

    To end that here would leave the legs in the other accounts alone.
    """
    row = open_group_run(journal)
    if row is None:
        return
    raise AccountIsInGroupRun(
        f"the account {account.id} takes part in a plan of the group {row.group_name} that was not carried out to its"
        f" end ({row.group_plan})",
        hint=row.hint,
    )
