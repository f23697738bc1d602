"""How an account stands as its last run left it, with what a person should know beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exitplan.executor.accounts.account import Account, AccountFile
from exitplan.executor.offline_warnings import offline_warnings
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.history import AccountStatus, account_status
from exitplan.ruleset.model.records import write_record
from exitplan.ruleset.planning.warnings import PlanWarning


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """What is remembered of an account, and what a person should know of its files."""

    status: AccountStatus
    warnings: tuple[PlanWarning, ...]
    halt: Halt | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The status in its JSON form."""
        halted = None if self.halt is None else self.halt.document
        return {
            **self.status.document,
            "halt": halted,
            "warnings": [write_record(warning) for warning in self.warnings],
        }


def known_status(account: Account, file: AccountFile) -> KnownStatus:
    """Return what is remembered of an account; nothing is asked of its venue. Raises FileIsInvalid."""
    warnings = offline_warnings(file, account.store, account.clock())
    return KnownStatus(account_status(account), tuple(warnings), account.store.find_halt())
