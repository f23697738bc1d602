"""Laws of the ladder, whatever the clock does, people say and processes forget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exitplan.executor.escalation.climbing import Ack, Incident, Situation, Trouble, tend_incidents
from exitplan.executor.store.untold import Told
from exitplan.ruleset.language.escalation import Ladder, Patience, Step

START = datetime(2026, 2, 18, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
LADDER = Ladder(
    "zombie",
    "zombie_exit_failed",
    Patience(failures=2),
    (Step(("desk",)), Step(("phone",), HOUR), Step(("boss",), 2 * HOUR, repeat=HOUR)),
)
JUMPS = st.sampled_from((0, 1, 59, 60, 61, 600, 10**6, -1, -600, -(10**6))).map(
    lambda minutes: timedelta(minutes=minutes)
)


@dataclass
class World:
    """An account in the hands of the ladder; ``wrong`` are the subjects with a failed exit now."""

    ladder: Ladder = LADDER
    now: datetime = START
    open: tuple[Incident, ...] = ()
    told: list[Told] = field(default_factory=list)
    acks: int = 0
    incidents: int = 0

    def tend(self, wrong: Iterable[str]) -> list[Told]:
        troubles = [Trouble(LADDER.on, subject, START, 2) for subject in wrong]
        tended = tend_incidents(
            [self.ladder], self.open, Situation("main", self.now, troubles, incidents=self.incidents)
        )
        self.incidents += len({incident.id for incident in tended.incidents} - {incident.id for incident in self.open})
        self.open = tended.open
        self.told += tended.alerts
        return list(tended.alerts)

    def ack(self, minutes: int | None, *, is_undone: bool = False) -> None:
        self.acks += 1
        until = None if minutes is None else self.now + timedelta(minutes=minutes)
        ack = Ack(self.acks, "alice", self.now, "on it", until, is_undone)
        self.open = tuple(replace(incident, ack=ack) for incident in self.open)


DEEDS = st.lists(
    st.one_of(
        JUMPS,
        st.sets(st.sampled_from(("AAA/USD", "BBB/USD"))),
        st.sampled_from((None, 30, 600)),
    ),
    max_size=30,
)


def lived(deeds: list[object]) -> World:
    """Live through jumps of the clock, changes of what is wrong, and acknowledgements, with a tending after each."""
    world, wrong = World(), {"AAA/USD"}
    for deed in deeds:
        if isinstance(deed, timedelta):
            world.now += deed
        elif isinstance(deed, set):
            wrong = deed
        else:
            world.ack(deed)  # type: ignore[arg-type] # minutes or None
        alerts = world.tend(wrong)
        assert len({alert.figures["incident"] for alert in alerts}) == len(alerts), "one step at a tending"
    return world


@given(DEEDS)
def test_no_step_is_told_twice_and_steps_come_in_order(deeds: list[object]) -> None:
    told = lived(deeds).told
    ids = [alert.alert_id for alert in told]
    assert len(set(ids)) == len(ids)
    for incident in {alert.figures["incident"] for alert in told}:
        steps = [alert.figures.get("step", "end") for alert in told if alert.figures["incident"] == incident]
        assert [*dict.fromkeys(steps)] == ["1 of 3", "2 of 3", "3 of 3", "end"][: len(set(steps) - {"end"})] + (
            ["end"] if "end" in steps else []
        )
        assert steps.count("end") <= 1
        assert steps.count("1 of 3") == 1
        assert steps.count("2 of 3") <= 1


@given(DEEDS)
def test_what_is_over_is_told_once_to_all_who_were_told_of_it_and_to_nobody_else(deeds: list[object]) -> None:
    world = lived(deeds)
    world.tend(())
    assert world.open == ()
    for incident in {alert.figures["incident"] for alert in world.told}:
        *steps, end = [alert for alert in world.told if alert.figures["incident"] == incident]
        assert end.kind == "ESCALATION_ENDED"
        assert set(end.figures["channels"]) == {name for step in steps for name in step.figures["channels"]}


@given(st.integers(1, 1000), st.lists(st.integers(0, 400), max_size=10))
def test_an_acknowledgement_silences_until_its_end_and_not_longer(minutes: int, jumps: list[int]) -> None:
    world = World()
    world.tend({"AAA/USD"})
    world.ack(minutes)
    end = world.now + timedelta(minutes=minutes)
    for jump in jumps:
        world.now = min(world.now + timedelta(minutes=jump), end - timedelta(seconds=1))
        assert world.tend({"AAA/USD"}) == []
    world.now = max(end, START + HOUR)
    assert [alert.figures["step"] for alert in world.tend({"AAA/USD"})] == ["2 of 3"]


@given(st.lists(JUMPS, max_size=20))
def test_after_any_jumps_the_next_step_is_never_further_away_than_its_wait(jumps: list[timedelta]) -> None:
    world = World()
    world.tend({"AAA/USD"})
    for jump in jumps:
        world.now += jump
        world.tend({"AAA/USD"})
    world.now += 2 * HOUR
    assert len(world.tend({"AAA/USD"})) == 1


@given(st.integers(0, 5), st.booleans())
def test_an_incident_is_opened_by_failures_or_by_giving_up(failures: int, given_up: bool) -> None:
    trouble = Trouble(LADDER.on, "AAA/USD", START, failures, given_up)
    tended = tend_incidents([LADDER], (), Situation("main", START, [trouble]))
    assert bool(tended.open) == (failures >= 2 or given_up)


def test_what_nobody_can_find_out_ends_no_incident_and_stops_no_ladder() -> None:
    world = World()
    world.tend({"AAA/USD"})
    seen = Situation("main", world.now + HOUR, unread=[LADDER.on])
    tended = tend_incidents([LADDER], world.open, seen)
    assert [alert.figures["step"] for alert in tended.alerts] == ["2 of 3"]


def test_a_ladder_that_becomes_shorter_or_longer_goes_on_from_where_it_was() -> None:
    world = World()
    world.tend({"AAA/USD"})
    world.now += HOUR
    world.tend({"AAA/USD"})
    world.ladder = replace(LADDER, steps=LADDER.steps[:1])
    world.now += 9 * HOUR
    assert world.tend({"AAA/USD"}) == []
    world.ladder = LADDER
    assert [alert.figures["step"] for alert in world.tend({"AAA/USD"})] == ["3 of 3"]
