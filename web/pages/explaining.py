"""Why a position is what it is: every rule that was tried, what decided, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from exitplan.ruleset.model.records import read_record
from exitplan.ruleset.model.values import meant_symbol
from exitplan.ruleset.planning.actions import Blocked
from exitplan.ruleset.planning.words import blocked_text, clock_time, counted, exact, money
from exitplan.web.acts.desk import Look, desk_of
from exitplan.web.pages.account import newest_plan, waiting_of
from exitplan.web.pages.plan_sections import Line, plan_sections
from exitplan.web.pages.showing import show
from exitplan.web.refusals import NoSuchPage
from exitplan.workbench.explaining.explanation import ExplainedPlan, explain_symbol

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One part of a condition: how deep it stands, whether it holds, what it says, and what was found."""

    depth: int
    holds: bool
    text: str
    found: str | None


def comparisons(condition: Document, depth: int = 0) -> Iterator[Comparison]:
    """Return the parts of a condition, those of which others are made before them."""
    found = condition.get("found")
    yield Comparison(depth, condition["holds"], condition["text"], None if found is None else _number(found))
    for part in condition.get("parts", ()):
        yield from comparisons(part, depth + 1)


def cap_text(cap: Document) -> str:
    """Say what the cap does with a position."""
    said = f"{counted(cap['counted'], 'position')} counted, {cap['max_positions']:,} allowed"
    if cap["waits"]:
        return f"{said}; it waits while the venue cannot be asked for a price"
    if not cap["excess"]:
        return f"{said}; nothing is chosen"
    order = ", then ".join(name for name in cap["rank_by"])
    who = "legacy positions first, then aligned ones" if cap["scope"] == "all" else "legacy positions only"
    mine = "this one is chosen" if cap["over_cap"] else "this one is not"
    return f"{said}; {cap['chosen']:,} chosen ({who}, each by {order}); {mine}"


def planned_lines(position: Document) -> list[str]:
    """Say what the plan does with a position."""
    said = []
    if position["protected"]:
        entry = position["protection"] or {}
        until = f" until {clock_time(entry['until'])}" if entry.get("until") else ""
        said.append(f"protected{until}: {entry.get('reason') or 'no reason given'}; it is never touched")
    for action in position["actions"]:
        value = "" if action["kind"] in {"cancel_order", "adopt"} else f", ~ {money(action['est_value'])}"
        kind = action["kind"].replace("_", " ")
        said.append(f"{kind} {action['side']} {exact(action['quantity'])}{value}: {action['because']}")
    for blocked in position["blocked"]:
        alert = "; an alert is raised" if blocked["escalate"] else ""
        said.append(f"{blocked['rule']} is blocked: {blocked_text(read_record(Blocked, blocked))}{alert}")
    step = position["unwind"] or {}
    if step.get("counts"):
        said.append(f"cycle {step['cycle']} of {step['cycles']} counts; nothing is sent")
    return said or ["nothing is done with it"]


def _number(text: str) -> str:
    try:
        return exact(text)
    except ValueError:
        return text


def explain_page(request: Request) -> Response:
    """Explain a symbol by the newest plan that was made here; without one show what a stored plan says of it."""
    desk, name, symbol = desk_of(request), request.path_params["account"], request.path_params["symbol"]
    look = desk.look(name)
    explained = None if look is None else _explained(look, symbol)
    if explained is not None and look is not None:
        return show(
            request,
            "explain.html",
            account=name,
            explained=explained,
            look=look,
            comparisons=comparisons,
            cap_text=cap_text,
            planned_lines=planned_lines,
            number=_number,
        )
    account = desk.open(name, offline=True)
    newest = newest_plan(account, look, waiting_of(desk, name))
    held = [] if newest is None else [one for one in newest.plan.positions if one.symbol == symbol]
    if newest is None or not held:
        raise NoSuchPage(
            f"nothing is known of a position {symbol} of {name}", hint="have a plan made on the account's page"
        )
    return show(
        request,
        "explain_stored.html",
        account=name,
        symbol=symbol,
        newest=newest,
        positions=held,
        lines=[(part.title, line) for part in plan_sections(newest.plan) for line in _about(part.lines, symbol)],
    )


def _about(lines: tuple[Line, ...], symbol: str) -> list[Line]:
    return [line for line in lines if line.symbol.removesuffix(" short") == symbol]


def _explained(look: Look, symbol: str) -> Document | None:
    planned, loaded = look.planned, look.file.loaded
    name = meant_symbol(symbol, planned.snapshot.symbols)
    if name not in planned.snapshot.symbols:
        return None
    case = ExplainedPlan(planned.plan, planned.draft, planned.snapshot, loaded.policy, loaded.marks, planned.given)
    return explain_symbol(case, name)
