"""Make a project to look at in the dashboard: the demo account and others like it, with a made-up past.

    python -m tools.demo_past FOLDER

Everything is on paper. Past runs are real ones, made with a clock that stands in the past; between them prices move.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.executor.accounts.account import AccountRequest, open_account, read_account_files
from exitplan.executor.approvals.book import open_book
from exitplan.executor.approvals.deciding import all_requests, approve
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.operation import Operation, operate
from exitplan.executor.people import acting_as
from exitplan.executor.plan import plan_account
from exitplan.executor.standing import remember
from exitplan.executor.store.file_store import FileStore, files_below
from exitplan.executor.store.halt import halt
from exitplan.web.security.changing_users import add_user
from exitplan.web.security.roles import Role
from exitplan.web.security.users_file import UsersFile

PASSWORD = "unwind slowly"  # noqa: S105 - of a demo on loopback, printed for whoever looks at it
PEOPLE = {"vera": Role.VIEWER, "olga": Role.OPERATOR, "anna": Role.APPROVER, "bob": Role.APPROVER, "ada": Role.ADMIN}
LADDER = (
    "escalation: [{id: unclean, on: not_clean, after: {hours: 12}, steps:"
    " [{channels: [desk]}, {after: 8h, channels: [phone], severity: CRITICAL}]}]\n"
)
KEEP = (
    'protect:\n  - {asset: LUNA, reason: "delisted, claim filed"}\n'
    '  - {asset: VOUCHER, reason: "unsolicited airdrop"}\n'
)


@dataclass(frozen=True, slots=True)
class Made:
    """An account of the demo: its policy beyond what all have, how many runs it had, and what became of it."""

    id: str
    policy: str = ""
    runs: int = 0
    tags: str = "[desk-1]"


ACCOUNTS = (
    Made("treasury", "approval: {mode: manual, people: 2}\n", 2, "[treasury, two-people]"),
    Made("grid-bots", KEEP, 9, "[desk-1, bots]"),
    Made("arbitrage", LADDER, 1, "[desk-2]"),
    Made("market-maker", "", 3, "[desk-2, bots]"),
    Made("pension", KEEP, 6, "[desk-3]"),
    Made("trial", "", 0, "[desk-3]"),
)


def main() -> None:
    """Make the project in a folder that is not there yet, or is empty."""
    logging.disable()  # alerts of the past are no news
    root = Path(sys.argv[1])
    subprocess.run(["exitplan", "init", str(root)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607 - exitplan itself
    os.chdir(root)
    for made in ACCOUNTS:
        _write_account(made)
    now = datetime.now(UTC)
    _let_time_pass("platform", 1, now)
    for made in ACCOUNTS:
        _let_time_pass(made.id, made.runs, now)
    _ask("treasury", now)
    _ask("platform", now)
    halt(FileStore.of(Path("data"), "market-maker").folder.path, "the venue answers late, looked into", now)
    _tend("arbitrage", now)
    users = UsersFile(Path("data/users.json"))
    for name, role in PEOPLE.items():
        add_user(users, name, role, PASSWORD, now)
    people = ", ".join(f"{name} ({role.word})" for name, role in PEOPLE.items())
    print(f"Log in as {people}, with the password: {PASSWORD}")


def _write_account(made: Made) -> None:
    Path(f"policies/accounts/{made.id}.yaml").write_text(
        f"version: 1\nname: {made.id}\nextends: ../default.yaml\nparameters: {{unwind_interval_minutes: 60}}\n"
        f"{made.policy}account:\n  id: {made.id}\n  venue: paper\n  quote: USD\n  tags: {made.tags}\n"
        f"  options:\n    file: ../../data/paper/{made.id}.json\n    start_from: demo\n"
    )


def _open(account: str, at: datetime) -> Any:  # noqa: ANN401 - an account
    request = AccountRequest(clock=lambda: at, account=account, store_of=files_below(Path("data")))
    return open_account(request)


def _let_time_pass(account: str, runs: int, now: datetime) -> None:
    """Have plans applied every few hours, until some hours ago; prices move between them."""
    for number in range(runs):
        at = now - timedelta(hours=9 * (runs - number), minutes=len(account))
        opened = _open(account, at)
        with acting_as("anna" if number % 2 else "bob"):
            operate(opened, Operation())
        _move_prices(Path(f"data/paper/{account}.json"), f"{account}{number}")


def _move_prices(path: Path, seed: str) -> None:
    document: dict[str, Any] = json.loads(path.read_text())
    for symbol, market in document["markets"].items():
        digest = hashlib.sha256(f"{seed}{symbol}".encode()).digest()
        factor = Decimal(1) + (Decimal(digest[0]) - 122) / 4000
        _scale(market, factor)
    path.write_text(json.dumps(document, indent=2))


def _scale(market: dict[str, Any], factor: Decimal) -> None:
    step = Decimal(str(market.get("price_step") or "0.0001"))
    for name in ("bid", "ask", "last"):
        if market.get(name):
            steps = max(1, round(Decimal(market[name]) * factor / step))
            market[name] = str((steps * step).normalize().quantize(step))


def _ask(account: str, now: datetime) -> None:
    """Let a plan wait for people, as a round of the watcher does; of two who must approve one has."""
    opened = _open(account, now)
    planned = plan_account(opened)
    remember(opened, planned.draft.checks.state)
    people = opened.loaded.policy.approval.people
    with open_book(opened.store) as book:
        book.ask(planned.plan, ("approval: manual",), people, now)
    if people > 1:
        files: Mapping[str, Any] = read_account_files(Path()).sound
        found, _ = all_requests({account: files[account]}, files_below(Path("data")))
        approve(found[-1], "bob", now)


def _tend(account: str, now: datetime) -> None:
    """Let what is not clean become an incident."""
    for hours in (20, 0):
        tend(_open(account, now - timedelta(hours=hours)), now - timedelta(hours=hours))


if __name__ == "__main__":
    main()
