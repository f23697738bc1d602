"""Build an account in which one position has given facts: for tests of single positions, and to replay a proof.

What is not said is ordinary: a spot position of a strategy, tracked and priced, at a market that trades, worth 1,000
and a tenth of the account. The account is planned by the planner itself, which then tells whether the facts came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from typing import cast

from msgspec import structs

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import HEALTH_SCORE, Policy, Protection
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, FactValue
from exitplan.ruleset.model.market_data import NO_DATA, VOLATILITY_DAYS, MarketData
from exitplan.ruleset.model.progress import MissingPrice, Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Cash, Market, Position, PriceStatus, Side, Snapshot, TrackerRecord
from exitplan.ruleset.model.values import MICRO, is_derivative, quote_of
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The moment of accounts that are invented."""
QUOTE = "USD"
HELD = Decimal(10)
"""What is held of an invented position, where its facts ask for nothing else."""
_ENOUGH = Context(prec=60, rounding=ROUND_FLOOR)
_HALF = Decimal(1) / (2 * MICRO)
_LONG_AGO = timedelta(days=400)
_ORDINARY_NAMES = ("COIN", "TOKEN", "SAMPLE")

FactsWanted = Mapping[str, FactValue | None]
"""Facts by name, numbers in millionths; None asks for one to be absent, a name that is left out for an ordinary one."""


class FactsDisagree(ValueError):
    """Facts that no position can have together."""


