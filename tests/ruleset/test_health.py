"""The health score: the same digits everywhere, absent where it cannot be known, asked for only where it matters."""

from __future__ import annotations

import json
import math
from decimal import ROUND_UP, Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.market_demand import demand_of_market_data
from exitplan.ruleset.health.arithmetic import barrier_log_odds, both_tails, log_odds_of, probability_of
from exitplan.ruleset.health.features import FEATURES
from exitplan.ruleset.health.model import (
    HealthModel,
    Weight,
    constant_model,
    model_document,
    model_problems,
    model_sha256,
    read_model,
    sealed,
)
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Market, Snapshot
from exitplan.schemas.health_models import load_model_file, shipped_model
from tests.builders import NOW, compiled, market, over_cap, plan_of, policy_document, position, shown, snapshot

DEFAULT = load_model_file(shipped_model())
MODEL = read_model(DEFAULT)
FALL = Decimal("0.05")
PRICED: Facts = {"price_status": "ok", "market_active": True, "side": "long"}
SICK = {"id": "sick", "when": {"health_score": {"lt": Decimal("0.9")}}, "action": "close"}
SCORED: dict[str, Any] = {"health": {"model": DEFAULT}}
RANKED = {"rank_by": ["health_score", "value_usd"]}


def volatile(volatility: str | None) -> Market:
    data = MarketData() if volatility is None else MarketData(Decimal(volatility), 30)
    return market(data=data)


def account(**volatilities: str | None) -> Snapshot:
    symbols = {f"{name}/USD": volatility for name, volatility in volatilities.items()}
    return snapshot(
        *(position(symbol, entry=100) for symbol in symbols),
        markets={symbol: volatile(volatility) for symbol, volatility in symbols.items()},
        tracked=list(symbols),
    )


def scored(**changes: Any) -> Policy:
    return compiled(policy_document(**SCORED, **changes))


@pytest.mark.parametrize(
    ("volatility", "score"),
    [(5_000, 999850), (10_000, 967413), (20_000, 840864), (40_000, 690110), (80_000, 546376), (300_000, 316565)],
)
def test_the_shipped_model_gives_these_scores_on_every_machine(volatility: int, score: int) -> None:
    judged = MODEL.judge({**PRICED, "volatility_1d": volatility}, None)
    assert judged is not None
    assert judged.micro == score
    barrier = math.erfc(-math.log(0.95) / (volatility / 1e6 * math.sqrt(5)) / math.sqrt(2))
    barrier = max(barrier, 1e-6)
    odds = -2.150146 + 1.285614 * (math.log(barrier / (1 - barrier)) + 1.854176) / 2.020613
    assert abs(1 - 1 / (1 + math.exp(-odds)) - score / 1e6) < 2e-6  # the formula once more, in floats


@pytest.mark.parametrize("context", [Context(prec=3), Context(prec=200, rounding=ROUND_UP), Context(prec=9, Emax=9)])
def test_a_score_does_not_hang_on_the_callers_arithmetic(context: Context) -> None:
    facts: Facts = {**PRICED, "volatility_1d": 43_210}
    expected = MODEL.judge(facts, None)
    barrier_log_odds.cache_clear()
    with localcontext(context):
        assert MODEL.judge(facts, None) == expected


@given(st.decimals("0", "4.9", places=4))
def test_both_tails_are_those_of_the_normal_distribution(distance: Decimal) -> None:
    assert math.isclose(float(both_tails(distance)), math.erfc(float(distance) / math.sqrt(2)), rel_tol=1e-9)


