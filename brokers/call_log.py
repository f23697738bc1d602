"""The log of calls to venues, so that an operator can see what was asked, how long it took and what came of it.

A record never holds a header, a body, the query of an address or a message of the venue: any of them may hold a secret.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("exitplan.venue")
LOGGER.addHandler(logging.NullHandler())  # whoever uses exitplan decides where its log goes


def log_call(venue: str, call: str, seconds: float, outcome: str, weight: float | None = None) -> None:
    """Log one call: at level DEBUG where ``outcome`` is ``ok``, else WARNING, with its parts as fields of the record.

    ``call`` names the method; ``weight`` is what it costs of the venue's limits.
    """
    level = logging.DEBUG if outcome == "ok" else logging.WARNING
    if not LOGGER.isEnabledFor(level):
        return
    milliseconds = round(seconds * 1000, 1)
    fields = {"venue": venue, "call": call, "weight": weight, "milliseconds": milliseconds, "outcome": outcome}
    LOGGER.log(level, "%s %s: %s in %s ms", venue, call, outcome, milliseconds, extra=fields)
