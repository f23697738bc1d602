"""Of markets is read only what something hangs on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exitplan.ruleset.engine.market_demand import demand_of_market_data
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.market_data import MarketData, MarketDemand
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW, compiled, market, policy_document, position, record, snapshot
from tests.ruleset.accounts_strategy import accounts, book, moments, prices
from tests.ruleset.test_needs_laws import answered, outcomes

SHAKY = {"id": "shaky", "category": "LEGACY_NON_COMPLIANT", "when": {"volatility_1d": {"gt": Decimal("0.1")}}}
LOOSE = {"id": "loose", "category": "LEGACY_NON_COMPLIANT", "when": {"tracked": False}}
DEFERRED = {"id": "deferred", "category": "DEFERRED", "when": {"price_status": "unavailable"}}
UNKNOWN = {"id": "calm", "when": {"not": {"volatility_1d": {"exists": True}}}, "action": "close"}
LOSING = {"id": "losing", "when": {"volatility_1d": {"gt": Decimal("0.05")}, "pnl_pct": {"lt": 0}}, "action": "close"}
SHAKY_STAYS = {"when": {"volatility_1d": {"gt": Decimal("0.2")}}, "do": "sell"}
OPEN: dict[str, Any] = {"max_positions": 10_000}
POLICIES: list[dict[str, Any]] = [
    OPEN,
    {**OPEN, "classification": [SHAKY]},
    {**OPEN, "exits": [UNKNOWN, LOSING]},
    {**OPEN, "base": "conservative", "classification": [SHAKY]},
    {**OPEN, "never": [SHAKY_STAYS]},
    {"max_positions": 2, "exits": [LOSING]},
]
volatilities = st.none() | st.decimals("0", "0.4", places=3)
DAYS = MarketDemand(volatility_days=30)
DAILY = {"schedule": "adaptive", "calibrate": {"pct": 0.25, "at_volatility": 0.04}}
SCHEDULE = {**DAILY, "max_participation": {"share": 0.05, "of": "hour"}}
SCHEDULED = MarketDemand(30, frozenset({"hour"}))


def demanded(policy: Policy, account: Snapshot) -> dict[str, MarketDemand]:
    views = Observation.of(account, policy, Progress(), NOW).account.positions
    return dict(demand_of_market_data(policy, views))


def with_volatility(account: Snapshot, told: dict[str, Decimal | None]) -> Snapshot:
    markets = {
        symbol: replace(known, data=MarketData(told.get(symbol), 30 if told.get(symbol) is not None else None))
        for symbol, known in account.markets.items()
    }
    return replace(account, markets=markets)


@given(accounts(), st.sampled_from(POLICIES), st.data(), prices, moments)
def test_a_volatility_that_is_not_asked_for_changes_no_outcome(
    account: Snapshot, changes: dict[str, Any], data: st.DataObject, price: Decimal, moment: datetime | None
) -> None:
    rules: Rulebook = book(changes)
    asked = demanded(rules.policy, account)
    told = {symbol: data.draw(volatilities) for symbol in account.markets if symbol not in asked}
    later = tuple(answered(found, price, moment) for found in account.positions)
    known = replace(account, positions=data.draw(st.sampled_from([account.positions, later])))
    assert outcomes(rules, with_volatility(known, told)) == outcomes(rules, known)


@given(accounts(), st.sampled_from(["default", "conservative", "forced-cleanup"]))
def test_a_policy_that_asks_for_no_volatility_reads_none(account: Snapshot, base: str) -> None:
    assert demanded(book({"base": base}).policy, account) == {}


@given(accounts(), st.sampled_from(POLICIES), st.decimals("0", "0.4", places=3))
def test_what_is_known_is_not_asked_for(account: Snapshot, changes: dict[str, Any], told: Decimal) -> None:
    known = with_volatility(account, dict.fromkeys(account.markets, told))
    assert demanded(book(changes).policy, known) == {}


def ours(symbol: str) -> dict[str, Any]:
    return {symbol: record(entry=90, quantity=10)}


ACCOUNT = snapshot(
    position("AAA/USD"),
    position("BBB/USD"),
    markets={"AAA/USD": market(), "BBB/USD": market()},
    tracked=ours("AAA/USD"),
    cash=10_000,
)


def policy(**changes: Any) -> Policy:
    return compiled(policy_document(**changes))


def test_a_rule_that_an_earlier_one_decides_before_needs_nothing() -> None:
    # BBB is not tracked, which decides before the rule that asks; AAA comes to it.
    assert demanded(policy(classification=[LOOSE, SHAKY]), ACCOUNT) == {"AAA/USD": DAYS}


def test_the_days_of_the_policy_are_asked_for() -> None:
    asking = policy(classification=[LOOSE, SHAKY], unwind={**DAILY, "volatility": {"from": "candles", "days": 90}})
    assert demanded(asking, ACCOUNT)["AAA/USD"] == MarketDemand(volatility_days=90)


def test_what_unwinding_wants_is_asked_where_a_position_could_be_unwound() -> None:
    assert demanded(policy(unwind=SCHEDULE), ACCOUNT) == {"BBB/USD": SCHEDULED}


def test_nothing_is_asked_of_protected_positions_or_of_no_market() -> None:
    asking = policy(classification=[SHAKY], protect=[{"asset": "AAA"}], unwind=SCHEDULE)
    assert demanded(asking, replace(ACCOUNT, markets={"AAA/USD": market()})) == {}


def test_where_the_price_could_not_be_asked_nothing_hangs_on_the_volatility() -> None:
    unpriced = replace(ACCOUNT, markets={"AAA/USD": market(None, price_status="unavailable")})
    assert demanded(policy(classification=[DEFERRED, SHAKY], unwind=SCHEDULE), unpriced) == {}


@pytest.mark.parametrize(("most", "asked"), [(8, {}), (1, {"AAA/USD": SCHEDULED, "BBB/USD": SCHEDULED})])
def test_what_the_cap_may_choose_counts_only_where_it_may_be_exceeded(
    most: int, asked: dict[str, MarketDemand]
) -> None:
    unwound = {"id": "capped", "when": {"over_cap": True}, "action": "unwind"}
    rest = {"id": "rest", "when": {"over_cap": False}, "action": "close"}
    capped = policy(unwind=SCHEDULE, max_positions=most, exits=[unwound, rest])
    assert demanded(capped, ACCOUNT) == asked
