"""Halt and resume, for one account or all of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.acts.desk import desk_of
from exitplan.web.acts.halting import halt_accounts, resume_accounts
from exitplan.web.pages.showing import address, place_in, see


def halt_all_act(request: Request) -> Response:
    """Halt every account."""
    halt_accounts(desk_of(request), None, request.state.person, request.state.form.get("why", ""))
    return see(place_in(request, "/"))


def resume_all_act(request: Request) -> Response:
    """End the halt of every account."""
    resume_accounts(desk_of(request), None)
    return see(place_in(request, "/"))


def halt_act(request: Request) -> Response:
    """Halt one account."""
    name = request.path_params["account"]
    halt_accounts(desk_of(request), name, request.state.person, request.state.form.get("why", ""))
    return see(place_in(request, address(name)))


def resume_act(request: Request) -> Response:
    """End the halt of one account."""
    name = request.path_params["account"]
    resume_accounts(desk_of(request), name)
    return see(place_in(request, address(name)))
