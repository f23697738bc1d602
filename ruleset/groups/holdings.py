"""What a group holds: the positions of all its accounts in units of their assets, and their values in one currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from exitplan.ruleset.errors import AccountUnreadable
from exitplan.ruleset.groups.group_plan import Exposure, Holding
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.valuation import rate_of
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ONE, ZERO, base_of
from exitplan.ruleset.planning.actions import Exit
from exitplan.ruleset.planning.classify import Decision
from exitplan.ruleset.planning.planner import Draft, PlanInput

PositionKey = tuple[str, str]
"""A position of a group: its account, and its key there."""


class Member(Struct, frozen=True, gc=False):
    """One account of a group as it was read, and what its own policy would do with it."""

    given: PlanInput
    own: Draft

    @property
    def id(self) -> str:
        """The account."""
        return self.given.snapshot.account


class GroupPosition(Struct, frozen=True, gc=False):
    """A position of one of the accounts.

    ``unit`` is how much of the asset one unit of it is, less than nothing for a short; None where that takes a price
    (an inverse contract is worth its size in quote) and there is none. ``rate`` turns the account's quote into the
    group's. ``own`` is the exit by the account's own policy.
    """

    account: str
    asset: str
    decision: Decision
    own: Exit
    unit: Decimal | None
    rate: Decimal

    @property
    def name(self) -> PositionKey:
        """The account and the position's key."""
        return self.account, self.decision.key

    @property
    def view(self) -> PositionView:
        """The position as its account sees it."""
        return self.decision.view

    @property
    def base(self) -> Decimal | None:
        """What is held in units of the asset, with its sign."""
        return None if self.unit is None else self.view.held * self.unit

    @property
    def value(self) -> Decimal | None:
        """What it is worth in the group's quote."""
        return None if self.view.value is None else self.view.value * self.rate

    @property
    def price(self) -> Decimal | None:
        """The mark of one unit of the asset, in the group's quote."""
        worth = self.view.worth(ONE)
        return None if worth is None or not self.unit else EXACT.divide(worth * self.rate, abs(self.unit))

    @property
    def sells(self) -> bool:
        """Check whether its account's own policy sells of it."""
        return any(action.reduces for action in self.own.actions)

    @property
    def sold(self) -> Decimal:
        """What its account's own policy sells of it, in its units."""
        return sum((action.quantity for action in self.own.actions if action.reduces), ZERO)

    @property
    def text(self) -> str:
        """The position as sentences name it: ``BTC/USDT:USDT short at hedge``."""
        position = self.view.position
        return f"{position.symbol}{' short' if position.side == 'short' else ''} at {self.account}"


def positions_of(policy: GroupPolicy, members: Mapping[str, Member]) -> list[GroupPosition]:
    """List all positions of a group, by account and symbol; raises AccountUnreadable without a rate between quotes."""
    rates = rates_of(policy, members.values())
    return [
        _position(policy, member, decision, rates[name])
        for name, member in sorted(members.items())
        for decision in member.own.decisions
    ]


def _position(policy: GroupPolicy, member: Member, decision: Decision, rate: Decimal) -> GroupPosition:
    view = decision.view
    said = base_of(view.position.symbol) if view.is_derivative else view.asset
    own_name = member.own.account.names.resolve(said)
    asset = policy.names.resolve(own_name)
    times = policy.units.get(said, policy.units.get(own_name, ONE))
    unit = _unit_of(view)
    return GroupPosition(
        member.id, asset, decision, member.own.exits[decision.key], None if unit is None else unit * times, rate
    )


def _unit_of(view: PositionView) -> Decimal | None:
    """Return how much of the base currency one unit is, with the sign of the side."""
    size = view.position.contract_size
    if view.market is not None and view.market.inverse:
        mark = view.price.mark
        if mark is None:
            return None
        size = EXACT.divide(size, mark)
    return -size if view.position.side == "short" else size


def rates_of(policy: GroupPolicy, members: Iterable[Member]) -> dict[str, Decimal]:
    """Return units of the group's quote for one unit of each account's own.

    The policy's own rates go first, then what an account in the group's quote was told. Raises AccountUnreadable where
    there is none: what cannot be compared is not netted.
    """
    every = sorted(members, key=lambda member: member.id)
    rates: dict[str, Decimal] = {}
    for member in every:
        quote = member.given.snapshot.quote
        rate = ONE if quote == policy.quote else policy.rates.get(quote) or _told_rate(policy.quote, quote, every)
        if rate is None:
            raise AccountUnreadable(
                f"{member.id} is in {quote}, the group {policy.name} in {policy.quote}; no rate between them is known",
                hint=f"write in the group's policy: rates: {{{quote}: ...}}, units of {policy.quote} for one {quote}",
            )
        rates[member.id] = rate
    return rates


def _told_rate(into: str, quote: str, members: Sequence[Member]) -> Decimal | None:
    told = (rate_of(member.given.snapshot, quote) for member in members if member.given.snapshot.quote == into)
    return next((rate for rate in told if rate is not None), None)


def exposures_of(
    positions: Sequence[GroupPosition], paired: frozenset[PositionKey], sold: Mapping[PositionKey, Decimal]
) -> tuple[Exposure, ...]:
    """Net what is held, by asset; ``sold`` is what the plan takes of each position, in its units."""
    assets: dict[str, list[GroupPosition]] = {}
    for position in positions:
        assets.setdefault(position.asset, []).append(position)
    return tuple(_exposure(asset, assets[asset], paired, sold) for asset in sorted(assets))


def _exposure(
    asset: str,
    positions: Sequence[GroupPosition],
    paired: frozenset[PositionKey],
    sold: Mapping[PositionKey, Decimal],
) -> Exposure:
    net = net_of(positions)
    long = None if net is None else sum((one.base for one in positions if one.base is not None and one.base > 0), ZERO)
    prices = [price for one in positions if (price := one.price) is not None]
    return Exposure(
        asset,
        long=long,
        short=None if long is None or net is None else long - net,
        net=net,
        net_value=None if net is None or not prices else net * max(prices),
        net_after=net_of(positions, sold),
        holdings=tuple(holding_of(one, is_paired=one.name in paired) for one in positions),
    )


def net_of(positions: Iterable[GroupPosition], sold: Mapping[PositionKey, Decimal] | None = None) -> Decimal | None:
    """Add up positions in units of their asset, less what is sold of them; None where one has no price it needs."""
    net = ZERO
    for position in positions:
        if position.unit is None:
            return None
        net += (position.view.held - (sold or {}).get(position.name, ZERO)) * position.unit
    return net


def slack_of(position: GroupPosition) -> Decimal:
    """Return what one step of an inverse contract is in units of the asset: its size moves with the price; else 0."""
    market = position.view.market
    if market is None or not market.inverse or position.unit is None:
        return ZERO
    return abs(position.unit) * (market.amount_step or DEFAULT_STEP)


def holding_of(position: GroupPosition, *, is_paired: bool) -> Holding:
    """Write a position as plans show it."""
    own = position.view.position
    return Holding(position.account, own.symbol, own.side, position.view.held, position.base, position.value, is_paired)
