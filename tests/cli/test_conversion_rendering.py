"""How a plan shows the dust that it converts, and the dust that stays."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from exitplan.cli.rendering.plan import plan_parts, summary_line
from exitplan.ruleset.model.snapshot import Conversion
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.words import blocked_text
from tests.builders import position, snapshot, typed_plan_of
from tests.cli.test_rendering import drawn


def converted(*costs: str) -> Plan:
    """Plan one crumb worth 0.05 for each cost, beside a position that is sold."""
    names = [f"{letter}/USD" for letter, _ in zip("ABCDEF", costs, strict=False)]
    account = snapshot(*(position(name, "0.0005") for name in names), position("Z/USD", "0.05"))
    terms = {name: Conversion(Decimal(cost)) for name, cost in zip(names, costs, strict=True)}
    return typed_plan_of(replace(account, conversions=terms), dust={"convert": True})


def test_conversions_have_a_block_of_their_own_with_quantity_value_and_cost() -> None:
    text = drawn(*plan_parts(converted("0.02", "0.0123456789")))
    block = text[text.index("Dust to convert") :]
    assert "Dust to convert  2 positions, too small to sell" in text
    lines = [" ".join(line.partition("worth")[0].split()) for line in block.splitlines()[1:3]]
    assert lines[0] == "- A/USD convert 0.0005 ~ 0.05 costs ~ 0.001 (2 %)"
    assert lines[1] == "- B/USD convert 0.0005 ~ 0.05 costs ~ 0.000617 (1.24 %)"


def test_they_are_not_among_the_exits() -> None:
    text = drawn(*plan_parts(converted("0.02")))
    exits = text[text.index("Exit dust") : text.index("Dust to convert")]
    assert "Z/USD" in exits
    assert "A/USD" not in exits


def test_the_summary_counts_conversions_apart_from_what_is_sold() -> None:
    assert summary_line(converted("0.02")).plain == "Plan: 1 to close, 1 to convert, ~ 5.00 USD to be sold."


def test_what_is_not_converted_says_why() -> None:
    plan = converted("0.2")
    why = "the quantity is below what the venue accepts; not converted: it costs ~ 0.01 USD (20 %), and 5 % is allowed"
    assert blocked_text(plan.blocked[0]) == why
    assert "not converted: it costs" in " ".join(drawn(*plan_parts(plan), width=160).split())
