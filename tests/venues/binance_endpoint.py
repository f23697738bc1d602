"""What can be asked of binance, by which parameters, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.venues.wire import Document, RefusedInWords, Request, Sort


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What can be asked for, and by which parameters; any other one is refused."""

    sort: Sort
    answer: Callable[[Any, Document], Any]
    parameters: str = ""
    is_signed: bool = True

    def read(self, request: Request) -> Document:
        params = request.params()
        known = {*self.parameters.split(), *(("timestamp", "recvWindow", "signature") if self.is_signed else ())}
        if any(isinstance(value, list) for value in params.values()):
            raise RefusedInWords("-1101 Duplicate values for a parameter detected.")
        unread = params.keys() - known
        if unread:
            read = f"read '{len(params) - len(unread)}' parameter(s) but was sent '{len(params)}'"
            raise RefusedInWords(f"-1104 Not all sent parameters were read; {read}.")
        return params


def page_of(
    entries: list[Any], params: Document, moment: Callable[[Any], int], *, usual: int, most: int, longest: int
) -> list[Any]:
    """Cut out what lies between two times: the first of them where it says from when on, else the last.

    Times are in milliseconds; nobody may ask for a span that is longer than ``longest``.
    """
    start, end = (params.get(name) for name in ("startTime", "endTime"))
    if start and end and int(end) - int(start) > longest:
        raise RefusedInWords(f"-1127 More than {longest // 3_600_000} hours between startTime and endTime.")
    limit = min(int(params.get("limit", usual)), most)
    found = [entry for entry in entries if int(start or 0) <= moment(entry) <= int(end or 10**15)]
    return found[:limit] if start else found[-limit:]
