"""Take one safety out of the executor at a time, to see that the suite notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

import exitplan.brokers.live.writing
from exitplan.brokers.live.failures import outcome_of
from exitplan.brokers.protocol import OrderReference, RefusalReason, Refused
from exitplan.brokers.venues.kraken import Kraken
from exitplan.executor.apply.reconcile import NotSent, OrderReconciler
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.journal_values import Intent, Settlement
from exitplan.executor.store.postgres import database
from exitplan.executor.store.postgres.leases import Lease
from exitplan.executor.store.postgres.tables import PostgresTables
from exitplan.executor.store.sqlite_tables import SqliteTables
from exitplan.ruleset.model.values import ZERO, plain, time_text
from tests.chaos.kinds import PAPER, POSTGRES


@dataclass(frozen=True, slots=True)
class Mutant:
    """A safety that is taken out, and the kind of experiment and the account with which that must show.

    ``at`` is the first of the points to die at, ``seed`` is added to what chance starts from. A ``slow`` one takes many
    seconds to show.
    """

    safety: str
    kind: str
    install: Callable[[pytest.MonkeyPatch], None]
    account: str = "slices"
    at: int = 12
    venue: str = PAPER
    seed: int = 0
    slow: bool = False


def _without_look_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderReconciler, "_by_look_up", lambda *_: NotSent())
    patch.setattr(OrderReconciler, "_found_at_once", lambda *_: None)


def _without_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OrderReconciler, "_wait_out", lambda *_: None)


def _with_one_question(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("exitplan.executor.apply.reconcile._NOT_FOUND", 1)
    patch.setattr("exitplan.executor.apply.reconcile._trace_of", lambda *_: None)


def _without_swap(patch: pytest.MonkeyPatch) -> None:
    def begin(
        journal: Journal, intents: Sequence[Intent], fence: int, now: datetime, settled: Settlement | None = None
    ) -> list[Intent]:
        with journal._transaction() as db:
            if settled is not None:
                journal._put_settlement(db, settled)
            for intent in intents:
                db.execute(
                    "UPDATE intents SET status = 'sending', attempt = attempt + 1, fence = ?, quantity = ?,"
                    " sent_at = ?, held_before = ? WHERE plan_id = ? AND action_id = ?",
                    (
                        fence,
                        plain(intent.quantity or ZERO),
                        time_text(now),
                        None if intent.held_before is None else plain(intent.held_before),
                        intent.plan_id,
                        intent.action_id,
                    ),
                )
        return [replace(intent, status="sending", sent_at=now) for intent in intents]

    patch.setattr(Journal, "begin_sending", begin)
    _without_fence(patch)


def _without_fence(patch: pytest.MonkeyPatch) -> None:
    for tables in (SqliteTables, PostgresTables):
        patch.setattr(tables, "writing", _by_anybody(tables.writing))
    patch.setattr(Journal, "ensure_claimed", lambda _: None)


def _by_anybody(writing: Callable[..., Any]) -> Callable[..., Any]:
    """Let whoever has the journal open write in it, whoever has claimed it since."""
    return lambda tables, _=None, **named: writing(tables, None, **named)


def _without_the_others(patch: pytest.MonkeyPatch) -> None:
    begin_sending = Journal.begin_sending

    def begin(
        journal: Journal, intents: Sequence[Intent], fence: int, now: datetime, settled: Settlement | None = None
    ) -> list[Intent]:
        first = begin_sending(journal, intents[:1], fence, now, settled)
        return first + [replace(intent, status="sending", attempt=1, sent_at=now) for intent in intents[1:]]

    patch.setattr(Journal, "begin_sending", begin)


def _with_sending_again(patch: pytest.MonkeyPatch) -> None:
    create = Kraken.create

    def insisting(dialect: Kraken, *asked: Any) -> Any:
        try:
            return create(dialect, *asked)
        except Exception:  # noqa: BLE001 - whatever it is: that is what is wrong with it
            return create(dialect, *asked)

    patch.setattr(Kraken, "create", insisting)


def _with_trust_in_nonsense(patch: pytest.MonkeyPatch) -> None:
    def read(error: Exception, *more: Any, **named: Any) -> Any:
        if type(error).__name__ in {"BadResponse", "BadReply"}:
            return Refused(RefusalReason.TRY_AGAIN, "nonsense")
        return outcome_of(error, *more, **named)

    patch.setattr(exitplan.brokers.live.writing, "outcome_of", read)


def _with_unclear_codes_for_refusals(patch: pytest.MonkeyPatch) -> None:
    def read(error: Exception, *more: Any, **named: Any) -> Any:
        if any(f'"retCode": {code},' in str(error) for code in (170035, 10016, 170007)):
            return Refused(RefusalReason.TRY_AGAIN, "some code")
        return outcome_of(error, *more, **named)

    patch.setattr(exitplan.brokers.live.writing, "outcome_of", read)


def _with_open_orders_only(patch: pytest.MonkeyPatch) -> None:
    find = Kraken.find_by_client_id

    def find_open(dialect: Kraken, exchange: Any, reference: OrderReference) -> Any:
        found = find(dialect, exchange, reference)
        return found if found is not None and found.get("status") == "open" else None

    patch.setattr(Kraken, "find_by_client_id", find_open)


def _without_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Kraken, "window_parameters", lambda *_: {})


def _without_own_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "ensure", lambda _: None)


def _without_leases(patch: pytest.MonkeyPatch) -> None:
    """Take the lease's own fence out, so that the journal's stands alone."""
    patch.setattr(Lease, "ensure", lambda _: None)
    patch.setattr(PostgresTables, "_leased", ("", "", "", 0))


def _without_any_fence(patch: pytest.MonkeyPatch) -> None:
    _without_leases(patch)
    _without_fence(patch)


def _without_any_swap(patch: pytest.MonkeyPatch) -> None:
    _without_leases(patch)
    _without_swap(patch)


def _without_durability(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(database, "_SETTINGS", f"{database._SETTINGS}; SET synchronous_commit = off")


MUTANTS: Mapping[str, Mutant] = {
    "no look-up": Mutant("asking the venue for an order of unknown outcome", "reply lost after", _without_look_up),
    "no wait": Mutant("waiting until the venue can no longer accept it", "late execution", _without_wait),
    "one question": Mutant("asking twice and looking at the position", "order vanishes", _with_one_question),
    "no compare-and-swap": Mutant("the compare-and-swap and the fence", "two writers", _without_swap),
    "no fence": Mutant("the fence alone", "two writers", _without_fence),
    "one of a group": Mutant(
        "journalling all of a group before the first is sent", "killed twice", _without_the_others, "grouped", 50
    ),
    "sends again": Mutant(
        "sending an order over HTTP only once", "connection lost", _with_sending_again, at=27, venue="kraken", seed=3
    ),
    "nonsense": Mutant(
        "taking a garbled reply for no answer", "garbled reply", _with_trust_in_nonsense, venue="kraken"
    ),
    "unclear codes": Mutant(
        "taking a code that says neither yes nor no for no answer",
        "answered unclearly",
        _with_unclear_codes_for_refusals,
        venue="bybit",
    ),
    "open orders only": Mutant(
        "looking for an order among the closed ones", "garbled reply", _with_open_orders_only, venue="kraken", slow=True
    ),
    "no deadline": Mutant(
        "telling the venue until when it may take an order",
        "late execution",
        _without_window,
        at=22,
        venue="kraken",
        seed=2,
    ),
    **{
        f"{name} in Postgres": Mutant(safety, kind, install, account, at, POSTGRES)
        for name, safety, kind, install, account, at in (
            ("no look-up", "asking the venue, in Postgres", "reply lost after", _without_look_up, "slices", 12),
            ("no wait", "waiting out the window, in Postgres", "late execution", _without_wait, "slices", 12),
            ("no swap", "compare-and-swap and fences, in Postgres", "two writers", _without_any_swap, "slices", 12),
            ("no fence", "all fences, in Postgres", "two writers", _without_any_fence, "slices", 12),
            (
                "one of a group",
                "journalling all of a group, in Postgres",
                "killed twice",
                _without_the_others,
                "grouped",
                50,
            ),
            (
                "no own clock",
                "looking at the lease right before a send",
                "lease ends",
                _without_own_clock,
                "slices",
                12,
            ),
            ("not durable", "commits that are on the disk", "server crashes", _without_durability, "slices", 12),
        )
    },
}
