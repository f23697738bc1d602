"""The coverage of policies by their tests: for people, as JSON, as a tracefile of lcov, and as a coloured policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from exitplan.cli.rendering.github import annotation
from exitplan.cli.rendering.screen import titled
from exitplan.ruleset.engine.trace import fact_text
from exitplan.ruleset.model.visible import printable
from exitplan.workbench.coverage.report import Coverage, Goal


def summary(coverage: Coverage) -> tuple[RenderableType, RenderableType]:
    """Show what each rule of a policy did."""
    return headline(coverage), _table(coverage)


def gaps(coverage: Coverage) -> Iterator[str]:
    """List what no case shows, and what cannot happen: a line each, with its place."""
    for title, goals in (("No case shows", coverage.missed), ("Cannot happen", coverage.impossible)):
        if goals:
            yield from ("", title, *(f"  {line}" for goal in goals for line in _told(goal)))


def headline(coverage: Coverage) -> Text:
    """Sum up one policy."""
    impossible = len(coverage.impossible)
    left_out = f"; {impossible} more cannot happen" if impossible else ""
    style = "bold red" if coverage.missed else "bold green"
    text = f"{coverage.name}: {percent_text(coverage)} covered, {coverage.covered} of {coverage.possible}{left_out}"
    return Text(printable(text), style)


def percent_text(coverage: Coverage) -> str:
    """Write the share with one decimal place, rounded down: 100 % is all of it."""
    tenths = int(coverage.percent * 10)
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"


def _table(coverage: Coverage) -> RenderableType:
    table = titled("rule", "decided", "matched", "shadowed", "comparisons", justify="lrrrr")
    for _, count in coverage.rules:
        goals = [goal for goal in coverage.goals_of(count.rule) if goal.comparison is not None]
        possible = [goal for goal in goals if not goal.is_impossible]
        shown = sum(goal.hits > 0 for goal in possible)
        style = "red" if any(goal.is_missed for goal in coverage.goals_of(count.rule)) else ""
        figures = (str(count.decided), str(count.matched), str(count.shadowed), f"{shown} of {len(possible)}")
        table.add_row(Text(printable(count.rule.id), style), *figures)
    return table


def _told(goal: Goal) -> Iterator[str]:
    """Say what one goal is, where, and why it cannot be or how it can."""
    because = f": {goal.proof.impossible}" if goal.proof.impossible else ""
    yield f"{goal.mark}: {goal.rule.id}: {goal.text}{because}"
    if goal.proof.witness is not None:
        facts = ", ".join(f"{name} {fact_text(value)}" for name, value in goal.proof.witness.items())
        yield f"  such as an ordinary position{' with ' + facts if facts else ''}"


def coverage_annotations(coverage: Coverage) -> Iterator[str]:
    """List what no case shows as warnings of GitHub Actions, at the lines of the policy."""
    for goal in coverage.missed:
        yield annotation("warning", goal.mark, "no case shows this", f"{goal.rule.id}: {goal.text}")


def coverage_document(coverage: Coverage) -> dict[str, Any]:
    """Return the coverage of one policy in its JSON form."""
    return {
        "policy": coverage.name,
        "percent": percent_text(coverage).removesuffix(" %"),
        "covered": coverage.covered,
        "possible": coverage.possible,
        "rules": [
            {
                "block": block,
                "rule": count.rule.id,
                "decided": count.decided,
                "matched": count.matched,
                "shadowed": count.shadowed,
                "goals": [_goal_document(goal) for goal in coverage.goals_of(count.rule)],
            }
            for block, count in coverage.rules
        ],
    }


def _goal_document(goal: Goal) -> dict[str, Any]:
    witness = goal.proof.witness
    return {
        "text": goal.text,
        "file": goal.mark.file,
        "line": goal.mark.line,
        "hits": goal.hits,
        "impossible": goal.proof.impossible,
        "witness": None if witness is None else {name: fact_text(value) for name, value in witness.items()},
    }


def as_lcov(coverages: Sequence[Coverage]) -> bytes:
    """Write a tracefile of lcov: a line is a rule or comparison, a branch one of its answers, if it can happen."""
    return "".join(line + "\n" for coverage in coverages for line in _trace(coverage)).encode()


def _trace(coverage: Coverage) -> Iterator[str]:
    rules = [count.rule for _, count in coverage.rules]
    for name, _ in coverage.files:
        goals = [goal for goal in coverage.goals if goal.mark.file == name and not goal.is_impossible]
        if not goals:
            continue
        yield from (f"TN:{_word(coverage.loaded.policy.name)}", f"SF:{printable(name)}")
        branches = [(goal, rules.index(goal.rule)) for goal in goals if goal.comparison is not None]
        for goal, block in branches:
            branch = 2 * (goal.wanted.comparison or 0) + (not goal.wanted.answer)
            yield f"BRDA:{goal.mark.line},{block},{branch},{goal.hits}"
        yield from (f"BRF:{len(branches)}", f"BRH:{sum(goal.hits > 0 for goal, _ in branches)}")
        lines: dict[int, int] = {}
        for goal in goals:
            lines[goal.mark.line] = max(lines.get(goal.mark.line, 0), goal.hits)
        yield from (f"DA:{line},{hits}" for line, hits in sorted(lines.items()))
        yield from (f"LF:{len(lines)}", f"LH:{sum(hits > 0 for hits in lines.values())}", "end_of_record")


def _word(text: str) -> str:
    return "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in text)


_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1e21; background: #fff }
table { border-collapse: collapse } td, th { padding: 0 1rem 0 0; text-align: right }
td:first-child, th:first-child { text-align: left }
pre { line-height: 1.5; border: 1px solid #ddd; overflow-x: auto } pre span { display: block; padding: 0 .5rem }
i { display: inline-block; width: 3.5rem; color: #888; font-style: normal }
.shown { background: #d9f2df } .part { background: #fff3c4 }
.missed { background: #fbd9d7 } .never { background: #e6e6e6 }
""".strip()
_HEAD = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Policy coverage</title>'
_MEANINGS = {
    "shown": "all is shown",
    "part": "some is not shown",
    "missed": "no case shows it",
    "never": "cannot happen",
}


