"""The comparison of policies is measured, and the table says whether it is quick enough."""

from __future__ import annotations

from bench.comparing import compare_table


def test_the_table_has_a_row_for_each_aim() -> None:
    table = compare_table(rounds=1, snapshots=2)
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [
        "12 rules, proved equal",
        "12 rules, 10 kinds with regions",
        "2 accounts of 20 positions, both plans",
    ]
