"""The keys that sign plans: read from where a person keeps them, and made as a pair of files.

A private key is never shown: no message repeats any of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exitplan.brokers.live.credentials import VARIABLE, Secret, ask_keyring, looks_secret, read_private, restored
from exitplan.executor.signing.sshsig import NAMESPACE, PublicKey, sign
from exitplan.ruleset.errors import CredentialsMissing, ExitplanError
from exitplan.schemas.loading.text import display_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_WHAT = "signing key"
_OWN = {"env": "_SIGNING_KEY", "keyring": "signing_key"}
"""What is added to the name of a variable, and the user in a keyring, as for credentials."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign; ``make`` makes its raw signatures."""

    public: PublicKey
    make: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> str:
        """Sign a message; returns the armored text."""
        return sign(message, self.public, self.make)


def read_signing_key(reference: str, base: Path, environ: Mapping[str, str]) -> SigningKey:
    """Read a private ed25519 key: of OpenSSH, or as PEM of openssl.

    ``reference`` is the path of a file that nobody else may read, or as for credentials ``env:NAME`` (the variable
    NAME_SIGNING_KEY), ``keyring:NAME`` (the user signing_key of that service) or ``file:PATH``. Raises
    CredentialsMissing.
    """
    kind, colon, name = reference.partition(":")
    if colon and kind in _OWN:
        return _parsed(*_named(kind, name.strip(), environ))
    path = base / Path((name if colon and kind == "file" else reference).strip())
    if looks_secret(reference) and not os.path.exists(path):  # noqa: PTH110 - what is no possible name is no error here
        raise CredentialsMissing("the signing key is not a reference but a key", hint=f"{_FORMS}; treat it as known")
    shown = display_name(path)
    return _parsed(Secret(read_private(path, shown, _WHAT).decode("utf-8", "replace")), shown)


_FORMS = "name it by the path of its file, env:NAME or keyring:NAME"


def _named(kind: str, name: str, environ: Mapping[str, str]) -> tuple[Secret, str]:
    if not name or looks_secret(name) or (kind == "env" and not VARIABLE.fullmatch(name)):
        raise CredentialsMissing(f"what follows {kind}: is not a name", hint=_FORMS)
    if kind == "env":
        variable = name + _OWN[kind]
        text, shown = environ.get(variable), f"the environment variable {variable}"
    else:
        text, shown = ask_keyring(name, (_OWN[kind],))[_OWN[kind]], f"{_OWN[kind]} of {name} in the keyring"
    if not text:
        raise CredentialsMissing(f"there is no signing key: {shown} is {'empty' if text == '' else 'missing'}")
    return Secret(restored(text)), shown


def _parsed(text: Secret, shown: str) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only who signs plans loads it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_pem_private_key,
        load_ssh_private_key,
    )

    content = text.reveal().strip().encode() + b"\n"
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
    wrong = ""
    try:
        key = load(content, password=None)
    except TypeError:
        key, wrong = None, "is protected by a passphrase"
    except (ValueError, UnsupportedAlgorithm):
        key, wrong = None, "cannot be read as a private key"
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(_public_of(key), key.sign)
    # Outside the except, so that no traceback leads to the text of the key.
    raise CredentialsMissing(
        f"the signing key {shown} {wrong or 'is not an ed25519 key'}",
        hint=f"sign with ssh-keygen -Y sign -n {NAMESPACE} -f KEY PLAN, which asks for it (or its agent)"
        if "passphrase" in wrong
        else "make one with: exitplan keygen, or ssh-keygen -t ed25519; a .pub file is the public half",
    )


def _public_of(key: Ed25519PrivateKey, comment: str = "") -> PublicKey:
    return PublicKey(key.public_key().public_bytes_raw(), comment)


def make_key_pair(path: Path, comment: str) -> PublicKey:
    """Make a key pair: the private key in a file that only its owner can read, the public one beside it as ``.pub``.

    Neither is written over. Raises ExitplanError.
    """
    from cryptography.hazmat.primitives import serialization as forms  # noqa: PLC0415 - only who signs plans loads it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

    key = Ed25519PrivateKey.generate()
    public = _public_of(key, comment)
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
    beside = path.with_name(f"{path.name}.pub")
    _write_new(beside, f"{public.line}\n".encode(), 0o644)
    try:
        _write_new(path, private, 0o600)
    except ExitplanError:
        beside.unlink()
        raise
    return public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except FileExistsError:
        raise ExitplanError(f"{path} is there already; a key is not written over", hint="name another file") from None
    except OSError as error:
        raise ExitplanError(f"cannot write {path}: {error.strerror or error}") from error