def as_html(coverages: Sequence[Coverage]) -> bytes:
    """Write the policies as one page that needs nothing else, each line in the colour of what tests show of it."""
    legend = " ".join(f'<span class="{kind}">&nbsp;{text}&nbsp;</span>' for kind, text in _MEANINGS.items())
    body = "\n".join(part for coverage in coverages for part in _page(coverage))
    return f"{_HEAD}\n<style>{_STYLE}</style>\n<h1>Policy coverage</h1>\n<p>{legend}</p>\n{body}\n</html>\n".encode()


def _page(coverage: Coverage) -> Iterator[str]:
    yield f"<h2>{escape(headline(coverage).plain)}</h2>"
    yield "<table><tr><th>rule<th>decided<th>matched<th>shadowed"
    for _, count in coverage.rules:
        yield f"<tr><td>{escape(count.rule.id)}<td>{count.decided}<td>{count.matched}<td>{count.shadowed}"
    yield "</table>"
    for name, text in coverage.files:
        lines = [_line(coverage, name, number, line) for number, line in enumerate(text.splitlines(), start=1)]
        yield f"<h3>{escape(printable(name))}</h3>\n<pre>{''.join(lines)}</pre>"


def _line(coverage: Coverage, name: str, number: int, text: str) -> str:
    goals = [goal for goal in coverage.goals if (goal.mark.file, goal.mark.line) == (name, number)]
    notes = [printable(f"{_verdict(goal)}  {goal.rule.id}: {goal.text}") for goal in goals]
    kind, title = (f' class="{_kind(goals)}"', f' title="{"&#10;".join(map(escape, notes))}"') if goals else ("", "")
    return f"<span{kind}{title}><i>{number}</i>{escape(printable(text)) or ' '}</span>"


def _verdict(goal: Goal) -> str:
    if goal.is_impossible:
        return f"cannot happen ({goal.proof.impossible})"
    return f"{goal.hits} x" if goal.hits else "NOT SHOWN"


def _kind(goals: Sequence[Goal]) -> str:
    possible = [goal for goal in goals if not goal.is_impossible]
    if not possible:
        return "never"
    missed = sum(goal.is_missed for goal in possible)
    return "shown" if not missed else "missed" if missed == len(possible) else "part"


COVERAGE_FILES: Mapping[str, Callable[[Sequence[Coverage]], bytes]] = {"lcov": as_lcov, "html": as_html}
"""The forms in which coverage is written into files."""
