"""A plan as it comes back from its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.snapshot import OrderSide, Side, position_key
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.actions import CLOSING, SELLING, Kind, UnwindStep
from exitplan.ruleset.planning.plan import ensure_unaltered
from exitplan.schemas.documents import load_document


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One action of a saved plan; see :class:`exitplan.ruleset.planning.actions.Action`."""

    id: str
    kind: Kind
    phase: int
    symbol: str
    side: OrderSide
    quantity: Decimal
    rule: str
    because: str
    client_order_id: str
    order_id: str | None
    position_side: Side | None
    est_value: Decimal | None
    trigger_price: Decimal | None
    limit_price: Decimal | None
    expects: Mapping[str, str | None]

    @property
    def key(self) -> str:
        """The key of the position it is about."""
        return position_key(self.symbol, self.position_side or "long")

    @property
    def reduces(self) -> bool:
        """Tell whether it makes the position smaller: a sale or a conversion."""
        return self.kind in SELLING | CLOSING

    @property
    def expected_quantity(self) -> Decimal | None:
        """The position's quantity when the plan was made."""
        text = self.expects.get("position_quantity")
        return None if text is None else Decimal(text)

    @property
    def expected_price(self) -> Decimal | None:
        """The mark price when the plan was made; None where there was none."""
        text = self.expects.get("mark_price")
        return None if text is None else Decimal(text)

    @property
    def expected_cost_pct(self) -> Decimal:
        """The share of the value that the venue wanted for a conversion when the plan was made; zero where untold."""
        return Decimal(self.expects.get("conversion_cost_pct") or 0)


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan file, read and found unaltered."""

    document: Mapping[str, Any]
    plan_id: str
    account: Mapping[str, str]
    policy_sha256: str
    policy_name: str
    overrides: Mapping[str, Decimal]
    created_at: datetime
    expires_at: datetime
    actions: tuple[PlannedAction, ...]
    steps: Mapping[str, UnwindStep]
    positions: Mapping[str, Mapping[str, Any]]

    @property
    def refusals(self) -> list[Mapping[str, Any]]:
        """The guards that refuse the plan."""
        return [guard for guard in self.document["guards"] if not guard["ok"]]


def load_plan(path: Path) -> SavedPlan:
    """Load a plan file.

    Raises FileIsInvalid where it is no plan, PlanIsAltered where it was changed after it was made.
    """
    try:
        known = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        known = None  # load_document says what is wrong, with the line
    if isinstance(known, dict) and "plan_id" in known and isinstance(known.get("sha256"), str):
        ensure_unaltered(known)
    return saved_plan(load_document(path, "plan"))


def saved_plan(document: Mapping[str, Any]) -> SavedPlan:
    """Read a plan document; raises PlanIsAltered where it does not match its own hash."""
    ensure_unaltered(document)
    try:
        return SavedPlan(
            document=document,
            plan_id=document["plan_id"],
            account=document["account"],
            policy_sha256=document["policy"]["sha256"],
            policy_name=document["policy"]["name"],
            overrides={name: Decimal(text) for name, text in (document["policy"].get("overrides") or {}).items()},
            created_at=parse_time(document["created_at"]),
            expires_at=parse_time(document["expires_at"]),
            actions=tuple(_action(entry) for entry in document["actions"]),
            steps=dict(_step(entry) for entry in document["positions"] if entry.get("unwind")),
            positions={_key(entry): entry for entry in document["positions"]},
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise FileIsInvalid(f"this is not a plan that this exitplan understands: {error!r}") from error


def _action(entry: Mapping[str, Any]) -> PlannedAction:
    return PlannedAction(
        id=entry["id"],
        kind=entry["kind"],
        phase=entry["phase"],
        symbol=entry["symbol"],
        side=entry["side"],
        quantity=Decimal(entry["quantity"]),
        rule=entry["rule"],
        because=entry["because"],
        client_order_id=entry["client_order_id"],
        order_id=entry["order_id"],
        position_side=entry["position_side"],
        est_value=_decimal(entry["est_value"]),
        trigger_price=_decimal(entry["trigger_price"]),
        limit_price=_decimal(entry.get("limit_price")),
        expects=entry["expects"],
    )


def _step(entry: Mapping[str, Any]) -> tuple[str, UnwindStep]:
    key = _key(entry)
    raw = entry["unwind"]
    return key, UnwindStep(
        key=key,
        cycle=raw["cycle"],
        cycles=raw["cycles"],
        initial_quantity=Decimal(raw["initial_quantity"]),
        remaining_pct=Decimal(raw["remaining_pct"]),
        target=Decimal(raw["target_quantity"]),
        started_at=parse_time(raw["started_at"]),
        counts=raw["counts"],
        regrown=raw["regrown"],
    )


def _key(entry: Mapping[str, Any]) -> str:
    return position_key(entry["symbol"], entry["facts"]["side"])


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
