"""Accounts as somebody else tells them: what shares are measured by, and what could not be asked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from exitplan.ruleset.model.progress import Balance, Progress
from exitplan.ruleset.model.snapshot import Part
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.checking import check
from tests.builders import NOW, actions, facts, order, over_cap, plan_of, position, snapshot, unwound


def told(*parts: Any, share_of: int | None = None, unread: tuple[Part, ...] = (), **account: Any) -> Any:
    measure = None if share_of is None else Decimal(share_of)
    return structs.replace(snapshot(*parts, **account), share_of=measure, unread=unread)


def test_shares_are_of_the_amount_that_is_told() -> None:
    account = told(position(quantity=10), share_of=200_000)
    assert facts(plan_of(account))["account_pct"] == "0.005000"
    assert actions(plan_of(account)) == [("close", "AAA/USD", "10", "dust")]
    assert actions(plan_of(structs.replace(account, share_of=None))) == [("unwind", "AAA/USD", "2.5", "legacy")]


def test_a_share_of_nothing_is_not_known() -> None:
    assert "account_pct" not in facts(plan_of(told(position(quantity=10), share_of=0)))


def test_guards_measure_by_equity_whatever_shares_are_of() -> None:
    plan = plan_of(told(position(quantity=10), share_of=100_000, cash=0))
    (guard,) = [guard for guard in plan["guards"] if guard["name"] == "max_run_pct"]
    assert (guard["value"], guard["ok"]) == ("0.25", True)


@pytest.mark.parametrize("part", ["positions", "open_orders"])
def test_an_account_of_which_a_part_could_not_be_asked_is_unknown(part: Part) -> None:
    checks = plan_of(told(unread=(part,)))["checks"]
    assert checks["state"] == "UNKNOWN"
    assert checks["balance_surprise"] == f"{part.replace('_', ' ')} could not be read"


def test_without_the_positions_a_stop_is_not_called_orphaned_and_a_limit_order_is_stale() -> None:
    orders = [order("o1", minutes=99), order("o2", kind="stop", price=None, trigger=90, minutes=99)]
    cancels = actions(plan_of(told(orders=orders, unread=("positions",))))
    assert [(found[0], found[3]) for found in cancels] == [("cancel_order", "stale-limit-order")]
    assert len(actions(plan_of(told(orders=orders)))) == 2


def test_what_could_not_be_read_is_no_change_of_the_balance() -> None:
    progress = Progress(last_balance=Balance(NOW, {"AAA": Decimal(1000)}, Decimal(100_000)))
    ok = {unread: plan_of(told(unread=unread, cash=0), progress)["guards"] for unread in ((), ("positions",))}
    changed = [[g["ok"] for g in found if g["name"] == "max_equity_change_pct"] for found in ok.values()]
    assert changed == [[False], [True]]


def test_both_are_written_and_read_again() -> None:
    account = told(position(), share_of=5, unread=("positions",))
    document = snapshot_to_document(account)
    assert (list(check("snapshot", document)), snapshot_from_document(document)) == ([], account)
    assert not {"share_of", "unread"} & set(snapshot_to_document(snapshot()))


@pytest.mark.parametrize("cycle", [0, 3, 4, 9])
def test_an_unwind_of_nothing_sells_nothing_in_any_cycle(cycle: int) -> None:
    account = snapshot(position(quantity="7.5"))
    before = unwound(cycle, "0.75", 10) if cycle else Progress()
    plan = plan_of(account, before, gradual_unwind_pct=0)
    assert (actions(plan), plan["positions"][0]["unwind"]["cycle"]) == ([], cycle)
    assert over_cap(plan_of(account, gradual_unwind_pct=0, max_positions=0)) == ["AAA/USD"], "the cap still closes"
