"""Where a protocol's account is: behind a program's own broker object, or at a venue of exitplan's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from exitplan.brokers.duck_typed.broker import QUOTE, VENUE, AdaptedBroker
from exitplan.brokers.duck_typed.values import amount_of, moment_of
from exitplan.brokers.identity import Identity
from exitplan.brokers.protocol import Broker, Clock
from exitplan.dropin.settings import Overrides
from exitplan.dropin.tracker import PositionTracker
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.plan import rulebook_of
from exitplan.executor.store.tracker import Tracker, TrackerFile
from exitplan.ruleset.errors import AccountUnreadable, UsageError
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.values import is_derivative
from exitplan.schemas.policies import LoadedPolicy

Spelling = Callable[[str], str]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a protocol was made with; ``policy`` is None where the account's own is meant."""

    policy: Path | None
    overrides: Overrides
    data: Path
    clock: Clock
    tracker: object = None


def account_id(user_id: str | None) -> str:
    """Return the id of a user's account, or of the platform's; raises UsageError for one that could be no folder."""
    if user_id is None:
        return PLATFORM
    if not _ID.fullmatch(str(user_id)) or user_id == PLATFORM:
        raise UsageError(f"user_id is {user_id!r}; letters, digits, '.', '_' and '-' are expected")
    return user_id


def adapt(
    source: object, user_id: str | None, setup: Setup, loaded: LoadedPolicy, equity: Decimal | None = None
) -> Account:
    """Put a program's own broker object behind an account; ``equity`` replaces the balance that it tells."""
    name = account_id(user_id)
    broker = AdaptedBroker(source, name, user_id, setup.clock, equity)
    account = Account(
        id=name,
        venue=VENUE,
        quote=QUOTE,
        file=loaded.files[-1],
        loaded=loaded,
        rulebook=rulebook_of(loaded.policy),
        broker=broker,
        folder=DataFolder.of(setup.data, name),
        clock=setup.clock,
        overrides=setup.overrides,
        identity=Identity(VENUE),
    )
    account = with_own_tracker(account, user_id, setup)
    broker.tracked = lambda snapshot: account.tracker.with_records(snapshot).tracker
    return account


def with_own_tracker(account: Account, user_id: str | None, setup: Setup) -> Account:
    """Return the platform's account the tracker that the protocol was made with; users have one in their folder.

    Raises UsageError for an object that is no position tracker.
    """
    tracker = setup.tracker
    if tracker is None or user_id is not None:
        return account
    if isinstance(tracker, PositionTracker):
        return replace(account, own_tracker=TrackerFile(tracker.path))
    if not callable(getattr(tracker, "get_position", None)):
        raise UsageError(f"a {type(tracker).__name__} is no position tracker: it has no method get_position")
    if any(rule.adopt for rule in account.rulebook.policy.exits):
        raise UsageError(
            f"the policy {account.rulebook.policy.name} registers positions; a {type(tracker).__name__} is only read",
            hint="give exitplan.PositionTracker as the position_tracker",
        )
    own: Tracker = ReadOnlyTracker(tracker, spelling_of(account.broker))
    return replace(account, own_tracker=own)


def spelling_of(broker: Broker) -> Spelling:
    """Return how callers spell the symbols of a broker: as they told them, else with a dash."""
    if isinstance(broker, AdaptedBroker):
        return lambda symbol: broker.names.get(symbol, symbol)
    return dashed


def dashed(symbol: str) -> str:
    """Write a spot symbol with a dash: ``BTC-USD``."""
    return symbol if is_derivative(symbol) else symbol.replace("/", "-", 1)


@dataclass(frozen=True, slots=True)
class ReadOnlyTracker:
    """A program's own position tracker, asked for the symbols that are held and never told anything."""

    source: object
    spelling: Spelling

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Ask for the record of every position; raises AccountUnreadable where that fails."""
        held = {position.symbol for position in snapshot.positions if position.symbol in snapshot.markets}
        records = {symbol: self._record(self.spelling(symbol)) for symbol in sorted(held)}
        return replace(snapshot, tracker={symbol: record for symbol, record in records.items() if record is not None})

    def update(self, records: object, changes: object, now: object) -> None:
        """Leave the tracker to the program: it is told nothing."""

    def _record(self, name: str) -> TrackerRecord | None:
        try:
            record = self.source.get_position(name)  # type: ignore[attr-defined] # looked at when it was taken
        except Exception as error:
            raise AccountUnreadable(f"the position tracker failed: {type(error).__name__}: {error}") from error
        if record is not None and not isinstance(record, Mapping):
            raise AccountUnreadable(f"the position tracker answered {type(record).__name__}, not a dict")
        return _record_of(record) if record else None


def _record_of(record: Mapping[str, object]) -> TrackerRecord:
    source, strategy, logic = record.get("position_source"), record.get("strategy"), record.get("exit_logic")
    return TrackerRecord(
        entry_price=amount_of(record.get("entry_price")),
        quantity=amount_of(record.get("quantity")),
        position_source=source if isinstance(source, str) else None,
        strategy=strategy if isinstance(strategy, str) else None,
        first_entry_time=moment_of(record.get("first_entry_time")),
        stop_price=amount_of(record.get("stop_price")),
        exit_logic=logic if isinstance(logic, bool) else None,
    )
