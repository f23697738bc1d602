"""The policy of a group of accounts: what is asked of all of them together, beside the policy of each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Struct, field

from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.records import Key, Name, Symbol
from exitplan.ruleset.model.snapshot import Side

Hedged = Literal["close_together", "keep", "alone"]
FindPairs = Literal["asset", "listed"]
OnLegFailure = Literal["retry", "reduce", "restore"]
GroupRank = Literal["value", "oldest"]

HEDGED: Mapping[str, str] = {
    "close_together": "Whatever closes one side closes the other in the same share.",
    "keep": "A pair stays unless each of its positions is to be closed by its own account's policy.",
    "alone": "Each position goes by its own account's policy; the group only shows the pairs.",
}
FINDING: Mapping[str, str] = {
    "asset": "All long and all short positions of one asset, whatever the market.",
    "listed": "The pairs of the list, and no others.",
}
ON_LEG_FAILURE: Mapping[str, str] = {
    "retry": "Send it again, and stop there once the attempts are used up: the imbalance is told.",
    "reduce": "Then reduce the other legs of the bundle until the imbalance is within its bound.",
    "restore": "Then reduce the others until the net exposure is no larger than before the bundle began.",
}
"""What is done with a leg that fails. All of it is towards less exposure: nothing opens or grows a position."""

GROUP_GUARDS: Mapping[str, str] = {
    "max_actions": "The most actions in all accounts together.",
    "max_run_pct": "The largest part of the managed equity of all accounts together that one plan may sell, 0 to 1.",
    "max_bundle_value": "The most that one bundle may sell, in the group's quote.",
}
"""The guards over a group, beside those of every account's own policy."""


class PositionName(Struct, frozen=True, gc=False):
    """One position of a group, as a person names it."""

    account: Annotated[Name, Key("The account.")]
    symbol: Annotated[Symbol, Key()]
    side: Annotated[Side, Key("The side of the position.")] = "long"


class PairRule(Struct, frozen=True, gc=False):
    """How hedges are found.

    A pair needs long and short positions of one asset, where the smaller side is at least ``min_ratio`` of the larger,
    in base units. A crumb of spot beside a large short is so no hedge of it: each goes its own way.
    """

    find: FindPairs = "asset"
    min_ratio: Decimal = Decimal("0.5")
    listed: tuple[tuple[PositionName, ...], ...] = ()


class GroupCap(Struct, frozen=True, gc=False):
    """The most positions in all accounts together; None is no limit.

    A pair counts as ``pair_counts_as`` positions, and is chosen as one. ``rank_by`` says what goes first: the smallest
    value in the group's quote, the oldest.
    """

    max_positions: int | None = None
    pair_counts_as: int = 1
    rank_by: tuple[GroupRank, ...] = ("value", "oldest")


class LegImbalance(Struct, frozen=True, gc=False):
    """How far the legs of a bundle may be apart while it is carried out: a value in the group's quote, and seconds.

    The imbalance of a bundle at a moment is ``max(0, |net now| - max(|net before|, |net after|)) x price``. Net is
    that of the whole pair in base units, of what was held when it was prepared less what its orders have
    filled since; before and after are those of the bundle (``Bundle.net_before``, ``Bundle.net_after``); the price is
    the bundle's (``Bundle.price``), the highest mark among its legs in the group's quote, read anew when it is
    prepared. An order whose outcome is unknown counts as filled or as not filled, whichever is worse. The seconds are
    counted from the moment on at which it first is above zero, until it is zero again.
    """

    value: Annotated[Decimal, Key("In the group's quote.")]
    seconds: Annotated[int, Key("For how long there may be any.")]


class LegFailure(Struct, frozen=True, gc=False):
    """What is done with a leg that fails, after this many attempts."""

    then: Annotated[OnLegFailure, Key("What is done.", meanings=ON_LEG_FAILURE)] = "reduce"
    attempts: Annotated[int, Key("How often a leg is tried in all.")] = 3


class GroupPolicy(Struct, frozen=True, dict=True):
    """What is asked of several accounts together. ``sha256`` is that of the file's document.

    ``quote`` is the currency that values are in; ``rates`` are units of it for one unit of another, and go before what
    venues tell. ``aliases`` are names of assets over all accounts; ``units`` says how many of an asset one of such a
    name is (1000PEPE is 1,000 PEPE). ``dust_value`` closes a position or a whole pair
    whose value in the group is below it; None closes none.
    """

    name: str
    sha256: str
    quote: str
    max_leg_imbalance: LegImbalance
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Decimal] = field(default_factory=dict)
    hedged: Hedged = "close_together"
    pairs: PairRule = field(default_factory=PairRule)
    cap: GroupCap = field(default_factory=GroupCap)
    dust_value: Decimal | None = None
    on_leg_failure: LegFailure = field(default_factory=LegFailure)
    guards: Mapping[str, Decimal] = field(default_factory=dict)

    @cached_property
    def names(self) -> AssetNames:
        """The names of assets in the group."""
        return AssetNames(self.aliases)
