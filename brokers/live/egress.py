"""By which way an account reaches its venue: an address of this machine, or a proxy, under a name.

A venue that counts requests by address counts those of one way together, on whatever machine they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from exitplan.ruleset.errors import FileIsInvalid


@dataclass(frozen=True, slots=True)
class Egress:
    """A way out, ``name`` being what accounts and workers call it; empty for the machine's own.

    ``source_address`` is an address of this machine, ``proxy`` one that everything goes through.
    """

    name: str = ""
    source_address: str | None = None
    proxy: str | None = None


def egress_of(account: Mapping[str, Any]) -> Egress:
    """Return the way out that an account block names; raises FileIsInvalid for one that is none."""
    wrong = egress_problem(account)
    if wrong is not None:
        place, message, hint = wrong
        raise FileIsInvalid(f"{'.'.join(place)} of the account {account.get('id')}: {message}", hint=hint)
    route = account.get("route") or {}
    return Egress(str(account.get("egress") or ""), route.get("source_address"), route.get("proxy"))


def egress_problem(account: Mapping[str, Any]) -> tuple[tuple[str, ...], str, str] | None:
    """Return where something is wrong with the way out of an account block, what, and a hint."""
    route = account.get("route")
    if route is None:
        return None
    if not account.get("egress"):
        return ("route",), "a route has a name, and egress names none", "add egress: NAME"
    if len(route) != 1:
        return ("route",), "a route is an address or a proxy, and one of them", "keep source_address or proxy"
    if "source_address" in route and not _is_address(str(route["source_address"])):
        return ("route", "source_address"), "this is no IP address", "write it as in 10.0.0.5, without a port"
    if "proxy" in route and not _is_proxy(str(route["proxy"])):
        hint = "write it as http://host:port; a proxy that wants a password belongs in HTTPS_PROXY"
        return ("route", "proxy"), "this is no proxy", hint
    return None


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


def _is_proxy(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_bare = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.rstrip("/"))
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and is_bare
