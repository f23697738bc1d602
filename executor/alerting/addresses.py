"""Where the addresses of channels come from: references, as for credentials; an address is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exitplan.brokers.live.credentials import VARIABLE, Secret, ask_keyring, looks_secret, read_private
from exitplan.ruleset.errors import CredentialsMissing
from exitplan.schemas.loading.text import display_name

_FORMS = "write env:NAME, keyring:NAME or file:PATH"
_USER = "url"
"""The user in a keyring, as the fields of credentials are."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")
_PARTS = re.compile(r"[:/@?&=#,;]+")
_SHORTEST_SECRET = 5


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a channel, as apprise understands it; it never shows itself."""

    url: Secret

    @property
    def scheme(self) -> str:
        """What kind of channel it is, such as slack; this is no secret."""
        return self.url.reveal().partition("://")[0].lower()

    def secrets(self) -> tuple[Secret, ...]:
        """List all that must never be shown: the address, and each of its parts that is no short word."""
        return (self.url, *(Secret(part) for part in self._parts()))

    def _parts(self) -> Iterator[str]:
        _, _, rest = self.url.reveal().partition("://")
        yield from (part for part in _PARTS.split(rest) if len(part) >= _SHORTEST_SECRET)


def read_address(reference: str, base: Path, environ: Mapping[str, str]) -> Address:
    """Read the address that a channel refers to; raises CredentialsMissing naming what is wrong, never a value.

    ``env:NAME`` is the variable itself, ``keyring:NAME`` the user url of that service, ``file:PATH`` a file with the
    address in its one line, relative to ``base``, that nobody else may read.
    """
    kind, _, name = reference.partition(":")
    name = name.strip()
    if kind not in {"env", "keyring", "file"} or not name:
        raise CredentialsMissing("the channel's url must refer to an address", hint=_FORMS)
    text: str | None
    if kind == "file":
        text, shown = _from_file(name, base)
    elif looks_secret(name) or "://" in name or (kind == "env" and not VARIABLE.fullmatch(name)):
        raise CredentialsMissing(f"what follows {kind}: is not a name", hint=_FORMS)
    elif kind == "env":
        text, shown = environ.get(name), f"the environment variable {name}"
    else:
        text, shown = ask_keyring(name, (_USER,))[_USER], f"{_USER} of {name} in the keyring"
    return Address(Secret(_checked(text, shown)))


def _from_file(name: str, base: Path) -> tuple[str, str]:
    try:
        path = base / Path(name).expanduser()
    except RuntimeError:
        raise CredentialsMissing("the channel's url names a home folder that does not exist") from None
    if "://" in name:
        raise CredentialsMissing("what follows file: is not a path", hint=_FORMS)
    shown = display_name(path)
    return read_private(path, shown, "file").decode("utf-8", "replace"), shown


def _checked(text: str | None, shown: str) -> str:
    clean = (text or "").strip()
    if not clean:
        raise CredentialsMissing(f"{shown} is {'missing' if text is None else 'empty'}")
    if not _ADDRESS.fullmatch(clean):
        raise CredentialsMissing(
            f"{shown} must contain exactly one address", hint="such as slack://... or mailto://...; see docs/alerts.md"
        )
    return clean
