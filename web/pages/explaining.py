"""Why a position is what it is: every rule that was tried, what decided, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from exitplan.ruleset.model.values import meant_symbol, parse_decimal
from exitplan.ruleset.planning.words import exact, rounded_percent
from exitplan.web.acts.desk import Look, desk_of
from exitplan.web.pages.account_lines import newest_plan, waiting_of
from exitplan.web.pages.plan_sections import Line, plan_sections
from exitplan.web.pages.showing import show
from exitplan.web.refusals import NoSuchPage
from exitplan.workbench.explaining.explanation import ExplainedPlan, explain_symbol
from exitplan.workbench.explaining.words import cap_text, outcomes_note, planned_lines

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


def _number(text: str) -> str:
    try:
        return exact(text)
    except ValueError:
        return text


def _shown_share(text: str) -> str:
    return rounded_percent(parse_decimal(text))


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
            outcomes_note=outcomes_note,
            shown_share=_shown_share,
            number=_number,
        )
    account = desk.open(name, offline=True)
    newest = newest_plan(account, look, waiting_of(desk.file(name), desk.store(name)))
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
