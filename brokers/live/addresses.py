"""Check the address of a venue that an account names: whether it is one, and whether secrets may travel to it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

_LONGEST_NAME = 253


def address_problem(address: str, *, allow_http: bool = False) -> tuple[str, str] | None:
    """Return what is wrong with a ``base_url``, and a hint; None for one that may be used. It is never repeated.

    Keys and signed requests would travel in clear over http://, so that is for this machine alone unless allowed.
    """
    hint = "write it as https://host or https://host:port/path"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "this is no address", hint
    if parts.scheme not in {"http", "https"} or not _is_host(host) or port == 0:
        return "this is no address", hint
    if parts.query or parts.fragment:
        return "an address ends with its path: `?` and `#` have no place in it", hint
    if parts.scheme == "http" and not _is_loopback(host) and not allow_http:
        hint = "write https://, or add allow_http: true where the way to it is safe, as through a tunnel"
        return "http:// to another machine would send keys and orders in clear", hint
    return None


def _is_host(host: str) -> bool:
    if _is_number(host):
        return True
    labels = host.removesuffix(".").split(".")
    is_short = len(host) <= _LONGEST_NAME and all(0 < len(label) <= 63 for label in labels)  # noqa: PLR2004 - RFC 1035
    # Only digits at the end would be a number that is none, such as 1.2.3 or 300.1.1.1.
    return is_short and not labels[-1].isdecimal() and all(_is_label(label) for label in labels)


def _is_label(label: str) -> bool:
    return label.replace("-", "").replace("_", "").isalnum() and label[0] != "-" and label[-1] != "-"


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_number(host) and ip_address(host).is_loopback)
