"""The venues: paper, those that exitplan knows well, and any other that ccxt speaks to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exitplan.brokers.paper.broker import open_paper_account
from exitplan.brokers.protocol import Broker, Clock
from exitplan.ruleset.language.policy import CASH_KEPT

PAPER = "paper"


def open_broker(account: Mapping[str, Any], base: Path, clock: Clock, keep: tuple[str, ...] = CASH_KEPT) -> Broker:
    """Open the broker of an ``account`` block: ``id``, ``venue``, ``quote``, and what its venue needs besides.

    ``keep`` are the currencies that the policy calls money. Paths among the options are relative to ``base``, the
    folder of the account file. Raises UsageError for a venue that there is not, FileIsInvalid for options the venue
    does not understand, CredentialsMissing.
    """
    if str(account.get("venue") or PAPER) == PAPER:
        return open_paper_account(account, base, clock)
    from exitplan.brokers.live.opening import open_live_account  # noqa: PLC0415 - ccxt is loaded only for a live venue

    return open_live_account(account, base, clock, keep)
