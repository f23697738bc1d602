"""A law of the API: whatever is sent, the answer is one that the description has, in the shape that it says."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from exitplan.web.api.endpoint import Endpoint
from exitplan.web.api.openapi import FAILURES, description
from exitplan.web.api.table import ENDPOINTS
from exitplan.web.security.roles import Role
from tests.conftest import examples
from tests.web.visit import Desk, Program

FEW = settings(examples(12, 300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
TEXTS = st.sampled_from(["main", "nobody", "1", "0", "..", "true", "4h", "info", "\u202e", "x" * 600, ""]) | st.text()
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3))
KEYS = st.sampled_from(["why", "for", "undo", "account", "plan_id", "leave_out"]) | st.text(max_size=5)
GOOD = [
    {},
    {"why": "größer\u202e"},
    {"why": "x", "for": "4h"},
    {"undo": True},
    {"account": "main"},
    {"plan_id": "x"},
    {"leave_out": ["ADA/USD"]},
]


@cache
def validator(kind: str) -> Validator:
    schema = {**description(), "$ref": f"#/components/schemas/{kind}"}
    return Draft202012Validator({"$ref": schema["$ref"], "components": schema["components"]})


def query_of(endpoint: Endpoint) -> st.SearchStrategy[dict[str, str]]:
    names = [one.name for one in endpoint.query]
    known = st.sampled_from(names) if names else st.nothing()
    return st.dictionaries(known | st.text(max_size=4), TEXTS | st.integers(-1, 300).map(str), max_size=2)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_every_answer_is_one_that_is_described(desk: Desk, endpoint: Endpoint) -> None:
    names = {"account": "main", "request": desk.ask(), "incident": desk.trouble(), "run": "1", "work": "x"}
    program: Program = desk.program("ada", Role.ADMIN)

    @FEW
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        def part(match: re.Match[str]) -> str:
            return quote(data.draw(st.just(names[match[1]]) | TEXTS.filter(bool)), safe="").replace(".", "%2E")

        path = re.sub(r"\{(\w+)\}", part, endpoint.path)
        more: dict[str, Any] = {"params": data.draw(st.just({}) | query_of(endpoint))}
        if endpoint.method == "POST":
            more["json"] = data.draw(st.sampled_from(GOOD) | st.dictionaries(KEYS, VALUES, max_size=2) | VALUES)
        answer = program.ask(endpoint.method, path, **more)
        assert answer.headers["content-type"] == "application/json"
        assert answer.status_code == 200 or answer.status_code in FAILURES
        assert answer.status_code != 500
        validator(endpoint.answers if answer.status_code == 200 else "error").validate(answer.json())

    holds()
