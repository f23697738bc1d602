"""The reference of the API, made from its endpoints."""

from __future__ import annotations

from docs.markdown import code, codes, page, table
from exitplan.web.api.endpoint import Endpoint
from exitplan.web.api.openapi import BASE, FAILURES
from exitplan.web.api.table import ENDPOINTS

_ABOUT = (
    f"Below `{BASE}`, with a token in the header `Authorization: Bearer TOKEN`: see "
    "[the dashboard](../dashboard.md#the-api). "
    f"`GET {BASE}/openapi.json` describes all of it in OpenAPI 3.1. Answers are those of the command line, by their "
    "[schemas](schemas.md), and each has a `format_version`."
)


def api_page() -> str:
    """Return the page on the API."""
    rows = (
        [code(f"{one.method} {one.path}"), one.summary, _takes(one), code(one.answers), one.role.word]
        for one in ENDPOINTS
    )
    endpoints = table(["request", "what it does", "takes", "answer", "least role"], rows)
    failures = table(["status", "meaning"], ([str(status), text] for status, text in FAILURES.items()))
    return page("API", _ABOUT, endpoints, "What goes wrong is an `error`:", failures)


def _row(one: Endpoint) -> list[str]:
    return [code(f"{one.method} {one.path}"), one.summary, _takes(one), code(one.answers), one.role.word]


def _takes(endpoint: Endpoint) -> str:
    shapes = endpoint.body.get("oneOf", [endpoint.body])
    body = dict.fromkeys(name for shape in shapes for name in shape["properties"])
    return codes([*(one.name for one in endpoint.query), *body])
