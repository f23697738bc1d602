"""The adapter of our HTTP sessions: requests' own, without what it works out anew for each request.

To find the pool of connections, to look for certificates and to gather cookies takes requests as long as to send. Here
the pool of an origin is found once, and its certificates are named once. What an error means is left to requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

CONNECTIONS = 128
"""How many connections to a host stay open; as many as accounts of a venue are read at the same time in a process."""
_HOSTS = 16


class LeanAdapter(HTTPAdapter):
    """Sends requests, each once: a write that is repeated by itself is an order that is doubled."""

    def __init__(self, source_address: str | None = None) -> None:
        """Send from an address of this machine, where one is given."""
        self._source = source_address
        self._pools: dict[tuple[Any, ...], Any] = {}
        super().__init__(pool_connections=_HOSTS, pool_maxsize=CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *sizes: Any, **settings: Any) -> None:  # noqa: ANN401 - as in requests
        """Make the pools of connections that go without a proxy."""
        if self._source is not None:
            settings["source_address"] = (self._source, 0)
        super().init_poolmanager(*sizes, **settings)

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()
        super().close()

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: Any,  # noqa: ANN401 - as in requests
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,  # noqa: ANN401 - as in requests
    ) -> Any:  # noqa: ANN401 - urllib3's
        """Return the pool of an origin; one that was closed meanwhile is found again."""
        scheme, place, *_ = urlsplit(str(request.url))
        key = (scheme, place, verify, *(proxies or {}).items())
        pool = self._pools.get(key)
        if pool is None or pool.pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call] # requests'
            self._pools[key] = pool
        return pool

    def cert_verify(self, *_: object) -> None:
        """Do nothing: the pool knows its certificates."""

    def request_url(self, request: PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """Return what stands in the first line of a request."""
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, request: PreparedRequest, reply: Any) -> Response:  # noqa: ANN401 - urllib3's
        """Return what is read of a reply: no cookies, and no encoding but the one that is set on it."""
        response = Response()
        response.status_code, response.reason, response.raw = reply.status, reply.reason, reply
        response.headers = CaseInsensitiveDict(reply.headers)
        response.url, response.request = str(request.url), request
        return response
