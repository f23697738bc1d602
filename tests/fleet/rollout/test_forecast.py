"""What a new policy would change in a fleet, planned from what was last seen of each account."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.rollout import planning
from exitplan.fleet.rollout.forecast import Forecast, Tally, more_sold
from exitplan.fleet.rollout.planning import Answer, Chunk, Recorded, plan_chunk, plan_chunks
from exitplan.fleet.rollout.recorded import Question, forecast_fleet
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.targets import Targets
from exitplan.fleet.snapshots import packed, unpacked
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.loading.diagnostics import FileHasProblems
from tests.builders import NOW, market, order, position
from tests.fleet.rollout.conftest import DEFAULT, Fleet, extending, of
from tests.spoiling import spoilt_bytes

AGE = timedelta(hours=2)
CAPPED = extending(parameters={"max_positions": 1})


def ask(fleet: Fleet, file: Path, where: str = "", **more: Any) -> Forecast:
    asked = Question(Targets(file), Where.parse(where), NOW, AGE, **{"jobs": 0, **more})
    with fleet.work() as connection:
        return forecast_fleet(connection, asked)


def recorded(account: str, **more: Any) -> Recorded:
    seen = of(account, **more)
    return Recorded(account, "paper", seen.taken_at, packed(seen), None)


def chunk(*accounts: Recorded) -> Chunk:
    return Chunk(DEFAULT.policy, CAPPED.policy, accounts, NOW, AGE)


def test_what_changes_is_added_up_by_kind_and_rule_with_its_value(
    fleet: Fleet, policy_file: Callable[..., Path]
) -> None:
    tracked = ("AAA/USD", "BBB/USD")
    fleet.add("quiet", "over", "also")
    fleet.saw(of("quiet", position("AAA/USD"), tracked=["AAA/USD"]))
    fleet.saw(*(of(account, tracked=tracked) for account in ("over", "also")))
    told: list[str] = []
    file = policy_file(parameters={"max_positions": 1})
    forecast = ask(fleet, file, each=lambda one: told.append(one.change.account), most=1)
    tally = forecast.tally
    assert (tally.accounts, tally.planned, tally.changed, tally.positions) == (3, 3, 2, 2)
    assert dict(tally.added) == {("close", "over-cap"): 2}
    assert dict(tally.states) == {("CLEAN", "CLEAN"): 1, ("CLEAN", "NEEDS_CLEANUP"): 2}
    assert tally.sold["USD"].before.value == 0
    assert more_sold(tally, "USD") == tally.sold["USD"].after.value == Decimal(2000)
    assert sorted(told) == ["also", "over"]
    (largest,) = forecast.largest
    assert largest.change.account in {"over", "also"}


def test_an_account_that_nobody_can_tell_of_is_told_and_never_taken_for_unchanged(
    fleet: Fleet, policy_file: Callable[..., Path]
) -> None:
    fleet.add("seen", "never", "old", "broken", "another", "spoilt")
    fleet.saw(of("seen"), of("old", minutes=121), of("broken"), of("another"), of("spoilt"))
    fleet.do("UPDATE exitplan.snapshots SET document = %s WHERE account = 'broken'", b"\x00")
    fleet.do("UPDATE exitplan.snapshots SET document = %s WHERE account = 'another'", packed(of("seen")))
    fleet.do("INSERT INTO exitplan.state (account, document) VALUES ('spoilt', %s)", b'{"unwind_progress": 3}')
    forecast = ask(fleet, policy_file(cash={"convert": False}))
    assert dict(forecast.tally.unknown) == {"no-snapshot": 1, "too-old": 1, "unreadable": 3}
    assert forecast.tally.planned == 1
    assert forecast.tally.is_change
    assert more_sold(forecast.tally, "USD") is None
    assert {one.account for one in forecast.unknown} == {"never", "old", "broken", "another", "spoilt"}


def test_accounts_that_have_the_policy_need_no_snapshot(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    fleet.add("a", "b")
    forecast = ask(fleet, policy_file())  # it says the same under another name
    assert forecast.tally.changed == 0
    fleet.do("DELETE FROM exitplan.rollout_accounts")
    assert ask(fleet, policy_file(name="default", description=DEFAULT.document["description"])).tally.already == 2


def test_only_the_accounts_that_were_asked_for_are_planned(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    fleet.add("a", venue="kraken", tags=("vip", "eu"))
    fleet.add("b", venue="okx", tags=("eu",))
    fleet.add("c", policy=extending(protect=[{"asset": "BTC"}]))
    file = policy_file(parameters={"max_positions": 1})

    def number(where: str) -> int:
        return ask(fleet, file, where).tally.accounts

    assert [number(where) for where in ("", "venue=kraken", "tag=eu", "tag=vip,tag=eu", "tag=eu,venue=okx")] == [
        *(3, 1, 2, 2, 1)
    ]
    assert number(f"policy={DEFAULT.policy.sha256[:10]}") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("venu=okx", "venue"), ("venue", "of what"), ("policy=default", "hash"), ("tag=", "of what")],
)
def test_a_selection_that_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Where.parse(text)
    assert said in f"{raised.value} {raised.value.hint}"


def test_a_broken_new_policy_is_no_account_s_problem(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    fleet.add("a")
    with pytest.raises(FileHasProblems, match="max_positions"):
        ask(fleet, policy_file(parameters={"max_positions": -1}))


def test_a_damaged_old_policy_makes_its_accounts_unreadable(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    old = extending(parameters={"max_positions": 6}, name="to be damaged")
    fleet.add("a", "b", policy=old)
    fleet.do("UPDATE exitplan.policies SET document = %s WHERE sha256 = %s", b"{}", old.policy.sha256)
    assert dict(ask(fleet, policy_file(parameters={"max_positions": 1})).tally.unknown) == {"unreadable": 2}


def test_progress_is_taken_from_the_state(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    fleet.add("a")
    fleet.saw(of("a", position("AAA/USD"), tracked=["AAA/USD"], orders=[order(minutes=40)]))
    fleet.cycle(NOW)
    forecast = ask(fleet, policy_file(parameters={"stale_order_minutes": 60}))
    assert dict(forecast.tally.removed) == {("cancel_order", "stale-limit-order"): 1}


def test_guards_that_would_refuse_are_counted_and_sell_nothing() -> None:
    refusing = extending(parameters={"max_positions": 1}, guards={"max_run_pct": Decimal("0.01")})
    whole = Chunk(DEFAULT.policy, refusing.policy, (recorded("a", tracked=["AAA/USD", "BBB/USD"]),), NOW, AGE)
    answer = plan_chunk(whole)
    assert (answer.tally.newly_refused, dict(answer.tally.refused_after)) == (1, {"max_run_pct": 1})
    assert answer.tally.sold["USD"].after.value == 0
    assert answer.changes[0].weight[0]


def test_sales_that_nobody_can_value_are_no_known_sum() -> None:
    blind = of("a", position("AAA/USD"), position("BBB/USD"), markets={"AAA/USD": market(None)})
    seen = Recorded("a", "paper", blind.taken_at, packed(blind), None)
    eager = extending(parameters={"blind_exit_minutes": 0})
    tally = plan_chunk(Chunk(DEFAULT.policy, eager.policy, (seen,), NOW, AGE)).tally
    assert (more_sold(tally, "USD") is None) == (tally.sold["USD"].after.unvalued > 0)


def test_processes_come_to_the_same_as_one(fleet: Fleet, policy_file: Callable[..., Path]) -> None:
    names = [f"a{number:03}" for number in range(230)]
    fleet.add(*names[:120])
    fleet.add(*names[120:], policy=extending(protect=[{"asset": "CCC"}]))
    fleet.saw(*(of(name, tracked=["AAA/USD", "BBB/USD"]) for name in names))
    file = policy_file(parameters={"max_positions": 1})
    one, other = ask(fleet, file), ask(fleet, file, jobs=2)
    assert one.tally == other.tally
    assert list(one.largest) == list(other.largest)
    assert one.tally.changed == 230


def _fatal(given: Chunk) -> Answer:
    if any(account.account == "poison" for account in given.accounts):
        os.kill(os.getpid(), signal.SIGSEGV)
    return plan_chunk(given)


def test_an_account_that_ends_its_process_is_set_apart_and_the_others_are_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "plan_chunk", _fatal)
    answers = list(plan_chunks([chunk(recorded("poison"), recorded("a"))], 1))
    whole = Forecast(most=9)
    for answer in answers:
        whole.add(answer.tally, answer.changes, answer.unknown)
    assert whole.tally.planned == 1
    assert [(one.account, one.reason) for one in whole.unknown] == [("poison", "engine-failed")]


@given(st.lists(st.sampled_from(["x", "y", "z"]), max_size=8), st.integers(0, 8))
def test_sums_are_the_same_however_accounts_are_put_together(kinds: list[str], cut: int) -> None:
    accounts = {
        "x": recorded("x"),
        "y": recorded("y", tracked=["AAA/USD", "BBB/USD"]),
        "z": Recorded("z", "paper", None, None, None),
    }
    seen = [accounts[kind] for kind in kinds]
    merged = Tally()
    for part in (seen[:cut], seen[cut:]):
        merged.merge(plan_chunk(chunk(*part)).tally)
    assert merged == plan_chunk(chunk(*seen)).tally


@given(spoilt_bytes(packed(of("a"))))
def test_a_spoilt_snapshot_is_told_as_a_file(content: bytes) -> None:
    with suppress(FileIsInvalid):
        unpacked(content, "a")
