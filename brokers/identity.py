"""Which account at which venue is spoken to: what tells it from every other, whatever id its file gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exitplan.brokers.registry import PAPER
from exitplan.ruleset.errors import CredentialsMissing

PRODUCTION = "production"
SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Identity:
    """A venue, the address it is reached at, and the fingerprint of the API key; None is what nobody can tell.

    The address of a live venue is ``production``, ``sandbox`` or its ``base_url``; that of a paper account its file, as
    the account file names it.
    """

    venue: str
    address: str | None = None
    key: str | None = None

    def difference(self, other: Identity) -> str | None:
        """Return in what the other one is another account, in words; None where nothing speaks against it."""
        if self.venue != other.venue:
            return f"it was at {self.venue} and is at {other.venue}"
        if _differ(self.address, other.address) and _canonical(self) != _canonical(other):
            return f"its address was {self.address} and is {other.address}"
        if _differ(self.key, other.key):
            return f"its API key was another one (fingerprint {self.key}, now {other.key})"
        return None

    def completed(self, other: Identity | None) -> Identity:
        """Return this identity with what only the other one knows."""
        if other is None:
            return self
        return Identity(self.venue, self.address or other.address, self.key or other.key)


def identity_of(account: Mapping[str, Any], base: Path, *, keyring: bool = True) -> Identity:
    """Identify the account of an ``account`` block; ``base`` is the folder of its file.

    Nothing is asked of the venue; without ``keyring`` nor of the system's keyring, which may ask a person in turn. Keys
    that are not at hand are not known; whoever needs them to trade is told when the account is opened.
    """
    venue, options = str(account["venue"]), account.get("options") or {}
    if venue == PAPER:
        return Identity(venue, str(options.get("file") or f"{account['id']}.paper.json"))
    reference = account.get("credentials")
    is_asked = reference is not None and (keyring or not str(reference).startswith("keyring:"))
    return Identity(venue, _address(account), _fingerprint(str(reference), base) if is_asked else None)


def _address(account: Mapping[str, Any]) -> str:
    """Return where a live venue is reached, one address always spelled in one way."""
    base_url, where = account.get("base_url"), SANDBOX if account.get("sandbox") else PRODUCTION
    if not base_url:
        return where
    parts = urlsplit(str(base_url))
    address = f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"
    return f"{where} {address}" if account.get("sandbox") else _spelled(str(account["venue"]), address)


def _differ(one: str | None, other: str | None) -> bool:
    """Check whether both are known, and are not the same."""
    return one is not None and other is not None and one != other


def _canonical(identity: Identity) -> str | None:
    return None if identity.address is None else _spelled(identity.venue, identity.address)


def _spelled(venue: str, address: str) -> str:
    """Return ``production`` for the venue's own address, spelled out."""
    from exitplan.brokers.venues import KNOWN, dialect_of  # noqa: PLC0415 - only where a live venue is named

    own = dialect_of(venue).traits.address if venue in KNOWN else ""
    return PRODUCTION if own and address in {own, f"{own}:443", f"{own}."} else address


def _fingerprint(reference: str, base: Path) -> str | None:
    from exitplan.brokers.live.credentials import read_credentials  # noqa: PLC0415 - as above

    try:
        return read_credentials(reference, base, os.environ).fingerprint()
    except CredentialsMissing:
        return None
