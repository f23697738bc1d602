"""Schedules compared: what ``explain`` expects of each, and what ``simulate --compare-schedules`` finds on one path."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from exitplan.ruleset.model.market_data import MarketData
from exitplan.schemas.policies import shipped_policy
from tests.builders import market, position, snapshot
from tests.cli.conftest import write_snapshot, xp

POLICY = f"""\
version: 1
name: mine
extends: {shipped_policy("default")}
parameters: {{unwind_interval_minutes: 1440}}
guards: {{max_run_pct: 1}}
unwind: {{schedule: adaptive, calibrate: {{pct: 0.25, at_volatility: 0.04}}, impact: 0.01}}
"""


@pytest.fixture(autouse=True)
def _given(nothing: Path) -> None:
    listed = market(
        step="0.000001",
        price_step="0.000001",
        bid="99.95",
        ask="100.05",
        taker_fee="0.001",
        data=MarketData(volatility_1d=Decimal("0.04")),
    )
    write_snapshot(snapshot(position(quantity=100), markets={"AAA/USD": listed}, cash=1))
    Path("mine.yaml").write_text(POLICY, encoding="utf-8")


def test_explain_expects_of_ten_thousand_what_the_formulas_say() -> None:
    ran = xp("explain", "AAA/USD", "--snapshot", "snapshot.json", "--policy", "mine.yaml", "--json")
    outcomes = ran.json["positions"][0]["outcomes"]
    told = {row["schedule"]: (row["cost"][:5], row["deviation"].partition(".")[0]) for row in outcomes["rows"]}
    assert told == {
        "adaptive": ("40.70", "333"),
        "even": ("40", "374"),
        "published": ("44.54", "411"),
        "at once": ("115", "0"),
    }
    assert outcomes["not_counted"] == []


def test_a_policy_without_the_block_is_explained_without_schedules() -> None:
    Path("plain.yaml").write_text(POLICY.partition("unwind:")[0], encoding="utf-8")
    ran = xp("explain", "AAA/USD", "--snapshot", "snapshot.json", "--policy", "plain.yaml", "--json")
    assert "outcomes" not in ran.json["positions"][0]


def test_at_a_price_that_stands_still_each_schedule_costs_what_was_expected() -> None:
    Path("flat.csv").write_text("time,AAA/USD\n0,100\n1440,100\n2880,100\n4320,100\n", encoding="utf-8")
    fills = ("--fee", "0.001", "--impact", "0.01@10000", "--impact-model", "linear")
    given = ("--snapshot", "snapshot.json", "--policy", "mine.yaml", "--prices", "flat.csv", "--cycles", "4")
    ran = xp("simulate", *given, *fills, "--compare-schedules", "--json")
    found = {entry["policy"]: Decimal(entry["shortfall"]["total"]["mean"]) for entry in ran.json["policies"]}
    expected = {"adaptive": "40.71", "even": "40.00", "published": "44.54", "at once": "115.00"}
    assert list(found) == list(expected)
    # The fee is on what comes in, a little less than the value, and the impact on the bid.
    assert all(abs(found[name] - Decimal(cost)) < Decimal("0.25") for name, cost in expected.items())


def test_several_policies_and_one_that_unwinds_nothing_are_refused() -> None:
    given = ("simulate", "--snapshot", "snapshot.json", "--compare-schedules")
    assert xp(*given, "--policy", "default", "--policy", "mine.yaml").code == 64
    assert xp(*given, "--policy", "conservative").code == 64
