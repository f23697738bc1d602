"""Unwinds end: plan, fill, remember, and plan again reaches nothing left, or says what is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Market, Position
from exitplan.ruleset.model.values import floor_to_step, plain
from exitplan.ruleset.planning.actions import UnwindStep
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.ruleset.planning.unwind import is_reached
from tests.builders import NOW, policy_document, position, rulebook, snapshot
from tests.conftest import examples

SHARES = ["0.25", "0.5", "0.1", "0.9", "1", "0.333333"]
_exits = [{"id": "legacy", "rule": 3, "when": {"tracked": False}, "action": "unwind"}]


@dataclass
class Desk:
    """A venue that fills, and a state that remembers."""

    rules: Rulebook
    market: Market
    held: Decimal
    progress: UnwindProgress | None = None

    def plan(self) -> Draft:
        account = snapshot(self.position, markets={"AAA/USD": self.market}, cash=10**12)
        progress = Progress({} if self.progress is None else {"AAA/USD": self.progress})
        return draft_plan(PlanInput(self.rules, account, NOW, progress))

    @property
    def position(self) -> Position:
        return position(quantity=plain(self.held))

    def fill(self, draft: Draft, share: Decimal) -> None:
        (step,) = draft.unwinds
        for action in draft.actions:
            filled = action.quantity if share == 1 else floor_to_step(action.quantity * share, self.market.amount_step)
            self.held -= filled
        self.remember(step)

    def remember(self, step: UnwindStep) -> None:
        done = step.counts or is_reached(self.held, step, self.market.amount_step)
        cycle = step.cycle if done else step.cycle - 1
        left = step.remaining_pct if done else Decimal(1) if self.progress is None else self.progress.remaining_pct
        self.progress = UnwindProgress(cycle, left, step.initial_quantity, step.started_at)


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    share, cycles = Decimal(draw(st.sampled_from(SHARES))), draw(st.integers(3, 5))
    document = policy_document(gradual_unwind_pct=share, unwind_cycles=cycles, exits=_exits)
    numbers = [draw(st.sampled_from(texts)) for texts in ([None, "0.001", "1", "0.3", "25"], [None, "0.01", "7"])]
    step, least = (None if text is None else Decimal(text) for text in numbers)
    worth = draw(st.sampled_from([None, Decimal(1), Decimal(500)]))
    price = draw(st.sampled_from([Decimal("0.00001234"), Decimal(3), Decimal("99.99")]))
    held = draw(st.decimals("0.00000001", "100000", places=8) | st.integers(1, 60).map(Decimal))
    market = Market(amount_step=step, min_amount=least, min_notional=worth, last=price)
    return Desk(rulebook(document), market, held)


def is_over(desk: Desk, draft: Draft) -> bool:
    """Tell whether nothing sellable is left or the plan says why not."""
    return floor_to_step(desk.held, desk.market.amount_step) <= 0 or bool(draft.blocked)


@given(desks())
@examples(50)
def test_with_full_fills_it_ends_within_its_cycles(desk: Desk) -> None:
    runs = 0
    while not is_over(desk, draft := desk.plan()):
        assert not draft.unwinds[0].regrown
        before = desk.held
        desk.fill(draft, Decimal(1))
        assert desk.held <= before
        runs += 1
        assert runs <= desk.rules.policy.unwind_cycles


@given(desks(), st.lists(st.sampled_from([Decimal(0), Decimal("0.3"), Decimal("0.99")]), max_size=6))
@examples(50)
def test_partial_fills_cost_runs_but_never_start_it_anew(desk: Desk, partial: list[Decimal]) -> None:
    runs, shares = 0, [*partial]
    while not is_over(desk, draft := desk.plan()):
        assert not draft.unwinds[0].regrown
        desk.fill(draft, shares.pop(0) if shares else Decimal(1))
        runs += 1
        assert runs <= desk.rules.policy.unwind_cycles + len(partial)


@given(desks())
def test_each_cycle_comes_down_to_its_target_but_for_one_step_or_a_minimum(desk: Desk) -> None:
    draft = desk.plan()
    if draft.actions:
        (step,), (action,) = draft.unwinds, draft.actions
        rest = desk.held - action.quantity
        unit = desk.market.amount_step or Decimal("0.00000001")
        assert rest < step.target + unit
        least, worth = desk.market.min_amount or 0, desk.market.min_notional or 0
        smaller = action.quantity - unit
        raised = smaller < max(unit, least) or smaller * (desk.market.last or 0) < worth
        assert raised or desk.held - smaller > step.target or floor_to_step(desk.held, unit) == action.quantity
