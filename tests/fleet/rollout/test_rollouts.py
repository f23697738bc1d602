"""A rollout in a real database: canary, hold, the next stages, what stops it, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exitplan.fleet.rollout.book import Rollout, read_log, read_rollout
from exitplan.fleet.rollout.deciding import Person, abort, advance, pause, unpause
from exitplan.fleet.rollout.health import Health, moved_members
from exitplan.fleet.rollout.moving import CHANGED, GONE
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.stages import Clocks, Pace, Standing, Step
from exitplan.fleet.rollout.starting import Wanted, start_rollout
from exitplan.fleet.rollout.targets import Targets
from exitplan.fleet.rollout.tending import tend_rollout
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.schemas.policies import load_policy
from tests.builders import NOW
from tests.conftest import examples
from tests.fleet.rollout.conftest import DEFAULT, Fleet, extending

HOLD = timedelta(minutes=30)
PACE = Pace((Decimal("0.1"), Decimal("0.5"), Decimal(1)), HOLD, Decimal("0.1"))
NAMES = tuple(f"a{number:02}" for number in range(20))
PERSON = Person("ann", NOW)


@pytest.fixture
def new(policy_file: Callable[..., Path]) -> Path:
    return policy_file(parameters={"max_positions": 3})


def start(fleet: Fleet, file: Path, pace: Pace = PACE, where: str = "", *, exactly: bool = False) -> Rollout:
    wanted = Wanted(Targets(file, exactly=exactly), Where.parse(where), pace, "ann")
    with fleet.work() as connection:
        return start_rollout(connection, wanted, NOW)


def look(fleet: Fleet, at: datetime) -> Step | None:
    """Look after the rollout, where both clocks are right."""
    tended = tend_rollout(fleet.registry, at, read_clocks=lambda _, now: Clocks(now, now))
    return tended[0].decision.step if tended else None


def hold(fleet: Fleet, begun: datetime = NOW) -> datetime:
    """Let a hold pass, with a cycle in it, up to right before its last look."""
    fleet.do("UPDATE exitplan.rollouts SET looked_at = %s, looked_at_here = %s", begun, begun)
    for minutes in (10, 20):
        assert look(fleet, begun + timedelta(minutes=minutes)) is Step.WAIT
    fleet.cycle(begun + timedelta(minutes=25))
    return begun + HOLD


def now_of(fleet: Fleet, number: int = 1) -> Rollout:
    with fleet.work() as connection:
        return read_rollout(connection, number)


def test_the_canary_moves_at_once_and_each_stage_after_its_hold(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    policy = load_policy(new)
    start(fleet, new)
    moved = [fleet.under(policy)]
    begun = NOW
    for step in (Step.NEXT, Step.NEXT, Step.FINISH):
        begun = hold(fleet, begun)
        assert look(fleet, begun) is step
        moved.append(fleet.under(policy))
    assert [len(accounts) for accounts in moved] == [2, 10, 20, 20]
    assert moved[0] < moved[1] < moved[2]
    assert now_of(fleet).standing is Standing.DONE
    with fleet.work() as connection:
        assert [noted.who for noted in read_log(connection, 1)] == ["ann", "exitplan", "exitplan", "exitplan"]
    assert look(fleet, begun + HOLD) is None


def test_a_guard_that_refuses_under_the_new_policy_stops_it_and_an_alert_tells(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    (canary, _) = sorted(fleet.under(load_policy(new)))
    fleet.cycle(NOW + timedelta(minutes=5), refused={canary: "max_run_pct"})
    assert look(fleet, NOW + timedelta(minutes=6)) is Step.STOP
    assert now_of(fleet).standing is Standing.STOPPED
    alert = orjson.loads(bytes(fleet.one("SELECT document FROM exitplan.alerts")[0]))
    assert (alert["alert_type"], alert["severity"], alert["failing"]) == ("ROLLOUT_STOPPED", "CRITICAL", 1)
    assert f"{canary} (refused by max_run_pct)" in alert["accounts"]
    assert look(fleet, NOW + 9 * HOLD) is None  # nothing moves any more
    assert len(fleet.under(load_policy(new))) == 2


def test_what_failed_before_is_no_reason_to_stop(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    fleet.cycle(NOW - timedelta(minutes=5), refused=dict.fromkeys(NAMES, "max_run_pct"), unknown=NAMES)
    for name in NAMES:
        fleet.alert(name, "EXIT_FAILED", NOW - timedelta(minutes=3))
    start(fleet, new)
    fleet.cycle(NOW + timedelta(minutes=5), refused=dict.fromkeys(NAMES, "max_run_pct"), unknown=NAMES)
    for name in NAMES:
        fleet.alert(name, "EXIT_FAILED", NOW + timedelta(minutes=5))
    assert look(fleet, NOW + timedelta(minutes=6)) is Step.WAIT
    fleet.alert(NAMES[0], "ROUND_FAILED", NOW + timedelta(minutes=7))
    fleet.do("UPDATE exitplan.accounts SET standing = 'dead' WHERE policy = %s", load_policy(new).policy.sha256)
    assert look(fleet, NOW + timedelta(minutes=8)) is Step.STOP


@pytest.mark.parametrize("kind", ["EXIT_FAILED", "ROUND_FAILED", "ACCOUNT_SET_ASIDE", "ENGINE_DISAGREEMENT"])
def test_alerts_of_failures_since_the_move_count_and_others_do_not(fleet: Fleet, new: Path, kind: str) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    canary = min(fleet.under(load_policy(new)))
    fleet.alert(canary, "POSITION_CAP_VIOLATION", NOW + timedelta(minutes=1))
    fleet.alert(canary, kind, NOW - timedelta(minutes=90))
    assert look(fleet, NOW + timedelta(minutes=2)) is Step.WAIT
    fleet.alert(canary, kind, NOW + timedelta(minutes=3))
    assert look(fleet, NOW + timedelta(minutes=4)) is Step.STOP


def test_accounts_that_get_no_round_hold_it_up_unless_they_rest(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    fleet.do("UPDATE exitplan.rollouts SET held = '29 min', looked_at = %s, looked_at_here = %s", NOW, NOW)
    assert look(fleet, NOW + timedelta(minutes=2)) is Step.WAIT
    assert "have not been planned since they moved" in now_of(fleet).why
    fleet.do("UPDATE exitplan.accounts SET standing = 'drained'")
    assert look(fleet, NOW + timedelta(minutes=3)) is Step.NEXT


def test_a_clock_that_jumps_skips_no_hold(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    fleet.cycle(NOW + timedelta(seconds=1))
    assert [one.decision.step for one in tend_rollout(fleet.registry, NOW + timedelta(days=365))] == [Step.WAIT]
    assert now_of(fleet).held < timedelta(minutes=1)


def test_nothing_moves_while_it_is_paused_and_the_pause_is_no_hold(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    fleet.cycle(NOW + timedelta(minutes=1))
    with fleet.work() as connection:
        pause(connection, Person("bob", NOW, "lunch"))
    assert look(fleet, NOW + 9 * HOLD) is None
    with fleet.work() as connection:
        assert unpause(connection, Person("bob", NOW + 9 * HOLD)).held == timedelta()
    with fleet.work() as connection, pytest.raises(UsageError, match="is not paused"):
        unpause(connection, PERSON)


def test_advancing_goes_on_at_once_and_accepts_what_fails(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    canary = min(fleet.under(load_policy(new)))
    fleet.alert(canary, "EXIT_FAILED", NOW + timedelta(minutes=1))
    assert look(fleet, NOW + timedelta(minutes=2)) is Step.STOP
    with fleet.work() as connection:
        assert advance(connection, Person("ann", NOW + timedelta(minutes=3), "known")).moved == 8
    assert look(fleet, NOW + timedelta(minutes=4)) is Step.WAIT
    with fleet.work() as connection:
        advance(connection, PERSON)
        assert advance(connection, PERSON).rollout.standing is Standing.DONE
    with fleet.work() as connection, pytest.raises(UsageError, match="is done"):
        advance(connection, PERSON)


def test_aborting_restores_exactly_what_was(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES[:10])
    fleet.add(*NAMES[10:], policy=extending(protect=[{"asset": "BTC"}]))
    before = fleet.policies()
    start(fleet, new)
    with fleet.work() as connection:
        advance(connection, PERSON)
        ended = abort(connection, PERSON, roll_back=True)
    assert (ended.put_back, ended.left_alone) == (10, ())
    assert fleet.policies() == before
    with fleet.work() as connection:
        assert read_rollout(connection, 1).standing is Standing.ABORTED
    assert start(fleet, new).number == 2  # nobody is in its way


def test_what_is_done_can_still_be_rolled_back(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES[:3])
    before = fleet.policies()
    start(fleet, new)
    with fleet.work() as connection:
        for _ in PACE.stages:
            advance(connection, PERSON)
    with fleet.work() as connection, pytest.raises(UsageError, match="is done"):
        abort(connection, PERSON, roll_back=False)
    with fleet.work() as connection:
        assert abort(connection, PERSON, roll_back=True).put_back == 3
    assert fleet.policies() == before
    with fleet.work() as connection, pytest.raises(UsageError, match="is aborted"):
        abort(connection, PERSON, roll_back=True)


def test_an_account_that_somebody_else_has_changed_is_left_alone_and_told(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    other = extending(parameters={"max_positions": 5})
    fleet.add("other", policy=other)
    start(fleet, new, where=f"policy={DEFAULT.policy.sha256[:8]}")
    moved = sorted(fleet.under(load_policy(new)))
    still = sorted(set(NAMES) - set(moved))
    fleet.do("UPDATE exitplan.accounts SET policy = %s WHERE account = %s", other.policy.sha256, moved[0])
    fleet.do("UPDATE exitplan.accounts SET policy = %s WHERE account = %s", other.policy.sha256, still[0])
    fleet.do("DELETE FROM exitplan.accounts WHERE account = ANY(%s)", [moved[1], still[1]])
    with fleet.work() as connection:
        assert Health.of(moved_members(connection, read_rollout(connection, 1))).counts.moved == 0
        advance(connection, PERSON)
        advance(connection, PERSON)
        ended = abort(connection, PERSON, roll_back=True)
    assert ended.left_alone == tuple(moved)
    assert ended.put_back == 16
    assert fleet.under(other) == {"other", moved[0], still[0]}
    with fleet.work() as connection:
        left = dict(connection.execute("SELECT account, left_alone FROM exitplan.rollout_accounts WHERE place >= 0"))
    assert (left[still[0]], left[still[1]], left[moved[0]], left[moved[1]]) == (CHANGED, GONE, CHANGED, GONE)


def test_accounts_keep_their_own_protection_and_tighter_guards_unless_the_policy_is_taken_exactly(
    fleet: Fleet, new: Path
) -> None:
    own = extending(protect=[{"asset": "BTC"}], guards={"max_actions": 7})
    fleet.add("own", policy=own, own_guards=("max_actions",))
    whole = Pace((Decimal(1),), HOLD, Decimal(0))
    start(fleet, new, whole)
    kept = fleet.policy(fleet.policies()["own"]).policy
    assert kept.max_positions == 3
    assert kept.guards["max_actions"] == 7
    assert kept.protect == own.policy.protect
    with fleet.work() as connection:
        abort(connection, PERSON, roll_back=True)
    start(fleet, new, whole, exactly=True)
    assert fleet.under(load_policy(new)) == {"own"}


def test_one_rollout_at_a_time_has_an_account(fleet: Fleet, new: Path, policy_file: Callable[..., Path]) -> None:
    fleet.add("a", "b", venue="kraken", tags=("vip",))
    fleet.add("c", venue="okx")
    start(fleet, new, where="venue=kraken")
    with pytest.raises(UsageError, match="2 of the accounts are in rollout 1"):
        start(fleet, policy_file(parameters={"max_positions": 4}), where="tag=vip")
    assert start(fleet, new, where="venue=okx").number == 2
    with fleet.work() as connection, pytest.raises(UsageError, match="which rollout"):
        pause(connection, PERSON)


def test_there_is_nothing_to_roll_out_where_all_have_the_policy(fleet: Fleet, new: Path) -> None:
    fleet.add("a", policy=load_policy(new))
    with pytest.raises(UsageError, match="has this policy"):
        start(fleet, new)
    with fleet.work() as connection, pytest.raises(UsageError, match="there is no rollout"):
        pause(connection, PERSON)


def test_two_ticks_at_once_begin_a_stage_once(fleet: Fleet, new: Path, postgres_url: str) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    end = hold(fleet)
    with psycopg.connect(postgres_url) as another:
        another.execute("SELECT FROM exitplan.rollouts FOR UPDATE")
        assert look(fleet, end) is None  # somebody else is at it
    assert look(fleet, end) is Step.NEXT
    assert look(fleet, end) is Step.WAIT


def test_a_rollout_that_is_broken_keeps_no_other_from_going_on(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES, venue="kraken")
    fleet.add("b1", "b2", venue="okx")
    assert [start(fleet, new, where=f"venue={venue}").number for venue in ("kraken", "okx")] == [1, 2]
    fleet.do("UPDATE exitplan.rollouts SET stages = '{0.5}' WHERE rollout = 2")  # the newest is looked at first
    end = NOW + HOLD
    fleet.do("UPDATE exitplan.rollouts SET held = hold, looked_at = %s, looked_at_here = %s", end, end)
    fleet.cycle(end)
    for _ in range(2):
        with pytest.raises(ExitplanError, match="rollout 2: "):
            look(fleet, end)
    assert now_of(fleet, 1).stage == 1


@pytest.mark.parametrize("whose", ["", "*"], ids=["all", "each"])
def test_while_accounts_are_halted_nobody_waits_for_them_in_vain(fleet: Fleet, new: Path, whose: str) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    for name in [whose] if not whose else NAMES:
        fleet.do("INSERT INTO exitplan.halts VALUES (%s, 'a venue is down', now())", name)
    steps = [look(fleet, NOW + timedelta(minutes=10 * turn)) for turn in range(1, 13)]
    assert Step.STOP not in steps
    if whose:
        return
    assert set(steps) == {Step.WAIT}
    assert (now_of(fleet).held, now_of(fleet).why) == (timedelta(), "all accounts are halted: the hold waits")
    fleet.do("DELETE FROM exitplan.halts")
    begun = NOW + timedelta(hours=2)
    assert look(fleet, hold(fleet, begun)) is Step.NEXT


def test_a_halt_of_all_keeps_no_rollout_from_stopping(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    fleet.do("INSERT INTO exitplan.halts VALUES ('', 'something is wrong', now())")
    fleet.alert(min(fleet.under(load_policy(new))), "EXIT_FAILED", NOW + timedelta(minutes=1))
    assert look(fleet, NOW + timedelta(minutes=2)) is Step.STOP


def test_accounts_whose_rounds_failed_before_they_moved_are_not_waited_for(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    for name in NAMES[::2]:
        fleet.trouble(name, "failed CredentialsMissing")
    whole = Pace((Decimal(1),), HOLD, Decimal("0.1"))
    start(fleet, new, whole)
    fleet.do("UPDATE exitplan.rollouts SET held = hold, looked_at = %s, looked_at_here = %s", NOW, NOW)
    assert look(fleet, NOW + timedelta(minutes=1)) is Step.WAIT  # the others were not planned either
    fleet.cycle(NOW + timedelta(minutes=2), only=NAMES[1::2])
    assert look(fleet, NOW + timedelta(minutes=3)) is Step.FINISH


def test_what_the_tables_hold_that_is_no_document_says_nothing(fleet: Fleet, new: Path) -> None:
    fleet.add(*NAMES)
    start(fleet, new)
    for name in NAMES:
        for table in ("state", "readings"):
            fleet.do(f"INSERT INTO exitplan.{table} (account, document) VALUES (%s, %s)", name, b"\xff[")  # noqa: S608 - our own names
    fleet.do("INSERT INTO exitplan.alerts (account, at, document) VALUES (%s, %s, %s)", NAMES[0], NOW, b"[1]")
    assert look(fleet, NOW + timedelta(minutes=1)) is Step.WAIT


class Turns:
    """A rollout to which anything happens, and what must hold after each thing."""

    def __init__(self, fleet: Fleet, file: Path) -> None:
        self.fleet, self.new, self.other = fleet, load_policy(file), extending(parameters={"max_positions": 5})
        fleet.add("other", policy=self.other, venue="okx")
        self.before, self.now, self.changed = fleet.policies(), NOW, set[str]()
        start(fleet, file, where="venue=paper")
        self.moved = fleet.under(self.new)

    def take(self, turn: str, account: str) -> None:
        self.now += timedelta(minutes=10)
        person = Person("ann", self.now)
        match turn:
            case "look":
                look(self.fleet, self.now)
            case "cycle":
                self.fleet.cycle(self.now)
            case "refuse":
                self.fleet.cycle(self.now, refused={account: "max_actions"})
            case "change":
                self.fleet.do(
                    "UPDATE exitplan.accounts SET policy = %s WHERE account = %s", self.other.policy.sha256, account
                )
                self.changed.add(account)
            case _:
                with self.fleet.work() as connection, suppress(UsageError):
                    {"advance": advance, "pause": pause, "unpause": unpause}[turn](connection, person)
        self.check(turn)

    def check(self, turn: str) -> None:
        rollout, moved = now_of(self.fleet), self.fleet.under(self.new)
        assert self.moved - self.changed <= moved
        assert len(moved) <= rollout.reach
        if turn in {"pause", "unpause", "refuse", "cycle"}:
            assert moved == self.moved - self.changed
        with self.fleet.work() as connection:
            counted = Health.of(moved_members(connection, rollout)).counts
        if turn == "look" and rollout.standing is Standing.RUNNING and moved == self.moved:
            assert counted.failing <= PACE.max_failures * counted.moved
        self.moved = moved

    def end(self) -> None:
        if not now_of(self.fleet).standing.is_over:
            with self.fleet.work() as connection:
                abort(connection, Person("ann", self.now), roll_back=True)
            expected = {**self.before, **dict.fromkeys(self.changed, self.other.policy.sha256)}
            assert self.fleet.policies() == expected


turns = st.sampled_from(["look", "look", "cycle", "refuse", "change", "advance", "pause", "unpause"])


@given(st.lists(st.tuples(turns, st.sampled_from(NAMES)), max_size=12))
@settings(parent=examples(6, 200), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_stages_only_grow_and_the_way_back_restores_all_that_nobody_else_changed(
    fleet: Fleet, new: Path, happens: list[tuple[str, str]]
) -> None:
    fleet.do("TRUNCATE exitplan.rollouts, exitplan.accounts, exitplan.state, exitplan.readings CASCADE")
    fleet.do("ALTER SEQUENCE exitplan.rollouts_rollout_seq RESTART")
    fleet.add(*NAMES)
    told = Turns(fleet, new)
    for turn, account in happens:
        told.take(turn, account)
    told.end()