@given(st.decimals("0.00001", "0.99999", places=8))
def test_a_probability_comes_back_from_its_log_odds(probability: Decimal) -> None:
    assert abs(probability_of(log_odds_of(probability)) - probability) < Decimal("1e-25")


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_who_moves_more_is_never_healthier(one: int, other: int) -> None:
    low, high = (MODEL.judge({**PRICED, "volatility_1d": move}, None) for move in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert 0 <= high.micro <= low.micro < 1_000_000


def test_a_short_fears_a_rise() -> None:
    long = barrier_log_odds(Decimal("0.04"), 5, fall=FALL)
    assert barrier_log_odds(Decimal("0.04"), 5, fall=FALL, is_short=True) > long  # ln 1.05 is nearer than -ln 0.95


def test_contributions_add_up_to_the_log_odds() -> None:
    two = rich(Weight("pnl_pct", Decimal("-0.5"), Decimal(0), Decimal("0.2"), "mean"))
    judged = two.judge({**PRICED, "volatility_1d": 40_000, "pnl_pct": -100_000}, None)
    assert judged is not None
    assert [(part.feature, part.added) for part in judged.contributions][1] == ("pnl_pct", Decimal("0.25"))
    added = sum((part.added for part in judged.contributions), two.intercept)
    assert abs(log_odds_of(judged.chance) - added) < Decimal("1e-25")


def rich(*weights: Weight) -> HealthModel:
    return sealed(replace(MODEL, name="rich", weights=(*MODEL.weights, *weights)))


def test_a_feature_that_is_not_known_counts_as_its_mean_or_leaves_no_score() -> None:
    facts: Facts = {**PRICED, "volatility_1d": 40_000}
    alone = MODEL.judge(facts, None)
    at_mean = rich(Weight("pnl_pct", Decimal(-1), Decimal("0.1"), Decimal(1), "mean")).judge(facts, None)
    assert alone is not None
    assert at_mean is not None
    assert (at_mean.micro, at_mean.contributions[1].value) == (alone.micro, None)
    assert rich(Weight("pnl_pct", Decimal(-1), Decimal(0), Decimal(1), "unknown")).judge(facts, None) is None


@pytest.mark.parametrize(
    "gone", [{"price_status": "missing"}, {"price_status": "unavailable"}, {"market_active": False}]
)
def test_what_has_no_price_or_does_not_trade_has_no_score(gone: dict[str, Any]) -> None:
    assert MODEL.judge({**PRICED, "volatility_1d": 40_000, **gone}, None) is None


def test_every_feature_can_be_computed_of_an_ordinary_position() -> None:
    told = MarketData(Decimal("0.04"), 30, volume_1d=Decimal(1000))
    held = snapshot(position(entry=90, opened_at=NOW), markets={"AAA/USD": market(bid=99, ask=101, data=told)})
    (view,) = Observation.of(held, compiled(policy_document()), Progress(), NOW).account.positions
    weights = tuple(Weight(name, Decimal(1), Decimal(0), Decimal(1), "unknown") for name in FEATURES)
    values = replace(MODEL, weights=weights).features(view.facts, view.market, view.held)
    known = {name: value for name, value in zip(FEATURES, values, strict=True) if value is not None}
    assert known.keys() == FEATURES.keys()
    assert (known["spread"], known["log_volume_share"], known["log_age"]) == (Decimal("0.02"), Decimal(-2), Decimal(0))


@given(st.integers(0, 999_999))
def test_a_constant_model_gives_its_score(micro: int) -> None:
    judged = constant_model(micro).judge(PRICED, None)
    assert judged is not None
    assert judged.micro == micro


def test_a_model_comes_back_from_its_file() -> None:
    assert model_document(read_model(json.loads(json.dumps(DEFAULT)))) == DEFAULT


def test_a_rule_on_a_score_that_is_not_known_does_not_match() -> None:
    plan = plan_of(account(AAA="0.3", BBB=None), **SCORED, exits=[SICK])
    assert (shown(plan, "AAA/USD")["exit"], shown(plan, "BBB/USD")["exit"]) == ("sick", None)
    assert "health_score" not in shown(plan, "BBB/USD")["facts"]


@pytest.mark.parametrize(
    ("absent", "then"),
    [
        ("unknown", "it has no health score, and a rule that compares that does not match"),
        ("mean", "its health score takes the mean instead"),
    ],
)
def test_a_plan_says_what_comes_of_a_score_without_its_market_data(absent: Any, then: str) -> None:
    model = model_document(sealed(replace(MODEL, weights=(replace(MODEL.weights[0], absent=absent),))))
    plan = plan_of(account(AAA=None), health={"model": model}, exits=[SICK])
    texts = [one["text"] for one in plan["warnings"]]
    assert texts == [f"the volatility of AAA/USD is not known: {then}"]


def test_the_cap_takes_the_least_healthy_first_and_the_unknown_last() -> None:
    plan = plan_of(account(AAA="0.02", BBB="0.1", CCC=None), **SCORED, cap=RANKED, max_positions=1)
    assert over_cap(plan) == ["AAA/USD", "BBB/USD"]
    because = [action["because"] for action in plan["actions"]]
    assert any("least healthy of 3, the cap is 1" in text for text in because)


def test_a_plan_names_its_model_and_one_of_a_policy_without_a_model_says_nothing() -> None:
    held = account(AAA="0.02")
    plan = plan_of(held, **SCORED, cap=RANKED)
    assert plan["health"] == {"model": "default", "sha256": DEFAULT["sha256"]}
    assert "health" not in plan_of(held)


def test_a_model_that_nobody_asks_scores_nothing() -> None:
    assert "health_score" not in shown(plan_of(account(AAA="0.02"), **SCORED))["facts"]


def test_another_model_is_another_policy() -> None:
    other = model_document(sealed(replace(MODEL, intercept=Decimal(-3))))
    hashes = {compiled(policy_document(health={"model": model})).sha256 for model in (DEFAULT, other)}
    assert len(hashes) == 2


def demanded(policy: Policy, held: Snapshot) -> dict[str, MarketDemand]:
    views = Observation.of(held, policy, Progress(), NOW).account.positions
    return dict(demand_of_market_data(policy, views))


def test_a_volatility_is_read_where_a_rule_hangs_on_the_score() -> None:
    held = account(AAA=None, BBB="0.02")
    assert demanded(scored(exits=[SICK]), held) == {"AAA/USD": MarketDemand(30)}
    assert demanded(scored(), held) == {}


def test_a_volatility_is_read_for_the_rank_only_where_the_cap_may_choose() -> None:
    held = account(AAA=None, BBB=None)
    assert demanded(scored(cap=RANKED, max_positions=1), held).keys() == {"AAA/USD", "BBB/USD"}
    assert demanded(scored(cap=RANKED), held) == {}


def test_a_model_of_volumes_has_them_read() -> None:
    of_volume = rich(Weight("log_volume_share", Decimal(1), Decimal(0), Decimal(1), "mean"))
    document = policy_document(health={"model": model_document(of_volume)}, exits=[SICK])
    assert demanded(compiled(document), account(AAA="0.02")) == {"AAA/USD": MarketDemand(30, frozenset({"day"}))}


@pytest.mark.parametrize(
    ("part", "figures", "place", "words"),
    [
        ("", {"intercept": "1000000000001"}, ("intercept",), "a number from -1000000000000 to 1000000000000 is"),
        ("", {"intercept": "9" * 300}, ("intercept",), "found one of 300 characters"),
        ("weights", {"coefficient": "-1000000000001"}, ("weights", 0, "coefficient"), "a number from -1000000000000"),
        ("weights", {"mean": "1000000000001"}, ("weights", 0, "mean"), "a number from -1000000000000"),
        ("weights", {"sd": "0"}, ("weights", 0, "sd"), "a number above 0 is expected, found 0"),
        ("weights", {"sd": "-1"}, ("weights", 0, "sd"), "a number above 0 is expected, found -1"),
        ("weights", {"sd": f"0.{'0' * 300}1"}, ("weights", 0, "sd"), f"above 0 is expected, found 0.{'0' * 18}"),
        ("baseline", {"sd": "0"}, ("baseline", "sd"), "a number above 0"),
        ("target", {"days": 0}, ("target", "days"), "from 1 to 365"),
        ("target", {"fall": "1"}, ("target", "fall"), "a fraction between 0 and 1"),
        ("target", {"bad_ends": ["fell"]}, ("target", "bad_ends", 0), "found 'fell'"),
    ],
)
def test_figures_that_no_training_gives_are_refused_in_their_place(
    part: str, figures: dict[str, Any], place: tuple[Any, ...], words: str
) -> None:
    document = json.loads(json.dumps(DEFAULT))
    held = document[part] if part else document
    (held[0] if isinstance(held, list) else held).update(figures)
    document["sha256"] = model_sha256(document)
    (problem,) = model_problems(document)
    assert problem.path == place
    assert words in problem.message


def test_a_feature_that_is_there_twice_and_a_model_that_was_changed_are_refused() -> None:
    twice = {**DEFAULT, "weights": DEFAULT["weights"] * 2}
    assert [problem.path for problem in model_problems(twice)] == [("weights", 1, "feature"), ("sha256",)]
