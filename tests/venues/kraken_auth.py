"""How kraken knows its clients: an HMAC over path, nonce and body, and a nonce that rises."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from tests.venues.wire import Credentials, Request


def new_credentials() -> Credentials:
    """Make a key pair of kraken's form: the secret is base64 of 64 bytes."""
    return Credentials(
        base64.b64encode(secrets.token_bytes(42)).decode(), base64.b64encode(secrets.token_bytes(64)).decode()
    )


def signature(secret: str, path: str, nonce: str, body: bytes) -> str:
    """Sign as kraken's documentation says: HMAC-SHA512 of path and SHA256 of nonce and body."""
    digest = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(
        hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512).digest()
    ).decode()


@dataclass
class KrakenGate:
    """Lets signed requests in, each nonce above the last one."""

    credentials: Credentials = field(default_factory=new_credentials)
    last_nonce: int = 0

    def refusal(self, request: Request) -> str | None:
        """Return kraken's words for what is wrong with a request; None where it may come in."""
        try:
            nonce = str(request.params()["nonce"])
            number = int(nonce)
        except (KeyError, ValueError):
            return "EAPI:Invalid nonce"
        if request.headers.get("api-key") != self.credentials.key:
            return "EAPI:Invalid key"
        expected = signature(self.credentials.secret, request.path, nonce, request.body)
        if not hmac.compare_digest(expected, request.headers.get("api-sign", "")):
            return "EAPI:Invalid signature"
        if number <= self.last_nonce:
            return "EAPI:Invalid nonce"
        self.last_nonce = number
        return None
