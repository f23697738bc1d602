"""What a person should know although it stops nothing: records of what is not held, protection of nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Struct

from exitplan.ruleset.engine.market_demand import UNWINDING, wanted_market_data
from exitplan.ruleset.language.policy import HEALTH_SCORE, Policy
from exitplan.ruleset.language.problems import nearest
from exitplan.ruleset.language.reasons import percent_text
from exitplan.ruleset.model.account_view import AccountView
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.records import Key
from exitplan.ruleset.model.snapshot import Side, TrackerRecord
from exitplan.ruleset.model.values import MICRO, base_of, is_derivative, plain
from exitplan.ruleset.planning.actions import UnwindStep
from exitplan.ruleset.planning.unwind_words import without_volatility

WarningKind = Literal[
    "untracked-part",
    "nothing-held",
    "protects-nothing",
    "matches-nothing",
    "ignored-last-price",
    "no-rate",
    "no-entry-price",
    "balance-changed",
    "no-market-data",
]
WARNING_KINDS: Mapping[WarningKind, str] = {
    "untracked-part": "More is held than the tracker's record says, by more than a tenth.",
    "nothing-held": "The tracker has a record of something that is not held.",
    "protects-nothing": "An entry of the protect list matches nothing that is held or listed.",
    "matches-nothing": "An alias, a strategy source, or a symbol in a condition matches nothing that is known.",
    "ignored-last-price": "The last price lies far outside bid and ask, and their middle is taken.",
    "no-rate": "Money in another currency has no known rate, and counts as nothing.",
    "no-entry-price": "A derivative without an entry price: its profit is not known, and counts as nothing.",
    "no-market-data": "A rule asks for volatility or volume that nobody could tell, or an unwind for the volatility.",
    "balance-changed": "What is held differs from the last run by more than the guard allows.",
}
_NEARLY, _HARDLY_MORE = Decimal("0.99"), Decimal("1.01")
MOST_COMPARED = 50_000
"""Names that are compared with misspelt ones, in one plan."""
UNTRACKED_PCT = 100_000
"""The share of a position above its record, in millionths, from which on it is told."""


class PlanWarning(Struct, frozen=True, gc=False):
    """One thing that a person should know; ``nearest`` is the name that was probably meant."""

    kind: Annotated[WarningKind, Key("What it is about.", meanings=WARNING_KINDS)]
    symbol: Annotated[str, Key("The symbol, asset or currency that it is about; empty for the whole account.")]
    text: Annotated[str, Key("What is wrong, in a sentence.")]
    nearest: Annotated[str | None, Key("The name that was probably meant.")] = None


def find_warnings(
    policy: Policy, account: AccountView, now: datetime, unwinds: Sequence[UnwindStep] = ()
) -> list[PlanWarning]:
    """List what a person should know of an account, its policy and the unwinds of a plan, in a fixed order."""
    similar = _Similar(account)
    return [
        *_of_positions(account),
        *_of_records(account, similar),
        *_of_protection(policy, account, now, similar),
        *_of_names(policy, account, similar),
        *_of_money(account),
        *_of_markets(policy, account),
        *_of_unwinds(policy, unwinds),
    ]


def _of_markets(policy: Policy, account: AccountView) -> Iterator[PlanWarning]:
    """Warn of markets of which rules ask for more than was told, and say what comes of that."""
    markets = account.snapshot.markets
    for symbol, by_use in sorted(wanted_market_data(policy, account.positions).items()):
        for fact in sorted(by_use.keys() - {UNWINDING}):
            missing = " and ".join(markets[symbol].data.lacks(by_use[fact]))
            text = f"the {missing} of {symbol} is not known: {_without(fact, symbol, account)}"
            yield PlanWarning("no-market-data", symbol, text)


def _without(fact: str, symbol: str, account: AccountView) -> str:
    """Say what comes of it that market data is missing for a fact: what is absent matches no comparison."""
    if fact != HEALTH_SCORE:
        return "a rule that compares it does not match"
    if any(fact in view.facts for view in account.positions if view.position.symbol == symbol):
        return "its health score takes the mean instead"
    return "it has no health score, and a rule that compares that does not match"


def _of_unwinds(policy: Policy, unwinds: Sequence[UnwindStep]) -> Iterator[PlanWarning]:
    """Warn of adaptive unwinds that do not know the volatility; what has no pace is blocked, which says so."""
    for step in unwinds:
        if not step.goes_by_volatility or step.volatility is not None:
            continue
        symbol = step.key.partition("#")[0]
        text = f"the volatility of {symbol} is not known: its unwind goes by {without_volatility(policy)}"
        yield PlanWarning("no-market-data", symbol, text)


def _of_positions(account: AccountView) -> Iterator[PlanWarning]:
    for view in account.positions:
        symbol = view.position.symbol
        surplus = view.facts.get("untracked_pct", 0)
        if isinstance(surplus, int) and surplus > UNTRACKED_PCT:
            share = percent_text(Decimal(surplus) / MICRO)
            recorded = "" if view.record is None or view.record.quantity is None else plain(view.record.quantity)
            text = f"{share} of {symbol} is not in the tracker: held {plain(view.held)}, recorded {recorded}"
            yield PlanWarning("untracked-part", symbol, text)
        if view.price.ignored_last is not None and view.price.mark is not None:
            text = f"the last price of {symbol}, {plain(view.price.ignored_last)}, is far from bid and ask: "
            yield PlanWarning("ignored-last-price", symbol, f"{text}their middle, {plain(view.price.mark)}, is taken")
        if view.is_derivative and view.price.mark is not None and not view.facts["has_entry_price"]:
            yield PlanWarning("no-entry-price", symbol, f"{symbol} has no entry price: its profit counts as nothing")
        if view.price.rate is None:
            yield PlanWarning("no-rate", symbol, f"{symbol} has no rate into {account.snapshot.quote}: it has no value")


def _of_records(account: AccountView, similar: _Similar) -> Iterator[PlanWarning]:
    """Warn of records of what is not held; a new position of the same quantity may be it under another name."""
    renamed_by = _Renamed(account)
    held: dict[str, set[Side]] = {}
    for view in account.positions:
        held.setdefault(view.asset, set()).add(view.position.side)
    for symbol, record in sorted(account.snapshot.tracker.items()):
        asset = account.names.of_symbol(symbol)
        sides = held.get(asset, set())
        is_held = record.side in sides if record.side else bool(sides)
        if is_held or account.holdings.held(asset, "long"):
            continue
        renamed = renamed_by.find(record)
        text = f"the tracker has {symbol}, which is not held"
        if renamed is not None:
            text += (
                f"; {renamed.position.symbol} is held in the same quantity and has no record: if it is the same under "
            )
            text += f"a new name, write aliases: {{{base_of(symbol)}: {renamed.asset}}}"
        near = renamed.position.symbol if renamed else similar.to(symbol)
        yield PlanWarning("nothing-held", symbol, text, near)


class _Renamed:
    """The positions without a record, found by how much is held."""

    def __init__(self, account: AccountView) -> None:
        unrecorded = [view for view in account.positions if view.record is None and view.held > 0]
        self._views = unrecorded
        self._held = sorted((view.held, place) for place, view in enumerate(unrecorded))

    def find(self, record: TrackerRecord) -> PositionView | None:
        """Find the first position that is as large as a record says, to a hundredth."""
        if record.quantity is None or record.quantity <= 0:
            return None
        start = bisect_left(self._held, (record.quantity * _NEARLY, 0))
        end = bisect_left(self._held, (record.quantity * _HARDLY_MORE, len(self._views)))
        place = min((place for _, place in self._held[start:end]), default=None)
        return None if place is None else self._views[place]


def _of_protection(policy: Policy, account: AccountView, now: datetime, similar: _Similar) -> Iterator[PlanWarning]:
    holding = [entry for entry in policy.protect if entry.holds(now)]
    known = _known_assets(account) if holding else set()
    money = account.holdings.money
    for entry in holding:
        asset = entry.asset(account.names)
        if asset in money:
            text = f"{entry.name} is money and no position: protecting it protects nothing"
            yield PlanWarning("protects-nothing", entry.name, text)
        elif asset not in known:
            text = f"protect names {entry.name}, which is neither held nor listed"
            yield PlanWarning("protects-nothing", entry.name, text, similar.to(entry.name, is_asset=entry.is_asset))


def _of_names(policy: Policy, account: AccountView, similar: _Similar) -> Iterator[PlanWarning]:
    yield from _of_aliases(policy, account, similar) if policy.aliases else ()
    carried = {record.position_source for record in account.snapshot.tracker.values() if record.position_source}
    for source in sorted(policy.strategy_sources - carried):
        if near := nearest(source, carried - policy.strategy_sources):
            text = f"strategy_sources names {source}, which no record of the tracker carries; some carry {near}"
            yield PlanWarning("matches-nothing", source, text, near)
    symbols = _known_symbols(account) if policy.named_symbols else set()
    for symbol in policy.named_symbols:
        if symbol not in symbols:
            text = f"a condition names {symbol}, which is neither held nor listed"
            yield PlanWarning("matches-nothing", symbol, text, similar.to(symbol))


def _of_aliases(policy: Policy, account: AccountView, similar: _Similar) -> Iterator[PlanWarning]:
    known = _known_assets(account)
    names = {base_of(symbol) for symbol in _known_symbols(account)}
    names |= {base_of(symbol) for symbol in account.snapshot.tracker}
    names |= {base_of(entry.name) for entry in policy.protect}
    for old, new in policy.aliases.items():
        if old not in names and account.names.resolve(new) not in known:
            text = f"the alias {old}: {new} matches nothing that is held or listed"
            yield PlanWarning("matches-nothing", old, text, similar.to(old, is_asset=True))


def _of_money(account: AccountView) -> Iterator[PlanWarning]:
    for money in account.other_cash:
        if money.rate is not None:
            continue
        amount = plain(money.free + money.locked)
        reason = "has no rate" if money.is_kept else "is not in cash.keep"
        text = f"{amount} {money.currency} {reason}: it counts as nothing in {account.snapshot.quote}"
        yield PlanWarning("no-rate", money.currency, text)


def _known_symbols(account: AccountView) -> set[str]:
    snapshot = account.snapshot
    held = {position.symbol for position in snapshot.positions}
    return held | set(snapshot.markets) | {order.symbol for order in snapshot.open_orders}


def _known_assets(account: AccountView) -> set[str]:
    held = {account.names.of_position(position) for position in account.snapshot.positions}
    return held | {account.names.of_symbol(symbol) for symbol in _known_symbols(account)}


class _Similar:
    """The names that an account knows; looking for the nearest ends where it would take seconds."""

    def __init__(self, account: AccountView) -> None:
        self._account = account
        self._names: dict[bool, list[str]] = {}
        self._left = MOST_COMPARED

    def to(self, name: str, *, is_asset: bool = False) -> str | None:
        """Return the known name that is most like this one."""
        if is_asset not in self._names:
            symbols = _known_symbols(self._account)
            bases = {base_of(symbol) for symbol in symbols if not is_derivative(symbol)}
            self._names[is_asset] = sorted(bases if is_asset else symbols)
        names = self._names[is_asset]
        self._left -= len(names)
        return nearest(name, names) if self._left >= 0 else None
