"""The formulas of unwind schedules: worked examples to every digit that is published, and their laws."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.ruleset.language.unwinding import Calibration, Unwind
from exitplan.ruleset.planning.schedules import (
    AT_ONCE,
    DIGITS,
    Outlook,
    adaptive,
    bounded,
    calibrated,
    even,
    outlook,
    published,
    share_of_rest,
    urgency,
)

SIX, CENT = Decimal("0.000001"), Decimal("0.01")
DAY = Decimal(1)
BY_QUARTERS = Unwind("adaptive", Calibration(Decimal("0.25"), Decimal("0.04")))
ks = st.decimals("0.000001", "1000000", allow_nan=False) | st.sampled_from([Decimal("1e-60"), Decimal("1e60")])
cycle_counts = st.integers(1, 60)


def six(figures: tuple[Decimal, ...]) -> list[str]:
    return [str(figure.quantize(SIX)) for figure in figures]


# --- worked examples ---


@pytest.mark.parametrize(
    ("sigma", "k", "left", "shares"),
    [
        ("0", "0.000000", "0.750000 0.500000 0.250000", "0.250000 0.333333 0.500000 1.000000"),
        ("0.02", "0.020833", "0.732322 0.479900 0.237476", "0.267678 0.344687 0.505155 1.000000"),
        ("0.04", "0.083333", "0.685104 0.427300 0.205104", "0.314896 0.376299 0.520000 1.000000"),
        ("0.08", "0.333333", "0.552995 0.290323 0.124424", "0.447005 0.475000 0.571429 1.000000"),
    ],
)
def test_four_cycles_calibrated_to_a_quarter_at_four_percent(sigma: str, k: str, left: str, shares: str) -> None:
    found = urgency(BY_QUARTERS, Decimal(sigma), DAY)
    assert str(found.quantize(SIX)) == k
    assert six(adaptive(4, found).left) == [*left.split(), "0.000000"]
    assert six(tuple(share_of_rest(4 - done, found) for done in range(4))) == shares.split()


def test_the_example_of_almgren_and_chriss() -> None:
    # X = 1e6 shares at $50, N = 5 days, sigma = .95 $/share, eta = 2.5e-6, gamma = 2.5e-7, lambda = 2e-6.
    price, held, sigma, impact, slope = Decimal(50), 10**6, Decimal("0.95"), Decimal("2.5e-6"), Decimal("2.5e-7")
    worth = price * held
    unwind = Unwind(
        "adaptive",
        risk_aversion=Decimal("2e-6") * worth,
        impact=(impact - slope / 2) * held * held / worth,
    )
    k = urgency(unwind, sigma / price, DAY)
    assert k == Decimal("0.76")
    left = adaptive(5, k).left
    assert [round(share * held) for share in left] == [428_599, 182_933, 76_296, 27_643, 0]


@pytest.mark.parametrize(
    ("schedule", "cost", "deviation"),
    [
        (adaptive(4, calibrated(Decimal("0.25"))), "40.71", "333"),
        (even(4), "40.00", "374"),
        (published(4, Decimal("0.25")), "44.54", "411"),
        (AT_ONCE, "115.00", "0"),
    ],
    ids=["adaptive", "even", "published", "at once"],
)
def test_cost_and_spread_of_ten_thousand(schedule: Outlook, cost: str, deviation: str) -> None:
    value, impact = Decimal(10_000), Decimal("0.01")
    expected = schedule.cost(impact, half_spread=Decimal("0.0005"), fee=Decimal("0.001"))
    assert str((value * expected).quantize(CENT)) == cost
    assert str(round(value * schedule.deviation(Decimal("0.04"), DAY))) == deviation


def test_the_published_schedule_is_worse_than_even_slices_in_both() -> None:
    ours, slices = published(4, Decimal("0.25")), even(4)
    assert ours.impact > slices.impact
    assert ours.exposure > slices.exposure


def test_a_quarter_of_the_rest_for_ever_is_a_twelfth() -> None:
    k = calibrated(Decimal("0.25"))
    assert abs(k - Decimal(1) / 12) < Decimal("1e-27")
    assert abs(share_of_rest(1_000, k) - Decimal("0.25")) < Decimal("1e-48")


def test_without_a_volatility_the_reference_holds_and_a_risk_aversion_gives_even_slices() -> None:
    assert urgency(BY_QUARTERS, None, DAY) == urgency(BY_QUARTERS, Decimal("0.04"), DAY)
    assert urgency(Unwind("adaptive", risk_aversion=Decimal(9), impact=Decimal("0.01")), None, DAY) == 0


def test_a_calibration_is_of_the_policys_own_cycles_and_a_risk_aversion_of_days() -> None:
    minutes, sigma = Decimal(5) / 1440, Decimal("0.05")
    assert urgency(BY_QUARTERS, sigma, minutes) == urgency(BY_QUARTERS, sigma, DAY)
    averse = Unwind("adaptive", risk_aversion=Decimal(9), impact=Decimal("0.01"))
    assert urgency(averse, sigma, minutes) < urgency(averse, sigma, DAY)


@pytest.mark.parametrize(("cycles", "k"), [(0, "1"), (-1, "1"), (4, "-0.1")])
def test_no_cycles_and_an_urgency_below_zero_are_refused(cycles: int, k: str) -> None:
    with pytest.raises(ValueError, match="at least one cycle"):
        share_of_rest(cycles, Decimal(k))


# --- laws ---


@given(cycle_counts, ks)
def test_what_is_left_falls_from_all_to_nothing(cycles: int, k: Decimal) -> None:
    left = adaptive(cycles, k).left
    assert left[-1] == 0
    assert all(one > two for one, two in zip((Decimal(1), *left), left, strict=False) if one > Decimal("1e-40"))


@given(cycle_counts, ks)
def test_a_share_is_above_nothing_and_at_most_all_and_the_last_is_all(cycles: int, k: Decimal) -> None:
    assert 0 < share_of_rest(cycles, k) <= 1
    assert share_of_rest(1, k) == 1


@given(cycle_counts)
def test_without_urgency_slices_are_even(cycles: int) -> None:
    for k in (Decimal(0), Decimal("1e-40")):
        left = adaptive(cycles, k).left
        for done, share in enumerate(left, start=1):
            assert abs(share - Decimal(cycles - done) / cycles) < Decimal("1e-24")


@given(cycle_counts, st.decimals("0.0001", "5"), st.decimals("0.0001", "5"))
def test_more_volatility_sells_sooner(cycles: int, one: Decimal, other: Decimal) -> None:
    calm, wild = (adaptive(cycles, urgency(BY_QUARTERS, sigma, DAY)) for sigma in sorted((one, other)))
    assert all(later >= sooner for later, sooner in zip(calm.left, wild.left, strict=True))


@given(st.integers(2, 40), ks)
def test_the_shares_asked_anew_are_the_schedule_made_at_the_start(cycles: int, k: Decimal) -> None:
    left = adaptive(cycles, k).left
    for done in range(1, cycles):
        if left[done - 1] > Decimal("1e-20"):
            with localcontext(DIGITS):
                again = left[done - 1] * (1 - share_of_rest(cycles - done, k))
            assert abs(again - left[done]) < Decimal("1e-40")


@given(st.integers(2, 30), ks, st.lists(st.decimals("0.01", "1", places=4), min_size=2, max_size=30))
def test_no_other_schedule_weighs_cost_and_risk_better(cycles: int, k: Decimal, shares: list[Decimal]) -> None:
    # The best one minimises impact + k x exposure^2, in units of the impact of selling at once.
    ours = adaptive(cycles, k)
    other = outlook([*(shares * cycles)[: cycles - 1], Decimal(1)])
    weights = [schedule.impact + k * schedule.exposure**2 for schedule in (ours, other)]
    assert weights[0] <= weights[1] * (1 + Decimal("1e-20"))


@given(ks, st.decimals("0", "0.99", places=4), st.decimals("0.01", "1", places=4))
def test_bounds_hold_in_every_cycle_but_the_last(k: Decimal, one: Decimal, other: Decimal) -> None:
    least, most = sorted((one, other))
    unwind = Unwind("adaptive", min_pct=least, max_pct=most)
    rest = Decimal(1)
    for done, left in enumerate(adaptive(5, k, unwind).left, start=1):
        if done < 5:
            assert least * rest - SIX**2 <= rest - left <= most * rest + SIX**2
        rest = left
    assert rest == 0
    assert least <= bounded(share_of_rest(5, k), unwind) <= most


@pytest.mark.parametrize("k", ["1e-30", "1e-6", "0.1", "1e30"])
def test_very_many_cycles_neither_overflow_nor_hang(k: str) -> None:
    assert 0 < share_of_rest(100_000, Decimal(k)) <= 1
