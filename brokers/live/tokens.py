"""Tokens that requests carry in place of a signature: signed with a key that is loaded once.

ccxt loads the key anew for every request and works out more of a signature than a token holds, which takes six times
as long. Whatever else it signs is left to it.
"""

from __future__ import annotations

from typing import Any

Wire = Any
"""What ccxt hands to its hooks and gets from them."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""That of the curve P-256: of the two signatures that are valid, ccxt takes the one with the smaller second number."""


class TokenSigner:
    """To be put before a ccxt class."""

    _key: Any = None
    """The secret's text, and the private key that it is."""

    def jwt(self, claims: Wire, secret: bytes, *more: Wire) -> str:
        """Return a signed token, https://www.rfc-editor.org/rfc/rfc7519; raises ValueError for another kind of key."""
        header = {"alg": None, "typ": "JWT", **(more[2] if len(more) > 2 else {})}  # noqa: PLR2004 - behind the hash and its kind
        if header["alg"] != "ES256":
            return str(super().jwt(claims, secret, *more))  # type: ignore[misc] # ccxt's, behind this class
        parts = (self.urlencode_base64(self.encode(self.json(part))) for part in (header, claims))  # type: ignore[attr-defined] # as above
        token = ".".join(parts)
        return f"{token}.{self.urlencode_base64(self._signature(token.encode(), secret))}"  # type: ignore[attr-defined] # as above

    def _signature(self, text: bytes, secret: bytes) -> bytes:
        """Sign with ES256: both numbers in 32 bytes each, https://www.rfc-editor.org/rfc/rfc7518#section-3.4."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415 - comes with ccxt
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above

        if self._key is None or self._key[0] != secret:
            self._key = secret, _loaded(secret)
        r, s = decode_dss_signature(self._key[1].sign(text, ECDSA(SHA256(), deterministic_signing=True)))
        return b"".join(number.to_bytes(32, "big") for number in (r, min(s, _ORDER - s)))


def _loaded(secret: bytes) -> Any:  # noqa: ANN401 - the type comes with ccxt
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415 - as above
        SECP256R1,
        EllipticCurvePrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    key = load_pem_private_key(secret, None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("the secret is no private key for ES256")  # noqa: TRY004 - a value of the owner's
    return key
