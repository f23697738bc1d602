"""Tokens at Coinbase: those that ccxt would sign, with a key that is loaded once."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from exitplan.brokers.live import tokens
from exitplan.brokers.live.tokens import TokenSigner
from exitplan.ruleset.errors import CredentialsRefused
from tests.brokers.live.accounts import Opened, open_account
from tests.venues.coinbase_auth import new_credentials
from tests.venues.wire import Credentials

Ours: Any = type("Ours", (TokenSigner, ccxt.coinbase), {})
CLAIMS = {"aud": ["retail_rest_api_proxy"], "iss": "coinbase-cloud", "nbf": 1, "exp": 121, "sub": "key", "iat": 1}


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_a_token_is_the_one_that_ccxt_signs() -> None:
    secret = new_credentials().secret.encode()
    for number in range(20):
        asked = (CLAIMS, secret, "sha256", False, {"kid": "key", "nonce": str(number), "alg": "ES256"})
        assert Ours().jwt(*asked) == ccxt.coinbase.jwt(*asked)


@pytest.mark.parametrize("opts", [({},), (), ({"alg": "HS512"},)])
def test_what_is_no_es256_is_left_to_ccxt(opts: tuple[dict[str, str], ...]) -> None:
    asked = (CLAIMS, b"secret", "sha512", False, *opts)
    assert Ours().jwt(*asked) == ccxt.coinbase.jwt(*asked)


def test_a_key_is_loaded_once_and_again_for_another_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bytes] = []

    def load(secret: bytes) -> Any:
        loaded.append(secret)
        return load_pem_private_key(secret, None)

    monkeypatch.setattr(tokens, "_loaded", load)
    first, second, client = new_credentials().secret.encode(), new_credentials().secret.encode(), Ours()
    for secret in (first, first, second, second):
        client.jwt(CLAIMS, secret, "sha256", False, {"alg": "ES256"})
    assert loaded == [first, second]


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_a_key_of_another_kind_is_a_wrong_secret_and_nothing_is_sent(coinbase: Opened, key: Any) -> None:
    wrong = Credentials(coinbase.handle.credentials.key, pem(key))
    with pytest.raises(CredentialsRefused, match="cannot sign with this secret"):
        open_account(coinbase.handle, credentials=wrong).read_account()
