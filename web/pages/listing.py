"""The list of all accounts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.acts.desk import desk_of
from exitplan.web.pages.accounts import Attention, account_page
from exitplan.web.pages.showing import show


def accounts_page(request: Request) -> Response:
    """Show the accounts, those first that need somebody; search and pages are made here."""
    asked = request.query_params
    seen = desk_of(request).overview.now()
    search, wanted = asked.get("q", "").strip()[:200], asked.get("show", "")
    number = asked.get("page", "1")
    page = account_page(seen.rows, search, wanted, int(number) if number.isdecimal() and len(number) < 6 else 1)  # noqa: PLR2004
    return show(
        request,
        "accounts.html",
        page=page,
        seen=seen,
        search=search,
        wanted=wanted if wanted in Attention.__members__ else "",
    )
