"""Where a protocol's account is: behind a program's own broker object, or at a venue of exitplan's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from exitplan.brokers.duck_typed.broker import AdaptedBroker
from exitplan.brokers.duck_typed.methods import VENUE
from exitplan.brokers.duck_typed.told_account import QUOTE, Balance
from exitplan.brokers.duck_typed.values import amount_of, moment_of
from exitplan.brokers.identity import Identity
from exitplan.brokers.protocol import Broker, Clock
from exitplan.dropin.settings import Overrides
from exitplan.dropin.tracker import PositionTracker
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.tracker import Tracker, TrackerFile
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import AccountUnreadable, UsageError
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.values import is_derivative
from exitplan.schemas.policies import LoadedPolicy

Spelling = Callable[[str], str]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a protocol was made with; ``policy`` is None where the account's own is meant.

    ``high_exposure`` says whether the drop-in's policy singles out coins of high exposure.
    """

    policy: Path | None
    overrides: Overrides
    data: Path
    clock: Clock
    tracker: object = None
    high_exposure: bool = True


def account_id(user_id: str | None) -> str:
    """Return the id of a user's account, or of the platform's; raises UsageError for one that could be no folder."""
    if user_id is None:
        return PLATFORM
    if not _ID.fullmatch(str(user_id)) or user_id == PLATFORM:
        raise UsageError(f"user_id is {user_id!r}; letters, digits, '.', '_' and '-' are expected")
    return user_id


@dataclass(frozen=True, slots=True)
class Adapting:
    """How a program's own broker object is put behind an account; see :class:`AdaptedBroker`.

    ``account`` is the id of the account where it is not that of the user; ``names`` keeps how symbols are spelled.
    """

    account: str | None = None
    balance: Balance | None = None
    min_notional: Decimal | None = None
    orders_matter_alone: bool = False
    names: dict[str, str] = field(default_factory=dict)


def adapt(
    source: object, user_id: str | None, setup: Setup, loaded: LoadedPolicy, how: Adapting | None = None
) -> Account:
    """Put a program's own broker object behind an account; raises UsageError for an id that could be no folder."""
    how = how or Adapting()
    name = account_id(user_id) if how.account is None else how.account
    broker = AdaptedBroker(
        source,
        name,
        user_id,
        setup.clock,
        balance=how.balance,
        min_notional=how.min_notional,
        orders_matter_alone=how.orders_matter_alone,
        names=how.names,
    )
    account = Account(
        id=name,
        venue=VENUE,
        quote=QUOTE,
        file=loaded.files[-1],
        loaded=loaded,
        rulebook=rulebook_of(loaded.policy),
        broker=broker,
        store=FileStore.of(setup.data, name),
        clock=setup.clock,
        overrides=setup.overrides,
        identity=Identity(VENUE),
    )
    account = with_own_tracker(account, None if name == PLATFORM else name, setup)
    broker.tracked = lambda snapshot: account.tracker.with_records(snapshot).tracker
    return account


def with_own_tracker(account: Account, user_id: str | None, setup: Setup) -> Account:
    """Return the account with the tracker that the protocol was made with; without one it has that of its folder.

    A user's account only reads it, unless it is the user's own: what another account holds may be in it too. Raises
    UsageError for a tracker in the folder of another user, and for an object that is no position tracker.
    """
    tracker = setup.tracker
    if tracker is None:
        return account
    if isinstance(tracker, PositionTracker):
        _ensure_not_anothers(tracker, account)
        if user_id is None or tracker.path.resolve() == account.folder.tracker.resolve():
            return replace(account, own_tracker=TrackerFile(tracker.path, may_be_blank=True))
    if not callable(getattr(tracker, "get_position", None)):
        raise UsageError(f"a {type(tracker).__name__} is no position tracker: it has no method get_position")
    if any(rule.adopt for rule in account.rulebook.policy.exits):
        raise UsageError(
            f"the policy {account.rulebook.policy.name} registers positions; a {type(tracker).__name__} is only read",
            hint="give exitplan.PositionTracker as the position_tracker",
        )
    own: Tracker = ReadOnlyTracker(tracker, spelling_of(account.broker))
    return replace(account, own_tracker=own)


def _ensure_not_anothers(tracker: PositionTracker, account: Account) -> None:
    """Raise UsageError where a tracker lies in the folder of another user's account."""
    users = (account.folder.root / "users").resolve()
    path = tracker.path.resolve()
    if users in path.parents and path.relative_to(users).parts[0] != account.id:
        raise UsageError(
            f"{tracker.path} is the position tracker of another account than {account.id}",
            hint=f"without a position_tracker, that of {account.id} is {account.folder.tracker}",
        )


def spelling_of(broker: Broker) -> Spelling:
    """Return how callers spell the symbols of a broker: as they told them, else with a dash."""
    if isinstance(broker, AdaptedBroker):
        return lambda symbol: broker.names.get(symbol) or dashed(symbol)
    return dashed


def dashed(symbol: str) -> str:
    """Write a spot symbol with a dash: ``BTC-USD``."""
    return symbol if is_derivative(symbol) else symbol.replace("/", "-", 1)


@dataclass(frozen=True, slots=True)
class ReadOnlyTracker:
    """A program's own position tracker, asked for the symbols that are held and never told anything.

    A symbol is asked for as the broker spells it, then as trackers may.
    """

    source: object
    spelling: Spelling

    def with_records(self, snapshot: Snapshot) -> Snapshot:
        """Ask for the record of every position; raises AccountUnreadable where that fails."""
        known, failed = self.ask(snapshot)
        for error in failed.values():
            raise error
        return known

    def ask(self, snapshot: Snapshot) -> tuple[Snapshot, dict[str, AccountUnreadable]]:
        """Ask for the record of every position; gives what is known, and why the rest is not, by symbol."""
        held = {position.symbol for position in snapshot.positions if position.symbol in snapshot.markets}
        records: dict[str, TrackerRecord] = {}
        failed: dict[str, AccountUnreadable] = {}
        for symbol in sorted(held):
            try:
                record = self._record_of(symbol)
            except AccountUnreadable as error:
                failed[symbol] = error
                continue
            if record is not None:
                records[symbol] = record
        return structs.replace(snapshot, tracker=records), failed

    def update(self, records: object, changes: object, now: object) -> None:
        """Leave the tracker to the program: it is told nothing."""

    def _record_of(self, symbol: str) -> TrackerRecord | None:
        spellings = dict.fromkeys((self.spelling(symbol), dashed(symbol), symbol))
        return next((record for name in spellings if (record := self._record(name)) is not None), None)

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
