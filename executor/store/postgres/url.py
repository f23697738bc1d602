"""The address of a database: what may stand in it, and what of it may be shown. Imports no driver."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, quote, urlsplit

from exitplan.ruleset.errors import UsageError

_SCHEMES = ("postgresql://", "postgres://")
_SECRETS = ("password", "sslpassword", "passfile")
_LOCAL = ("", "localhost", "127.0.0.1", "::1")
_SHAPE = "postgresql://ROLE@HOST:PORT/DATABASE"
_HINT = "put it into PGPASSWORD, ~/.pgpass or a service file (PGSERVICE): a command line is seen by everybody"


def is_database_url(text: str) -> bool:
    """Check whether what names a place for data names a database rather than a folder."""
    return text.startswith(_SCHEMES)


def ensure_scheme(text: str) -> None:
    """Raise UsageError for an address of something else, or one with a slip in it: no folder has a name like that."""
    if "://" in text and not is_database_url(text):
        raise UsageError(f"{text.partition('://')[0]}:// is no address of Postgres", hint=f"write it as {_SHAPE}")


def ensure_no_password(url: str) -> None:
    """Raise UsageError, without repeating it, where an address carries a password, or cannot be read."""
    try:
        parts = urlsplit(url)
        has_one = parts.password is not None or any(name in _SECRETS[:2] for name, _ in parse_qsl(parts.query))
    except ValueError:
        raise UsageError(
            "the address of the database cannot be read",
            hint=f"write it as {_SHAPE}, or postgresql:///DATABASE?host=/folder/of/socket",
        ) from None
    if has_one:
        raise UsageError("the address of the database carries a password", hint=_HINT)


def place_of(url: str) -> str:
    """Return the address as it may be shown: who, where and which database, and nothing that could be a secret."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        where = parts.netloc.rpartition("@")[2] or quote(query.get("host", ""), safe="/:,")
    except ValueError:
        return "postgresql://?"
    who = f"{parts.username}@" if parts.username else ""
    return f"postgresql://{who}{where}/{parts.path.strip('/') or query.get('dbname', '')}"


def is_remote(url: str) -> bool:
    """Check whether the way to a database leads over a network."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    hosts = parts.netloc.rpartition("@")[2] or query.get("host") or os.environ.get("PGHOST", "")
    names = [host.rpartition(":")[0].strip("[]") if ":" in host else host for host in hosts.split(",")]
    return any(name not in _LOCAL and not name.startswith(("/", "%2F", "%2f")) for name in names)


def names_encryption(url: str) -> bool:
    """Check whether somebody has decided how the connection is encrypted."""
    query = dict(parse_qsl(urlsplit(url).query))
    return any(name in query or f"PG{name.upper()}" in os.environ for name in ("sslmode", "service"))
