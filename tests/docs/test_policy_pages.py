"""The pages of the shipped policies: what they show is there, drawn to scale, and what a reader can do again."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from docs.clean_ups import CLEAN_UPS, standings_of
from docs.drawing import draw_standings
from docs.policy_pages import policy_files
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.workbench.simulation.standing import Standing
from tests.cli.conftest import xp

ROOT = Path(__file__).parents[2]
_SVG = "{http://www.w3.org/2000/svg}"
_MOST_BYTES = 60_000


def bars(drawing: str) -> list[dict[str, str]]:
    root = ET.fromstring(drawing)  # noqa: S314 - our own
    return [dict(one.attrib) for one in root.iter(f"{_SVG}rect") if one.get("width") not in {"720", "12"}]


def words(drawing: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(drawing).iter(f"{_SVG}text")]  # noqa: S314 - our own


def standing(state: AccountState, cash: int, **values: int) -> Standing:
    held = {Category[name]: Decimal(value) for name, value in values.items()}
    return Standing(state, Decimal(cash), dict.fromkeys(held, 1), held)


@pytest.mark.parametrize("name", SHIPPED_POLICIES)
def test_each_policy_has_a_page_and_a_small_picture_of_what_the_page_says(name: str) -> None:
    text, drawing = policy_files()[f"docs/policies/{name}.md"], policy_files()[f"docs/policies/{name}.svg"]
    assert f"]({name}.svg)" in text
    assert len(drawing.encode()) < _MOST_BYTES
    standings = standings_of(name)
    assert len({bar["x"] for bar in bars(drawing)}) == len(standings)
    assert words(drawing).count("CLEAN") == [one.state for one in standings].count(AccountState.CLEAN)
    assert ("The account is CLEAN after" in text) == (standings[-1].state is AccountState.CLEAN)
    for sentence in (*SHIPPED_POLICIES[name].use, *SHIPPED_POLICIES[name].avoid):
        assert f"- {sentence}\n" in text


@pytest.mark.parametrize("name", ["conservative", "treasury"])
def test_the_command_on_a_page_simulates_what_the_picture_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (command,) = re.findall(r"```sh\nexitplan (simulate .*)\n```", policy_files()[f"docs/policies/{name}.md"])
    (summary,) = xp(*shlex.split(command), "--json").json["policies"]
    assert summary["clean"]["paths"] == 1
    assert summary["clean"]["cycles"]["p50"] == len(standings_of(name)) - 1


def test_bars_are_drawn_to_scale_from_cash_upward() -> None:
    start = standing(AccountState.NEEDS_CLEANUP, 400, STRATEGY_ALIGNED=400, LEGACY_NON_COMPLIANT=200)
    end = standing(AccountState.CLEAN, 600, STRATEGY_ALIGNED=400)
    drawn = bars(draw_standings("A & B", "EUR", [start, end]))
    heights = [Decimal(bar["height"]) for bar in drawn]
    assert heights == [Decimal("102.4"), Decimal("102.4"), Decimal("51.2"), Decimal("153.6"), Decimal("102.4")]
    tops = [Decimal(bar["y"]) for bar in drawn]
    assert tops[:3] == [Decimal(300) - sum(heights[: number + 1]) for number in range(3)]


def test_a_drawing_says_currency_counts_states_and_what_there_was_and_is() -> None:
    start = standing(AccountState.UNKNOWN, 1000, DEFERRED=0, ZOMBIE_LEGACY=12)
    said = words(draw_standings("A <title>", "EUR", [start, standing(AccountState.CLEAN, 1012)]))
    assert {"A <title>", "EUR", "start", "1", "2", "0", "unknown", "CLEAN", "zombie", "12 → 0"} <= set(said)
    assert "deferred" not in said


@pytest.mark.parametrize(("page", "folder"), [("README.md", "docs/policies"), ("docs/policies.md", "policies")])
def test_the_tables_name_each_policy(page: str, folder: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(rf"^\| \[(\S+)\]\({folder}/(\S+)\.md\) \|", text, re.MULTILINE)
    assert rows == [(name, name) for name in SHIPPED_POLICIES]


def test_every_scene_is_of_a_policy_and_every_account_is_used() -> None:
    assert list(CLEAN_UPS) == list(SHIPPED_POLICIES)
    accounts = {file.stem for file in (ROOT / "docs/policies/accounts").glob("*.json")}
    assert accounts == {one.account for one in CLEAN_UPS.values()}
