"""Policy tests: what they may say, what they find, and what would make them worthless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.workbench.cases.case_file import find_files, load_cases
from exitplan.workbench.cases.running import Result, Runner, price_in

ACCOUNT = {"cash": 5000, "positions": {"BTC": "0.05 @ 60000", "ADA": {"is": "2600 @ 0.42", "tracked": False}}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**parts: object) -> Path:
    path = Path("x.test.yaml")
    path.write_text(yaml.safe_dump({"policy": "default", **parts}, sort_keys=False), encoding="utf-8")
    return path


def results(**parts: object) -> list[Result]:
    file = load_cases(write(**parts))
    runner = Runner(file)
    return [runner.run(case) for case in file.cases]


def only(expect: Mapping[str, object], **case: object) -> Result:
    (result,) = results(cases=[{"name": "a case", **case, "expect": expect}])
    return result


def told(expect: Mapping[str, object], **case: object) -> list[tuple[str, str, str]]:
    result = only(expect, **case)
    assert result.broken is None
    return [(one.what, one.expected, one.got) for one in result.differences]


def problems(**parts: object) -> str:
    with pytest.raises(FileHasProblems) as failure:
        load_cases(write(**parts))
    return str(failure.value)


def table(columns: list[str], *rows: Sequence[object]) -> dict[str, object]:
    return {"name": "t", "columns": columns, "rows": [list(row) for row in rows]}


# --- what is found ---


def test_what_differs_is_told_with_the_rule_that_decided_and_its_line() -> None:
    (difference,) = only({"do": "close"}, given={"tracked": False}).differences
    assert (difference.expected, difference.got) == ("close", "unwind 2.5")
    rule, comparison = difference.notes
    assert rule.startswith("legacy.untracked decided (default.yaml:")
    assert comparison.strip() == "tracked = false (found false)"


@pytest.mark.parametrize(
    ("expect", "difference"),
    [
        ({"counted": 3}, ("counted", "3", "2")),
        ({"over_cap": ["BTC"]}, ("over_cap", "BTC/USD", "none")),
        ({"do": {"ADA": "unwind 651"}}, ("do of ADA/USD", "unwind 651", "unwind 650")),
        ({"do": {"XYZ": "close"}}, ("do of XYZ/USD", "close", "not held")),
        ({"category": {"BTC": "ZOMBIE_LEGACY"}}, ("category of BTC/USD", "ZOMBIE_LEGACY", "STRATEGY_ALIGNED")),
        ({"rule": {"BTC": "zombie.dust"}}, ("rule of BTC/USD", "zombie.dust", "none")),
        ({"guards": "refused"}, ("guards", "refused", "ok")),
        ({"guards": {"max_actions": "refused"}}, ("guard max_actions", "refused", "ok")),
        ({"guards": {"max_action": "ok"}}, ("guard max_action", "ok", "no such guard")),
        ({"checks": {"registered_positions": True}}, ("checks registered_positions", "true", "false")),
        ({"forecast": {"position_count": False}}, ("forecast position_count", "false", "true")),
        ({"state": "CLEAN"}, ("state", "CLEAN", "CLEANUP_IN_PROGRESS")),
        ({"state_now": "CLEAN"}, ("state_now", "CLEAN", "NEEDS_CLEANUP")),
        ({"warnings": ["no-rate"]}, ("warnings", "no-rate", "none")),
        ({"cancels": ["o1"]}, ("cancels", "o1", "none")),
        ({"only": True, "do": {"BTC": "nothing"}}, ("do of ADA/USD", "nothing (only)", "unwind 650")),
    ],
)
def test_an_expectation_of_an_account_that_does_not_hold_is_told(
    expect: Mapping[str, object], difference: tuple[str, str, str]
) -> None:
    assert told(expect, account=ACCOUNT) == [difference]


@pytest.mark.parametrize(
    "expect",
    [
        {"counted": 2, "over_cap": [], "cancels": [], "guards": "ok", "only": True, "do": {"ADA": "unwind 650.0"}},
        {"category": {"ADA/USD": "LEGACY_NON_COMPLIANT", "BTC-USD": "STRATEGY_ALIGNED"}, "rule": {"BTC": "none"}},
        {"do": {"BTC": "nothing", "XYZ": "nothing"}, "because": {"ADA": "no strategy*"}},
        {"checks": {"position_count": True}, "state": "CLEANUP_IN_PROGRESS"},
    ],
)
def test_an_expectation_that_holds_passes(expect: dict[str, object]) -> None:
    assert told(expect, account=ACCOUNT) == []


def test_a_blocked_exit_is_told_with_its_reason_and_whether_it_raises_an_alert() -> None:
    expect = {"do": "close", "blocked": "locked", "escalate": False}
    assert told(expect, given={"market_known": False}) == [
        ("do", "close", "blocked"),
        ("blocked", "locked", "no-market"),
        ("escalate", "false", "true"),
    ]


def test_changes_are_laid_over_the_account_and_null_takes_away() -> None:
    changed = {"positions": {"BTC": None, "ADA": {"tracked": True}}, "cash": 10}
    assert told({"counted": 1, "do": {"ADA": "nothing"}}, account=ACCOUNT, **{"with": changed}) == []


def test_what_orders_hold_is_locked() -> None:
    order = {"symbol": "ADA", "side": "sell", "quantity": 2600, "price": 9, "age_minutes": 5}
    expect = {"do": {"ADA": "blocked"}, "blocked": {"ADA": "locked"}}
    assert told(expect, account=ACCOUNT, **{"with": {"orders": {"o1": order}}}) == []


def test_an_account_may_be_a_recorded_one_with_changes(folder: Path) -> None:
    demo = Path(__file__).parents[2] / "brokers" / "paper" / "demo-account.json"
    (folder / "recorded.json").write_bytes(demo.read_bytes())
    account = {"snapshot": "recorded.json", "positions": {"NEW": "1 @ 50000"}}
    assert told({"category": {"NEW": "STRATEGY_ALIGNED"}}, account=account) == []


def test_parameters_of_a_case_change_what_is_decided() -> None:
    assert told({"rule": "none"}, given={"value_usd": 5}, parameters={"dust_usd_threshold": 10})[0][2] == "zombie.dust"


def test_several_cycles_are_planned_and_applied_at_the_prices_of_the_script() -> None:
    expect = {
        "do": {"ADA": ["unwind 650", "close 1950", "nothing"]},
        "left": {"ADA": [1950, 0, 0], "BTC": "0.05"},
        "clean_after": 2,
        "state": ["CLEANUP_IN_PROGRESS", "CLEAN", "CLEAN"],
    }
    assert told(expect, account=ACCOUNT, cycles=3, prices={"ADA": [0.42, 0.0004]}) == []


def test_what_happens_to_an_account_that_is_made_up_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "exitplan.run")
    assert told({"left": {"BTC": "0.05"}}, account=ACCOUNT, cycles=2) == []
    assert [record for record in caplog.records if record.name == "exitplan.run"] == []


def test_a_cycle_that_goes_another_way_is_named() -> None:
    wanted = {"do": {"ADA": ["unwind 650", "close"]}, "left": {"ADA": [1950, 1]}, "clean_after": 1}
    assert told(wanted, account=ACCOUNT, cycles=2) == [
        ("do of ADA/USD in cycle 2", "close", "unwind 487.5"),
        ("left of ADA/USD after cycle 2", "1", "1462.5"),
        ("clean_after", "1", "not clean"),
    ]


@pytest.mark.parametrize(
    ("script", "prices"),
    [
        (5, ["5", None, None]),
        ([1, None, "2.5"], ["1", None, "2.5"]),
        ("0.42-0.02x2", ["0.42", "0.40", "0.38", "0.38"]),
        ("1+0.5x1", ["1", "1.5", "1.5"]),
    ],
)
def test_a_price_script_is_a_value_a_list_or_a_series(script: object, prices: list[str | None]) -> None:
    got = [price_in(script, cycle) for cycle in range(len(prices))]
    assert got == [None if price is None else Decimal(price) for price in prices]


# --- what cannot be run ---


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"given": {"market_known": False, "price_status": "ok"}}, "do not fit together"),
        ({"account": {"positions": {"BTC": "x @ 5"}}}, "'x' is not a decimal number"),
        ({"account": {"positions": {"BTC": {"tracked": False}}}}, "say how much"),
        ({"account": {"snapshot": "gone.json"}}, "gone.json"),
        ({"account": ACCOUNT, "cycles": 2, "prices": {"ADA": "up"}}, "a price is a number"),
        ({"account": ACCOUNT, "cycles": 2, "prices": {"XYZ": 5}}, "XYZ/USD"),
        ({"given": {"tracked": False}, "parameters": {"max_positions": -1}}, "max_positions"),
    ],
)
def test_a_case_that_makes_no_sense_fails_with_the_reason(case: dict[str, object], reason: str) -> None:
    assert reason in str(only({"counted": 1} if "account" in case else {"exit": "none"}, **case).broken)


# --- what would be worthless ---


def test_a_case_that_holds_under_any_policy_is_refused() -> None:
    result = only({"do": "nothing"}, given={"protected": True})
    assert "holds under any policy" in str(result.broken)


def test_a_case_that_a_rule_decides_is_none_of_those() -> None:
    assert only({"category": "STRATEGY_ALIGNED"}, given={"account_pct": 1}).passed


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "there is no case in this file"),
        ({"policy": "defalt", "cases": []}, "did you mean 'default'"),
        ({"cases": [{"name": "a", "expect": {"do": "close"}}]}, "nothing is given"),
        ({"cases": [{"name": "a", "given": {}, "expect": {}}]}, "one key or more"),
        ({"cases": [{"name": "a", "given": {"trackd": True}, "expect": {"do": "close"}}]}, "did you mean 'tracked'"),
        ({"cases": [{"name": "a", "given": {"tracked": 5}, "expect": {"do": "close"}}]}, "true or false, found 5"),
        ({"cases": [{"name": "a", "given": {"side": "up"}, "expect": {"do": "close"}}]}, "one of long, short"),
        (
            {"cases": [{"name": "a", "given": {"strategy": "x"}, "expect": {"do": "close"}}]},
            "no rule of this policy asks",
        ),
        ({"cases": [{"name": "a", "given": {"value_usd": 1e-7}, "expect": {"do": "close"}}]}, "six decimal places"),
        (
            {"cases": [{"name": "a", "given": {"category": "DEFERRED"}, "expect": {"do": "close"}}]},
            "the policy decides",
        ),
        ({"cases": [{"name": "a", "given": {"tracked": True}, "cycles": 2, "expect": {"do": "close"}}]}, "not both"),
        (
            {"cases": [{"name": "a", "given": {"tracked": True}, "expect": {"do": {"A": "close"}}}]},
            "there is one position",
        ),
        ({"cases": [{"name": "a", "account": ACCOUNT, "expect": {"clean_after": 2}}]}, "several cycles"),
        ({"cases": [{"name": "a", "account": ACCOUNT, "expect": {"escalate": True}}]}, "a single position"),
        ({"cases": [{"name": "a", "given": {"tracked": True}, "expect": {"do": "x"}}] * 2}, "another case named 'a'"),
        ({"tables": [table(["tracked", "do"], [True, "x"])]}, "columns need one"),
        ({"tables": [table(["tracked", "=>", "doo"], [True, "=>", "x"])]}, "did you mean 'do'"),
        ({"tables": [table(["tracked", "=>", "do"], [True, "x"])]}, "does not fit the 3 columns"),
        ({"tables": [table(["tracked", "=>", "do"], [True, "=>", None])]}, "expects nothing"),
        ({"tables": [table(["tracked", "=>", "do"], [True, "=>", "x"], [True, "=>", "y"])]}, "repeats row 1"),
    ],
)
def test_a_file_that_would_pass_for_nothing_is_wrong(parts: dict[str, object], message: str) -> None:
    assert message in problems(**parts)


def test_absent_is_said_by_its_name_and_null_says_nothing() -> None:
    rows: list[list[object]] = [["absent", "=>", "none"], [None, "=>", "none"]]
    first, second = results(tables=[table(["account_pct", "=>", "rule"], *rows)])
    assert (first.case.given, second.case.given) == ({"account_pct": None}, {})
    assert first.passed
    assert second.passed


def test_files_are_found_in_folders_and_by_name(folder: Path) -> None:
    for name in ("b.test.yaml", "inner/a.test.yaml", "policy.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("policy: default\n", encoding="utf-8")
    assert find_files([Path(), Path("b.test.yaml")]) == [Path("b.test.yaml"), Path("inner/a.test.yaml")]


def test_a_position_that_is_adopted_with_a_stop_is_counted_once() -> None:
    (result,) = results(
        policy="conservative",
        cases=[{"name": "a case", "given": {"tracked": False}, "expect": {"do": "attach_stop 10"}}],
    )
    assert result.passed, result
