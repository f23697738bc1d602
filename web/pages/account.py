"""One account: how it stands, what it holds and why, its unwinds, what waits, what went wrong, and its last runs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.store.history import account_status, past_runs
from exitplan.web.acts.desk import desk_of
from exitplan.web.pages.account_lines import (
    given_up,
    last_alerts,
    newest_plan,
    position_lines,
    unwind_lines,
    waiting_of,
)
from exitplan.web.pages.accounts import account_row, is_live
from exitplan.web.pages.history import run_line
from exitplan.web.pages.plan_sections import check_lines
from exitplan.web.pages.showing import show
from exitplan.web.plots import progress_bar

_RUNS = 8


def account_page(request: Request) -> Response:
    """Show one account; nothing is asked of its venue."""
    desk, name = desk_of(request), request.path_params["account"]
    account, now = desk.open(name, offline=True), desk.given.clock()
    status, waiting = account_status(account), waiting_of(desk.file(name), desk.store(name))
    newest = newest_plan(account, desk.look(name), waiting)
    plan = None if newest is None else newest.plan
    find = request.query_params.get("find", "").strip()
    positions = [] if plan is None else position_lines(plan)
    runs, unwinds = past_runs(account), unwind_lines(status.state.unwinds, account.loaded.policy, plan)
    return show(
        request,
        "account.html",
        row=account_row(desk.file(name), account.store, now),
        account=account,
        is_live=is_live(desk.file(name)),
        known=status,
        reading=account.store.last_reading(),
        halt=account.store.find_halt(),
        waiting=waiting,
        missing=0 if waiting is None else waiting.missing(now),
        work=desk.works.under_way(name),
        newest=newest,
        find=find,
        positions=[line for line in positions if line.answers(find.casefold().split())],
        held=len(positions),
        checks=[] if plan is None else check_lines(plan.checks, plan.forecast),
        unwinds=[(line, progress_bar(line.key, line.progress.cycle, len(line.cycles))) for line in unwinds],
        given_up=given_up(status.state.escalated, status.state.failed_exits),
        alerts=last_alerts(desk.given, account.store),
        runs=[run_line(run, account.quote) for run in runs[:_RUNS]],
        all_runs=len(runs),
    )
