"""``exitplan explain`` and ``eval``: what would change it, why not, the ranking, the unwind to come, conditions."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from jsonschema import Draft7Validator

from exitplan.ruleset.model.market_data import MarketData
from exitplan.schemas.shapes.answers import ANSWERS
from tests.builders import market, position, snapshot
from tests.cli.conftest import Ran, write_snapshot, xp


def test_explain_says_what_would_change_it_and_why_something_else_is_not_done(folder: Path) -> None:
    shown = xp("explain", "ADA/USD", "--why-not", "close").out
    assert "dust does not match: value_usd < 1, found 1092; account_pct < 0.01, found 0.044361" in shown
    assert "category = ZOMBIE_LEGACY, found LEGACY_NON_COMPLIANT (by legacy.external)" in " ".join(shown.split())
    assert "close by dust      if value_usd < 1" in shown
    assert "unwind by legacy" not in shown.partition("What would change it")[2]
    assert "dust decides, and is blocked" in xp("explain", "ALGO/USD", "--why-not", "sell").out
    assert "it is what decides: legacy" in xp("explain", "ADA/USD", "--why-not", "unwind").out
    assert "it is what decides: nothing" in xp("explain", "ETH/USD", "--why-not", "nothing").out
    assert "it is not judged" in xp("explain", "VOUCHER/USD", "--why-not", "legacy").out
    refused = xp("explain", "ADA/USD", "--why-not", "clos")
    assert (refused.code, "did you mean 'close'" in refused.err) == (64, True)
    assert xp("explain", "ADA/USD", "--why-not", "attach_stop").code == 64


def test_explain_shows_the_caps_ranking_the_unwind_to_come_and_where_facts_are_from(folder: Path) -> None:
    told = xp("explain", "ADA/USD", "--json").json["positions"][0]
    assert told["cap"]["place"] == 6
    assert [entry["symbol"] for entry in told["cap"]["ranking"] if entry["chosen"]] == [
        "UNI/USD",
        "PEPE/USD",
        "ATOM/USD",
        "LTC/USD",
    ]
    assert [(cycle["cycle"], cycle["quantity"], cycle["left"]) for cycle in told["schedule"]] == [
        (1, "650", "1950"),
        (2, "487.5", "1462.5"),
        (3, "365.6", "1096.9"),
        (4, "1096.9", "0"),
    ]
    assert told["sources"]["value_usd"] == "2600 at the last price 0.42"
    assert told["sources"]["pnl_pct"] == "the last price 0.42 and the entry price 0.61 of the tracker"
    assert told["sources"].keys() >= told["facts"].keys()


def test_a_coming_cycle_waits_for_the_interval() -> None:
    account = snapshot(position(quantity=1000))
    told = xp("explain", "AAA/USD", "--snapshot", write_snapshot(account), "--json").json["positions"][0]
    assert [cycle["at"][11:19] for cycle in told["schedule"]] == ["22:00:00", "22:05:00", "22:10:00", "22:15:00"]


def test_eval_tries_a_condition_part_by_part(folder: Path) -> None:
    shown = xp("eval", "value_usd < 5000 and not tracked", "XRP", "ADA").out
    assert "true for 1 of 2" in shown
    assert "no  not" in shown
    assert "value_usd < 5000   found 1,305" in shown
    everything = xp("eval", "{category: ZOMBIE_LEGACY}", "--json")
    Draft7Validator(ANSWERS["eval"]()).validate(everything.json)
    assert len(everything.json["positions"]) == 20
    assert "did you mean 'value_usd'" in xp("eval", "value_us < 5", "XRP").err
    assert xp("eval", "dust", "NOTHELD").code == 64


THIN = """
version: 1
name: thin
extends: default.yaml
parameters: {unwind_interval_minutes: 60}
unwind: {max_participation: {share: 0.05, of: hour}}
"""


def explained_in_a_thin_market(folder: Path, volume: str, *options: str) -> Ran:
    """Explain an unwind of 1,000 units where the last hour traded so many."""
    (folder / "policies" / "thin.yaml").write_text(THIN, encoding="utf-8")
    listed = market(step=1, min_amount=1, data=MarketData(volume_1h=Decimal(volume)))
    account = snapshot(position(quantity=1000), markets={"AAA/USD": listed})
    policy = ("--policy", "policies/thin.yaml")
    return xp("explain", "AAA/USD", "--snapshot", write_snapshot(account), *policy, *options)


def test_explain_says_what_a_thin_market_leaves_after_the_cycles_it_foresees(folder: Path) -> None:
    told = explained_in_a_thin_market(folder, "100", "--json").json["positions"][0]
    assert len(told["schedule"]) == 25
    assert told["remainder"] == {"left": "875", "further_cycles": 175}
    shown = " ".join(explained_in_a_thin_market(folder, "100").out.split())
    assert (
        "875 is left after these cycles and follows as the market allows: at the pace of the last one in about" in shown
    )
    assert "in about 175 further cycles." in shown
    assert "max_participation is not counted" in shown


def test_explain_names_a_cycle_after_the_last_one_as_such(folder: Path) -> None:
    shown = explained_in_a_thin_market(folder, "100").out
    assert "cycle 5, after the 4 of the schedule" in shown
    assert "cycle 5 of 4" not in shown


def test_explain_says_nothing_of_a_rest_where_the_market_takes_all(folder: Path) -> None:
    told = explained_in_a_thin_market(folder, "1000000", "--json").json["positions"][0]
    assert (told["schedule"][-1]["left"], "remainder" in told) == ("0", False)
