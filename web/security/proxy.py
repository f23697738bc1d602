"""People whom a proxy in front has let in: it names them in a header, and shows that it is the proxy by a secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

SECRET_HEADER = "X-Exitplan-Proxy"  # noqa: S105 - the name of the header, not what is in it
SECRET_VARIABLE = "EXITPLAN_PROXY_SECRET"  # noqa: S105 - as above
SHORTEST = 32
"""Characters of a secret that nobody guesses."""


@dataclass(frozen=True, slots=True)
class ProxyRule:
    """The header that names the person, and the secret that comes with it.

    Without the secret anybody who reaches the port could write the header.
    """

    header: str
    secret: str = field(repr=False)

    def name_in(self, request: Request) -> str | None:
        """Return whom the proxy names; None where it names nobody, twice, or is not the proxy."""
        shown = request.headers.getlist(SECRET_HEADER)
        names = request.headers.getlist(self.header)
        if len(shown) != 1 or len(names) != 1:
            return None
        is_proxy = hmac.compare_digest(shown[0].encode(), self.secret.encode())
        return names[0] if is_proxy and names[0] else None