@dataclass(frozen=True, slots=True)
class Invented:
    """An account with the position that it was invented for, ``key``, and the policy it is planned under."""

    policy: Policy
    snapshot: Snapshot
    progress: Progress
    key: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the planner made of an invented account, and of the position."""

    draft: Draft
    decision: Decision

    @property
    def facts(self) -> Mapping[str, FactValue]:
        """The facts of the position."""
        return self.decision.view.facts


def replay(rulebook: Rulebook, wanted: FactsWanted) -> Replayed:
    """Plan an account in which a position has the facts that are wanted.

    Raises FactsDisagree where they do not fit together, by name, with what came out instead.
    """
    try:
        return _replay(rulebook, wanted, invent(rulebook.policy, wanted))
    except FactsDisagree:
        if not wanted.get("over_cap"):
            raise
    # The cap takes legacy positions first: where ordinary ones are that, those beside it have to be as it is.
    return _replay(rulebook, wanted, invent(rulebook.policy, wanted, alike=True))


def _replay(rulebook: Rulebook, wanted: FactsWanted, invented: Invented) -> Replayed:
    book = structs.replace(rulebook, policy=invented.policy)
    draft = draft_plan(PlanInput(book, invented.snapshot, NOW, invented.progress))
    decision = next((one for one in draft.decisions if one.key == invented.key), None)
    if decision is None:
        raise FactsDisagree(f"{invented.key} is money under this policy and no position")
    _check(wanted, decision.view.facts)
    return Replayed(draft, decision)


def _check(wanted: FactsWanted, facts: Mapping[str, FactValue]) -> None:
    wrong = [name for name, value in wanted.items() if facts.get(name) != value]
    if wrong:
        told = ", ".join(f"{name} is {_text(facts.get(name))} instead of {_text(wanted[name])}" for name in wrong)
        raise FactsDisagree(f"these facts do not fit together: {told}")


def _text(value: FactValue | None) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else format((Decimal(value) / MICRO).normalize(), "f")


def invent(policy: Policy, wanted: FactsWanted, *, alike: bool = False) -> Invented:
    """Build an account in which a position has the wanted facts, as far as there is one.

    Where the cap is to choose it, there are others beside it: ordinary ones, or ``alike`` it.
    """
    unknown = wanted.keys() - CLASSIFICATION_FACTS.keys()
    if unknown:
        raise FactsDisagree(f"{', '.join(sorted(unknown))}: no such fact of a position, or one that the policy decides")
    with localcontext(_ENOUGH):
        return _Inventor(policy, wanted, alike).account()


@dataclass
class _Inventor:
    policy: Policy
    wanted: FactsWanted
    alike: bool
    symbol: str = field(init=False)
    side: Side = field(init=False)

    def __post_init__(self) -> None:
        self.side = "short" if self.wanted.get("side") == "short" else "long"
        self.symbol = self._symbol()

    def account(self) -> Invented:
        policy = self._policy()
        held, price = self._quantity(), self._price()
        position = Position(
            self.symbol,
            self.side,
            held,
            locked=held * 2 if self._flag("api_mismatch", ordinary=False) else Decimal(0),
            entry_price=None if self._is_tracked or not self._flag("has_entry_price") else self._entry_price(price),
            opened_at=self._opened_at(),
        )
        markets = {self.symbol: self._market(held, price)} if self._flag("market_known") else {}
        own = self._records(held, price)
        others = self._copies(policy, position) if self.alike else self._fillers(policy)
        each = markets.get(self.symbol, Market()) if self.alike else Market(last=Decimal(1))
        is_counted = not self.alike or (self._is_priced and not is_derivative(self.symbol))
        unit = price if self.alike else Decimal(1)
        worth = sum((other.quantity * unit for other in others), Decimal(0)) if is_counted else Decimal(0)
        snapshot = Snapshot(
            "invented",
            str(self.wanted.get("venue", "paper")),
            QUOTE,
            NOW,
            cash=Cash(self._money(worth)),
            positions=(position, *others),
            markets={**markets, **{other.symbol: each for other in others}},
            tracker={**own, **self._records_of(others, own)},
            rates={} if quote_of(self.symbol) in {QUOTE, None} else {str(quote_of(self.symbol)): Decimal(1)},
            other_cash={} if self._flag("equity_complete") else {"UNPRICED": Cash(Decimal(1))},
        )
        alike = [position, *(others if self.alike else [])]
        return Invented(policy, snapshot, self._progress(alike), position.key)

    # --- what is said, and what is ordinary ---

    def _flag(self, name: str, *, ordinary: bool = True) -> bool:
        value = self.wanted.get(name, ordinary)
        return bool(value)

    def _number(self, name: str, ordinary: str | None = None) -> Decimal | None:
        value = self.wanted.get(name, None if ordinary is None else int(Decimal(ordinary) * MICRO))
        return None if value is None else Decimal(int(value)) / MICRO

    @property
    def _is_tracked(self) -> bool:
        implied = any(self.wanted.get(name) is not None for name in ("position_source", "strategy", "tracked_quantity"))
        implied = implied or any(self.wanted.get(name) is True for name in ("opened_by_strategy", "has_exit_logic"))
        return self._flag("tracked") or implied

    @property
    def _status(self) -> str:
        known = self._flag("market_known")
        return str(self.wanted.get("price_status", "ok" if known else "missing"))

    @property
    def _is_priced(self) -> bool:
        return self._status == "ok" and self._flag("market_known")

    def _symbol(self) -> str:
        if isinstance(symbol := self.wanted.get("symbol"), str):
            return symbol
        asset = self.wanted.get("asset")
        if isinstance(asset, str):
            return asset if "/" in asset else f"{asset}/{QUOTE}"
        ending = f":{QUOTE}" if self.side == "short" else ""
        taken = {entry.name for entry in self.policy.protect} | set(self.policy.named_symbols)
        free = [name for name in _ORDINARY_NAMES if not any(name in other for other in taken)]
        return f"{free[0] if free else 'INVENTED'}/{QUOTE}{ending}"

    def _policy(self) -> Policy:
        """Protect the position, where that is wanted and the policy does not do so already, and give it its score."""
        policy = self._scoring()
        if not self._flag("protected", ordinary=False):
            return policy
        names = policy.names
        if names.of_symbol(self.symbol) in policy.protected_assets(names, NOW):
            return policy
        return replace(policy, protect=(*policy.protect, Protection(self.symbol)))

    def _scoring(self) -> Policy:
        """Put a model in place of the policy's that gives the wanted score: which features would is not asked."""
        if self.policy.scoring is None or HEALTH_SCORE not in self.wanted:
            return self.policy
        score = self.wanted[HEALTH_SCORE]
        if score is None:
            return replace(self.policy, health=None)
        if not 0 <= int(score) < MICRO:
            raise FactsDisagree(f"{HEALTH_SCORE} is from 0 to less than 1")
        from exitplan.ruleset.health.model import constant_model  # noqa: PLC0415 - few policies have a model

        return replace(self.policy, health=constant_model(int(score)))

    # --- quantity, price, value ---

    def _quantity(self) -> Decimal:
        recorded, surplus = self._number("tracked_quantity"), self._number("untracked_pct")
        if recorded is None or surplus is None:
            return HELD if recorded is None else max(recorded, Decimal("1e-9"))
        return recorded / (1 - surplus) if surplus < 1 else HELD

    def _price(self) -> Decimal:
        value = self._number("value_usd", "1000") or Decimal(0)
        value = value or _HALF  # what is worth nothing in six places may still have a price
        return value / self._quantity()

    def _market(self, held: Decimal, price: Decimal) -> Market:
        volatility = self._number("volatility_1d")
        data = NO_DATA if volatility is None else MarketData(volatility, VOLATILITY_DAYS)
        market = Market(active=self._flag("market_active"), data=data)
        if not self._flag("sellable"):
            market = structs.replace(market, min_amount=held + 1)
        if self._status != "ok":
            return structs.replace(market, price_status=cast("PriceStatus", self._status))  # what comes out is checked
        basis = self.wanted.get("price_basis", "last")
        if basis == "mid":
            return structs.replace(market, bid=price, ask=price)
        if basis == "one_side":
            return structs.replace(market, ask=price) if self.side == "short" else structs.replace(market, bid=price)
        return structs.replace(market, last=price)

    def _money(self, others: Decimal) -> Decimal:
        """Return the money that makes the position the wanted share of the account."""
        if not self._is_priced:
            return Decimal(10_000)
        value = self._quantity() * self._price()
        mine = Decimal(0) if is_derivative(self.symbol) else -value if self.side == "short" else value
        if "account_pct" in self.wanted and self.wanted["account_pct"] is None:
            return -(mine + others) - 1
        share = self._number("account_pct", "0.1") or Decimal(0)
        whole = value / (share + _HALF)
        is_owed = self.side == "short" and not is_derivative(self.symbol)
        if not is_owed and (self._flag("protected", ordinary=False) or not self._flag("market_active")):
            return whole - value - others  # its share is that of an account that it was added to
        if is_derivative(self.symbol):
            return whole - others - (self._profit() if self._flag("has_entry_price") else 0)
        return whole - mine - others

    def _profit(self) -> Decimal:
        price, held = self._price(), self._quantity()
        profit = (price - self._entry_price(price)) * held
        return -profit if self.side == "short" else profit

    # --- what the tracker knows ---

    def _records(self, held: Decimal, price: Decimal) -> dict[str, TrackerRecord]:
        if not self._is_tracked:
            return {}
        record = structs.replace(
            self._ordinary_record(),
            entry_price=self._entry_price(price) if self._flag("has_entry_price") else None,
            exit_logic=self._flag("has_exit_logic"),
            quantity=self._recorded(held),
            strategy=str(self.wanted["strategy"]) if self.wanted.get("strategy") is not None else None,
        )
        source = self.wanted.get("position_source", record.position_source)
        if not self._flag("opened_by_strategy") and "position_source" not in self.wanted:
            source = "somebody_else"
        return {self.symbol: structs.replace(record, position_source=None if source is None else str(source))}

    def _records_of(self, others: list[Position], own: Mapping[str, TrackerRecord]) -> dict[str, TrackerRecord]:
        """Return the records of the others: such as its own, or of ordinary positions of the same strategy."""
        record = own.get(self.symbol)
        if record is not None and not self.alike:
            record = structs.replace(record, entry_price=Decimal(1), quantity=None)
        return {} if record is None else {other.symbol: record for other in others}

    def _ordinary_record(self) -> TrackerRecord:
        sources = sorted(self.policy.strategy_sources)
        source = sources[0] if sources else "strategy"
        return TrackerRecord(entry_price=Decimal(1), position_source=source, exit_logic=True)

    def _recorded(self, held: Decimal) -> Decimal | None:
        recorded, surplus = self._number("tracked_quantity"), self._number("untracked_pct")
        if recorded is not None or surplus is None:
            return recorded
        return held * (1 - surplus - (_HALF if surplus else 0))

    def _entry_price(self, price: Decimal) -> Decimal:
        """Return the entry price that makes the wanted profit, in the middle of those that six places allow."""
        gain = self._number("pnl_pct", "0") or Decimal(0)
        if not gain:
            return price
        ratio = 1 + gain + _HALF if self.side == "long" else 1 - gain - _HALF
        return price / ratio if ratio > 0 else price

    def _opened_at(self) -> datetime | None:
        minutes = self._number("age_minutes", "1440")
        return None if minutes is None else NOW - _minutes(minutes)

    def _progress(self, positions: Sequence[Position]) -> Progress:
        cycle, failed = self._number("unwind_cycle", "0"), self._number("failed_exits", "0")
        missing = self._number("price_missing_minutes", "0")
        begun = NOW - _LONG_AGO
        keys = [position.key for position in positions]
        whole = abs(positions[0].quantity)
        return Progress(
            unwinds=dict.fromkeys(keys, UnwindProgress(int(cycle), Decimal(1), whole, begun, begun)) if cycle else {},
            failed_exits=dict.fromkeys(keys, int(failed)) if failed else {},
            price_missing=dict.fromkeys(keys, MissingPrice(NOW - _minutes(missing))) if missing else {},
        )

    # --- the cap ---

    def _fillers(self, policy: Policy) -> list[Position]:
        """Return so many ordinary positions that the cap chooses the one that is meant: each ranks behind it."""
        if not self._flag("over_cap", ordinary=False):
            return []
        own = self._quantity() * self._price()
        share = self._number("account_pct", "0.1") or Decimal(0)
        whole = own / (share + _HALF) if self._is_priced else own
        value = max(own + 1, whole / (2 * max(policy.max_positions, 1)))  # no dust beside a small position
        return [
            Position(f"FILLER{number:05d}/{QUOTE}", "long", value, entry_price=Decimal(1), opened_at=NOW)
            for number in range(policy.max_positions)
        ]

    def _copies(self, policy: Policy, position: Position) -> list[Position]:
        """Return so many positions that are as the one that is meant, and rank behind it by their names alone."""
        ending = f":{QUOTE}" if is_derivative(self.symbol) else ""
        names = [f"ZZ{number:05d}/{QUOTE}{ending}" for number in range(policy.max_positions)]
        return [structs.replace(position, symbol=name) for name in names]


def _minutes(minutes: Decimal) -> timedelta:
    """Return a time that is so many minutes, to the millionth of a minute."""
    return timedelta(microseconds=int(minutes * 60 * MICRO))
