"""Signatures in the format of OpenSSH, which ``ssh-keygen -Y sign`` writes and ``ssh-keygen -Y verify`` reads.

The format is described in OpenSSH's PROTOCOL.sshsig, the blobs of keys in RFC 4253 and RFC 8709. Only ed25519 is known.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

NAMESPACE = "exitplan"
"""What a signature is for: one that was made for mail or commits approves no plan."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_MAGIC, _VERSION, _TYPE = b"SSHSIG", 1, b"ssh-ed25519"
_HASHES = ("sha512", "sha256")
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMORED = re.compile(rf"{_BEGIN}(.*?){_END}", re.DOTALL)
_LINE = 70


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of an ed25519 key; the comment says whose it is, and is no part of it."""

    raw: bytes
    comment: str = field(default="", compare=False)

    @classmethod
    def of_line(cls, line: str) -> PublicKey:
        """Read a line of a ``.pub`` file; raises ValueError where it is none of an ed25519 key."""
        kind, blob, comment = [*line.split(maxsplit=2), "", "", ""][:3]
        if kind != _TYPE.decode():
            raise ValueError("this is no ed25519 public key")
        return cls(_key_in(base64.b64decode(blob, validate=True)), comment.strip())

    @property
    def line(self) -> str:
        """The key as a line of a ``.pub`` file."""
        return f"{_TYPE.decode()} {base64.b64encode(self.blob).decode()} {self.comment}".rstrip()

    @property
    def blob(self) -> bytes:
        """The key as OpenSSH writes it."""
        return _string(_TYPE) + _string(self.raw)

    @property
    def fingerprint(self) -> str:
        """The name of the key that ``ssh-keygen -l`` prints."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def name(self) -> str:
        """The key for people: whose it is, where that is known, and its fingerprint."""
        return f"{self.comment} ({self.fingerprint})" if self.comment else self.fingerprint


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: by which key, for what, over which kind of hash."""

    key: PublicKey
    namespace: bytes
    reserved: bytes
    hash_name: str
    raw: bytes

    def problem(self, message: bytes) -> str | None:
        """Return why this is no signature of exitplan over the message; None where it is one."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who signs plans loads it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

        if self.namespace != NAMESPACE.encode():
            return f"is for {self.namespace.decode(errors='replace')!r} and not for {NAMESPACE!r}"
        signed = _signed(self.namespace, self.reserved, self.hash_name, message)
        try:
            Ed25519PublicKey.from_public_bytes(self.key.raw).verify(self.raw, signed)
        except InvalidSignature:
            return "does not fit: it is of another plan, or one of the two was changed"
        return None


def sign(message: bytes, key: PublicKey, make: Callable[[bytes], bytes]) -> str:
    """Sign a message with what makes raw signatures of a key; returns the armored text."""
    namespace, hash_name = NAMESPACE.encode(), _HASHES[0]
    raw = make(_signed(namespace, b"", hash_name, message))
    parts = [key.blob, namespace, b"", hash_name.encode(), _string(_TYPE) + _string(raw)]
    blob = _MAGIC + struct.pack(">I", _VERSION) + b"".join(map(_string, parts))
    text = base64.b64encode(blob).decode()
    return "\n".join([_BEGIN, *(text[at : at + _LINE] for at in range(0, len(text), _LINE)), _END, ""])


def read_signatures(text: str) -> Iterator[tuple[str, Signature | None]]:
    """Read armored signatures, one after the other: the text of each, and None for one that is in no known form.

    What stands between them is passed over.
    """
    for found in _ARMORED.finditer(text):
        try:
            yield f"{found[0]}\n", _read(base64.b64decode("".join(found[1].split()), validate=True))
        except (ValueError, binascii.Error, UnicodeDecodeError, struct.error):
            yield f"{found[0]}\n", None


def _read(blob: bytes) -> Signature:
    if not blob.startswith(_MAGIC + struct.pack(">I", _VERSION)):
        raise ValueError("this is no signature of this version")
    key, namespace, reserved, hash_name, signature = _strings(blob[len(_MAGIC) + 4 :], 5)
    kind, raw = _strings(signature, 2)
    if kind != _TYPE or len(raw) != SIGNATURE_BYTES or hash_name.decode() not in _HASHES:
        raise ValueError("this is no ed25519 signature")
    return Signature(PublicKey(_key_in(key)), namespace, reserved, hash_name.decode(), raw)


def _signed(namespace: bytes, reserved: bytes, hash_name: str, message: bytes) -> bytes:
    """Return what is really signed for a message."""
    digest = hashlib.new(hash_name, message).digest()
    return _MAGIC + b"".join(map(_string, [namespace, reserved, hash_name.encode(), digest]))


def _key_in(blob: bytes) -> bytes:
    kind, raw = _strings(blob, 2)
    if kind != _TYPE or len(raw) != KEY_BYTES:
        raise ValueError("this is no ed25519 public key")
    return raw


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _strings(content: bytes, count: int) -> list[bytes]:
    """Split exactly so many strings, each behind its length; raises ValueError."""
    parts: list[bytes] = []
    for _ in range(count):
        (length,) = struct.unpack(">I", content[:4])
        parts.append(content[4 : 4 + length])
        if len(parts[-1]) < length:
            raise ValueError("it is cut off")
        content = content[4 + length :]
    if content:
        raise ValueError("something follows it")
    return parts
