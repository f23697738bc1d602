"""The table of a fleet's cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.fleet.measure import Cycle, measure_fleet, measure_floor
from bench.fleet.through_workers import measure_workers
from bench.tables import aligned, figure


def cycles_table(accounts: int, workers: Sequence[int], tell: Callable[[str], None] = lambda _: None) -> str:
    """Measure and format quiet fleets and fleets in which one account in ten has an order, for numbers of workers.

    First the cycles alone, then through real workers: with ticks, leases of shards, and children that may be killed.
    Large fleets take their time, so each row is told as soon as it is known.
    """
    header = [
        f"{accounts:,} accounts",
        "workers",
        "accounts/s",
        "us CPU each",
        "x floor",
        "us Postgres each",
        "WAL B each",
        "flushes an order",
        "MB a worker",
    ]
    tell(" | ".join(header))
    rows = []
    for row in _rows(accounts, workers):
        tell(" | ".join(row))
        rows.append(row)
    return aligned(header, rows)


def _rows(accounts: int, workers: Sequence[int]) -> Iterator[list[str]]:
    floor = measure_floor(accounts)
    yield _row("bare SQL", 1, floor, floor)
    for sells, name in ((False, "all quiet"), (True, "1 in 10 sells")):
        for count in workers:
            yield _row(name, count, measure_fleet(accounts, count, sells=sells), floor)
        for count in workers:
            yield _row(f"{name}, real workers", count, measure_workers(accounts, count, sells=sells), floor)


def _row(name: str, workers: int, cycle: Cycle, floor: Cycle) -> list[str]:
    each = cycle.cpu / cycle.accounts
    return [
        name,
        str(workers),
        f"{cycle.accounts / cycle.seconds:,.0f}",
        figure(each * 1e6),
        figure(each / (floor.cpu / floor.accounts)),
        figure(cycle.postgres / cycle.accounts * 1e6),
        f"{cycle.wal / cycle.accounts:,.0f}",
        f"{cycle.flushes / cycle.orders:.2f}" if cycle.orders else "",
        figure(cycle.mb) if cycle.mb else "",
    ]
