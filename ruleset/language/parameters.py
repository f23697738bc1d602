"""The registries of what a policy may set: parameters, guards and the actions of its exits.

One entry a thing: name, type, limits, default and meaning. Schemas, documentation and checks are made from these
tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

SettingType = Literal["integer", "number", "texts", "boolean"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a policy may set, its limits (both included) and what holds where it is not set.

    A default of None means: where it is not set, nothing is limited. The value stays under ``below``; from
    ``warns_from`` on it is probably a mistake.
    """

    name: str
    type: SettingType
    default: int | Decimal | tuple[str, ...] | None
    meaning: str
    minimum: int | Decimal | None = None
    maximum: int | Decimal | None = None
    below: Decimal | None = None
    warns_from: Decimal | None = None

    def allows(self, number: Decimal) -> bool:
        """Check a number against the limits."""
        if self.minimum is not None and number < self.minimum:
            return False
        if self.maximum is not None and number > self.maximum:
            return False
        return self.below is None or number < self.below

    @property
    def limits(self) -> str:
        """Return the limits in words: ``0 to 10000``, ``0 or more``, ``0 to below 0.5``."""
        if self.below is not None:
            return f"{self.minimum} to below {self.below}"
        return f"{self.minimum} or more" if self.maximum is None else f"{self.minimum} to {self.maximum}"


def _table(*settings: Setting) -> dict[str, Setting]:
    return {setting.name: setting for setting in settings}


PARAMETERS: Mapping[str, Setting] = _table(
    Setting("max_positions", "integer", 8, "The cap: how many positions an account may hold.", 0, 10_000),
    Setting(
        "dust_pct_threshold",
        "number",
        Decimal("0.01"),
        "Dust is worth less than this share of the account, as a fraction: 0.01 is 1 %.",
        0,
        below=Decimal("0.5"),
        warns_from=Decimal("0.1"),
    ),
    Setting("dust_usd_threshold", "number", Decimal(1), "Dust is worth less than this, in the account's currency.", 0),
    Setting("stale_order_minutes", "number", 30, "A limit order older than this many minutes is stale.", 0),
    Setting(
        "gradual_unwind_pct",
        "number",
        Decimal("0.25"),
        "The share of what is left that each unwind cycle closes, as a fraction: 0.25 is 25 %; 0 unwinds nothing.",
        0,
        1,
    ),
    Setting("unwind_cycles", "integer", 4, "Cycles of an unwind; the last one closes what is left.", 3, 5),
    Setting(
        "max_position_pct",
        "number",
        Decimal(1),
        "A position above this share of the account is of the wrong size, as a fraction.",
        0,
        1,
    ),
    Setting(
        "unwind_interval_minutes",
        "number",
        5,
        "The least time between two cycles of one unwind, in minutes.",
        0,
        5_256_000,
    ),
    Setting(
        "blind_exit_minutes",
        "number",
        30,
        "A zombie without a price is tried once, after the price has been missing for this many minutes.",
        0,
        5_256_000,
    ),
    Setting(
        "max_price_gap",
        "number",
        Decimal("0.10"),
        "A last price this far outside bid and ask (a fraction) is not taken; a spread over 5 times this is no price.",
        0,
        1,
    ),
    Setting("strategy_sources", "texts", (), "The values of position_source that mean: a strategy of ours opened it."),
)
"""The parameters that exitplan itself reads; a policy may name others for its own conditions."""

