"""What goes over the wire, and what a venue's front must be able to do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import parse_qsl

Document = dict[str, Any]


class Sort(StrEnum):
    """What a request is about; each sort has its own queue of faults."""

    MARKETS = "markets"
    """Listings, assets, the venue's time: what hardly changes."""
    READ = "reads"
    """The account as a whole: balances, open orders, prices, trades."""
    LOOK_UP = "look_ups"
    """One order, or the lists of orders that are searched for one."""
    WRITE = "writes"
    """Whatever changes the account."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def params(self) -> Document:
        """Return the parameters of query and body; a JSON body keeps its types, what repeats becomes a list."""
        found = paired(self.query)
        if self.body.lstrip().startswith(b"{"):
            return found | dict(json.loads(self.body))
        return found | paired(self.body.decode())


def paired(text: str) -> Document:
    found: Document = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found[name] = value if name not in found else [*listed(found[name]), value]
    return found


def listed(value: Any) -> list[Any]:
    """Return what may be one or many, or one text with commas, as many."""
    if isinstance(value, list):
        return value
    return value.split(",") if isinstance(value, str) and value else []


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def in_json(document: object, status: int = 200) -> Reply:
    return Reply(json.dumps(document).encode(), status)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair in the form ccxt takes it."""

    key: str
    secret: str = field(repr=False)

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables that hold it, each on one line."""
        return {f"{name}_API_KEY": self.key, f"{name}_API_SECRET": self.secret.strip().replace("\n", "\\n")}


class Front(Protocol):
    """A venue's own wire protocol before the matching engine."""

    @property
    def name(self) -> str: ...

    @property
    def credentials(self) -> Credentials: ...

    def sort_of(self, request: Request) -> Sort: ...

    def authenticate(self, request: Request) -> Reply | None:
        """Check key, signature and time; a reply is a refusal."""
        ...

    def act(self, request: Request) -> Reply: ...

    def refuse(self, words: str | None = None) -> Reply:
        """Refuse in the venue's words; the given ones stand in for its usual ones."""
        ...

    def refuse_duplicate(self) -> Reply: ...

    def valid_until(self, request: Request) -> datetime | None:
        """Return until when the venue may execute the request; None: for ever."""
        ...


class RefusedInWords(Exception):
    """A request is refused; the message is the venue's word for it."""

    def __init__(self, word: str, details: str = "", status: int = 400) -> None:
        super().__init__(word)
        self.details = details
        self.status = status
