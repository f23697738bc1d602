"""Find the plans that wait for a person, among all accounts of the project."""

from __future__ import annotations

import os

from exitplan.cli.failures import warn
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.approvals.deciding import Found, find_request
from exitplan.executor.people import actor
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.lease import seems_held
from exitplan.ruleset.errors import ExitplanError, UsageError


def known_requests(
    data: DataPlace, name: str | None = None, *, closed: bool = True, as_json: bool
) -> tuple[list[Found], ExitplanError | None]:
    """Return the requests of all accounts; warn of accounts that cannot be read, and return why the first of them."""
    found, unread = data.requests(name, closed=closed)
    for account, problem in unread:
        warn(f"{account}: {problem}" if account else str(problem), hint=problem.hint, as_json=as_json)
    return found, next((problem for _, problem in unread), None)


def requested(name: str, data: DataPlace, *, as_json: bool) -> Found:
    """Return the request that is named; raises UsageError, or why it may be one of those that cannot be read."""
    found, problem = known_requests(data, name, as_json=as_json)
    try:
        return find_request(name, found)
    except UsageError:
        if problem is not None:
            raise problem from None
        raise


def person() -> str:
    """Return who is at the keyboard."""
    return actor(os.environ)


def what_follows(found: Found) -> str:
    """Say who applies the plan."""
    if not isinstance(found.store, FileStore):
        return "A worker of the fleet applies it in the account's next cycle."
    watcher = seems_held(found.store.folder.watch_lock)
    if watcher is not None:
        who, _, _ = watcher.removeprefix("by ").partition(" since ")
        return f"The watcher applies it in its next round ({who})."
    return f"No watcher is running. To apply it now: exitplan approve {found.request.id} --apply"
