"""Look at the database of a fleet before it is needed: the server, its clock, who holds what, and how ticks stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exitplan.brokers.protocol import Clock
from exitplan.executor.doctor import Finding, Grade, careful
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.runner.presence import LOST

if TYPE_CHECKING:
    from psycopg import Connection

_NAMED = 5
_APART = timedelta(seconds=1)
"""How far the clocks of this machine and of the server may be apart before somebody is told."""
_SLOW = timedelta(milliseconds=20)
"""What a question to the server should take at most: an order waits for two of them."""
_NEARLY_FULL = 0.9
_SETTINGS = ("synchronous_commit", "fsync", "full_page_writes")
_FULL_PAGES = "a power cut can damage the database: ALTER SYSTEM SET full_page_writes = on"
_SERVER = """
SELECT current_setting('server_version'), current_setting('server_encoding'),
       (SELECT string_agg(part || ' ' || version, ', ' ORDER BY part) FROM exitplan.versions),
       pg_size_pretty(pg_database_size(current_database())),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"""
_LEASES = """
SELECT count(*) FILTER (WHERE name LIKE 'shard:%' AND until > now()),
       count(*) FILTER (WHERE name NOT LIKE 'shard:%' AND until > now()),
       count(*) FILTER (WHERE until <= now() AND token <> '') FROM exitplan.leases"""
_WORKERS = """
SELECT coalesce(sum(1) FILTER (WHERE seen_at >= now() - %(lost)s), 0),
       coalesce(array_agg(worker ORDER BY worker) FILTER (WHERE seen_at < now() - %(lost)s), '{}')
  FROM exitplan.workers WHERE standing <> 'gone'"""
_TICK = """
SELECT tick, now() - begun_at, ended_at IS NOT NULL, (SELECT count(*) FROM exitplan.ticks s WHERE s.tick > t.tick),
       (SELECT count(*) FROM exitplan.cycles c WHERE c.tick = t.tick),
       (SELECT count(ended_at) FROM exitplan.cycles c WHERE c.tick = t.tick),
       (SELECT count(*) FROM exitplan.cycles c WHERE c.tick = t.tick AND c.ended_at IS NULL AND NOT EXISTS (
          SELECT FROM exitplan.leases l WHERE l.name = 'shard:' || c.shard AND l.until > now()))
  FROM exitplan.ticks t WHERE coalesce(why, '') NOT LIKE 'skipped%' ORDER BY tick DESC LIMIT 1"""
_DEAD = "SELECT account, why FROM exitplan.accounts WHERE standing = 'dead' ORDER BY account"
_STOPPED = "SELECT rollout, why FROM exitplan.rollouts WHERE standing = 'stopped' ORDER BY rollout"


def examine_fleet(place: FleetPlace, clock: Clock) -> list[Finding]:
    """Check the database of a fleet, and how its workers, ticks, accounts and rollouts stand; nothing is changed."""

    def asked() -> Iterator[Finding]:
        with place.database.connection() as connection:
            yield from _server(connection)
            yield from _clock(connection, clock)
            yield from _halts(place)
            yield from _leases(connection)
            yield from _workers(connection)
            yield from _tick(connection)
            yield from _set_aside(connection)

    return careful("database", asked)


def _one(connection: Connection[Any], query: str, values: dict[str, object] | None = None) -> Sequence[Any]:
    return connection.execute(query.encode(), values).fetchone() or ()


def _server(connection: Connection[Any]) -> Iterator[Finding]:
    version, encoding, parts, size, most, used = _one(connection, _SERVER)
    text = f"Postgres {version.partition(' ')[0]}, {encoding}, {size}; tables of version {parts}"
    yield Finding("database", Grade.OK, text)
    settings = {name: str(_one(connection, f"SHOW {name}")[0]) for name in _SETTINGS}
    told = ", ".join(f"{name} = {value}" for name, value in settings.items())
    is_whole = settings["full_page_writes"] == "on"
    yield Finding("settings", Grade.OK if is_whole else Grade.WARNING, told, None if is_whole else _FULL_PAGES)
    said = f"{used} of {most} connections are used"
    if used > most * _NEARLY_FULL:
        yield Finding("connections", Grade.WARNING, said, "raise max_connections, or have fewer processes")
    else:
        yield Finding("connections", Grade.OK, said)


def _clock(connection: Connection[Any], clock: Clock) -> Iterator[Finding]:
    """Compare the clocks; the answer is somewhere between the question and now."""
    _one(connection, "SELECT 1")
    before = clock()
    (theirs,) = _one(connection, "SELECT clock_timestamp()")
    after = clock()
    off = _apart(theirs, before, after)
    if off > _APART:
        text = f"this machine's clock and the database's differ by {off.total_seconds():.1f} seconds"
        yield Finding("clock", Grade.WARNING, text, "set them, for example with NTP; leases go by the database's")
    else:
        yield Finding("clock", Grade.OK, "this machine's clock and the database's agree to a second")
    took = after - before
    text = f"a question takes {took.total_seconds() * 1000:.1f} ms"
    hint = None if took <= _SLOW else "an order waits for two: let workers be near the database"
    yield Finding("distance", Grade.OK if took <= _SLOW else Grade.WARNING, text, hint)


def _apart(theirs: datetime, before: datetime, after: datetime) -> timedelta:
    return max(before - theirs, theirs - after, timedelta())


def _halts(place: FleetPlace) -> Iterator[Finding]:
    halts = place.halts()
    for halt in halts[:_NAMED]:
        whose = f"the account {halt.account}" if halt.account else "every account"
        yield Finding("halt", Grade.WARNING, f"{whose} is halted: {halt.text}", "end it with: exitplan resume")
    if len(halts) > _NAMED:
        yield Finding("halt", Grade.WARNING, f"{len(halts) - _NAMED:,} more accounts are halted")
    if not halts:
        yield Finding("halt", Grade.OK, "nothing is halted")


def _leases(connection: Connection[Any]) -> Iterator[Finding]:
    shards, others, ended = _one(connection, _LEASES)
    text = f"held: of shards {shards:,}, of accounts {others:,}"
    yield Finding("leases", Grade.OK, f"{text}; not given back: {ended:,}" if ended else text)


def _workers(connection: Connection[Any]) -> Iterator[Finding]:
    active, lost = _one(connection, _WORKERS, {"lost": LOST})
    if lost:
        text = f"not heard of for {LOST.total_seconds():.0f} seconds: {_listed(lost)}"
        yield Finding("workers", Grade.WARNING, text, "the others have their shards; see exitplan fleet status")
    if active:
        yield Finding("workers", Grade.OK, f"at work: {active:,}")
    else:
        yield Finding("workers", Grade.WARNING, "none is at work", "start one with: exitplan fleet worker --every 5m")


def _tick(connection: Connection[Any]) -> Iterator[Finding]:
    row = _one(connection, _TICK)
    if not row:
        yield Finding("tick", Grade.WARNING, "none was begun yet", "exitplan fleet tick, or a worker with --every")
        return
    tick, age, is_over, skipped, shards, done, idle = row
    stands = "over" if is_over or done == shards else f"at work, {shards - done:,} of {shards:,} shards are not done"
    text = f"{tick}, begun {_ago(age)} ago, is {stands}"
    if idle and done < shards:
        hint = "a worker with their egress may be missing: exitplan fleet status"
        yield Finding("tick", Grade.WARNING, f"{text}; nobody works on {idle:,} of them", hint)
    elif skipped:
        hint = "add workers, or let ticks be further apart"
        yield Finding("tick", Grade.WARNING, f"{text}; skipped since: {skipped:,}", hint)
    else:
        yield Finding("tick", Grade.OK, text)


def _set_aside(connection: Connection[Any]) -> Iterator[Finding]:
    dead = connection.execute(_DEAD.encode()).fetchall()
    for account, why in dead[:_NAMED]:
        yield Finding("set aside", Grade.PROBLEM, f"{account}: {why or 'nobody knows why'}", "exitplan fleet dead")
    if len(dead) > _NAMED:
        yield Finding("set aside", Grade.PROBLEM, f"{len(dead) - _NAMED:,} more", "exitplan fleet dead")
    if not dead:
        yield Finding("set aside", Grade.OK, "no account")
    for number, why in connection.execute(_STOPPED.encode()).fetchall():
        hint = f"exitplan fleet rollout status {number}"
        yield Finding("rollout", Grade.PROBLEM, f"rollout {number} has stopped by itself: {why}", hint)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _ago(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))
