"""One plan, drawn as in the terminal: made here, or waiting for people; and what people do with it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.approvals.deciding import Found
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.plan_words import expected_cost, summary_text
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.web.acts.deciding import apply_request, approve_request, reject_request
from exitplan.web.acts.desk import Desk, desk_of
from exitplan.web.acts.planning import Made, make_plan, narrowed
from exitplan.web.pages.accounts import is_live
from exitplan.web.pages.plan_sections import (
    check_lines,
    head_lines,
    plan_sections,
    symbols_of,
)
from exitplan.web.pages.showing import address, see, show
from exitplan.web.refusals import NoSuchPage


def made_plan_page(request: Request) -> Response:
    """Show the newest plan that was made here of an account; the page of what waits, where people are asked."""
    desk, name = desk_of(request), request.path_params["account"]
    look = desk.look(name)
    if look is None:
        desk.file(name)
        raise NoSuchPage(f"no plan of {name} was made here yet", hint="have one made on the account's page")
    return _show(request, desk, look.planned.plan, None)


def request_page(request: Request) -> Response:
    """Show a plan that waits or has waited, with what people have said of it."""
    desk, name = desk_of(request), request.path_params["account"]
    found = desk.request(name, request.path_params["request"])
    return _show(request, desk, found.request.plan, found)


def _show(request: Request, desk: Desk, plan: Plan, found: Found | None) -> Response:
    now, file = desk.given.clock(), desk.file(plan.account.id)
    desk.note_shown(plan)
    return show(
        request,
        "plan.html",
        plan=plan,
        found=found,
        missing=0 if found is None else found.missing(now),
        approvals=() if found is None else found.approvals(now),
        is_expired=plan.expires_at <= now,
        is_live=is_live(file),
        signature=file.signature_rule,
        work=desk.works.under_way(plan.account.id),
        head=head_lines(plan),
        summary=summary_text(plan),
        costs=expected_cost(plan),
        sections=plan_sections(plan),
        checks=check_lines(plan.checks, plan.forecast),
        symbols=symbols_of(plan),
    )


# --- acts ---


def make_act(request: Request) -> Response:
    """Have a plan made: the venue is asked. What a person leaves out of the plan made before is not in it."""
    desk, name = desk_of(request), request.path_params["account"]
    kept, look = request.state.form.getlist("keep"), desk.look(name)
    scope = PlanScope()
    if kept and look is not None:  # of a plan that its guards refuse something may be left out
        scope = narrowed(look.planned.plan, kept, symbols_of(look.planned.plan))
    return _after_making(name, make_plan(desk, name, request.state.person, scope))


def narrow_act(request: Request) -> Response:
    """Have a plan made anew without what a person leaves out."""
    desk, found = _found(request)
    plan = found.request.plan
    scope = narrowed(plan, request.state.form.getlist("keep"), symbols_of(plan))
    return _after_making(plan.account.id, make_plan(desk, plan.account.id, request.state.person, scope))


def approve_act(request: Request) -> Response:
    """Approve a plan, and apply it at once where that is asked for and nobody else has to approve it."""
    desk, found = _found(request)
    form, person = request.state.form, request.state.person
    name = found.request.account
    under_way = desk.works.under_way(name)
    if under_way is not None and under_way.plan.plan_id == found.request.plan_id:  # a second click
        return see(address(name, "applying", under_way.id))
    decided = approve_request(desk, found, person, form.get("confirm", ""), form.get("plan"))
    if form.get("then") == "apply" and not decided.missing(desk.given.clock()):
        work = apply_request(desk, decided, person, form.get("confirm", ""))
        return see(address(name, "applying", work.id))
    return see(address(name, "plans", found.request.id))


def reject_act(request: Request) -> Response:
    """Reject a plan with a reason."""
    desk, found = _found(request)
    reject_request(desk, found, request.state.person, request.state.form.get("why", ""))
    return see(address(found.request.account, "plans", found.request.id))


def apply_act(request: Request) -> Response:
    """Apply an approved plan; a second click finds what is under way."""
    desk, found = _found(request)
    work = apply_request(desk, found, request.state.person, request.state.form.get("confirm", ""))
    return see(address(found.request.account, "applying", work.id))


def _found(request: Request) -> tuple[Desk, Found]:
    desk, asked = desk_of(request), request.path_params
    return desk, desk.request(asked["account"], asked["request"])


def _after_making(name: str, made: Made) -> Response:
    if made.question is not None and made.question.plan_id == made.planned.plan.plan_id:
        return see(address(name, "plans", made.question.id))
    return see(address(name, "plan"))
