"""Laws of paced unwinds: they end while the market trades, never outrun it, and never begin anew by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.progress import Progress, UnwindProgress
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.ruleset.planning.unwind import is_reached
from tests.builders import NOW, policy_document, position, rulebook, snapshot
from tests.conftest import examples

_EXITS = [{"id": "legacy", "rule": 3, "when": {"tracked": False}, "action": "unwind"}]
_SCHEDULES: list[dict[str, Any]] = [
    {},
    {"schedule": "even"},
    {"schedule": "adaptive", "calibrate": {"pct": Decimal("0.25"), "at_volatility": Decimal("0.04")}},
    {"schedule": "adaptive", "risk_aversion": 50, "impact": Decimal("0.02"), "max_pct": Decimal("0.4")},
]
_WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_STEP = Decimal("0.001")


@dataclass
class Tape:
    """A market whose volume and volatility change, an account that sells into it, and what it has sold when."""

    rules: Rulebook
    window: str | None
    share: Decimal
    held: Decimal
    now: datetime = NOW
    progress: UnwindProgress | None = None
    sales: list[tuple[datetime, Decimal, Decimal]] = field(default_factory=list)

    def plan(self, volume: Decimal, sigma: Decimal | None) -> Draft:
        data = MarketData(volatility_1d=sigma, volume_1h=volume, volume_1d=volume)
        market = Market(amount_step=_STEP, min_amount=_STEP, last=Decimal(3), data=data)
        account = snapshot(position(quantity=plain(self.held)), markets={"AAA/USD": market}, cash=10**9)
        known = Progress({} if self.progress is None else {"AAA/USD": self.progress})
        return draft_plan(PlanInput(self.rules, structs.replace(account, taken_at=self.now), self.now, known))

    def carry_out(self, draft: Draft, volume: Decimal, filled: Decimal) -> None:
        """Fill a share of what is planned and remember what the executor would."""
        sold = sum((action.quantity for action in draft.actions), Decimal(0))
        sold = (sold * filled).quantize(_STEP)
        if sold:
            self.held -= sold
            self.sales.append((self.now, sold, volume))
        for step in draft.unwinds:
            if step.counts or is_reached(self.held, step, _STEP):
                left, cycle, last = step.remaining_pct, step.cycle, self.now
            elif self.progress is None:
                left, cycle, last = Decimal(1), 0, None
            else:
                continue
            self.progress = UnwindProgress(cycle, left, step.initial_quantity, step.started_at, last, step.added)


@st.composite
def tapes(draw: st.DrawFn, *, paced: bool) -> Tape:
    window = draw(st.sampled_from(sorted(_WINDOWS))) if paced else None
    share = Decimal(draw(st.sampled_from(["0.01", "0.05", "0.2", "1"])))
    unwind = dict(draw(st.sampled_from(_SCHEDULES)))
    if window is not None:
        unwind["max_participation"] = {"share": share, "of": window}
    document = {**policy_document(unwind_cycles=draw(st.integers(3, 5)), exits=_EXITS), "unwind": unwind}
    return Tape(rulebook(document), window, share, draw(st.decimals("0.5", "5000", places=3)))


volumes = st.decimals("0", "20000", places=2)
sigmas = st.none() | st.decimals("0", "0.3", places=6)
fills = st.sampled_from([Decimal(1), Decimal(1), Decimal(1), Decimal("0.4"), Decimal(0)])
waits = st.integers(1, 3000).map(lambda minutes: timedelta(minutes=minutes))


@given(tapes(paced=True), st.lists(st.tuples(volumes, sigmas, fills, waits), min_size=1, max_size=12))
@examples(60)
def test_no_window_sees_more_than_its_share_sold(
    tape: Tape, days: list[tuple[Decimal, Decimal | None, Decimal, timedelta]]
) -> None:
    assert tape.window is not None
    most_volume = max(volume for volume, *_ in days)
    for volume, sigma, filled, wait in days:
        draft = tape.plan(volume, sigma)
        assert not any(step.regrown for step in draft.unwinds)
        tape.carry_out(draft, volume, filled)
        tape.now += wait
    window = _WINDOWS[tape.window]
    for begin, *_ in tape.sales:
        within = sum((sold for at, sold, _ in tape.sales if begin <= at < begin + window), Decimal(0))
        # The first sale may use a whole window that lies before it; a rest below the minimum goes with a slice.
        assert within <= 2 * (tape.share * most_volume + _STEP)


@given(tapes(paced=True), st.lists(st.tuples(sigmas, fills, waits), max_size=8))
@examples(60)
def test_while_the_market_trades_it_ends(tape: Tape, begun: list[tuple[Decimal | None, Decimal, timedelta]]) -> None:
    volume = tape.held  # at 1 % of it a window, a hundred windows are enough
    for sigma, filled, wait in begun:
        tape.carry_out(tape.plan(volume, sigma), volume, filled)
        tape.now += wait
    for _ in range(150):
        if tape.held < _STEP:
            return
        tape.carry_out(tape.plan(volume, None), volume, Decimal(1))
        tape.now += timedelta(days=1)
    raise AssertionError(f"{tape.held} are left")


@given(tapes(paced=False), st.lists(st.tuples(sigmas, fills, waits), max_size=8))
@examples(60)
def test_without_a_limit_it_ends_within_its_cycles_and_the_slices_filled_in_part(
    tape: Tape, begun: list[tuple[Decimal | None, Decimal, timedelta]]
) -> None:
    runs = 0
    for sigma, filled, wait in begun:
        tape.carry_out(tape.plan(Decimal(0), sigma), Decimal(0), filled)
        runs += filled == 1
        tape.now += max(wait, timedelta(minutes=5))
    while tape.held >= _STEP:
        draft = tape.plan(Decimal(0), None)
        assert draft.actions or draft.unwinds
        tape.carry_out(draft, Decimal(0), Decimal(1))
        tape.now += timedelta(minutes=5)
        runs += 1
    assert runs <= tape.rules.policy.unwind_cycles + len(begun)


@given(tapes(paced=True), volumes, sigmas)
@examples(40)
def test_a_limit_never_sells_more_than_the_schedule_alone(tape: Tape, volume: Decimal, sigma: Decimal | None) -> None:
    unlimited = replace(tape.rules.policy.unwind, max_participation=None)
    free = replace(tape.rules.policy, unwind=unlimited)
    account_rules = structs.replace(tape.rules, policy=free)
    ours = sum((action.quantity for action in tape.plan(volume, sigma).actions), Decimal(0))
    tape.rules = account_rules
    assert ours <= sum((action.quantity for action in tape.plan(volume, sigma).actions), Decimal(0))
