"""What a group says of one pair: it closes together, in one share, or it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import GroupPosition, Member, PositionKey, slack_of
from exitplan.ruleset.groups.pairs import Pair
from exitplan.ruleset.groups.sizing import Sizes, Stake, size_pair
from exitplan.ruleset.groups.wishes import Wish
from exitplan.ruleset.language.reasons import percent_text
from exitplan.ruleset.model.position_view import reaches_minimum
from exitplan.ruleset.model.progress import Kept
from exitplan.ruleset.model.values import DEFAULT_STEP, EXACT, ZERO, floor_to_step, plain
from exitplan.ruleset.planning.actions import BLOCKED_REASONS, CLOSING, SIX_PLACES, Phase, UnwindStep
from exitplan.ruleset.planning.exits import ExitContext, limit_price
from exitplan.ruleset.planning.group_orders import GroupOrder


class PairQuestion(Struct, frozen=True, gc=False):
    """A pair, and what bears on it: the group's wishes, what the venues let go of single positions, and a refusal."""

    policy: GroupPolicy
    pair: Pair
    members: Mapping[str, Member]
    wishes: Mapping[PositionKey, Wish]
    bounds: Mapping[PositionKey, Decimal]
    refused: str | None = None


class PairAnswer(Struct, frozen=True, gc=False):
    """What becomes of a pair of which something was to go.

    With ``sizes`` it goes as a bundle, by ``orders`` where an account's own exit is not that. Without them it stays,
    and ``orders`` keep the exits that would have run; ``wanted`` says what those were.
    """

    pair: Pair
    because: str
    wanted: str
    orders: Mapping[PositionKey, GroupOrder]
    sizes: Mapping[PositionKey, Decimal] = field(default_factory=dict)


def answer_pair(question: PairQuestion) -> PairAnswer | None:
    """Decide what becomes of a pair; None where nothing of it was to go."""
    leads = [one for one in question.pair.positions if one.sells or one.name in question.wishes]
    if not leads:
        return None
    wanted = "; ".join(f"{one.text}: {_wish_text(question, one)}" for one in leads)
    obstacle = question.refused or _obstacle(question, leads)
    if obstacle is not None:
        return _staying(question, wanted, obstacle)
    sizes = size_pair([_stake(question, one) for one in question.pair.positions])
    if sizes is None:
        steps = "no sizes that both venues take leave the net exposure as small as it is"
        return _staying(question, wanted, steps)
    return _going(question, wanted, sizes)


def _wish_text(question: PairQuestion, position: GroupPosition) -> str:
    wish = question.wishes.get(position.name)
    if wish is not None:
        return wish.because
    return next(action.because for action in position.own.actions if action.reduces)


def _obstacle(question: PairQuestion, leads: list[GroupPosition]) -> str | None:
    """Say what keeps a pair from going as a whole; None where nothing does."""
    for position in question.pair.positions:
        why = _own_obstacle(position)
        if why is not None:
            return f"{position.text}: {why}"
    staying = [one for one in question.pair.positions if one not in leads]
    if question.policy.hedged == "keep" and staying:
        return f"{staying[0].text} stays, and the group keeps its hedges"
    return None


def _own_obstacle(position: GroupPosition) -> str | None:
    decision, blocked = position.decision, position.own.blocked
    if decision.is_protected:
        return "it is protected"
    if decision.is_deferred:
        return f"it cannot be judged: {decision.view.words['why']}"
    if position.unit is None or position.view.price.mark is None:
        return "it has no price"
    if blocked is not None and blocked.reason != "waiting":
        return BLOCKED_REASONS[blocked.reason]
    return None


def _staying(question: PairQuestion, wanted: str, obstacle: str) -> PairAnswer:
    because = f"a hedged pair goes whole or not at all, and {obstacle}"
    orders = {one.name: GroupOrder(because, holds=True) for one in question.pair.positions if one.sells}
    return PairAnswer(question.pair, because, wanted, orders)


