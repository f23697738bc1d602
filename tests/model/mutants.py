"""Which of the safeties that are taken out by ``make chaos`` the model misses, and in which setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

import exitplan.executor.store.postgres.tables
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.port import Tables
from exitplan.executor.store.postgres.connection import StoreConnection, in_transaction
from tests.chaos.fleet.mutants import MUTANTS as OF_FLEETS
from tests.chaos.mutants import MUTANTS as OF_ACCOUNTS

Install = Callable[[pytest.MonkeyPatch], Any]

_FLEET = "of a fleet: "


@dataclass(frozen=True, slots=True)
class Missed:
    """A safety that is taken out, and the setting in which the model misses it."""

    setting: str
    install: Install


_SETTINGS: Mapping[str, str] = {
    "no look-up": "one",
    "no wait": "one",
    "one question": "one",
    "no compare-and-swap": "one",
    "no fence": "one",
    "one of a group": "group",
    "sends again": "kraken",
    "nonsense": "kraken",
    "open orders only": "kraken",
    "no deadline": "kraken",
    "unclear codes": "bybit",
    "no look-up in Postgres": "postgres",
    "no wait in Postgres": "postgres",
    "no swap in Postgres": "postgres",
    "no fence in Postgres": "postgres",
    "no own clock in Postgres": "postgres",
    "not durable in Postgres": "postgres",
    "one of a group in Postgres": "group in postgres",
    f"{_FLEET}no own clock": "postgres",
    f"{_FLEET}no halt": "halted in postgres",
}

OUTSIDE: Mapping[str, str] = {
    f"{_FLEET}no fence": "of what quiet accounts remember, written by the shard; nothing is sent by it",
    f"{_FLEET}no swap": "of the same rows; nothing is sent by them",
    f"{_FLEET}no index": "of which account ended a worker; the model has one account",
    f"{_FLEET}no tries": "of the same count",
}
"""The mutants of chaos that are none of the order protocol, and what they are about."""


def _without_durability(patch: pytest.MonkeyPatch) -> None:
    """Let no commit of a journal wait for the disk; a database that does so by its settings is not opened at all."""

    def lazily(connection: StoreConnection, begin: bytes, **_: bool) -> AbstractContextManager[None]:
        return in_transaction(connection, begin, is_durable=False)

    patch.setattr(exitplan.executor.store.postgres.tables, "in_transaction", lazily)


def _without_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "ensure_claimed", lambda _: None)


def _without_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.apply.reconcile.MARGIN_SECONDS", -4)


def _without_note(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.store.last_journal.ensure_newest_traded", lambda *_: None)


def _without_halts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.store.halt.find_halt", lambda _: None)


def _without_flush(patch: pytest.MonkeyPatch) -> None:
    begin = Journal.__init__

    def lazily(journal: Journal, tables: Tables, *more: Any, **named: Any) -> None:
        tables.execute("PRAGMA synchronous = NORMAL")
        begin(journal, tables, *more, **named)

    patch.setattr(Journal, "__init__", lazily)


OF_CHAOS: Mapping[str, Install] = {
    **{name: mutant.install for name, mutant in OF_ACCOUNTS.items()},
    **{f"{_FLEET}{name}": mutant.install for name, mutant in OF_FLEETS.items()},
}

MUTANTS: Mapping[str, Missed] = {
    **{name: Missed(setting, OF_CHAOS[name]) for name, setting in _SETTINGS.items()},
    "not durable in Postgres": Missed("postgres", _without_durability),
    "no look at the journal before it is sent": Missed("one", _without_claim),
    "a window that is too short": Missed("one", _without_window),
    "no note beside the lock": Missed("put back", _without_note),
    "no halt": Missed("halted", _without_halts),
    "not durable": Missed("one", _without_flush),
}
"""Those of chaos, and further ones that it leaves alone."""
