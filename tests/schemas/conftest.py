"""What the tests of the room share: good files to spoil."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exitplan.schemas.documents import Kind, parse_document
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems
from exitplan.schemas.policies import load_policy

SNAPSHOT: dict[str, Any] = {
    "format_version": 1,
    "account": "platform",
    "venue": "paper",
    "quote": "USD",
    "taken_at": "2026-02-18T22:00:00Z",
    "cash": {"free": "948.00", "locked": "52.00"},
    "positions": [{"symbol": "ETH/USD", "side": "long", "quantity": "0.5", "entry_price": None}],
    "open_orders": [{"id": "o1", "symbol": "BTC/USD", "side": "buy", "type": "limit", "quantity": "0.001"}],
    "markets": {"ETH/USD": {"active": True, "last": "2500", "price_status": "ok"}},
    "tracker": {"BTC/USD": {"entry_price": "45000", "anything": {"else": 1}}},
    "rates": {"EUR": "1.08"},
}
POLICY = """\
version: 1
name: small
parameters: {dust_usd_threshold: 1.00}
definitions:
  dust: {value_usd: {lt: $dust_usd_threshold}}
classification:
  - {id: zombie.dust, category: ZOMBIE_LEGACY, when: dust}
  - {id: legacy.untracked, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: dust, rule: 1, when: dust, action: close}
  - {id: legacy, rule: 3, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
"""


@pytest.fixture
def snapshot() -> dict[str, Any]:
    return copy.deepcopy(SNAPSHOT)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file into the test's folder."""

    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def problems_of_policy(path: Path, **overrides: object) -> tuple[Diagnostic, ...]:
    with pytest.raises(FileHasProblems) as caught:
        load_policy(path, overrides)
    return caught.value.diagnostics


def problems_of(document: object, kind: Kind = "snapshot") -> tuple[Diagnostic, ...]:
    text = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    with pytest.raises(FileHasProblems) as caught:
        parse_document(text, kind, "file.json")
    return caught.value.diagnostics


def place_of(needle: str, text: str) -> tuple[int, int]:
    """Give line and column of the first occurrence of a text."""
    before = text[: text.index(needle)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
