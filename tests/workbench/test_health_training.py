"""Health models are trained on what is past, and measured on what they have not seen."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exitplan.ruleset.errors import ExitplanError, FileIsInvalid, UsageError
from exitplan.ruleset.health.model import Bin, Figures, HealthModel, Weight, model_document, model_problems
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.snapshot import Cash, Market, Position, Snapshot
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.health.candles import Candle, read_candles, rows_of_candles
from exitplan.workbench.health.fitting import Recipe, train
from exitplan.workbench.health.measuring import auc, brier, deciles, judge, measure
from exitplan.workbench.health.recordings import ExitTried, Series, rows_of_series, series_of
from exitplan.workbench.health.rows import Question, Row, Rows, gathered
from exitplan.workbench.health.simulator import simulated_accounts
from exitplan.workbench.health.splitting import split, unseen
from exitplan.workbench.simulation.chance import Chance

START = datetime(2026, 1, 1, tzinfo=UTC)
FALL = Decimal("0.05")
POLICY = load_policy(shipped_policy("default")).policy
FALLS = Question(("barrier",), 3, FALL, ("fall",))
ANY_END = Question(("barrier", "failed_exits"), 2, FALL)
BARRIER = Recipe("ours", "", "invented", ("barrier",), 0, "unknown")


def walks(symbols: int, days: int) -> dict[str, list[Candle]]:
    """Prices by chance, each symbol as wild as its number, and in turns calm and wild."""
    candles: dict[str, list[Candle]] = {}
    for number in range(symbols):
        chance, price = Chance(7, number), Decimal(100)
        for day in range(days):
            wild = Decimal("0.01") * (1 + number % 4) * (1 + day // 60 % 2)
            price *= (chance.normal(day) * wild).exp()
            close = price.quantize(Decimal("1E-8"))
            candles.setdefault(f"S{number}/USD", []).append(Candle(START + timedelta(days=day), close, close))
    return candles


@pytest.fixture(scope="module")
def rows() -> Rows:
    return gathered(FALLS, [rows_of_candles(walks(8, 200), FALLS)])


@pytest.fixture(scope="module")
def model(rows: Rows) -> HealthModel:
    return train(rows, BARRIER)


# --- candles ---


def test_a_row_tells_whether_the_price_fell_in_the_days_after_it() -> None:
    closes = [Decimal(100)] * 33 + [Decimal(94)] * 4
    days = [Candle(START + timedelta(days=at), close, close) for at, close in enumerate(closes)]
    found = list(rows_of_candles({"A/USD": days}, FALLS))
    assert [(row.at - START).days for row in found] == [30, 31, 32, 33]
    assert [row.is_bad for row in found] == [True, True, True, False]
    assert found[0].known_by == START + timedelta(days=33)


def test_a_low_within_the_day_counts() -> None:
    days = [Candle(START + timedelta(days=at), Decimal(100), Decimal(90 if at == 32 else 100)) for at in range(36)]
    assert [row.is_bad for row in rows_of_candles({"A/USD": days}, FALLS)] == [True, True, False]


def test_candles_are_read_from_a_table() -> None:
    read = read_candles("time,symbol,low,close\n2026-01-02,BTC-USD,9,10\n2026-01-01,BTC-USD,,8\n", "t.csv", "X")
    known = [(candle.close, candle.low) for candle in read["BTC/USD"]]
    assert known == [(Decimal(8), Decimal(8)), (Decimal(10), Decimal(9))]
    assert list(read_candles("time,close\n2026-01-01,8\n", "ETH-USD.csv", "ETH-USD")) == ["ETH/USD"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,prize\n", "t.csv:1: unknown column 'prize'"),
        ("close\n1\n", "t.csv:1: there is no column 'time'"),
        ("time,close\n2026-01-01,x\n", "t.csv:2: column 2 (close): 'x' is no price"),
        ("time,close\n2026-01-01,0\n", "t.csv:2: column 2 (close): a price above 0 is expected, found 0"),
        ("time,close\nmonday,1\n", "t.csv:2: column 1 (time): 'monday' is no time"),
        ("time,close\n2026-01-01\n", "t.csv:2: 1 cells, and 2 columns"),
        ("time,close\n2026-01-01,1\n2026-01-01,2\n", "t.csv:3: the day 2026-01-01 of X is there twice"),
        ("", "t.csv:1: there is no column 'time'"),
    ],
)
def test_a_table_that_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(FileIsInvalid) as caught:
        read_candles(text, "t.csv", "X")
    assert said in str(caught.value)


# --- recordings ---


def recorded(*marks: str | None, quantity: str = "10", side: str = "long") -> tuple[Snapshot, ...]:
    """One position, a snapshot a day; None: its market is gone."""
    held = Position("A/USD", "short" if side == "short" else "long", Decimal(quantity))
    data = MarketData(Decimal("0.04"), 30)
    return tuple(
        Snapshot(
            "a", "paper", "USD", START + timedelta(days=day), Cash(Decimal(5000)), (held,),
            markets={} if mark is None else {"A/USD": Market(last=Decimal(mark), data=data)},
        )
        for day, mark in enumerate(marks)
    )  # fmt: skip


def ends(series: Series, question: Question = ANY_END) -> list[bool]:
    return [row.is_bad for row in rows_of_series(series, POLICY, question)]


@pytest.mark.parametrize(
    ("marks", "bad"),
    [
        (("100", "100", "100", "100"), [False, False]),
        (("100", "100", "95", "95"), [True, True]),
        (("100", "100", None, None), [True, True]),
        (("100", "100", "0.09", "0.09"), [True, True]),
        (("100", "100"), []),  # nobody knows yet
    ],
)
def test_what_became_of_a_position_is_read_off_later_snapshots(marks: tuple[str | None, ...], bad: list[bool]) -> None:
    assert ends(Series(recorded(*marks))) == bad


def test_a_short_comes_to_a_bad_end_by_a_rise() -> None:
    assert ends(Series(recorded("100", "106", "106", side="short"))) == [True]
    assert ends(Series(recorded("100", "94", "94", side="short"))) == [False]


def test_what_was_sold_meanwhile_tells_nothing() -> None:
    first, *others = recorded("100", "100", "100")
    assert ends(Series((first, *(structs.replace(other, positions=()) for other in others)))) == []


def test_a_failed_exit_is_a_bad_end_and_then_a_feature() -> None:
    failed = ExitTried("A/USD", START + timedelta(hours=30), failed=True)
    series = Series(recorded("100", "100", "100", "100", "100"), (failed,))
    found = list(rows_of_series(series, POLICY, ANY_END))
    assert [row.is_bad for row in found] == [True, True, False]
    assert [row.values[1] for row in found] == [0, 0, 1]


def test_snapshots_are_sorted_by_account_and_time() -> None:
    first, second = recorded("100", "101")
    other = structs.replace(first, account="b")
    assert [one.snapshots for one in series_of([second, other, first], {})] == [(first, second), (other,)]


def test_the_same_seed_simulates_the_same_accounts() -> None:
    one, other = (list(simulated_accounts(1, 3)) for _ in range(2))
    assert one == other
    assert one != list(simulated_accounts(1, 4))


# --- the split ---


def test_nothing_is_tested_that_was_trained_on_or_known_before(rows: Rows) -> None:
    parts = split(rows, 0)
    assert max(row.known_by for row in parts.train.rows) < parts.cut <= min(row.at for row in parts.test.rows)
    assert set(parts.train.symbols).isdisjoint(parts.test.symbols)
    assert set(parts.test.symbols) == set(parts.held_out)


def test_an_evaluation_leaves_out_what_a_model_may_have_seen(rows: Rows, model: HealthModel) -> None:
    fresh = unseen(rows, model.training)
    assert fresh == split(rows, 0).test
    assert measure(model, fresh) == model.figures


def test_with_one_symbol_time_alone_separates(rows: Rows) -> None:
    wild = rows.only(row for row in rows.rows if row.symbol == "S3/USD")
    parts = split(wild, 0)
    assert parts.held_out == ()
    assert parts.test.rows


def test_too_little_is_told(rows: Rows) -> None:
    with pytest.raises(UsageError, match="there is nothing to train on"):
        split(rows.only([]), 0)
    with pytest.raises(UsageError, match="too few rows to train on"):
        split(rows.only(row for row in rows.rows if not row.is_bad), 0)


# --- fitting ---


def test_training_twice_gives_the_same_bytes(rows: Rows, model: HealthModel) -> None:
    assert model_document(train(rows, BARRIER)) == model_document(model)
    assert list(model_problems(model_document(model))) == []


def test_the_recalibrated_formula_is_better_than_one_chance_for_all(model: HealthModel) -> None:
    assert model.figures is not None
    assert model.figures.auc > Decimal("0.6")
    assert model.figures.brier == model.figures.brier_baseline < model.figures.brier_base_rate
    assert model.weights[0].coefficient > 0
    assert judge(model, model.figures).is_accepted


def test_a_feature_that_never_moves_is_told(rows: Rows) -> None:
    flat = Question(("barrier", "short"), 3, FALL, ("fall",))
    same = Rows(flat, tuple(replace(row, values=(*row.values, Decimal(0))) for row in rows.rows))
    with pytest.raises(UsageError, match="short is the same in every row"):
        train(same, replace(BARRIER, features=("barrier", "short")))


def test_without_volatility_there_is_nothing_to_compare_with(rows: Rows) -> None:
    blind = rows.only(replace(row, values=(None,)) for row in rows.rows)
    with pytest.raises(UsageError, match="too few rows have a volatility"):
        train(blind, BARRIER)


def test_without_scikit_learn_the_extra_is_named(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ExitplanError) as caught:
        train(rows, BARRIER)
    assert caught.value.hint == "install it with: pip install 'exitplan[health]'"


# --- measuring ---


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=2, max_size=40))
def test_auc_counts_the_pairs_that_are_the_right_way_round(pairs: list[tuple[int, bool]]) -> None:
    chances, outcomes = [Decimal(chance) / 10 for chance, _ in pairs], [bad for _, bad in pairs]
    bads = [chance for chance, bad in zip(chances, outcomes, strict=True) if bad]
    goods = [chance for chance, bad in zip(chances, outcomes, strict=True) if not bad]
    if bads and goods:
        right = sum((Decimal(bad > good) + Decimal(bad == good) / 2 for bad in bads for good in goods), Decimal(0))
        assert abs(auc(chances, outcomes) - right / (len(bads) * len(goods))) < Decimal("1e-20")


def test_brier_and_deciles_of_known_cases() -> None:
    chances = [Decimal(number) / 20 for number in range(20)]
    outcomes = [number >= 10 for number in range(20)]
    assert brier([Decimal("0.5")] * 4, [True, False, True, False]) == Decimal("0.25")
    parts = deciles(chances, outcomes)
    assert [part.rows for part in parts] == [2] * 10
    assert (parts[0].predicted, parts[0].observed, parts[9].observed) == (Decimal("0.025"), Decimal(0), Decimal(1))


def figures(brier_score: str, *parts: Bin) -> Figures:
    return Figures(100, 10, Decimal("0.7"), Decimal(brier_score), Decimal("0.09"), Decimal("0.08"), parts)


@pytest.mark.parametrize(
    ("measured", "against"),
    [
        (figures("0.0784"), []),
        (figures("0.0785"), ["1.9 % better than that of the barrier formula; 2 % is wanted"]),
        (figures("0.0816"), ["2 % worse than that of the barrier formula"]),
        (figures("0.07", Bin(10, Decimal("0.1"), Decimal("0.13"))), []),
        (figures("0.07", Bin(10, Decimal("0.1"), Decimal("0.131"))), ["in tenth 1 10 % was said and 13.1 % came"]),
    ],
)
def test_a_richer_model_has_to_beat_the_formula_and_to_say_what_comes(
    model: HealthModel, measured: Figures, against: list[str]
) -> None:
    extra = Weight("pnl_pct", Decimal(1), Decimal(0), Decimal(1), "mean")
    verdict = judge(structs.replace(model, weights=(*model.weights, extra)), measured)
    assert verdict.is_accepted == (not against)
    assert all(said in told for said, told in zip(against, verdict.against, strict=True))


def test_the_formula_itself_has_to_be_better_than_one_chance_for_all(model: HealthModel) -> None:
    assert judge(model, figures("0.0899")).is_accepted
    assert not judge(model, figures("0.09")).is_accepted


def test_rows_of_one_end_measure_nothing(rows: Rows, model: HealthModel) -> None:
    with pytest.raises(UsageError, match="nothing can be measured"):
        measure(model, rows.only(row for row in rows.rows if row.is_bad))


def test_a_row_that_cannot_be_scored_gets_the_share_of_the_training(model: HealthModel) -> None:
    blind = [Row("A/USD", START, START, (None,), bad) for bad in (True, False)]
    assert measure(model, Rows(FALLS, tuple(blind))).brier == measure(model, Rows(FALLS, tuple(blind))).brier_base_rate
