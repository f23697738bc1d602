"""Register a position with the tracker by hand, or take its record away; nothing is traded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.adoption import adopted_record
from exitplan.executor.logs import RUN, note
from exitplan.executor.plan import explained, read_account, read_state
from exitplan.ruleset.errors import NoSuchSymbol, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.snapshot import Side, TrackerRecord
from exitplan.ruleset.model.values import is_derivative, meant_symbol


@dataclass(frozen=True, slots=True)
class Registration:
    """What a person says of a position; what is None is taken from the venue where it is known."""

    symbol: str
    side: Side | None = None
    entry_price: Decimal | None = None
    stop_price: Decimal | None = None
    source: str | None = None
    strategy: str | None = None


def register_position(account: Account, wanted: Registration) -> tuple[str, TrackerRecord]:
    """Register a position that is held; returns its symbol and its record.

    One that a strategy of the account has registered stays that strategy's unless another source is named.

    Raises NoSuchSymbol where it is not held, UsageError where its side or entry price must be said, AccountIsLocked,
    AccountUnreadable.
    """
    with account.store.lease(account.clock()):
        snapshot, now = read_account(account), account.clock()
        held = {position.symbol for position in snapshot.positions}
        symbol = meant_symbol(wanted.symbol, held)
        views = [
            view
            for view in observe(snapshot, account.loaded.policy, read_state(account).progress, now).positions
            if view.position.symbol == symbol and wanted.side in {None, view.position.side}
        ]
        if not views:
            raise NoSuchSymbol(
                f"the account {account.id} holds no position {wanted.symbol}", hint=did_you_mean(symbol, sorted(held))
            )
        if len(views) > 1:
            raise UsageError(f"{symbol} is held on both sides", hint="name one with --side long or --side short")
        view, position = views[0], views[0].position
        if wanted.entry_price is None and view.entry_price is None:
            basis = account.broker.read_cost_basis([position]).get(position.key)
            if basis is None or basis.entry_price is None:
                raise UsageError(
                    f"nobody knows what {symbol} was bought at", hint="say it: --entry-price PRICE, per unit"
                )
            position = explained(position, basis)
        record = adopted_record(snapshot, view, position, wanted.stop_price, now)
        if wanted.entry_price is not None:
            record = replace(
                record, entry_price=wanted.entry_price, extra={**record.extra, "entry_price_basis": "told by a person"}
            )
        record = replace(
            record,
            position_source=wanted.source or _source_of(view.record, account) or record.position_source,
            strategy=wanted.strategy or record.strategy,
            side=position.side if is_derivative(symbol) else None,
        )
        account.tracker.update(snapshot.tracker, {symbol: record}, now)
    note(RUN, "registered", account=account.id, symbol=symbol)
    return symbol, record


def forget_position(account: Account, symbol: str) -> tuple[str, TrackerRecord]:
    """Take the record of a position out of the tracker; returns its symbol and the record.

    The venue is not asked: what is no longer held may be forgotten too. Raises NoSuchSymbol where there is no record,
    FileIsInvalid for a broken tracker, AccountIsLocked.
    """
    with account.store.lease(account.clock()):
        tracker = account.store.tracker
        records = tracker.records()
        name = meant_symbol(symbol, records)
        if name not in records:
            hint = did_you_mean(name, sorted(records)) or f"the tracker is {tracker.place}"
            raise NoSuchSymbol(f"the tracker of {account.id} has no record of {name}", hint=hint)
        account.tracker.update(records, {name: None}, account.clock())
    note(RUN, "forgotten", account=account.id, symbol=name)
    return name, records[name]


def _source_of(record: TrackerRecord | None, account: Account) -> str | None:
    """Return the strategy of the account that has the position already: it stays that strategy's."""
    source = None if record is None else record.position_source
    return source if source in account.loaded.policy.strategy_sources else None
