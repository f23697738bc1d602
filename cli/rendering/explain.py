"""An explanation drawn for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.model.values import parse_decimal
from exitplan.ruleset.planning.words import clock_time, exact, money, rounded_percent
from exitplan.workbench.explaining.words import cap_text, outcomes_note, planned_lines

Document = Mapping[str, Any]
_MOST_RANKED = 10
_MOST_WAYS = 8
_RANKED = {"oldest": "age_minutes"}
_CATEGORY_STYLES = {
    "STRATEGY_ALIGNED": "bold green",
    "LEGACY_NON_COMPLIANT": "bold yellow",
    "ZOMBIE_LEGACY": "bold red",
    "DEFERRED": "bold magenta",
}


def explanation_parts(explained: Document) -> Iterator[RenderableType | None]:
    """Draw an explanation, section by section."""
    for position in explained["positions"]:
        yield from _position_parts(explained, position)
    for order in explained["orders"]:
        yield from _order_parts(order)


def _position_parts(explained: Document, position: Document) -> Iterator[RenderableType | None]:
    yield _verdict(explained, position)
    yield _facts(position["facts"], position["unknown_facts"], position["sources"])
    note = "the first rule that matches decides"
    yield section("Classification", note, _rules(position["classification"], "no rule matches: STRATEGY_ALIGNED"))
    yield words(f"Cap: {cap_text(position['cap'])}")
    yield _ranking(explained["symbol"], position)
    yield section("Exits", note, _rules(position["exits"], "no rule matches: no exit"))
    yield section("In the plan", "", Text("\n").join(words(line) for line in planned_lines(position)))
    yield _schedule(position["schedule"])
    yield _outcomes(position.get("outcomes"))
    if "health" in position:
        from exitplan.cli.rendering.health import health_lines  # noqa: PLC0415 - few policies have a model

        yield health_lines(position["health"])
    if "why_not" in position:
        asked = position["why_not"]
        yield section(f"Why not {asked['asked']}", "", Text("\n").join(words(line) for line in asked["reasons"]))
    yield _alternatives(position["alternatives"])


def _verdict(explained: Document, position: Document) -> Text:
    title = f"{explained['symbol']} {position['side']} {exact(position['quantity'])}"
    line = heading(title, f"account {explained['account']}, {clock_time(explained['now'])}")
    line.append("\n").append(position["category"], _CATEGORY_STYLES.get(position["category"], ""))
    by = f" by {position['rule']}" if position["rule"] else ""
    return line.append_text(words(f"{by}: {position['because']}"))


def _ranking(symbol: str, position: Document) -> RenderableType | None:
    """Show whom the cap takes first, and this position's place among them."""
    cap = position["cap"]
    if not cap["ranking"]:
        return None
    table = rows("r", "l", "l", "l")
    for place, other in enumerate(cap["ranking"], start=1):
        is_this = (other["symbol"], other["side"]) == (symbol, position["side"])
        if place > _MOST_RANKED and not is_this:
            continue
        style = "bold" if is_this else ""
        ranks = ", ".join(f"{_RANKED.get(name, name)} {_number(other[name] or 'unknown')}" for name in cap["rank_by"])
        chosen = "chosen" if other["chosen"] else ""
        table.add_row(Text(str(place), style), words(other["symbol"], style), chosen, words(ranks, style))
    left = len(cap["ranking"]) - _MOST_RANKED
    note = f"the first {_MOST_RANKED} of {len(cap['ranking']):,}" if left > 0 else "the first is taken first"
    return section("The cap's ranking", note, table)


def _alternatives(ways: Sequence[Document]) -> RenderableType | None:
    """Show the nearest ways to other exits."""
    shown = [way for way in ways if way["confirmed"]][:_MOST_WAYS]
    if not shown:
        return None
    table = rows("l", "l")
    for way in shown:
        does = f"{way['action']} by {way['exit']}" if way["action"] else f"nothing ({way['category']})"
        table.add_row(words(does), words(f"if {', '.join(way['changes'])}"))
    return section("What would change it", "all else as it is; each is what a plan would then do", table)