def _stake(question: PairQuestion, position: GroupPosition) -> Stake:
    """Look at a position for sizing: what goes of it at least, what could go, and what its venue takes."""
    view, name = position.view, position.name
    own = position.sold
    context = _context(question.members[position.account])
    everything = view.everything
    is_slice = name not in question.wishes and not any(action.kind in CLOSING for action in position.own.actions)
    converts = any(action.kind == "convert_dust" for action in position.own.actions)
    could = own if converts else max(context.closable(view), ZERO)
    if is_slice and own:  # a slice leaves the orders that hold the rest of it
        could = max(context.without_debt(view, context.free(view)), own)
    most = min(could, question.bounds.get(name, could))
    price = limit_price(view, context.policy)
    unit = position.unit if position.unit is not None else ZERO

    def leaves(quantity: Decimal) -> bool:
        rest = floor_to_step(view.held - quantity, view.amount_step)
        return rest <= 0 or reaches_minimum(view, rest, price)

    return Stake(
        name,
        unit,
        view.held,
        view.amount_step or DEFAULT_STEP,
        min(everything if name in question.wishes else own, most),
        most,
        takes=(lambda quantity: quantity == own) if converts else (lambda size: reaches_minimum(view, size, price)),
        leaves=leaves,
        slack=slack_of(position),
    )


def _context(member: Member) -> ExitContext:
    stale = frozenset(
        action.order_id for action in member.own.actions if action.order_id is not None and action.phase == Phase.CANCEL
    )
    given = member.given
    return ExitContext.of(given.rulebook.policy, member.own.account, given.progress, given.now, stale)


def _going(question: PairQuestion, wanted: str, sizes: Sizes) -> PairAnswer:
    share = percent_text(EXACT.divide(Decimal(sizes.share.numerator), Decimal(sizes.share.denominator)))
    how = "both sides of the pair go together" if sizes.share == 1 else f"{share} of both sides of the pair go together"
    because = f"{how}: {wanted}"
    step = None if sizes.share == 1 else _leading_step(question.pair)
    orders = {}
    for position in question.pair.positions:
        quantity = sizes.quantities[position.name]
        order = _order(question, position, because, quantity, step)
        if order is not None:
            orders[position.name] = order
    return PairAnswer(question.pair, because, wanted, orders, sizes.quantities)


def _leading_step(pair: Pair) -> UnwindStep | None:
    """Return the cycle of the unwind that the others go along with: the one that goes furthest."""
    steps = [(one.own.unwind.remaining_pct, one.name, one.own.unwind) for one in pair.positions if one.own.unwind]
    return min(steps, key=lambda step: step[:2])[2] if steps else None


def _order(
    question: PairQuestion, position: GroupPosition, because: str, quantity: Decimal, step: UnwindStep | None
) -> GroupOrder | None:
    """Say what goes of one position where its own exit is not that."""
    own = position.sold
    if quantity == own:
        return None
    if quantity == 0:
        return GroupOrder("other positions of its side go in its place", holds=True)
    if quantity < own:
        cycle = position.own.unwind
        bent = None if cycle is None else _bent(cycle, position.view.held, quantity)
        return GroupOrder(
            f"no more than {plain(quantity)}, as the other side of the pair goes", step=bent, most=quantity
        )
    wish = question.wishes.get(position.name)
    if wish is not None:
        return GroupOrder(wish.because, wish.rule, most=quantity)
    return GroupOrder(because, "group.pair", step and _joined(question, position, quantity, step), most=quantity)


def _bent(step: UnwindStep, held: Decimal, quantity: Decimal) -> UnwindStep:
    """Return a cycle that leaves what this quantity leaves; the next one is back on the policy's own curve."""
    left = held - quantity
    remaining = EXACT.divide(left, step.initial_quantity).quantize(SIX_PLACES, ROUND_CEILING, EXACT)
    return replace(step, target=left, remaining_pct=remaining)


def _joined(question: PairQuestion, position: GroupPosition, quantity: Decimal, lead: UnwindStep) -> UnwindStep:
    """Write the cycle of a position that goes along with the unwind of another one.

    Its count and its start are those of the leader, so that both know when they are in step; where it has an unwind of
    its own that began otherwise, that begins anew.
    """
    member, view = question.members[position.account], position.view
    kept = Kept.of(member.given.progress.unwinds, member.own.account.names).find(view.position, view.asset)
    goes_on = kept is not None and kept.started_at == lead.started_at
    step = UnwindStep(
        key=view.position.key,
        cycle=lead.cycle,
        cycles=lead.cycles,
        initial_quantity=kept.initial_quantity if kept is not None and goes_on else view.held,
        remaining_pct=lead.remaining_pct,
        target=ZERO,
        started_at=lead.started_at,
        regrown=kept is not None and not goes_on,
        added=kept.added if kept is not None and goes_on else ZERO,
    )
    return _bent(step, view.held, quantity)
