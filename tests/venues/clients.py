"""The real ccxt clients, sent to a venue on loopback."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import ccxt

from tests.venues.server import Handle

Client = Any
"""ccxt's classes are not annotated for our checker."""


def rebased(urls: Any, base_url: str) -> Any:
    """Return ccxt's addresses with the loopback's scheme and host; paths stay."""
    if isinstance(urls, dict):
        return {name: rebased(url, base_url) for name, url in urls.items()}
    return base_url + urlsplit(urls).path


def connect(handle: Handle, markets_of: Client = None, **config: Any) -> Client:
    """Open a client that speaks to the venue as it would to the real one; amounts are texts.

    With ``markets_of`` it takes over the markets that another client has loaded.
    """
    credentials = {"apiKey": handle.credentials.key, "secret": handle.credentials.secret}
    exchange = getattr(ccxt, handle.front.name)({"enableRateLimit": False, **credentials, **config})
    exchange.urls["api"] = rebased(exchange.urls["api"], handle.base_url)
    exchange.number = str
    exchange.session.trust_env = False
    if markets_of is not None:
        exchange.set_markets_from_exchange(markets_of)
    return exchange
