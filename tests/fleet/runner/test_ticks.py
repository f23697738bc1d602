"""Ticks as rows: begun once, taken once, given back when a worker is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exitplan.fleet.runner import presence, ticks
from exitplan.fleet.runner.local import LocalRunner
from exitplan.fleet.runner.performing import Means
from exitplan.fleet.runner.port import Claim, ShardCycle
from exitplan.fleet.runner.presence import Identity
from exitplan.fleet.runner.ticks import Pool
from exitplan.fleet.runner.worker import Untold, Wanted, Worker
from tests.fleet.runner.database import opened

Fill = Callable[..., None]


def take(pool: Pool, worker: str = "a", egress: tuple[str, ...] = ("",)) -> Claim | None:
    return ticks.take(pool, worker, egress)


def lose(pool: Pool) -> None:
    """Let all leases end, and nobody have been heard of."""
    with pool.connection() as connection:
        connection.execute("UPDATE exitplan.leases SET until = now()")
        connection.execute("UPDATE exitplan.workers SET seen_at = now() - interval '1 hour'")


def test_a_tick_begun_by_many_at_once_runs_once(pool: Pool, fleet: Fill) -> None:
    fleet(shards=3)
    with ThreadPoolExecutor(4) as many:
        begun = list(many.map(lambda _: ticks.begin(pool, 60, "every"), range(4)))
    assert sorted(each.is_new for each in begun) == [False, False, False, True]
    assert [take(pool) and 1 for _ in range(4)] == [1, 1, 1, None]


def test_each_shard_is_taken_by_one_of_many(pool: Pool, fleet: Fill) -> None:
    fleet(shards=8)
    ticks.begin(pool, 60, "")
    with ThreadPoolExecutor(4) as many:
        claims = list(many.map(lambda number: take(pool, f"w{number}"), range(12)))
    taken = [claim.cycle.shard for claim in claims if claim]
    assert len(taken) == len(set(taken))


def test_a_shard_of_a_lost_worker_is_taken_again_under_a_higher_fence(pool: Pool, fleet: Fill) -> None:
    fleet(shards=1)
    ticks.begin(pool, 60, "")
    first = take(pool, "a")
    assert first is not None
    assert take(pool, "b") is None
    lose(pool)
    second = take(pool, "b")
    assert second is not None
    assert second.fence > first.fence
    assert ticks.renew(pool, "a", [1]) == set()


def test_what_a_lost_worker_says_of_a_shard_is_not_kept(pool: Pool, fleet: Fill) -> None:
    fleet(shards=1)
    ticks.begin(pool, 60, "")
    old = take(pool, "a")
    assert old is not None
    lose(pool)
    new = take(pool, "b")
    assert new is not None
    ticks.end(pool, "a", old, {"accounts": 1})
    assert not ticks.is_done(pool, ShardCycle(60, 1))
    ticks.end(pool, "b", new, {"accounts": 2})
    progress = ticks.progress(pool, 60)
    assert progress is not None
    assert progress.is_over
    assert progress.shards[0].figures == {"accounts": 2}


def test_a_shard_that_is_given_back_is_free_at_once(pool: Pool, fleet: Fill) -> None:
    fleet(shards=1)
    ticks.begin(pool, 60, "")
    claim = take(pool)
    assert claim is not None
    ticks.end(pool, "a", claim, None)
    assert take(pool, "b") is not None


def test_a_tick_is_skipped_while_another_runs_and_says_so(pool: Pool, fleet: Fill) -> None:
    fleet(shards=2)
    ticks.begin(pool, 60, "")
    assert take(pool) is not None
    begun = ticks.begin(pool, 120, "")
    assert begun.running == 60
    assert begun.why == "skipped: tick 60 still runs, 2 of its shards are not done"
    skipped = ticks.progress(pool, 120)
    assert skipped is not None
    assert skipped.why == begun.why


def test_shards_that_no_worker_may_take_do_not_hold_up_the_next_tick(pool: Pool, fleet: Fill) -> None:
    fleet(shards=1)
    fleet(shards=1, egress="tokyo", first=2)
    presence.come(pool, Identity("w", "here", 1, ("",)), 1)
    ticks.begin(pool, 60, "")
    claim = take(pool)
    assert claim is not None
    ticks.end(pool, "a", claim, {})
    begun = ticks.begin(pool, 120, "")
    assert (begun.running, begun.missed) == (None, 1)
    assert ticks.open_cycles(pool, ("tokyo",)) == [ShardCycle(120, 2)]


def test_a_worker_that_was_not_told_that_it_has_come_comes_again(pool: Pool) -> None:
    who = Identity("w", "here", 1, ("",))
    for _ in range(2):  # as patience does where the connection broke before the answer
        presence.come(pool, who, 1)
    assert presence.beat(pool, who) == "active"


@pytest.mark.parametrize(("egress", "shards"), [(("",), [1]), (("tokyo",), [2]), (("", "tokyo"), [1, 2])])
def test_a_worker_takes_the_shards_of_its_addresses(
    pool: Pool, fleet: Fill, egress: tuple[str, ...], shards: list[int]
) -> None:
    fleet(shards=1)
    fleet(shards=1, egress="tokyo", first=2)
    ticks.begin(pool, 60, "")
    taken = [take(pool, egress=egress) for _ in range(3)]
    assert [claim.cycle.shard for claim in taken if claim] == shards


def test_drained_shards_and_those_without_accounts_are_no_part_of_a_tick(pool: Pool, fleet: Fill) -> None:
    fleet(shards=3, size=1)
    with pool.connection() as connection:
        connection.execute("INSERT INTO exitplan.drains (kind, name, drained_by) VALUES ('shard', '1', 'me')")
        connection.execute("UPDATE exitplan.accounts SET standing = 'dead' WHERE shard = 2")
    ticks.begin(pool, 60, "")
    assert [cycle.shard for cycle in ticks.open_cycles(pool, ("",))] == [3]


def test_a_tick_of_an_empty_fleet_is_over_at_once(pool: Pool) -> None:
    ticks.begin(pool, 60, "")
    progress = ticks.progress(pool, 60)
    assert progress is not None
    assert progress.is_over
    assert ticks.begin(pool, 120, "").running is None


def alerts_in(pool: Pool) -> list[dict[str, Any]]:
    with pool.connection() as connection:
        rows = connection.execute("SELECT document FROM exitplan.alerts ORDER BY number").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_shards_that_nobody_takes_are_told_once(pool: Pool, fleet: Fill) -> None:
    fleet(shards=1)
    fleet(shards=2, egress="eu", first=2)

    def told() -> list[Any]:
        return [(one["alert_type"], one["tick"], one["left"], one["egress"]) for one in alerts_in(pool)]

    def do(*egress: str) -> None:
        while (claim := take(pool, egress=egress)) is not None:
            ticks.end(pool, "a", claim, {})
        ticks.close(pool)

    for tick in (60, 120, 180):
        assert ticks.begin(pool, tick, "").missed == (2 if tick > 60 else 0)
        do("")
    assert told() == [("SHARDS_LEFT", 60, 2, "eu")]
    ticks.begin(pool, 240, "")
    do("", "eu")
    ticks.begin(pool, 300, "")
    do("eu")
    ticks.begin(pool, 360, "")
    assert told()[1:] == [("SHARDS_LEFT", 300, 1, "none")]


def test_a_row_of_ticks_that_are_skipped_is_told_once(pool: Pool, fleet: Fill) -> None:
    fleet(shards=2)

    def told() -> list[Any]:
        alerts = alerts_in(pool)
        return [(one["alert_type"], one["user_id"], one["tick"], one["running"], one["left"]) for one in alerts]

    def finish() -> None:
        while (claim := take(pool)) is not None:
            ticks.end(pool, "a", claim, {})
        ticks.close(pool)

    ticks.begin(pool, 60, "")
    assert take(pool, "slow") is not None
    for tick in (120, 120, 180, 240):
        ticks.begin(pool, tick, "")
    assert told() == [("TICK_SKIPPED", "platform", 120, 60, 2)]
    lose(pool)
    finish()
    ticks.begin(pool, 300, "")
    assert take(pool, "slow") is not None
    ticks.begin(pool, 360, "")
    assert told()[1:] == [("TICK_SKIPPED", "platform", 360, 300, 2)]


def test_a_tick_begins_whatever_becomes_of_what_is_tended_before_it(url: str) -> None:
    order: list[str] = []

    class Ears(Untold):
        def begun(self, begun: ticks.Begun) -> None:
            order.append(f"begun {begun.tick}")

        def trouble(self, what: str) -> None:
            order.append(what)

    def tend() -> None:
        order.append("tended")
        raise ZeroDivisionError("a rollout\nis broken")

    with opened(url) as (pool, blame):
        worker = Worker(pool, Wanted(Means(""), 1), LocalRunner(), blame, Ears(), tend)
        for tick in (60, 60):
            worker.begin(tick, "")
    assert order[:3] == ["tended", "rollouts were not tended: a rollout is broken", "begun 60"]
    assert order.count("tended") == 1
