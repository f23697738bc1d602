"""The paper venue as a broker: an account in a file, for practice and for replaying recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec import structs

from exitplan.brokers.paper.account_file import DEMO, Owner, PaperFile
from exitplan.brokers.paper.changes import RecordingEngine
from exitplan.brokers.paper.engine import MatchingEngine, Prices
from exitplan.brokers.paper.options import AT_ONCE, PaperOptions, read_options
from exitplan.brokers.paper.pricing import mark_price
from exitplan.brokers.protocol import (
    Capabilities,
    Clock,
    ConvertRequest,
    Found,
    LookUp,
    NotFound,
    OrderReference,
    OrderReport,
    OrderRequest,
    Outcome,
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot
from exitplan.ruleset.model.values import is_derivative, plain

Result = TypeVar("Result")


class PaperAccount(Protocol):
    """Where a paper account is kept: in a file, or in memory."""

    def read(self, now: datetime) -> Snapshot:
        """Read the account as of now."""
        ...

    def ask(self, now: datetime, question: Callable[[MatchingEngine | RecordingEngine], Result]) -> Result:
        """Ask the account something."""
        ...

    def change(self, now: datetime, alter: Callable[[RecordingEngine], Result]) -> Result:
        """Alter the account; what changed is kept before this returns."""
        ...


class PaperBroker:
    """One paper account behind the Broker protocol.

    Every write is on disk before it answers. DataFolderUnusable out of a write means that it could not be
    kept.
    """

    venue = "paper"

    def __init__(self, file: PaperAccount, options: PaperOptions, clock: Clock) -> None:
        self._file = file
        self._options = options
        self._clock = clock
        self._capabilities = Capabilities(
            client_order_ids=options.client_order_ids,
            unique_client_order_ids=options.unique_client_order_ids,
            reduce_only=options.reduce_only,
            stop_market=options.stop_market,
            stop_limit=options.stop_limit,
            convert=options.convert,
            receive_window=0,
            writes_at_once=AT_ONCE,
            cancels_at_once=AT_ONCE,
            live=False,
            fee_asset=options.fee_asset,
            past_orders="account" if self._keeps_ids else None,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this account plays to be able to."""
        return self._capabilities

    def read_account(self) -> Snapshot:
        """Read the account as of now; the first read of one with ``start_from`` starts it.

        The fee is the one that this venue takes, and not what a recorded market says of another.
        """
        read, fee = self._file.read(self._clock()), self._options.taker_fee
        return structs.replace(
            read, markets={name: structs.replace(market, taker_fee=fee) for name, market in read.markets.items()}
        )

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:  # noqa: ARG002 - as asked
        """Know of no entry price: the account has no history from before it was recorded."""
        return {}

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        """Convert every spot position that has a price, whatever its size, for the taker's fee."""
        if not self._options.convert:
            return {}
        markets = self.read_account().markets
        spot = [
            position.symbol for position in positions if position.side == "long" and not is_derivative(position.symbol)
        ]
        priced = [symbol for symbol in spot if symbol in markets and mark_price(markets[symbol]) is not None]
        return dict.fromkeys(priced, Conversion(self._options.taker_fee, None, None))

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:  # noqa: ARG002 - as asked
        """Know no more of markets than the account's file says, which the account is read with."""
        return ToldMarkets()

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:  # noqa: ARG002 - one list
        """Read the ids of the orders that ended since a time, from the account's own record."""
        names = self._file.ask(self._clock(), lambda engine: engine.closed_since(since))
        return PastOrders(frozenset(names))

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        """Take orders one after another, and fill what the prices in the file allow; what came of them is one write."""
        known = requests if self._keeps_ids else [replace(request, client_order_id=None) for request in requests]
        now = self._clock()
        return self._file.change(now, lambda engine: tuple([engine.place(request, now) for request in known]))

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        """Cancel orders one after another; what came of them is one write."""
        known, now = [self._visible(reference) for reference in references], self._clock()
        return self._file.change(now, lambda engine: tuple([engine.cancel(reference, now) for reference in known]))

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        """Cancel orders; the account is read afterwards, which costs nothing here."""
        return self.cancel_orders(references), None

    def place_order(self, request: OrderRequest) -> Outcome:
        """Take an order."""
        (outcome,) = self.place_orders([request])
        return outcome

    def cancel_order(self, reference: OrderReference) -> Outcome:
        """Cancel one open order."""
        (outcome,) = self.cancel_orders([reference])
        return outcome

    def look_up_order(self, reference: OrderReference) -> LookUp:
        """Find one order; Unknown by a client id that the venue, as played, does not keep."""
        visible = self._visible(reference)
        if visible.order_id is None and not self._keeps_ids:
            return Unknown("the venue keeps no client order ids")
        report = self._file.ask(self._clock(), lambda engine: engine.look_up(visible))
        return NotFound() if report is None else Found(report)

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        """Find several orders, one by one."""
        return tuple(self.look_up_order(reference) for reference in references)

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        """Turn a spot position into money at the mark price, without regard to minimums, for the taker's fee."""
        cost, most = self._options.taker_fee, request.max_cost_pct
        if most is not None and cost > most:
            return Refused(RefusalReason.OTHER, f"it costs {plain(cost)} of the value, {plain(most)} is the limit")
        known = request if self._keeps_ids else replace(request, client_order_id=None)
        now = self._clock()
        return self._file.change(now, lambda engine: engine.convert(known, now))

    def move_price(self, symbol: str, prices: Prices) -> tuple[OrderReport, ...]:
        """Move a market's prices, fill what they reach, and report the orders that changed.

        Raises KeyError for a symbol that is in no market of the account.
        """
        now = self._clock()
        return self._file.change(now, lambda engine: engine.tick(symbol, prices, now))

    @property
    def _keeps_ids(self) -> bool:
        return self._options.client_order_ids != "C"

    def _visible(self, reference: OrderReference) -> OrderReference:
        return reference if self._keeps_ids else replace(reference, client_order_id=None)


def open_paper_account(account: Mapping[str, Any], base: Path, clock: Clock) -> PaperBroker:
    """Open the paper account of an ``account`` block; its paths are relative to base.

    Raises FileIsInvalid for options that make no sense; the account itself is read later.
    """
    options = read_options(account.get("options") or {})
    name = str(account["id"])
    path = base / (options.file or f"{name}.paper.json")
    start = options.start_from
    recording = None if start is None else DEMO if start == "demo" else base / start
    file = PaperFile(path, Owner(name, account.get("quote")), options, recording)
    return PaperBroker(file, options, clock)
