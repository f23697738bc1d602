"""The page of a position shows what its score of health is made of, where the policy has a model."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest
import yaml

from exitplan.schemas.policies import shipped_policy
from exitplan.web.acts.desk import Desk as WebDesk
from exitplan.web.acts.desk import Look
from exitplan.workbench.explaining.explanation import ExplainedPlan, explain_symbol
from tests.web.visit import Desk


@pytest.fixture
def symbols(desk: Desk) -> list[str]:
    """Let the account be under a policy with a model; gives what it holds."""
    file: Path = desk.root / "accounts/main.yaml"
    document = {**yaml.safe_load(file.read_text()), "extends": str(shipped_policy("ranked-by-health"))}
    file.write_text(yaml.safe_dump(document))
    anna = desk.browser("anna")
    anna.post("/accounts/main/plan")
    paper = desk.root / "paper.json"
    known = json.loads(paper.read_text())
    for number, market in enumerate(known["markets"].values()):
        market["volatility_1d"] = f"0.0{number % 9 + 1}"
    paper.write_text(json.dumps(known))
    anna.post("/accounts/main/plan")
    return [position.symbol for position in look_of(desk).planned.plan.positions]


def look_of(desk: Desk) -> Look:
    made: WebDesk = desk.app.state.desk
    look = made.look("main")
    assert look is not None
    return look


def test_each_contribution_is_shown_or_what_is_missing(desk: Desk, symbols: list[str]) -> None:
    vera, look, scored = desk.browser("vera"), look_of(desk), 0
    planned, loaded = look.planned, look.file.loaded
    case = ExplainedPlan(planned.plan, planned.draft, planned.snapshot, loaded.policy, loaded.marks, planned.given)
    for symbol in symbols:
        page = unescape(vera.get(f"/accounts/main/positions/{symbol}").text)
        for position in explain_symbol(case, symbol)["positions"]:
            health = position["health"]
            if health["score"] is None:
                assert f"not known: no {' and no '.join(health['missing'])}" in page
                continue
            scored += 1
            assert f"Health {health['score']}" in page
            for part in health["contributions"]:
                assert f">{part['feature']}</th>" in page
                assert f"{float(part['added']):+.4f}" in page
    assert scored


def test_a_policy_without_a_model_says_nothing_of_health(desk: Desk) -> None:
    anna = desk.browser("anna")
    anna.post("/accounts/main/plan")
    assert "<h2>Health" not in anna.get("/accounts/main/positions/ADA/USD").text
