"""The ccxt client of one account: checked replies, our own rate limits, private calls in turn, shared connections.

ccxt is imported here and nowhere else, when a live account is opened: it takes half a second.
"""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from exitplan.brokers.live.buckets import Bucket, bucket_for, forget_buckets
from exitplan.brokers.live.checked import CheckedClient, Turn, Writes
from exitplan.brokers.live.credentials import Credentials
from exitplan.brokers.live.dialect import Dialect, Exchange, MarketType
from exitplan.brokers.live.egress import Egress
from exitplan.brokers.live.market_data import forget_candles
from exitplan.brokers.live.moulds import Mould, forget_moulds, mould_for
from exitplan.brokers.live.sharing import forget_prices
from exitplan.brokers.live.tokens import TokenSigner
from exitplan.brokers.protocol import Clock
from exitplan.ruleset.errors import UsageError

READ_SECONDS = 15
"""How long a venue may take to answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a venue takes at once, and gives back a second, in ccxt's cost units."""

    burst: float
    refill: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where and how an account is reached; without ``credentials`` only public calls work."""

    venue: str
    clock: Clock
    credentials: Credentials | None = None
    base_url: str | None = None
    sandbox: bool = False
    market_types: tuple[MarketType, ...] = ("spot",)
    options: Mapping[str, Any] = field(default_factory=dict)
    pace: Pace | None = None
    egress: Egress = field(default_factory=Egress)

    @property
    def place(self) -> str:
        """Name the system that is spoken to: accounts of one place share its markets and connections."""
        return f"{self.venue}{'/sandbox' if self.sandbox else ''} {self.base_url or ''}".strip()


@dataclass(slots=True)
class _Shared:
    """What all clients of one place have in common, by their way out and by their keys."""

    sessions: dict[Egress, Any] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)


_SHARED: dict[str, _Shared] = {}
_SHARING = threading.Lock()


_LOGGER = logging.getLogger("exitplan.ccxt")
_LOGGER.setLevel(logging.WARNING)
"""ccxt tells a logger at level DEBUG of every request, keys and signatures in its headers."""


def exchange_ids() -> tuple[str, ...]:
    """Return the ids of every exchange that ccxt speaks to."""
    import ccxt  # noqa: PLC0415 - loaded only where a live venue is asked for

    return tuple(ccxt.exchanges)


def open_exchange(dialect: Dialect, connection: Connection) -> Exchange:
    """Make the ccxt client of an account; nothing is asked yet.

    Raises UsageError for a venue that ccxt does not know, that has no sandbox, or whose proxy is none.
    """
    exchange: Exchange = _mould(dialect, connection).cast()
    exchange.session = _session(connection)
    exchange.clock = connection.clock
    exchange.dialect = dialect
    exchange.turn = _shared(connection.place).turns.setdefault(_owner(connection), Turn())
    exchange.writes = Writes()
    exchange.pause = exchange.offset = exchange.told_offset = None
    credentials = connection.credentials
    if credentials is not None:
        exchange.apiKey, exchange.secret = credentials.api_key.reveal(), credentials.api_secret.reveal()
        if credentials.api_password is not None:
            exchange.password = credentials.api_password.reveal()
    exchange.session.check_proxies(_addresses(exchange.urls["api"], exchange.hostname or ""))
    exchange.bucket = _bucket(exchange, dialect, connection)
    return exchange


def _mould(dialect: Dialect, connection: Connection) -> Mould:
    config = dialect.config(connection.market_types)
    config["options"] = {**config.get("options", {}), **connection.options}
    config |= {"enableRateLimit": True, "timeout": READ_SECONDS * 1000}
    settings = orjson.dumps(config, option=orjson.OPT_NON_STR_KEYS, default=str)
    return mould_for(connection.place, settings, lambda: _made(connection, config))


def _made(connection: Connection, config: dict[str, Any]) -> Exchange:
    """Make a client that knows no account; raises as :func:`open_exchange`."""
    import ccxt  # noqa: PLC0415 - as above

    if connection.venue not in ccxt.exchanges:
        raise no_such_venue(connection.venue)
    base = getattr(ccxt, connection.venue)
    config = {**config, "session": _session(connection)}  # else ccxt opens one of its own
    exchange: Exchange = type(base.__name__, (CheckedClient, TokenSigner, base), {})(config)
    exchange.logger = _LOGGER
    exchange.number = str  # amounts come as text, never as floats
    if connection.sandbox:
        _use_sandbox(exchange, connection.venue)
    if connection.base_url is not None:
        exchange.urls["api"] = _rebased(exchange.urls["api"], connection.base_url)
    return exchange


def _shared(place: str) -> _Shared:
    with _SHARING:
        return _SHARED.setdefault(place, _Shared())


def _session(connection: Connection) -> Any:  # noqa: ANN401 - loaded below
    from exitplan.brokers.live.session import VenueSession  # noqa: PLC0415 - loads requests, which comes with ccxt

    sessions = _shared(connection.place).sessions
    with _SHARING:
        if connection.egress not in sessions:
            sessions[connection.egress] = VenueSession(connection.egress)
        return sessions[connection.egress]


def forget_connections(base_url: str) -> None:
    """Close what is kept for a venue that is no longer there: connections and buckets hold files open."""
    with _SHARING:
        for place in [place for place in _SHARED if place.endswith(f" {base_url}")]:
            for session in _SHARED.pop(place).sessions.values():
                session.close()
            forget_buckets(place)
            forget_moulds(place)
            forget_prices(place)
            forget_candles(place)


def _use_sandbox(exchange: Exchange, venue: str) -> None:
    if not exchange.urls.get("test"):  # ccxt names none for some, and then breaks
        hint = "practise on a paper copy of the account: exitplan init --from-venue"
        raise UsageError(f"{venue} has no sandbox", hint=hint)
    exchange.set_sandbox_mode(True)


def _rebased(urls: object, base: str) -> object:
    """Return the addresses of an exchange at another base, each with its own path."""
    if isinstance(urls, Mapping):
        return {name: _rebased(url, base) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    target = urlsplit(base)
    path = urlsplit(urls.replace("{hostname}", "hostname")).path
    return urlunsplit((target.scheme, target.netloc, target.path.rstrip("/") + path, "", ""))


def _addresses(urls: object, hostname: str) -> Iterator[str]:
    """Return every address that requests of an exchange go to."""
    if isinstance(urls, Mapping):
        for url in urls.values():
            yield from _addresses(url, hostname)
    elif isinstance(urls, str) and urls.startswith("http"):
        yield urls.replace("{hostname}", hostname)


def _bucket(exchange: Exchange, dialect: Dialect, connection: Connection) -> Bucket:
    """Return the token bucket of an account: shared by all behind one key, or one address, of a venue."""
    traits = dialect.traits
    refill = traits.refill or 1000 / float(exchange.rateLimit)
    is_by_key = traits.limited_by == "key" and connection.credentials is not None
    owner = _owner(connection) if is_by_key else _way_out(connection)
    pace = connection.pace or Pace(traits.burst or max(refill, 1.0), refill)
    return bucket_for(f"{connection.place} {owner}", pace.burst, pace.refill)


def _way_out(connection: Connection) -> str:
    """Distinguish the addresses that a venue sees; where none is named all machines are taken for one."""
    return f"address {connection.egress.name}" if connection.egress.name else "address"


def _owner(connection: Connection) -> str:
    """Distinguish keys; whoever has none is told by the address alone."""
    return "address" if connection.credentials is None else connection.credentials.fingerprint()


def no_such_venue(name: str) -> UsageError:
    """Return the error that ccxt knows no such exchange, and the nearest it knows."""
    near = difflib.get_close_matches(name, [*exchange_ids(), "paper"], n=1)
    hint = f"did you mean `{near[0]}`?" if near else "exitplan venues lists them"
    return UsageError(f"there is no venue `{name}`", hint=hint)
