"""More than registered, less than before: surprises of the balance, shares, and what a person should know."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from exitplan.ruleset.language.policy import compile_policy
from exitplan.ruleset.language.problems import Problem
from exitplan.ruleset.model.progress import Balance, Progress
from exitplan.ruleset.planning.plan import Document
from tests.builders import (
    A,
    Amount,
    B,
    Node,
    ago,
    facts,
    guards,
    judged,
    market,
    plan_of,
    policy_document,
    position,
    record,
    snapshot,
)


def warned(plan: Document) -> list[tuple[str, str, str | None]]:
    return [(warning["kind"], warning["symbol"], warning["nearest"]) for warning in plan["warnings"]]


def before(equity: Amount = 0, **held: Amount) -> Progress:
    """Make a progress that remembers what the last run left."""
    amounts = {asset: Decimal(amount) for asset, amount in held.items()}
    return Progress(last_balance=Balance(ago(60), amounts, Decimal(equity)))


# --- Managed equity -------------------------------------------------------------------------------------------------


def test_managed_equity_leaves_out_what_is_protected_and_what_does_not_trade() -> None:
    suspended = {"BBB/USD": market(active=False), "CCC/USD": None}
    account = snapshot(position(), position("BBB/USD"), position("CCC/USD"), position("DDD/USD"), markets=suspended)
    plan = plan_of(account, protect=[{"asset": "DDD"}])
    assert (plan["snapshot"]["equity"], plan["snapshot"]["managed_equity"]) == ("13000", "11000")


def test_it_leaves_out_their_profits_too() -> None:
    held = position("X/USD:USD", 10, entry=50)
    plan = plan_of(snapshot(held), protect=[{"symbol": "X/USD:USD"}])
    assert (plan["snapshot"]["equity"], plan["snapshot"]["managed_equity"]) == ("10500", "10000")


def test_what_is_left_out_has_its_share_of_managed_equity_and_itself() -> None:
    plan = plan_of(snapshot(position(), cash=3000), protect=[{"asset": "AAA"}])
    assert facts(plan)["account_pct"] == "0.250000"


@pytest.mark.parametrize("cash", ["0", "-1000"])
def test_where_nothing_is_managed_there_are_no_shares(cash: str) -> None:
    plan = plan_of(snapshot(position(), cash=cash), protect=[{"asset": "AAA"}])
    assert "account_pct" not in facts(plan)


def test_a_position_is_the_wrong_size_only_where_equity_is_complete() -> None:
    account = snapshot(position(), tracked=["AAA/USD"], cash=-100)
    assert judged(plan_of(account)) == (B, "legacy.wrong-size")
    unpriced = replace(account, positions=(*account.positions, position("BBB/USD")))
    plan = plan_of(replace(unpriced, markets={**account.markets, "BBB/USD": market(None)}))
    assert judged(plan) == (A, None)


def test_the_smallest_quantities_keep_their_value() -> None:
    listed = {"AAA/USD": market("0.00001234", step="0.00000001", min_amount=None, min_notional=None)}
    plan = plan_of(snapshot(position(quantity="0.00000001"), markets=listed, cash=0))
    assert plan["snapshot"]["managed_equity"] == "0.0000000000001234"
    assert plan["actions"][0]["quantity"] == "0.00000001"


# --- The balance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("usd", "ok"), [(20_000, True), ("20000.00000001", False), (10_000, True), (5_000, False)])
def test_a_difference_above_half_of_what_was_held_refuses_the_plan(usd: Amount, ok: bool) -> None:
    plan = plan_of(snapshot(), before(USD=usd))
    assert guards(plan)["max_equity_change_pct"] is ok
    assert plan["checks"]["state"] == ("CLEAN" if ok else "UNKNOWN")
    assert bool(plan["warnings"]) is not ok


def test_it_is_measured_at_today_s_prices_by_value_and_not_by_asset() -> None:
    assert guards(plan_of(snapshot(position(), cash=0), before(USD=1000)))["max_equity_change_pct"] is True
    assert guards(plan_of(snapshot(cash=100), before(AAA=10, USD=100)))["max_equity_change_pct"] is True
    listed = {"AAA/USD": market(100)}
    gone = plan_of(snapshot(cash=100, markets=listed), before(AAA=10, USD=100))
    assert guards(gone)["max_equity_change_pct"] is False


def test_what_nobody_can_price_today_is_compared_by_equity() -> None:
    assert guards(plan_of(snapshot(cash=100), before(1100, AAA=10, USD=100)))["max_equity_change_pct"] is False


def test_implausible_positions_are_left_aside() -> None:
    account = snapshot(position("DROP/USD", 10**9), markets={"DROP/USD": market(25, bid=0)})
    assert guards(plan_of(account, before(10_000, USD=10_000)))["max_equity_change_pct"] is True


@pytest.mark.parametrize("progress", [before(USD=5), before(AAA="0.00000001")])
def test_an_account_told_as_empty_is_refused_while_the_last_run_knows_of_holdings(progress: Progress) -> None:
    plan = plan_of(snapshot(cash=0), progress)
    assert guards(plan)["max_equity_change_pct"] is False
    assert plan["checks"]["state"] == "UNKNOWN"


def test_or_the_tracker_does() -> None:
    assert plan_of(snapshot(cash=0, tracked=["AAA/USD"]))["checks"]["state"] == "UNKNOWN"
    assert plan_of(snapshot(cash=0, tracked=["AAA/USD"]), before())["checks"]["state"] == "CLEAN"
    assert plan_of(snapshot(cash=0))["checks"]["state"] == "CLEAN"


# --- Warnings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recorded", "share", "told"), [("9", "0.100000", False), ("8.9999", "0.100010", True)])
def test_more_than_a_tenth_above_the_record_is_told(recorded: str, share: str, told: bool) -> None:
    plan = plan_of(snapshot(position(), tracked={"AAA/USD": record(quantity=recorded)}))
    assert facts(plan)["untracked_pct"] == share
    assert warned(plan) == ([("untracked-part", "AAA/USD", None)] if told else [])


def test_less_than_recorded_is_no_untracked_part() -> None:
    assert facts(plan_of(snapshot(position(), tracked={"AAA/USD": record(quantity=11)})))["untracked_pct"] == "0.000000"


def test_a_record_of_nothing_held_is_told() -> None:
    assert warned(plan_of(snapshot(position(), tracked=["AAA/USD", "ZZZ/USD"])))[0][:2] == ("nothing-held", "ZZZ/USD")


def test_a_position_of_the_same_quantity_may_be_it_under_a_new_name() -> None:
    plan = plan_of(snapshot(position("POL/USD"), tracked={"MATIC/USD": record(quantity=10)}))
    (warning,) = plan["warnings"]
    assert warning["text"].endswith("write aliases: {MATIC: POL}")
    assert warning["nearest"] == "POL/USD"


@pytest.mark.parametrize(("recorded", "renamed"), [("9.95", "ZZZ/USD"), ("10", "YYY/USD"), ("10.2", "YYY/USD")])
def test_it_is_the_first_whose_quantity_is_the_same_to_a_hundredth(recorded: str, renamed: str) -> None:
    held = [position("YYY/USD", quantity="10.1"), position("ZZZ/USD", quantity="10"), position("AAA/USD")]
    tracked = {"AAA/USD": record(quantity=10), "MATIC/USD": record(quantity=recorded)}
    assert [nearest for _, _, nearest in warned(plan_of(snapshot(*held, tracked=tracked)))] == [renamed]


def test_the_nearest_names_are_looked_for_while_that_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    account = snapshot(position(), tracked=["AAA/USD", "AAB/USD", "AAC/USD"])
    assert [nearest for *_, nearest in warned(plan_of(account))] == ["AAA/USD", "AAA/USD"]
    monkeypatch.setattr("exitplan.ruleset.planning.warnings.MOST_COMPARED", 1)
    assert [nearest for *_, nearest in warned(plan_of(account))] == ["AAA/USD", None]


@pytest.mark.parametrize(
    ("policy", "warning"),
    [
        ({"protect": [{"symbol": "AAB/USD"}]}, ("protects-nothing", "AAB/USD", "AAA/USD")),
        ({"protect": [{"asset": "AAB"}]}, ("protects-nothing", "AAB", "AAA")),
        ({"aliases": {"OLD": "NEW"}}, ("matches-nothing", "OLD", None)),
        (
            {"exits": [{"id": "x", "when": {"symbol": "AAB/USD"}, "action": "close"}]},
            ("matches-nothing", "AAB/USD", "AAA/USD"),
        ),
    ],
)
def test_names_in_a_policy_that_match_nothing_are_told_with_the_nearest(policy: Node, warning: Node) -> None:
    assert warned(plan_of(snapshot(position(), tracked=["AAA/USD"]), **policy)) == [warning]


def test_names_that_match_something_held_or_listed_are_not() -> None:
    policy: dict[str, Node] = {"protect": [{"symbol": "AAA/EUR"}, {"asset": "BBB"}], "aliases": {"OLD": "AAA"}}
    assert warned(plan_of(snapshot(position(), markets={"BBB/USD": market()}), **policy)) == []


# --- The policy -----------------------------------------------------------------------------------------------------


def problems(**changes: Node) -> list[Problem]:
    return compile_policy(policy_document(**changes))[1]


@pytest.mark.parametrize(
    ("value", "severity"),
    [("0.0999", None), ("0.1", "warning"), ("0.4999", "warning"), ("0.5", "error"), (1, "error"), (5, "error")],
)
def test_a_dust_share_from_a_tenth_on_is_warned_of_and_from_a_half_on_refused(
    value: Amount, severity: str | None
) -> None:
    told = problems(dust_pct_threshold=Decimal(value))
    assert [problem.severity for problem in told] == ([severity] if severity else [])
    assert all("1 % is 0.01" in (problem.hint or "") for problem in told)


@pytest.mark.parametrize(("entry", "said"), [({"symbol": "A/USD", "asset": "A"}, "both"), ({"reason": "x"}, "neither")])
def test_protection_names_a_symbol_or_an_asset(entry: Node, said: str) -> None:
    (problem,) = problems(protect=[entry])
    assert (problem.severity, said in problem.message) == ("error", True)
