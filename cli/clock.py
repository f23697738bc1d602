"""Tell where this machine's clock is off the venue's: orders carry its time."""

from __future__ import annotations

from exitplan.brokers.clock_offset import TOLD
from exitplan.cli.failures import warn
from exitplan.executor.accounts.account import Account


def tell_of_clock(account: Account, *, as_json: bool = False) -> None:
    """Warn on stderr of a clock that is surely off by more than a second, by what the venue just told."""
    offset = account.clock_offset
    problem = None if offset is None else offset.problem(TOLD)
    if problem is not None:
        warn(f"{account.id}: {problem}", hint="set this machine's clock, for example with NTP", as_json=as_json)
