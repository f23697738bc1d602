"""An account at the paper venue, without fees, slippage and spread, whose clock stands until it is moved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
from msgspec import structs

from exitplan.brokers.paper.broker import PaperBroker, open_paper_account
from exitplan.brokers.paper.engine import Prices
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.apply.events import ApplyResult
from exitplan.executor.logs import imagined
from exitplan.executor.plan import Planned, plan_account
from exitplan.executor.store.tracker import TrackerFile
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document, tracker_to_document
from exitplan.ruleset.model.values import MICRO
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.policies import LoadedPolicy
from exitplan.workbench.cases.accounts import CaseAccount, NotAnAccount, full_symbol

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


def memory() -> str | None:
    """Return a folder in memory, where there is one: nothing of a test has to survive a power cut."""
    return str(_IN_MEMORY) if os.access(_IN_MEMORY, os.W_OK) else None


@dataclass
class Clock:
    """A moment that stands until somebody moves it."""

    moment: datetime

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.moment

    def wait(self, minutes: Decimal) -> None:
        """Go on by some minutes, to the millionth."""
        self.moment += timedelta(microseconds=int(minutes * 60 * MICRO))


@dataclass(frozen=True, slots=True)
class TriedPolicy:
    """A policy that is tried: its file, what was loaded of it, and its rules in the engine."""

    file: Path
    loaded: LoadedPolicy
    book: Rulebook


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """An account at the paper venue that a policy is tried on."""

    start: CaseAccount
    account: Account
    venue: PaperBroker
    clock: Clock

    @classmethod
    def open(cls, start: CaseAccount, policy: TriedPolicy, folder: Path) -> PaperAccount:
        """Open an account as it is at its start; everything is kept in an empty folder."""
        clock = Clock(start.now)
        request = AccountRequest(
            clock=clock, account=str(_account_file(start, policy.loaded.policy, folder)), data=folder / "data"
        )
        opened = open_account(request)
        file = opened.tracker
        if isinstance(file, TrackerFile):
            file.path.parent.mkdir(parents=True, exist_ok=True)
            records = tracker_to_document(start.snapshot.tracker)
            file.path.write_bytes(orjson.dumps({"positions": records, "last_updated": None}))
        venue = open_paper_account(opened.loaded.account or {}, folder, clock)
        return cls(start, replace(opened, loaded=policy.loaded, rulebook=policy.book), venue, clock)

    def plan(self) -> Planned:
        """Read the account and plan; nobody's log hears of it."""
        with imagined():
            return plan_account(self.account)

    def apply(self, plan: Plan) -> ApplyResult:
        """Carry a plan out; nobody's log hears of it."""
        with imagined():
            return apply_plan(self.account, plan)

    def move_price(self, name: str, price: Decimal | None) -> None:
        """Move the price of a symbol, or of a base currency, to the given one; None leaves it.

        Raises NotAnAccount for a symbol that is in no market.
        """
        symbol = full_symbol(name, self.start.snapshot.quote)
        if symbol not in self.start.snapshot.markets:
            raise NotAnAccount(f"prices: {symbol} is in no market of the account")
        if price is not None:
            self.venue.move_price(symbol, Prices(last=price))

    def quantities(self) -> Mapping[str, Decimal]:
        """Return what is held, by the key of the position."""
        return {entry.key: entry.quantity for entry in self.venue.read_account().positions}


def _account_file(start: CaseAccount, policy: Policy, folder: Path) -> Path:
    document = snapshot_to_document(structs.replace(start.snapshot, account="case", venue="paper", tracker={}))
    (folder / "case.paper.json").write_bytes(orjson.dumps(document))
    options = {"file": "case.paper.json", "spread": 0, "taker_fee": 0, "maker_fee": 0}
    block = {"id": "case", "venue": "paper", "quote": start.snapshot.quote, "options": options}
    path = folder / "account.yaml"
    cash = {"keep": list(policy.cash.keep)}  # all that the venue asks of the policy, which is loaded already
    path.write_bytes(orjson.dumps({"version": 1, "name": "case", "cash": cash, "account": block}))
    return path
