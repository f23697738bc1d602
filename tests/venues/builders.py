"""Terse builders of what a venue starts with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal

from exitplan.brokers.paper.account_file import DEMO
from exitplan.brokers.paper.times import start_now
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from tests.venues.venue import Execution, utc_now


def demo_account(now: datetime, quote: str = "USD") -> Snapshot:
    """Return the demo account with its times moved so that it was recorded now, its dollars in another currency."""
    text = DEMO.read_text().replace('/USD"', f'/{quote}"').replace('"USD"', f'"{quote}"')
    return snapshot_from_document(start_now(json.loads(text), now))


def bought(symbol: str, quantity: str | int, price: str | int, days: float) -> Execution:
    """Return a purchase of some days ago, for ``past``."""
    name, at = f"{symbol} {days} days ago", utc_now() - timedelta(days=days)
    return Execution(
        id=name,
        order=f"order of {name}",
        symbol=symbol,
        side="buy",
        type="market",
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(0),
        at=at,
    )
