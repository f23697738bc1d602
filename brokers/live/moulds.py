"""Clients of ccxt that are cast instead of made: what ccxt works out for each anew is the same for all of one venue.

To make one takes 3 ms and up to 0.3 MB. To cast one takes a copy of what it may change later; what no client changes
is an attribute of the class that all of a mould have in common.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import FunctionType
from typing import Any

_SHARED = frozenset(
    {
        "api",
        "commonCurrencies",
        "countries",
        "ecdsaCurves",
        "ecdsaPrehashedAlgorithms",
        "exceptions",
        "features",
        "has",
        "httpExceptions",
        "limits",
        "requiredCredentials",
        "status",
        "timeframes",
        "urls",
    }
)
"""Collections that ccxt fills when a client is made, and only reads from then on; a test holds it to that."""
_NO_COPY = frozenset({"session"})


@dataclass(frozen=True, slots=True)
class Mould:
    """What clients of one kind have in common, and what each has a copy of."""

    kind: type[Any]
    own: Mapping[str, Any]

    @classmethod
    def of(cls, client: object) -> Mould:
        """Take a mould of a client that nobody has used, and that knows no account."""
        parts = {name: value for name, value in vars(client).items() if name not in _NO_COPY}
        own = {name: value for name, value in parts.items() if _may_change(name, value)}
        shared = {name: _as_it_is(value) for name, value in parts.items() if name not in own}
        return cls(type(type(client).__name__, (type(client),), shared), own)

    def cast(self) -> Any:  # noqa: ANN401 - ccxt's
        """Make a client."""
        client = object.__new__(self.kind)
        vars(client).update({name: _copy(value) for name, value in self.own.items()})
        return client


def _copy(value: object) -> object:
    return deepcopy(value) if value else type(value)()


def _may_change(name: str, value: object) -> bool:
    return isinstance(value, dict | list | set) and name not in _SHARED


def _as_it_is(value: object) -> object:
    """Keep a function from becoming a method, as it stands in a class now."""
    return staticmethod(value) if isinstance(value, FunctionType) else value


_MOULDS: dict[tuple[str, bytes], Mould] = {}
_LOCK = threading.Lock()
_MOST = 32
"""How many are kept: each has a third of a megabyte, and accounts of a venue differ in little but their keys."""


def mould_for(place: str, settings: bytes, make: Callable[[], object]) -> Mould:
    """Return the mould of clients of a place with the same settings, taken of what ``make`` gives the first time."""
    with _LOCK:
        mould = _MOULDS.get((place, settings))
    if mould is None:
        mould = Mould.of(make())
        with _LOCK:
            mould = _MOULDS.setdefault((place, settings), mould)
            while len(_MOULDS) > _MOST:
                del _MOULDS[next(iter(_MOULDS))]
    return mould


def forget_moulds(place: str) -> None:
    """Let go of the moulds of a place that is no longer there."""
    with _LOCK:
        for key in [key for key in _MOULDS if key[0] == place]:
            del _MOULDS[key]
