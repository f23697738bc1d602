"""What every front begins with: the account behind it, what is staked, its pages, and the gate that knows its key."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from tests.venues.venue import Venue
from tests.venues.wire import Credentials


class Gate(Protocol):
    """Lets in who has the right key; it makes one where none is given."""

    credentials: Credentials

    def __init__(self, credentials: Credentials = ...) -> None: ...


G = TypeVar("G", bound=Gate)


class AccountFront(Generic[G]):
    """A front before one account; each venue's names its ``gate_kind`` and adds what it answers.

    ``staked`` are further balances under the venue's own codes; ``page_size`` makes its pages smaller than they are.
    """

    gate_kind: type[G]

    def __init__(
        self,
        venue: Venue,
        staked: Mapping[str, Decimal] | None = None,
        page_size: int | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.venue = venue
        self.staked = dict(staked or {})
        self.page_size = page_size
        self.gate = self.gate_kind() if credentials is None else self.gate_kind(credentials)
        self.begin()

    def begin(self) -> None:
        """Make what the venue has beside that."""

    @property
    def credentials(self) -> Credentials:
        return self.gate.credentials
