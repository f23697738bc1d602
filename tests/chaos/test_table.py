"""The table of the chaos suite: a row for each kind, for each venue, and for all."""

from __future__ import annotations

from tests.chaos.__main__ import table
from tests.chaos.suite import Result, Tally


def test_each_venue_has_a_row_with_its_sums_and_its_slowest_recovery() -> None:
    first = Tally(runs=2, kills=2, faults=1, worked=0.5, waited=6.0, broken={"lost": 1})
    second = Tally(runs=3, kills=1, worked=1.25, waited=1.0)
    told = table({"kraken": Result({"5xx": first, "429": second}, []), "binance": Result({"5xx": second}, [])})
    rows = {line.partition("  ")[0]: line.split() for line in told.splitlines()}
    assert rows["kraken: all"][-12:] == ["5", "3", "1", "0", "1", "0", "0", "0", "1.25", "s", "6.0", "s"]
    assert rows["binance: all"][-12:] == ["3", "1", "0", "0", "0", "0", "0", "0", "1.25", "s", "1.0", "s"]
    assert rows["all"][-12:] == ["8", "4", "1", "0", "1", "0", "0", "0", "1.25", "s", "6.0", "s"]
