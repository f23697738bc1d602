"""How coinbase knows its clients: a JWT for each request, signed with the key's P-256 secret."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from exitplan.brokers.protocol import Clock
from tests.venues.venue import utc_now
from tests.venues.wire import Credentials, Request

LONGEST = 120
"""Seconds a token may be valid; also what ccxt asks for."""


class NotAToken(Exception):
    """The Authorization header holds no token of ours."""


def new_credentials() -> Credentials:
    """Make a key pair of the form coinbase's portal hands out."""
    secret = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return Credentials(f"organizations/{uuid.uuid4()}/apiKeys/{uuid.uuid4()}", secret.decode())


def verified_claims(token: str, credentials: Credentials) -> Mapping[str, Any]:
    """Return a token's claims; raises NotAToken where key, algorithm or signature are wrong."""
    try:
        head, claims, signature = token.split(".")
        header = json.loads(_decoded(head))
        raw = _decoded(signature)
        if (header["alg"], header["kid"]) != ("ES256", credentials.key) or len(raw) != 64:
            raise NotAToken("another algorithm or another key")
        numbers = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public_key = serialization.load_pem_private_key(credentials.secret.encode(), None).public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise NotAToken("the key is not on a curve")
        public_key.verify(numbers, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        found: Mapping[str, Any] = json.loads(_decoded(claims))
    except (KeyError, TypeError, ValueError, InvalidSignature) as problem:
        raise NotAToken(repr(problem)) from problem
    return found


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@dataclass
class CoinbaseGate:
    """Lets signed requests in while their token lasts; the clock is that of the signatures, not the venue's."""

    credentials: Credentials = field(default_factory=new_credentials)
    clock: Clock = utc_now

    def refusal(self, request: Request) -> str | None:
        """Return what is wrong with a request's token; None where it may come in."""
        try:
            claims = self.claims(request)
            begins, ends = int(claims["nbf"]), int(claims["exp"])
        except (NotAToken, KeyError, TypeError, ValueError) as problem:
            return str(problem)
        now = self.clock().timestamp()
        if not begins - 1 <= now < ends or ends - begins > LONGEST:
            return "the token is not valid now"
        if claims.get("iss") not in {"coinbase-cloud", "cdp"} or claims.get("sub") != self.credentials.key:
            return "the token was issued by or for someone else"
        return None if claims.get("uri") in _uris(request) else "the token is for another request"

    def claims(self, request: Request) -> Mapping[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise NotAToken("no bearer token")
        return verified_claims(token, self.credentials)

    def seconds_left(self, request: Request) -> float:
        """Return how long the request may still be accepted."""
        ends = datetime.fromtimestamp(int(self.claims(request)["exp"]), UTC)
        return (ends - self.clock()).total_seconds()


def _uris(request: Request) -> set[str]:
    """Return what the token may name the request; ccxt leaves the scheme in where it is not https."""
    host = request.headers.get("host", "")
    return {f"{request.method} {scheme}{host}{request.path}" for scheme in ("", "http://")}
