"""Why a group's plan is not carried out, by account: where one refuses, nothing is sent in any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from exitplan.ruleset.errors import ExitplanError

T = TypeVar("T")
GROUP = ""
"""Stands for the group where refusals are told by account."""


class NotPrepared(Exception):
    """Something is missing, by account: nothing was sent anywhere."""

    def __init__(self, refusals: Mapping[str, ExitplanError]) -> None:
        """Keep why, by account."""
        super().__init__("; ".join(f"{name}: {error}" for name, error in refusals.items()))
        self.refusals = refusals


def of_each(accounts: Mapping[str, object], ask: Callable[[str], T]) -> dict[str, T]:
    """Ask something of each account, in the order of their ids; raises NotPrepared with all that refuse."""
    answers: dict[str, T] = {}
    refusals: dict[str, ExitplanError] = {}
    for name in sorted(accounts):
        try:
            answers[name] = ask(name)
        except ExitplanError as error:
            refusals[name] = error
    if refusals:
        raise NotPrepared(refusals)
    return answers
