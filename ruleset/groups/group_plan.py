"""The plan of a group as its file holds it: the ordinary plans of its accounts, and what of them closes as one.

Words that hold everywhere:

* **Leg**: what a bundle does with one position. It is carried out by ordinary actions of that account's plan.
* **Bundle**: legs that are done all or not at all. Every sale of every account's plan belongs to exactly one; most have
  one leg.
* **Prepare**: all accounts of the group are leased in the order of their ids and read anew; every account's own checks
  pass (halt, signature, age, same policy, its guards); the group is planned anew, and every bundle is decided again as
  it stands in the plan, its guards with it; balances are free; orders are dry-checked where the venue can. Any of it
  missing: nothing is sent anywhere.
* **Imbalance**: see :class:`~exitplan.ruleset.groups.group_policy.LegImbalance`.
* **Restore**: it never opens or grows a position. It reduces the other legs until the net exposure of the bundle is no
  larger than before it began, and the imbalance is within its bound. Where that cannot be had, it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Struct

from exitplan.ruleset.groups.group_policy import HEDGED, Hedged, LegFailure, LegImbalance
from exitplan.ruleset.model.records import Document, Key, Name, Sha256, Symbol, write_record
from exitplan.ruleset.model.snapshot import Side, position_key
from exitplan.ruleset.planning.plan_types import GuardResult, Plan

Reducing = Literal["close", "unwind", "convert_dust"]
Ground = Literal["own", "group"]
GROUNDS: Mapping[Ground, str] = {
    "own": "The account's own policy wants it.",
    "group": "The group's policy wants it: decided again over all accounts before anything is sent.",
}

GroupWarningKind = Literal["net-rises", "no-price", "partly-hedged", "matches-nothing"]
GROUP_WARNINGS: Mapping[GroupWarningKind, str] = {
    "net-rises": "An exit by an account's own policy leaves more net exposure than there was.",
    "no-price": "A position has no believed price, and so no part in the group's exposure.",
    "partly-hedged": "Both sides are held, and too unequal to be a pair.",
    "matches-nothing": "The group's policy names a position that is not held.",
}


class GroupHead(Struct, frozen=True, gc=False):
    """The group, and what its policy asks of whoever carries the plan out."""

    name: Annotated[Name, Key("The group.")]
    quote: Annotated[Name, Key("The currency that its values are in.")]
    sha256: Annotated[Sha256, Key("The hash of the group's policy.")]
    hedged: Annotated[Hedged, Key("What is done with pairs.", meanings=HEDGED)]
    max_leg_imbalance: Annotated[LegImbalance, Key("How far the legs of a bundle may be apart.")]
    on_leg_failure: Annotated[LegFailure, Key("What is done with a leg that fails.")]


class Holding(Struct, frozen=True, gc=False):
    """One position in the exposure of its asset; ``base`` is signed, less than nothing for a short."""

    account: Annotated[Name, Key("The account.")]
    symbol: Annotated[Symbol, Key()]
    side: Annotated[Side, Key("The side of the position.")]
    quantity: Annotated[Decimal, Key("What is held, in the position's units.")]
    base: Annotated[Decimal | None, Key("The same in units of the asset, with its sign; null without a price.")]
    value: Annotated[Decimal | None, Key("What it is worth in the group's quote; null without a price or a rate.")]
    is_paired: Annotated[bool, Key("Whether it is part of a hedged pair.")]

    @property
    def key(self) -> str:
        """The key of the position in its account."""
        return position_key(self.symbol, self.side)


class Exposure(Struct, frozen=True, gc=False):
    """What a group holds of one asset, over all accounts and markets.

    Figures are null where a position has no price that they need.
    """

    asset: Annotated[Name, Key("The asset.")]
    long: Annotated[Decimal | None, Key("What is held long, in units of the asset.")]
    short: Annotated[Decimal | None, Key("What is held short.")]
    net: Annotated[Decimal | None, Key("Long less short.")]
    net_value: Annotated[Decimal | None, Key("What that is worth in the group's quote.")]
    net_after: Annotated[Decimal | None, Key("Net once the plan is carried out.")]
    holdings: Annotated[tuple[Holding, ...], Key("The positions, by account and symbol.")]


class Leg(Struct, frozen=True, gc=False):
    """What a bundle does with one position of one account.

    ``place`` is the order in which the legs of a bundle go, from 1: first what lowers the net exposure, then what is
    hardest to sell (no known spread, the widest spread), then the largest value. ``actions`` are the ids of the orders
    in the account's plan, ``cancels`` of the cancels before them.
    """

    account: Annotated[Name, Key("The account.")]
    symbol: Annotated[Symbol, Key()]
    side: Annotated[Side, Key("The side of the position.")]
    kind: Annotated[Reducing, Key("The kind of its actions.")]
    rule: Annotated[Name, Key("The exit rule that its actions carry.")]
    ground: Annotated[Ground, Key("Whose rule that is.", meanings=GROUNDS)]
    quantity: Annotated[Decimal, Key("How much is sold or bought back, in the position's units.")]
    base: Annotated[Decimal | None, Key("The same in units of the asset; null without a price.")]
    held: Annotated[Decimal, Key("What is held, in the position's units.")]
    step: Annotated[Decimal | None, Key("The step of quantities at the market; null where none is known.")]
    value: Annotated[Decimal | None, Key("What it is worth in the group's quote; null without a price or a rate.")]
    place: Annotated[int, Key("The order in which legs go, from 1.")]
    actions: Annotated[tuple[Name, ...], Key("The orders, by their ids in the account's plan.")]
    cancels: Annotated[tuple[Name, ...], Key("The cancels that go before them, by their ids.")]

    @property
    def key(self) -> str:
        """The key of the position in its account."""
        return position_key(self.symbol, self.side)


class Bundle(Struct, frozen=True, gc=False):
    """Legs that are done all or not at all; ``legs`` stand in the order in which they go.

    ``share`` is the part of each position that goes. Net figures are those of the whole pair, with positions of it that
    stay, in units of the asset; null where one has no price, which only a bundle of one leg may be.
    """

    id: Annotated[Name, Key("The id of the bundle within the plan.")]
    asset: Annotated[Name, Key("The asset.")]
    because: Annotated[str, Key("Why, in a sentence.")]
    share: Annotated[Decimal, Key("The part of each position that goes.")]
    net_before: Annotated[Decimal | None, Key("Net exposure of the pair before.")]
    net_after: Annotated[Decimal | None, Key("Net exposure of the pair after.")]
    price: Annotated[Decimal | None, Key("The highest mark among its legs, in the group's quote for one unit.")]
    legs: Annotated[tuple[Leg, ...], Key("What is done, in this order.")]

    @property
    def is_pair(self) -> bool:
        """Check whether it has more than one leg."""
        return len(self.legs) > 1


class HeldPair(Struct, frozen=True, gc=False):
    """A pair that stays although one of its positions was to go, and why."""

    asset: Annotated[Name, Key("The asset.")]
    because: Annotated[str, Key("Why it stays, in a sentence.")]
    wanted: Annotated[str, Key("What would have been done, in a sentence.")]
    positions: Annotated[tuple[Holding, ...], Key("Its positions.")]


class GroupWarning(Struct, frozen=True, gc=False):
    """One thing that a person should know of a group."""

    kind: Annotated[GroupWarningKind, Key("What it is about.", meanings=GROUP_WARNINGS)]
    asset: Annotated[str, Key("The asset that it is about.")]
    text: Annotated[str, Key("What is wrong, in a sentence.")]


class GroupPlan(Struct, frozen=True, dict=True):
    """What exitplan would do with a group of accounts, and why.

    ``accounts`` are ordinary plans, by the ids of their accounts. What one of them does by the group's rules
    (``Leg.ground``) is applied only as part of this plan: alone, such a plan is refused.
    """

    format_version: Annotated[Literal[1], Key("The version of this file's format.")]
    tool_version: Annotated[str, Key("The version of exitplan that made the plan.")]
    group_plan_id: Annotated[Name, Key("The id of the plan, derived from its content.")]
    created_at: Annotated[datetime, Key("The moment the plan was made for.")]
    expires_at: Annotated[datetime, Key("From this moment on it is not applied any more.")]
    group: Annotated[GroupHead, Key("The group.")]
    exposures: Annotated[tuple[Exposure, ...], Key("What is held of each asset, net.")]
    bundles: Annotated[tuple[Bundle, ...], Key("What is done all or not at all.")]
    held: Annotated[tuple[HeldPair, ...], Key("Pairs that stay although one side was to go.")]
    guards: Annotated[tuple[GuardResult, ...], Key("What the guards over the group say.")]
    warnings: Annotated[tuple[GroupWarning, ...], Key("What a person should look at.")]
    accounts: Annotated[Mapping[str, Plan], Key("The plans of the accounts, by their ids.")]
    sha256: Annotated[Sha256, Key("The hash of everything else in the plan.")] = ""

    @cached_property
    def document(self) -> Document:
        """The plan in its JSON form."""
        return write_record(self)

    @property
    def refusals(self) -> tuple[GuardResult, ...]:
        """The guards over the group that refuse the plan."""
        return tuple(guard for guard in self.guards if not guard.ok)

    @property
    def is_refused(self) -> bool:
        """Check whether a guard refuses it, be it the group's or one of an account."""
        return bool(self.refusals) or any(plan.refusals for plan in self.accounts.values())

    @property
    def has_changes(self) -> bool:
        """Check whether the plan does anything."""
        return any(plan.has_changes for plan in self.accounts.values())
