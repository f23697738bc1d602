"""The HTTP session that all accounts of a place share: connections, no cookies, the proxies of the environment.

requests is imported here, so this module is imported only where a live account is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.cookies import RequestsCookieJar
from requests.exceptions import ProxyError, TooManyRedirects
from requests.utils import get_environ_proxies, select_proxy
from urllib3.util import parse_url

from exitplan.brokers.live.egress import Egress
from exitplan.brokers.live.lean_adapter import LeanAdapter
from exitplan.ruleset.errors import UsageError

_WHOLE = 1 << 24
"""Bytes; a reply that is longer is read in several pieces."""
_PROXY_WANTS_A_PASSWORD = 407
_HOST, _PATH, _QUERY = r"https?://[a-z0-9][a-z0-9.-]*(:[1-9][0-9]*)?", r"(/[A-Za-z0-9_-]+)+", r"(\?[A-Za-z0-9_=&-]+)?"
_PLAIN_ADDRESS = re.compile(_HOST + _PATH + _QUERY)
"""Most addresses: without escapes, dots in their path and anything else that requests would look into."""


class VenueSession(Session):
    """A session that takes from the environment its proxies and whom they may be signed by, and nothing else.

    ``trust_env`` stays off, as in ccxt: no netrc may put its password where a signature belongs.
    """

    def __init__(self, egress: Egress = Egress()) -> None:  # noqa: B008 - it is frozen
        """Reach venues by a way out; its proxy goes before those of the environment."""
        super().__init__()
        self.max_redirects = 0  # a signed request is for the venue alone, and a write is sent once
        self.trust_env = False
        # No cookies: none goes from one account to another, and no thread finds them changed while it reads them.
        self.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, LeanAdapter(egress.source_address))
        self._egress = egress
        self._proxy_of: dict[str, str | None] = {}
        self._authorities = _authorities()

    def check_proxies(self, urls: Iterable[str]) -> None:
        """Find the proxy of each address; raises UsageError for one that is none, without repeating it."""
        for url in urls:
            self._proxies(url)

    def request(  # type: ignore[override] # noqa: PLR0913 - only as ccxt calls it
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: float | None = None,
        proxies: dict[str, str] | None = None,
        verify: bool | str = True,
        files: Any = None,  # noqa: ANN401 - requests' own
    ) -> Response:
        """Send a request as ccxt has made it, with the proxy of its address.

        Only what a request of ccxt needs is done: to merge it with a session that holds nothing, cookies and all, takes
        requests longer than to send it. That a proxy wants a password is no answer of the venue.
        """
        request = PreparedRequest()
        request.prepare_method(method)
        if _PLAIN_ADDRESS.fullmatch(url):
            request.url = url  # nothing in it would be written otherwise
        else:
            request.prepare_url(url, None)
        request.prepare_headers({name: text for name, text in (headers or {}).items() if text is not None})
        request.prepare_body(data, files)
        response = self.get_adapter(url).send(
            request,
            stream=True,
            timeout=timeout,
            verify=self._authorities or verify if verify is True else verify,
            proxies=proxies or self._proxies(url),
        )
        _read_whole(response)
        if response.status_code == _PROXY_WANTS_A_PASSWORD:
            raise ProxyError("the proxy wants a name and a password", request=request, response=response)
        if response.is_redirect:
            raise TooManyRedirects("it points elsewhere", request=request, response=response)
        return response

    def _proxy_of_origin(self, origin: str) -> str | None:
        """Return the proxy for an address: that of our way out, none from an address of our own, the environment's."""
        if self._egress.source_address is not None:
            return None
        return self._egress.proxy or _proxy_for(origin)

    def _proxies(self, url: str) -> dict[str, str]:
        scheme, place, *_ = urlsplit(url)
        origin = f"{scheme}://{place}"
        if origin not in self._proxy_of:
            self._proxy_of[origin] = self._proxy_of_origin(origin)
        proxy = self._proxy_of[origin]
        return {} if proxy is None else {scheme: proxy}


def _read_whole(response: Response) -> None:
    """Read a reply in one piece: requests takes pieces of 10 KB, and a list of prices has half a megabyte."""
    if response.raw is not None:
        response._content = b"".join(response.iter_content(_WHOLE))  # noqa: SLF001 - where requests keeps it


def _authorities() -> str | None:
    """Return the file or folder of certificates that the environment names, as a proxy that opens TLS needs.

    Raises UsageError where there is none of that name: a request would fail at each try.
    """
    name = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), None)
    if name is None:
        return None
    place = os.environ[name]
    if not os.path.exists(place):  # noqa: PTH110 - text in, text out
        raise UsageError(f"{name} names no file of certificates: {place}", hint="name one that exists, or unset it")
    return place


def _proxy_for(origin: str) -> str | None:
    """Return the proxy that the environment names for an address, by the rules of requests (NO_PROXY among them)."""
    proxy = select_proxy(origin, get_environ_proxies(origin))
    if not proxy:
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_proxy(address):
        scheme = urlsplit(origin).scheme
        names = (f"{scheme}_proxy", f"{scheme}_PROXY".upper(), "all_proxy", "ALL_PROXY")
        name = next((name for name in names if os.environ.get(name)), "the system's settings")
        raise UsageError(
            f"the proxy for {urlsplit(origin).netloc} ({name}) is none that exitplan can use",
            hint="write it as http://host:port or http://name:password@host:port, or name the venue in NO_PROXY",
        )
    return address


def _is_proxy(address: str) -> bool:
    try:
        parts = parse_url(address)
    except ValueError:
        return False
    # SOCKS would need a package that does not come with requests.
    return parts.scheme in {"http", "https"} and bool(parts.host) and parts.port != 0 and parts.path in {None, "/"}