def _schedule(cycles: Sequence[Document]) -> RenderableType | None:
    """Show the cycles of an unwind that are to come."""
    if not cycles:
        return None
    table = rows("l", "l", "r", "r", "l")
    for cycle in cycles:
        value = "" if cycle["value"] is None else f"~ {money(cycle['value'])}"
        table.add_row(
            words(f"cycle {cycle['cycle']} of {cycle['cycles']}"),
            words(clock_time(cycle["at"])),
            words(exact(cycle["quantity"])),
            words(value),
            words(f"leaves {exact(cycle['left'])}"),
        )
    return section("Unwind", "each cycle at the earliest, at today's price", table)


def _outcomes(outcomes: Document | None) -> RenderableType | None:
    """Show what the schedules are expected to cost, and how far that may be off."""
    if outcomes is None:
        return None
    table = titled("schedule", "left after each cycle", "impact", "expected cost", "deviation", justify="llrrr")
    for row in outcomes["rows"]:
        left = " / ".join(rounded_percent(parse_decimal(share)) for share in row["left"])
        figures = (rounded_percent(parse_decimal(row["impact_share"])), money(row["cost"]), money(row["deviation"]))
        style = "bold" if row["is_own"] else ""
        table.add_row(words(row["schedule"], style), words(left), *map(words, figures))
    return section("What it may cost", "this policy's schedule in bold", Group(table, words(outcomes_note(outcomes))))


def _facts(
    facts: Mapping[str, Any], unknown: Sequence[str] = (), sources: Mapping[str, str] = MappingProxyType({})
) -> RenderableType:
    table = rows("l", "l", "l")
    for name, value in facts.items():
        shown = str(value).lower() if isinstance(value, bool) else _number(value)
        table.add_row(words(name), words(shown), words(sources.get(name, ""), "dim"))
    for name in unknown:
        table.add_row(words(name, "dim"), words("unknown", "dim"), "")
    return section("Facts", "", table)


def _number(text: str) -> str:
    try:
        return exact(text)
    except ValueError:
        return text


def _rules(tried: Sequence[Document], otherwise: str) -> RenderableType:
    table = rows("l", "l", "l")
    for rule in tried:
        sign, style = (">", "bold") if rule["decides"] else ("", "" if rule["matches"] else "dim")
        does = rule.get("category") or rule.get("action") or "cancel"
        table.add_row(Text(sign, style), _truth(rule["matches"]), _rule_text(rule, does, style))
    if not any(rule["decides"] for rule in tried):
        table.add_row(">", "", words(otherwise, "bold"))
    return table


def _rule_text(rule: Document, does: str, style: str) -> Text:
    text = words(f"{rule['id']} -> {does}", style)
    if rule["place"]:
        text.append_text(words(f"  {rule['place']}", "dim"))
    condition = rule["condition"]
    if "parts" not in condition:
        return text.append("\n  ").append_text(_comparison(condition))
    for line in _comparisons(condition, 1):
        text.append("\n").append_text(line)
    return text


def _comparisons(condition: Document, depth: int) -> Iterator[Text]:
    line = Text("  " * depth).append_text(_truth(condition["holds"])).append(" ")
    if "parts" in condition:
        yield line.append(condition["text"])
        for part in condition["parts"]:
            yield from _comparisons(part, depth + 1)
        return
    yield line.append_text(_comparison(condition))


def condition_lines(condition: Document) -> RenderableType:
    """Draw a condition, part by part, with what was found."""
    return Text("\n").join(_comparisons(condition, 0))


def _comparison(condition: Document) -> Text:
    return words(condition["text"]).append_text(words(f"   found {_number(condition['found'])}", "dim"))


def _truth(holds: bool) -> Text:
    return Text("yes", "green") if holds else Text("no ", "dim")


def _order_parts(order: Document) -> Iterator[RenderableType]:
    fate = "is cancelled" if order["cancelled"] else "stays"
    title = f"Order {order['id']}: {order['side']} {exact(order['quantity'])}, {fate}"
    yield section(
        title,
        "",
        Group(_facts(order["facts"]), section("Rules", "", _rules(order["rules"], "no rule matches: it stays"))),
    )
