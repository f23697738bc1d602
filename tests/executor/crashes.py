"""Places at which the process may die: around every durable step and every request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pytest

import exitplan.executor.store.alerts
import exitplan.executor.store.state
import exitplan.executor.store.tracker
from exitplan.brokers.paper.broker import PaperBroker
from exitplan.executor.store.files import append_line
from exitplan.executor.store.journal import Journal
from tests.faults import Crash

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def raise_crash() -> None:
    raise Crash


@dataclass
class Points:
    """Counts the places that a run comes by, and dies at one of them."""

    at: int = 0
    passed: int = 0
    die: Callable[[], Any] = raise_crash

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            self.die()

    def around(self, act: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Give a function that may die before it acts, and after."""

        def acting(*args: Arguments.args, **named: Arguments.kwargs) -> Result:
            self.point()
            result = act(*args, **named)
            self.point()
            return result

        return acting

    def around_commit(self, transaction: Callable[..., Any]) -> Callable[..., Any]:
        """Give a transaction that may die before it begins, before it commits, and after."""

        @contextmanager
        def transacting(journal: Journal, **how: Any) -> Iterator[Any]:
            self.point()
            with transaction(journal, **how) as db:
                yield db
                self.point()
            self.point()

        return transacting

    def install_alerts(self, patch: pytest.MonkeyPatch) -> None:
        """Die around alerts alone."""
        patch.setattr(exitplan.executor.store.alerts, "append_line", self.around(append_line))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(Journal, "_transaction", self.around_commit(Journal._transaction))
        self.install_alerts(patch)
        for module, name in (
            (exitplan.executor.store.state, "write_atomically"),
            (exitplan.executor.store.tracker, "write_atomically"),
            (PaperBroker, "place_order"),
            (PaperBroker, "cancel_order"),
            (PaperBroker, "look_up_order"),
        ):
            patch.setattr(module, name, self.around(getattr(module, name)))
