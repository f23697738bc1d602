"""Tell on stderr of halts that are on, whatever the command: nothing is sent while one is."""

from __future__ import annotations

from collections.abc import Collection

from exitplan.cli.failures import warn
from exitplan.executor.accounts.account import is_path
from exitplan.executor.accounts.places import DataPlace


def warn_of_halts(data: DataPlace, accounts: Collection[str] = (), *, as_json: bool = False) -> None:
    """Warn of a halt of all accounts, and of those of single ones; where ids are named, of theirs alone."""
    ids = {name for name in accounts if not is_path(name)}
    for halt in data.halts():
        if halt.account is None or not ids or halt.account in ids:
            problem = halt.error()
            warn(str(problem), hint=problem.hint, as_json=as_json)
