"""What may go wrong between a client and a venue, on the level of HTTP."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tests.venues.wire import Sort


class Kind(StrEnum):
    """What happens to one request."""

    NONE = "none"
    LOST_BEFORE = "lost_before"
    """The connection breaks before the venue sees it."""
    LOST_AFTER = "lost_after"
    """It is executed, and the connection breaks before the reply."""
    ERROR_BEFORE = "error_before"
    """A 5xx; nothing was executed."""
    ERROR_AFTER = "error_after"
    """A 5xx, though it was executed."""
    RATE_LIMITED = "rate_limited"
    """429 with Retry-After; nothing was executed."""
    HTML = "html"
    """Executed; the reply is a web page with status 200. The next three are of this sort too."""
    EMPTY = "empty"
    CUT = "cut"
    BARE = "bare"
    REFUSED = "refused"
    """Not executed; refused in the venue's words."""
    DUPLICATE = "duplicate"
    """Executed, then refused because its id is in use."""
    UNCLEAR = "unclear"
    """Executed, then answered by the given words of the venue, which say neither yes nor no."""
    DELAYED = "delayed"
    """Nobody answers; it is executed a little later, unless its window has passed by then."""
    DOUBLED = "doubled"
    """Executed twice; the reply is the second one's."""
    REDELIVERED = "redelivered"
    """Delivered twice, each time through the gate; the reply is the second one's."""
    SLOW = "slow"
    """Executed at once, answered late."""
    STUCK = "stuck"
    """Held on its way, then executed and answered, or refused where kraken has seen a higher nonce by then."""
    PARTIAL = "partial"
    """Half of it is filled, the rest cancelled."""
    CANCELLED = "cancelled"
    """The venue takes the order and cancels it unfilled."""
    OPEN_FIRST = "open_first"
    """The order is told as open a few times before it is told as filled."""
    VANISHED = "vanished"
    """Executed, the reply is lost, and for a while no list shows the order."""
    LINGERS = "lingers"
    """A cancel is answered as done at once and takes effect later; until then the order holds what it holds."""
    TRADED = "traded"
    """Somebody else sells a tenth of the same position just before."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; ``seconds`` are of delay, of rest, or of blindness, ``times`` how often an order is told as open.

    A garbled reply leaves the request unexecuted where ``executed`` is false. With ``where`` the fault waits for a
    request that has it in its path.
    """

    kind: Kind
    seconds: float = 1.0
    status: int = 503
    words: str | None = None
    executed: bool = True
    times: int = 3
    where: str = ""


def fault(kind: str, **more: Any) -> Fault:
    """Name a fault tersely: ``fault("slow", seconds=2)``."""
    return Fault(Kind(kind), **more)


def read_fault(entry: str | Mapping[str, Any]) -> Fault:
    """Read a fault as the control endpoint gets it: a name, or an object with ``kind`` and the rest."""
    return fault(entry) if isinstance(entry, str) else fault(**entry)


Late = tuple[datetime, Callable[[], object]]


@dataclass
class Faults:
    """What is going to go wrong, in order, for each sort of request; what is left out goes well.

    ``met`` counts what went wrong; ``under_way`` are requests that arrive later; ``opens`` counts how often an order is
    still told as open, ``hidden`` tells until when one is not shown.
    """

    markets: deque[Fault] = field(default_factory=deque)
    reads: deque[Fault] = field(default_factory=deque)
    look_ups: deque[Fault] = field(default_factory=deque)
    writes: deque[Fault] = field(default_factory=deque)
    met: Counter[Kind] = field(default_factory=Counter)
    under_way: list[Late] = field(default_factory=list)
    opens: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, datetime] = field(default_factory=dict)

    def queue(self, sort: Sort) -> deque[Fault]:
        queue: deque[Fault] = getattr(self, sort.value)
        return queue

    def next(self, sort: Sort, path: str) -> Fault:
        """Take the next fault; one that waits for another path stays the next."""
        queue = self.queue(sort)
        found = queue.popleft() if queue and queue[0].where in path else Fault(Kind.NONE)
        self.met[found.kind] += 1
        return found

    def plan(self, sort: str, *faults: str | Fault) -> None:
        """Put faults behind those that wait: ``plan("writes", "lost_after", "none", fault("slow", seconds=2))``."""
        self.queue(Sort(sort)).extend(entry if isinstance(entry, Fault) else fault(entry) for entry in faults)

    def clear(self) -> None:
        """Let everything go well from now on; what is under way stays under way."""
        for queue in (self.markets, self.reads, self.look_ups, self.writes):
            queue.clear()

    def due(self, now: datetime) -> Iterable[Late]:
        """Take out what arrives by now, in the order of arrival."""
        arrived = sorted((late for late in self.under_way if late[0] <= now), key=lambda late: late[0])
        self.under_way = [late for late in self.under_way if late[0] > now]
        return arrived
