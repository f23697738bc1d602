"""The routes of the API."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.api.endpoint import Endpoint
from exitplan.web.api.openapi import BASE, description
from exitplan.web.api.table import ENDPOINTS
from exitplan.web.routes import READING, Handler, Row
from exitplan.web.security.roles import Role

_VERSION = {"format_version": 1}


def _handler(endpoint: Endpoint) -> Handler:
    def answer(request: Request) -> Response:
        return _json({**_VERSION, **endpoint.answer(endpoint.read(request))})

    return answer


def _describe(_request: Request) -> Response:
    return _json(description())


def _json(document: object) -> Response:
    return Response(orjson.dumps(document, default=str), media_type="application/json")


def _row(endpoint: Endpoint) -> Row:
    changes = endpoint.method not in READING
    return Row(BASE + endpoint.path, endpoint.method, _handler(endpoint), endpoint.role, changes=changes)


API_ROWS: tuple[Row, ...] = (
    Row(f"{BASE}/openapi.json", "GET", _describe, Role.VIEWER),
    *map(_row, ENDPOINTS),
)
