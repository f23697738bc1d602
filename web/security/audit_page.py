"""The audit for those who may see it: what people did here, the newest first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.given import given_of
from exitplan.web.pages.showing import show
from exitplan.web.security.audit import past_acts

MOST = 500


def audit_page(request: Request) -> Response:
    """Show what people did."""
    return show(request, "audit.html", acts=past_acts(given_of(request).data, MOST), most=MOST)
