"""A connection to the paper venue on which the checker decides what becomes of every request."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import (
    Capabilities,
    ConvertRequest,
    LookUp,
    NotFound,
    OrderReference,
    OrderRequest,
    Outcome,
    PastOrders,
    RefusalReason,
    Refused,
    ToldMarkets,
    Unknown,
)
from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.model.cost_basis import CostBasis
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.snapshot import Conversion, Position, Snapshot
from tests.chaos.wire import WireFile
from tests.faults import Trouble, only_taken
from tests.model.lasting import UnderWay
from tests.model.setting import Setting, staged
from tests.model.world import WINDOW, ModelWorld, Request

_BLIND_SECONDS = WINDOW + 2
_FAULTS = ("lost", "reply lost", "late", "dies, and it is late", "vanishes", "busy", "clock ahead", "clock back")


class ModelBroker:
    """A connection of one process; what it asks for is signed when it is asked for, and sent after that."""

    venue = "paper"

    def __init__(self, inner: PaperBroker, world: ModelWorld) -> None:
        self._inner = inner
        self._world = world

    @property
    def capabilities(self) -> Capabilities:
        most = self._world.at_once
        return replace(
            self._inner.capabilities,
            receive_window=WINDOW,
            writes_at_once=most,
            cancels_at_once=most,
            asks_beside=self._world.asks_beside,
            past_orders=None,  # that question goes out in a thread of its own, which the checker does not hold
        )

    def read_account(self) -> Snapshot:
        taken = self._world.border("reads", "fails")
        self._world.arrive()
        if taken == "fails":
            raise AccountUnreadable("the venue answers 503")
        return self._inner.read_account()

    def read_cost_basis(self, positions: Sequence[Position]) -> Mapping[str, CostBasis]:
        return self._inner.read_cost_basis(positions)

    def read_market_data(self, demands: Mapping[str, MarketDemand]) -> ToldMarkets:
        return self._inner.read_market_data(demands)

    def read_past_orders(self, since: datetime, symbols: Collection[str]) -> PastOrders:
        return self._inner.read_past_orders(since, symbols)

    def read_conversions(self, positions: Sequence[Position]) -> Mapping[str, Conversion]:
        return self._inner.read_conversions(positions)

    def look_up_order(self, reference: OrderReference) -> LookUp:
        world = self._world
        taken = world.border(f"looks up {reference.symbol}", "fails")
        world.arrive()
        if taken == "fails":
            return Unknown("the venue answers 503")
        if reference.order_id is None and world.elapsed < world.blind_until:
            return NotFound()
        return self._inner.look_up_order(reference)

    def look_up_orders(self, references: Sequence[OrderReference]) -> tuple[LookUp, ...]:
        return tuple(map(self.look_up_order, references))

    def place_orders(self, requests: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
        signed = self._world.elapsed
        return tuple(self._write(request, signed) for request in requests)

    def place_and_ask(
        self, requests: Sequence[OrderRequest], accepted: Sequence[OrderReference]
    ) -> tuple[tuple[Outcome, ...], tuple[LookUp, ...]]:
        return tuple(map(only_taken, self.place_orders(requests))), self.look_up_orders(accepted)

    def cancel_orders(self, references: Sequence[OrderReference]) -> tuple[Outcome, ...]:
        signed = self._world.elapsed
        return tuple(self._write(reference, signed) for reference in references)

    def cancel_and_read(self, references: Sequence[OrderReference]) -> tuple[tuple[Outcome, ...], Snapshot | None]:
        return self.cancel_orders(references), None

    def convert_dust(self, request: ConvertRequest) -> Outcome:
        return self._write(request, self._world.elapsed)

    def _write(self, request: Request, signed: float) -> Outcome:
        world = self._world
        unique = self._inner.capabilities.unique_client_order_ids == "ever"
        taken = world.border(f"sends {type(request).__name__} {request.symbol}", *_FAULTS, *["twice"] * unique)
        world.arrive()
        if world.elapsed > signed + WINDOW:
            return Refused(RefusalReason.TRY_AGAIN, "it was signed too long ago")
        return self._done(taken, request, signed)

    def _done(self, taken: str, request: Request, signed: float) -> Outcome:
        world = self._world
        if taken == "busy":
            return Refused(RefusalReason.TRY_AGAIN, "the matching engine is busy")
        if taken in {"late", "dies, and it is late"}:
            world.under_way = (*world.under_way, UnderWay(request, signed + WINDOW))
        if taken == "dies, and it is late":
            world.die()
        if taken in {"lost", "late"}:
            return Unknown("nobody answers")
        if taken in {"clock ahead", "clock back"}:
            world.skew = {"clock ahead": 90.0, "clock back": -40.0}[taken]
        outcome = world.execute(request)
        if taken == "twice":
            outcome = world.execute(request)
        if taken == "vanishes":
            world.blind_until = world.elapsed + _BLIND_SECONDS
        return Unknown("the reply is lost") if taken in {"reply lost", "vanishes"} else outcome


def on_paper(root: Path, setting: Setting) -> ModelWorld:
    """Set the scene of a paper account in an empty folder."""
    scene = staged(root, setting, setting.account())
    return ModelWorld(
        root,
        scene.clock,
        Trouble(),
        scene.policy,
        wire=WireFile(root / "wire"),
        connect=lambda world: ModelBroker(world.venue(), world),
        at_once=setting.at_once,
        asks_beside=setting.asks_beside,
        is_live=setting.is_live,
        may_halt=setting.may_halt,
    )
