"""What the error codes of a venue mean after a write: refused, and why, or nothing for sure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exitplan.brokers.protocol import RefusalReason, Refused, Unknown

_BROKE = re.compile(
    r"(?i)(server|system|unknown) error|internal|abnormal|deadline|time.?out|timed.out|busy|overload|processing"
)
_DOUBTFUL = re.compile(r"(?i)try.again|cancell?ed|unavailable|expired|recv.?window|invalid.{0,12}(timestamp|nonce)")
_ORDER_IDS = ("id", "ordId", "algoId", "orderId", "order_id", "txid")
_SEEN = re.compile(r"(?i)duplicate|already exist|must be unique")


def says_it_broke(text: str) -> bool:
    """Check whether a message is about the venue, not about what was asked for."""
    return _BROKE.search(text) is not None


def is_doubtful(text: str) -> bool:
    """Check whether a message may be about the venue or the time; a request that comes twice comes too late as well.

    For codes that nobody has looked up: beside others, to try again may mean to ask for something else.
    """
    return says_it_broke(text) or _DOUBTFUL.search(text) is not None


def codes(text: str) -> tuple[str, ...]:
    """Split codes that stand in one line."""
    return tuple(text.split())


def text_in(reply: object, key: str) -> str | None:
    """Return a code that stands in an object, be it a number or a text; None where there is none."""
    value = reply.get(key) if isinstance(reply, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def names_an_order(reply: object) -> bool:
    """Check whether a reply to an order gives its id, in the form of any venue: then it may have been taken."""
    if not isinstance(reply, dict):
        return False
    parts = [reply, *(reply.get(name) for name in ("result", "data", "success_response"))]
    entries = [entry for part in parts for entry in (part if isinstance(part, list) else [part])]
    return any(entry.get(name) for entry in entries if isinstance(entry, dict) for name in _ORDER_IDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """All that is known of a venue's error codes; after any other one nobody knows what became of a write.

    ``refused`` are the codes after which nothing happened, by the reason; ``unknown`` those after which the request may
    have been executed. ``words`` tell apart what the venue puts under a code of the reason OTHER; the first that stands
    in the reply counts, and where none does, one about something that the venue has seen before is no refusal.
    """

    refused: Mapping[RefusalReason, Sequence[str]]
    unknown: Sequence[str] = ()
    words: Mapping[str, RefusalReason] = field(default_factory=dict)

    def knows(self, code: str) -> bool:
        """Check whether a code is in the table."""
        return code in self.unknown or self._reason(code) is not None

    def meaning(self, codes: Sequence[str], text: str = "") -> RefusalReason | None:
        """Return why a reply with these codes refuses; None where it is not sure that it does."""
        reasons = [self._reason(code) for code in codes]
        first = reasons[0] if reasons else None
        if first is None or None in reasons:
            return None
        if first is not RefusalReason.OTHER:
            return first
        told = next((reason for word, reason in self.words.items() if word in text), None)
        return told or (None if says_it_broke(text) or _SEEN.search(text) else first)

    def outcome(self, code: str, text: str) -> Refused | Unknown:
        """Return what became of one of several writes, which has an error code of its own."""
        reason, message = self.meaning([code], text), f"{code} {text}".strip()
        return Unknown(message) if reason is None else Refused(reason, message)

    def _reason(self, code: str) -> RefusalReason | None:
        return next((reason for reason, listed in self.refused.items() if code in listed), None)
