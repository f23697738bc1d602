"""The history for an auditor: lines of JSON, a run each, or a table with a row an order."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from exitplan.cli.output import versioned
from exitplan.cli.rendering.cells import spreadsheet_cell
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.visible import with_escapes

_OF_RUN = ("account", "venue", "run", "started_at", "ended_at", "exit_code", "account_state", "actor", "pid", "host")
_OF_ORDER = (
    *("client_order_id", "order_id", "action_id", "attempt", "kind", "symbol", "side", "rule", "asked", "filled"),
    *("planned_price", "average_price", "fee", "fee_currency", "sent_at", "settled_at", "outcome", "message"),
)
_COLUMNS = (
    *_OF_RUN,
    *("policy", "policy_sha256", "plan_id", "plan_sha256", "plan_created_at", "approvals"),
    *_OF_ORDER,
)

Entry = Mapping[str, Any]
Form = Callable[[Iterable[Entry]], Iterator[bytes]]


def audit_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Write each run as one line of JSON."""
    for entry in entries:
        yield with_escapes(orjson.dumps(versioned(entry), option=orjson.OPT_APPEND_NEWLINE))


def audit_table(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Write a row for each order, and one for each run that sent none."""
    yield _row(_COLUMNS)
    for entry in entries:
        policy, plan = entry["policy"], entry["plan"]
        head = [
            *(entry[name] for name in _OF_RUN),
            *(policy["name"], policy["sha256"], plan["plan_id"], plan["sha256"], plan["created_at"]),
            "; ".join(" ".join(filter(None, approval.values())) for approval in entry["approvals"]),
        ]
        orders: Iterable[Entry] = entry["orders"] or ({},)
        for order in orders:
            yield _row([*head, *(order.get(name) for name in _OF_ORDER)])


_FORMS: Mapping[str, Form] = {".csv": audit_table, ".jsonl": audit_lines, ".ndjson": audit_lines}


def form_of(path: Path) -> Form:
    """Return what writes the history in the form that the name of a file asks for; raises UsageError."""
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"--export cannot write {path}", hint=f"use a name that ends in {', '.join(_FORMS)}")
    return form


def _row(cells: Iterable[object]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow([spreadsheet_cell(cell) for cell in cells])
    return out.getvalue().encode()
