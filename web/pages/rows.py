"""The routes of the pages."""

from __future__ import annotations

from exitplan.web.pages import account, explaining, fleet, halts, history, incidents, listing, plans, policies, work
from exitplan.web.routes import Row
from exitplan.web.security.roles import Role

_ONE = "/accounts/{account}"
_ASKED = f"{_ONE}/plans/{{request}}"
_WORK = f"{_ONE}/applying/{{work}}"

PAGES: tuple[Row, ...] = (
    Row("/", "GET", listing.accounts_page, Role.VIEWER),
    Row("/incidents", "GET", incidents.incidents_page, Role.VIEWER),
    Row("/policies", "GET", policies.policies_page, Role.VIEWER),
    Row("/fleet", "GET", fleet.fleet_page, Role.VIEWER),
    Row(_ONE, "GET", account.account_page, Role.VIEWER),
    Row(f"{_ONE}/policy", "GET", policies.policy_page, Role.VIEWER),
    Row(f"{_ONE}/runs", "GET", history.history_page, Role.VIEWER),
    Row(f"{_ONE}/runs/{{run:int}}", "GET", history.run_page, Role.VIEWER),
    Row(f"{_ONE}/positions/{{symbol:path}}", "GET", explaining.explain_page, Role.VIEWER),
    Row(f"{_ONE}/plan", "GET", plans.made_plan_page, Role.VIEWER),
    Row(_ASKED, "GET", plans.request_page, Role.VIEWER),
    Row(_WORK, "GET", work.work_page, Role.VIEWER),
    Row(f"{_WORK}/events", "GET", work.events_stream, Role.VIEWER),
    Row("/halt", "POST", halts.halt_all_act, Role.OPERATOR, changes=True),
    Row("/resume", "POST", halts.resume_all_act, Role.OPERATOR, changes=True),
    Row(f"{_ONE}/halt", "POST", halts.halt_act, Role.OPERATOR, changes=True),
    Row(f"{_ONE}/resume", "POST", halts.resume_act, Role.OPERATOR, changes=True),
    Row(f"{_ONE}/plan", "POST", plans.make_act, Role.OPERATOR, changes=True),
    Row(f"{_ONE}/incidents/{{incident}}/take", "POST", incidents.take_act, Role.OPERATOR, changes=True),
    Row(f"{_WORK}/stop", "POST", work.stop_act, Role.OPERATOR, changes=True),
    Row(f"{_ASKED}/approve", "POST", plans.approve_act, Role.APPROVER, changes=True),
    Row(f"{_ASKED}/narrow", "POST", plans.narrow_act, Role.APPROVER, changes=True),
    Row(f"{_ASKED}/reject", "POST", plans.reject_act, Role.APPROVER, changes=True),
    Row(f"{_ASKED}/apply", "POST", plans.apply_act, Role.APPROVER, changes=True),
)
