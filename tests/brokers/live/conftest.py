"""Live accounts for one test each, their listings in a folder that goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exitplan.brokers.live.listings import forget_listings
from exitplan.ruleset.model.snapshot import Snapshot
from tests.brokers.live.accounts import VENUES, Opened, account_at, priced
from tests.builders import order, position, snapshot

Opener = Callable[..., Opened]


@pytest.fixture(autouse=True)
def _listings_of_one_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path))
    forget_listings()


@pytest.fixture
def open_at() -> Iterator[Opener]:
    """Serve any account at a venue until the test ends."""
    with ExitStack() as stack:

        def opened(venue: str, account: Snapshot, **more: Any) -> Opened:
            return stack.enter_context(account_at(venue, account, **more))

        yield opened


@pytest.fixture
def account() -> Snapshot:
    """Return two positions, and one resting order that holds a part of the first."""
    return snapshot(
        position("AAA/USD", 10, locked=3),
        position("BBB/USD", 5),
        orders=[order("o1", "AAA/USD", quantity=3, price=200)],
        markets={"AAA/USD": priced(), "BBB/USD": priced()},
    )


@pytest.fixture(params=VENUES)
def opened(request: pytest.FixtureRequest, open_at: Opener, account: Snapshot) -> Opened:
    """Open that account at each venue, read once."""
    return open_at(request.param, account).ready()


@pytest.fixture
def kraken(open_at: Opener, account: Snapshot) -> Opened:
    return open_at("kraken", account).ready()


@pytest.fixture
def coinbase(open_at: Opener, account: Snapshot) -> Opened:
    return open_at("coinbase", account).ready()
