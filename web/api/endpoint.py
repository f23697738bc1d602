"""What an endpoint of the API is: one entry gives the route, the checks of what is asked, and its part of OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jsonschema_rs
from starlette.requests import Request

from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.shapes.common import Schema
from exitplan.web.given import Given, given_of
from exitplan.web.refusals import RequestUnreadable
from exitplan.web.security.roles import Role

Document = Mapping[str, Any]
DURATION: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,4}[smhd]$"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTEGER = re.compile(r"[0-9]{1,9}")
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value in the query: ``schema`` is of an integer, a boolean or a text; ``default`` stands where it is not."""

    name: str
    about: str
    schema: Schema
    default: object = None

    def read(self, text: str) -> object:
        """Return the value of a text; raises RequestUnreadable."""
        value: object = text
        if self.schema["type"] == "integer" and _INTEGER.fullmatch(text):
            value = int(text)
        elif self.schema["type"] == "boolean":
            value = _FLAGS.get(text, text)
        if not jsonschema_rs.is_valid(self.schema, value):
            raise RequestUnreadable(f"{self.name} cannot be {text!r}", hint=self.about)
        return value


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks: in whose name, the parts of the path, the query, and the body."""

    request: Request
    person: str
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def given(self) -> Given:
        """What the dashboard was given."""
        return given_of(self.request)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: ``answer`` gives a document of the kind that ``answers`` describes.

    ``path`` is below /api/v1; ``body`` describes what is sent with a POST.
    """

    method: str
    path: str
    summary: str
    answer: Callable[[Asked], Document]
    answers: str
    role: Role = Role.VIEWER
    query: Sequence[Parameter] = ()
    body: Schema = field(default_factory=lambda: {"type": "object", "properties": {}, "additionalProperties": False})

    @property
    def name(self) -> str:
        """The name of what is done, for clients that are made from the description."""
        return self.answer.__name__

    def read(self, request: Request) -> Asked:
        """Return what is asked; raises RequestUnreadable for anything that is not taken here."""
        known = {parameter.name: parameter for parameter in self.query}
        sent = request.query_params.multi_items()
        for name, _ in sent:
            if name not in known:
                hint = did_you_mean(name, known) or f"known are {', '.join(known) or 'none'}"
                raise RequestUnreadable(f"there is no parameter {name!r} here", hint=hint)
        if len({name for name, _ in sent}) < len(sent):
            raise RequestUnreadable("a parameter is given twice")
        query = {name: known[name].read(text) for name, text in sent}
        query = {**{name: one.default for name, one in known.items()}, **query}
        return Asked(request, request.state.person, request.path_params, query, self._body(request))

    def _body(self, request: Request) -> Mapping[str, Any]:
        body: Mapping[str, Any] = request.state.body
        error = next(iter(jsonschema_rs.iter_errors(self.body, body)), None)
        if error is not None:
            place = ".".join(map(str, error.instance_path)) or "the body"
            raise RequestUnreadable(f"{place}: {error.message}")
        return body


def duration_of(text: str) -> timedelta:
    """Return a duration that fits :data:`DURATION`, such as 4h."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])