GUARDS: Mapping[str, Setting] = _table(
    Setting("max_actions", "integer", 100, "The largest number of actions in a plan.", 0, 100_000),
    Setting(
        "max_run_pct",
        "number",
        Decimal("0.5"),
        "The largest share of managed equity that the closes and unwinds of one plan may be worth, as a fraction.",
        0,
        1,
    ),
    Setting(
        "max_zombie_pct",
        "number",
        Decimal("0.5"),
        "The largest share of positions, of three or more, that may be zombies for want of a price or a market.",
        0,
        1,
    ),
    Setting(
        "max_price_move_pct",
        "number",
        Decimal("0.05"),
        "How far a mark price may move between plan and apply, as a fraction.",
        0,
        1,
    ),
    Setting(
        "max_equity_change_pct",
        "number",
        Decimal("0.5"),
        "How far what is held may differ from the last run's, at today's prices and our fills aside, as a fraction.",
        0,
    ),
    Setting(
        "max_order_value",
        "number",
        None,
        "The largest value of one close or unwind, in the account's quote currency; asked again at apply.",
        0,
    ),
    Setting(
        "max_spread_pct",
        "number",
        None,
        "The widest spread, (ask - bid) / mid, of a market that an exit goes to, as a fraction; asked again at apply.",
        0,
        1,
    ),
    Setting(
        "max_deferred_pct",
        "number",
        None,
        "The largest share of positions, of three or more, whose price could not be read: an outage refuses the plan.",
        0,
        1,
    ),
    Setting(
        "price_collar_pct",
        "number",
        None,
        "Exits become limit orders this far through the mark (below it for a sell) instead of market orders, "
        "and what does not fill at once is cancelled; as a fraction.",
        0,
        1,
    ),
    Setting(
        "halt_allows_exits",
        "boolean",
        None,
        "Whether closes and unwinds, never above what is held, may be sent while the account is halted.",
    ),
)
"""The guards of a policy. Those with a default are on in every policy, with that limit where it sets none."""


DUST: Mapping[str, Setting] = _table(
    Setting(
        name="convert",
        type="boolean",
        default=False,
        meaning="Whether dust too small to sell is converted into the account's quote currency, where the venue can.",
    ),
    Setting(
        "max_cost_pct",
        "number",
        Decimal("0.05"),
        "The largest share of the value that a conversion may cost, as a fraction.",
        0,
        1,
    ),
)
"""What a policy says of dust that the venue does not take as an order."""


@dataclass(frozen=True, slots=True)
class ExitAction:
    """What an exit rule may do with a position, and the further keys that such a rule takes."""

    name: str
    meaning: str
    keys: tuple[str, ...] = ()


EXIT_ACTIONS: Mapping[str, ExitAction] = {
    action.name: action
    for action in (
        ExitAction("close", "Sell everything at the market, after cancelling the orders that lock it.", ()),
        ExitAction("unwind", "Close over several cycles, gradual_unwind_pct of what is left in each.", ()),
        ExitAction(
            "attach_stop",
            "Keep the position and place a stop order stop_pct below the mark (above it for a short).",
            ("stop_pct", "adopt"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Deed:
    """What an invariant may speak of: what is done with a position, as the exit actions that it stands for.

    None among them stands for no exit.
    """

    name: str
    meaning: str
    actions: frozenset[str | None]


DEEDS: Mapping[str, Deed] = {
    deed.name: deed
    for deed in (
        Deed("close", "It is closed at once.", frozenset({"close"})),
        Deed("unwind", "It is closed over several cycles.", frozenset({"unwind"})),
        Deed("sell", "It is closed or unwound.", frozenset({"close", "unwind"})),
        Deed("attach_stop", "A stop is placed.", frozenset({"attach_stop"})),
        Deed("nothing", "Nothing is done with it.", frozenset({None})),
    )
}
"""What invariants say that is never, or always, done with a position."""

ADOPTED_SOURCE = "adopted"
"""The ``position_source`` that adoption writes into the tracker; a policy that adopts lists it in strategy_sources."""

CAP_SCOPES: Mapping[str, str] = {
    "all": "Category B first, then category A.",
    "legacy": "Category B only: what a strategy manages is never closed for the cap.",
}
CAP_RANKS: Mapping[str, str] = {
    "value_usd": "The smallest value first; unknown values last.",
    "pnl_pct": "The worst result first; an unknown one counts as 0.",
    "oldest": "The oldest first; an unknown age last.",
    "health_score": "The least healthy first; an unknown score last.",
}

SEVERITIES = ("INFO", "WARNING", "CRITICAL")
