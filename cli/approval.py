"""Ask a person before anything is sent."""

from __future__ import annotations

import sys

from exitplan.cli.output import say
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.staleness import ensure_not_halted
from exitplan.ruleset.errors import CancelledByUser

_YES = "yes"


def approve(account: Account) -> None:
    """Ask whether to go on with an account; raises CancelledByUser, and AccountIsHalted before anything is asked."""
    ensure_not_halted(account)
    ask_for_approval(account.id, live=account.broker.capabilities.live)


def ask_for_approval(account: str, *, live: bool) -> None:
    """Ask whether to go on: only ``yes`` does, on a live account only its id; raises CancelledByUser."""
    wanted = account if live else _YES
    what = "Real money moves. Type the account's id to go on" if live else "Carry this out? Only 'yes' goes on"
    ask(what, wanted, "use --auto-approve, or review a plan: exitplan plan --out FILE, then exitplan apply FILE")


def ask(question: str, wanted: str = _YES, hint: str = "use --auto-approve") -> None:
    """Ask a question that only one answer takes further; raises CancelledByUser."""
    say(f"\n{question}: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        say("", err=True)
        raise CancelledByUser("there was nobody to say yes", hint=hint)
    if answer.strip() != wanted:
        raise CancelledByUser("cancelled: nothing was sent")
