"""Take one safety out of the executor at a time, to see that the suite notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import pytest

from executor.journal import Intent, Journal
from executor.settle import Desk, NotSent
from ruleset.values import plain, time_text


@dataclass(frozen=True, slots=True)
class Mutant:
    """A safety that is taken out, and the kind of experiment in which that must show."""

    safety: str
    kind: str
    install: Callable[[pytest.MonkeyPatch], None]


def _without_look_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "_by_look_up", lambda *_: NotSent())


def _without_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "_wait_out", lambda *_: None)


def _with_one_question(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("executor.settle._NOT_FOUND", 1)
    patch.setattr(Desk, "_trace_of", lambda *_: None)


def _without_swap(patch: pytest.MonkeyPatch) -> None:
    def begin(
        journal: Journal, intent: Intent, fence: int, now: datetime, *, quantity: Decimal, held_before: Decimal | None
    ) -> Intent:
        with journal._transaction() as db:
            db.execute(
                "UPDATE intents SET status = 'sending', attempt = attempt + 1, fence = ?, quantity = ?, sent_at = ?,"
                " held_before = ? WHERE plan_id = ? AND action_id = ?",
                (
                    fence,
                    plain(quantity),
                    time_text(now),
                    None if held_before is None else plain(held_before),
                    intent.plan_id,
                    intent.action_id,
                ),
            )
        return replace(intent, status="sending", quantity=quantity, sent_at=now, held_before=held_before)

    patch.setattr(Journal, "begin_sending", begin)
    patch.setattr(Journal, "_ensure_newest", lambda _: None)


def _without_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "_ensure_newest", lambda _: None)


MUTANTS: Mapping[str, Mutant] = {
    "no look-up": Mutant("asking the venue for an order of unknown outcome", "reply lost after", _without_look_up),
    "no wait": Mutant("waiting until the venue can no longer accept it", "late execution", _without_wait),
    "one question": Mutant("asking twice and looking at the position", "order vanishes", _with_one_question),
    "no compare-and-swap": Mutant("the compare-and-swap and the fence", "two writers", _without_swap),
    "no fence": Mutant("the fence alone", "two writers", _without_fence),
}
