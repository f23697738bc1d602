"""Refusals of venues that put many of them under one code, told apart by their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exitplan.brokers.live.failures import exceptions_for
from exitplan.brokers.protocol import RefusalReason


def by_words(words: Mapping[str, RefusalReason], otherwise: type[Exception]) -> Callable[[str], Exception]:
    """Return what makes an exception of a message, to stand in a ccxt table in place of an exception's class."""
    exceptions = exceptions_for(words)

    def exception(message: str) -> Exception:
        return next((kind for word, kind in exceptions.items() if word in message), otherwise)(message)

    return exception
