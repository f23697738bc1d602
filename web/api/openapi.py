"""The description of the API, made from its endpoints and the schemas of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from exitplan.ruleset.version import VERSION
from exitplan.schemas.shapes.answers import ANSWERS
from exitplan.schemas.shapes.common import Schema
from exitplan.web.api.endpoint import Endpoint
from exitplan.web.api.shapes import account_list_schema, acknowledged_schema, applying_schema, halted_schema
from exitplan.web.api.table import ENDPOINTS
from exitplan.web.routes import API

BASE = f"{API}v1"
_OWN: Mapping[str, Callable[[], Schema]] = {
    "account-list": account_list_schema,
    "halted": halted_schema,
    "acknowledged": acknowledged_schema,
    "applying": applying_schema,
    "openapi": lambda: {"type": "object", "description": "This description."},
}
FAILURES = {
    400: "The request cannot be understood.",
    401: "There is no token, or it is none, has expired, or belongs to nobody any more.",
    403: "The token may not do this.",
    404: "There is no such thing.",
    409: "It cannot be done now: somebody else was first, it is stale, halted, or refused by a guard.",
    413: "The request is too large.",
    500: "A file of the project is wrong, or something broke.",
    502: "The venue cannot be read.",
    503: "What exitplan keeps cannot be used now.",
}
_ABOUT = (
    "What the command line prints with --json, for programs. Every answer has a format_version; keys may be added "
    "within one. A token (exitplan users token NAME) goes into the header Authorization: Bearer TOKEN; it only reads, "
    "unless it was made with a higher role."
)


@cache
def description() -> dict[str, Any]:
    """Describe the API in OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    kinds = dict.fromkeys([*(endpoint.answers for endpoint in ENDPOINTS), "error"])
    return {
        "openapi": "3.1.0",
        "info": {"title": "exitplan", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": BASE}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {kind: _schema(kind) for kind in kinds},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {f"failure_{status}": _answer(text, "error") for status, text in FAILURES.items()},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": f"Takes the role {endpoint.role.word}.",
        "parameters": list(_parameters(endpoint)),
        "responses": {
            "200": _answer(endpoint.summary, endpoint.answers),
            **{str(status): {"$ref": f"#/components/responses/failure_{status}"} for status in FAILURES},
        },
    }
    if endpoint.method == "POST":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": endpoint.body}}}
    return operation


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for one in endpoint.query:
        default = {} if one.default is None else {"default": one.default}
        yield {"name": one.name, "in": "query", "description": one.about, "schema": {**one.schema, **default}}


def _answer(text: str, kind: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{kind}"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _schema(kind: str) -> Schema:
    shape = (_OWN.get(kind) or ANSWERS[kind])()
    return {key: value for key, value in shape.items() if key not in {"$id", "$schema"}}
