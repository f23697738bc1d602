"""Find the plans that wait for a person, among all accounts of the project."""

from __future__ import annotations

import os
from pathlib import Path

from exitplan.cli.failures import warn
from exitplan.executor.accounts.account import read_account_files
from exitplan.executor.accounts.project import project_root
from exitplan.executor.approvals.deciding import Found, all_requests, find_request
from exitplan.executor.people import actor


def known_requests(data: Path, *, as_json: bool) -> list[Found]:
    """Return the requests of all accounts, and warn of accounts that cannot be read."""
    files = read_account_files(project_root())
    found, problems = all_requests(files.sound, data)
    for broken in files.broken:
        warn(str(broken.error), hint=broken.error.hint, as_json=as_json)
    for name, problem in problems:
        warn(f"{name}: {problem}", hint=problem.hint, as_json=as_json)
    return found


def requested(name: str, data: Path, *, as_json: bool) -> Found:
    """Return the request that is named; raises UsageError."""
    return find_request(name, known_requests(data, as_json=as_json))


def person() -> str:
    """Return who is at the keyboard."""
    return actor(os.environ)
