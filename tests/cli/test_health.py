"""Health models from the command line: trained, measured, explained, named by policies, and held to their hash."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.cli.verbs import HEALTH_VERBS
from exitplan.fleet.policies import policy_of, policy_text
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.values import time_text
from exitplan.schemas.health_models import shipped_model
from exitplan.schemas.policies import load_policy
from exitplan.workbench.proving.policy_model import PolicyModel
from exitplan.workbench.simulation.chance import Chance
from tests.builders import NOW, market, position, snapshot
from tests.cli.conftest import folder, nothing, write_snapshot, xp

__all__ = ["folder", "nothing"]

RANKED = """\
version: 1
name: ranked
extends: default.yaml
health: {model: MODEL}
cap: {rank_by: [health_score, value_usd]}
"""


def write_policy(folder: Path, model: str = "default") -> Path:
    path = folder / "policies" / "ranked.yaml"
    path.write_text(RANKED.replace("MODEL", model))
    return path


def write_candles(folder: Path, symbols: int = 8, days: int = 200) -> Path:
    lines = ["time,symbol,close"]
    for number in range(symbols):
        chance, price = Chance(7, number), Decimal(100)
        for day in range(days):
            price *= (chance.normal(day) * Decimal("0.01") * (1 + number % 4) * (1 + day // 60 % 2)).exp()
            lines.append(f"{time_text(NOW + timedelta(days=day))},S{number}/USD,{price:.8f}")
    path = folder / "candles.csv"
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.fixture
def recording(folder: Path) -> Path:
    data = MarketData(Decimal("0.04"), 30)
    held = snapshot(position(entry=90), position("BBB/USD"), markets={"AAA/USD": market(data=data)})
    return write_snapshot(held)


@pytest.fixture
def trained(folder: Path) -> Path:
    made = xp(
        "health", "train", "--candles", write_candles(folder), "--bad-end", "fall", "--days", "3", "--out", "m.json"
    )
    assert made.code == 0, made.err
    assert "Written: m.json" in made.out
    return folder / "m.json"


@pytest.mark.parametrize("verb", HEALTH_VERBS)
def test_the_summary_of_a_verb_is_the_first_line_of_its_help(verb: str) -> None:
    assert HEALTH_VERBS[verb].summary in " ".join(xp("health", verb, "--help").out.split())


def test_a_trained_model_is_valid_and_measured_again_it_is_as_good(trained: Path, folder: Path) -> None:
    assert xp("validate", trained).code == 0
    shown = xp("health", "evaluate", trained, "--candles", folder / "candles.csv", "--json")
    document = json.loads(shown.out)
    assert shown.code == 0
    assert document["accepted"]
    assert document["left_out"] > 0
    assert document["figures"] == json.loads(trained.read_text())["figures"]
    told = xp("health", "evaluate", trained, "--candles", folder / "candles.csv")
    assert "Accepted." in told.out
    assert "barrier formula" in told.out


def test_a_richer_model_that_is_no_better_is_refused(folder: Path) -> None:
    words: list[str | Path] = ["--candles", write_candles(folder), "--bad-end", "fall", "--days", "3"]
    features = ["--feature", "barrier", "--feature", "volatility_1d"]
    assert "Refused: " in xp("health", "train", *words, *features, "--out", "rich.json").out
    refused = xp("health", "evaluate", "rich.json", *words[:2])
    assert refused.code == 5
    assert "of the barrier formula; 2 % is wanted" in " ".join(refused.out.split())


def test_simulated_accounts_are_enough_to_learn_from(folder: Path) -> None:
    made = xp("health", "train", "--simulate", "1", "--feature", "barrier", "--feature", "spread", "--out", "s.json")
    assert made.code == 0, made.err
    model = json.loads((folder / "s.json").read_text())
    assert model["training"]["simulated"] == model["training"]["rows"] > 0
    assert "An exit is tried with a chance of 5 % a day" in model["training"]["description"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--out", "m.json"], "what is it to be learnt from?"),
        (["train", "--out", "m.json", "--simulate", "1", "--feature", "spred"], "did you mean 'spread'"),
        (["train", "--out", "m.json", "--simulate", "1", "--fall", "5"], "5 % is 0.05"),
        (["train", "--out", "m.json", "--snapshots", "none"], "there is no snapshot (*.json) in none"),
        (["train", "--out", "policies/default.yaml", "--simulate", "1"], "is not written over"),
        (["evaluate", "none.json", "--simulate", "1"], "none.json"),
        (["explain", "none.json"], "none.json"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, words: list[str], said: str) -> None:
    shown = xp("health", *words)
    assert shown.code in {64, 65}
    assert said in shown.err
    assert "Traceback" not in shown.err


def test_a_model_is_explained_with_the_positions_of_a_snapshot(recording: Path) -> None:
    shown = xp("health", "explain", "--snapshot", recording)
    assert shown.code == 0
    text = " ".join(shown.out.split())
    assert "AAA/USD long 0.690110 +1.3495" in text
    assert "BBB/USD long no barrier" in text
    document = json.loads(xp("health", "explain", "--snapshot", recording, "--json").out)
    assert [one["score"] for one in document["positions"]] == ["0.690110", None]
    assert document["positions"][1]["missing"] == ["barrier"]
    held = json.loads(recording.read_text())
    held["markets"]["AAA/USD"]["active"] = False
    recording.write_text(json.dumps(held))
    assert "AAA/USD long no market that trades" in " ".join(
        xp("health", "explain", "--snapshot", recording).out.split()
    )


def test_explain_shows_the_score_of_a_position_and_what_adds_to_it(folder: Path, recording: Path) -> None:
    words: list[str | Path] = ["--policy", write_policy(folder), "--snapshot", recording]
    text = " ".join(xp("explain", "AAA/USD", *words).out.split())
    assert "Health 0.690110" in text
    assert "barrier 0.266861 +1.3495" in text
    assert "not known: no barrier" in xp("explain", "BBB/USD", *words).out
    assert "Health" not in xp("explain", "AAA/USD", "--snapshot", recording, "--policy", "policies/default.yaml").out


def plan(policy: Path, recording: Path) -> dict[str, Any]:
    made = xp("plan", "--policy", policy, "--snapshot", recording, "--json")
    assert made.code == 0, made.err
    document: dict[str, Any] = json.loads(made.out)
    return document


def test_a_plan_names_the_model_that_stands_beside_the_policy(folder: Path, recording: Path) -> None:
    (folder / "policies" / "ours.json").write_bytes(shipped_model().read_bytes())
    made = plan(write_policy(folder, "ours.json"), recording)
    assert made["health"]["sha256"] == json.loads(shipped_model().read_text())["sha256"]
    assert made["policy"]["sha256"] == plan(write_policy(folder), recording)["policy"]["sha256"]


def test_a_plan_is_stale_once_the_model_is_another(folder: Path) -> None:
    policy = write_policy(folder)
    assert xp("plan", "--policy", policy, "--out", "p.json").code in {0, 2}
    without = policy.read_text().replace("health: {model: default}\n", "")
    policy.write_text(without)
    refused = xp("apply", "p.json", "--policy", policy, "--auto-approve")
    assert refused.code == 6
    assert "the health model is not the one that the plan was made with" in refused.err


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("none.json", {}, "ranked.yaml:4:17: error: health.model: "),
        ("bad.json", {"intercept": "-3"}, "the model was changed after it was trained"),
        ("bad.json", {"intercept": -3}, "bad.json:"),
        ("bad.json", {"weights": [{"feature": "spred"}]}, "did you mean 'spread'"),
        ("bad.json", {"later": 1}, "unknown key 'later'"),
    ],
)
def test_a_model_that_cannot_be_used_is_told_with_its_place(
    folder: Path, name: str, change: dict[str, Any], said: str
) -> None:
    model = {**json.loads(shipped_model().read_text()), **change}
    (folder / "policies" / "bad.json").write_text(json.dumps(model, indent=2))
    shown = xp("validate", write_policy(folder, name))
    assert shown.code == 65
    assert said in shown.out + shown.err


def test_a_rule_that_asks_for_health_without_a_model_is_warned_of(folder: Path) -> None:
    policy = write_policy(folder)
    policy.write_text(policy.read_text().replace("health: {model: default}\n", ""))
    shown = xp("validate", policy)
    assert shown.code == 0
    assert "no position has a health_score without a model" in shown.out + shown.err


def test_a_fleet_keeps_the_model_with_the_policy(folder: Path) -> None:
    (folder / "policies" / "ours.json").write_bytes(shipped_model().read_bytes())
    loaded = load_policy(write_policy(folder, "ours.json"))
    kept = policy_text(loaded.document)
    (folder / "policies" / "ours.json").unlink()
    again = policy_of(loaded.policy.sha256, lambda _: kept)
    assert again.policy.health == loaded.policy.health is not None
    assert again.policy == replace(loaded.policy)


def test_a_proof_about_health_is_replayed_by_the_planner(folder: Path) -> None:
    policy = write_policy(folder)
    text = policy.read_text()
    policy.write_text(
        f"{text}exits:\n  - {{id: sick, before: dust, when: {{health_score: {{lt: 0.2}}}}, action: close}}\n"
    )
    assert xp("lint", policy).code in {0, 1}
    shown = xp("compare", "policies/default.yaml", policy, "--json")
    kinds = json.loads(shown.out)
    assert "sick" in json.dumps(kinds)
    assert PolicyModel.of(load_policy(policy).policy) is not None
