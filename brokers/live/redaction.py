"""Keep secrets out of every text that leaves: messages, logs, recordings.

What is known is looked for in all the forms it travels in; what only looks like a signature, a signed token or
a password in a header or a query is taken out wherever it stands.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Protocol
from urllib.parse import quote, quote_plus

from exitplan.brokers.live.credentials import Secret

MASK = "[redacted]"
SHORTEST_LINE = 16
"""A line of a PEM text is a secret by itself from this many characters on."""

_SHORTEST_PART = 6
"""Base64 at an odd place keeps less than the whole value; of shorter values nothing is left to look for."""

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_NAMES = r"sign|signature|sig|passphrase|password|api[-_]?secret|secret[-_]?key|api[-_]?key|access[-_]key|key[-_]id|jwt"
_BETWEEN = r"""\\*["']?\s*(?:[:=]|%3d)\s*(?:b?\\*["'])?+"""
_SIGNED = re.compile(
    rf"""(?ix) (?<=://) (?P<userinfo> [^\s/?\#@"'<>]{{1,200}} ) @ | (?<![a-z0-9]) (?:
        (?:[a-z0-9]{{1,20}}[-_]){{0,4}}(?:{_NAMES}) {_BETWEEN} (?P<parameter> (?:[^\s"'&,;<>{{}}\[\]()\\]|\\/)+ )
      | authorization {_BETWEEN} (?P<header> (?:[^\r\n"'\\]|\\/)+ )
      | (?:bearer|basic)\ + (?P<bearer> [a-z0-9._~+/=-]{{16,}} )
      | (?<![_-]) (?P<token> eyj[a-z0-9_-]+ \. [a-z0-9_-]+ \. [a-z0-9_-]+ )
    )"""
)
"""What is signed or secret by its name. Repeats are bounded, so that no reply makes the search slow."""

_PIECE = 12
"""Letters and digits of a secret that are enough to be taken for it; shorter ones are looked for as a whole alone."""
_LAST_CODE = 0x10FFFF
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_SPELLED = re.compile(
    r"(?:\\{1,8}(?:u00|x)|%(?:25){0,4}|&\#x0{0,6})(?P<hexadecimal>[0-9a-f]{2});?"
    r"|&\#0{0,6}(?P<decimal>[0-9]{1,3});?|&[a-z]{2,6};|\\[nrt]|[a-z0-9]|[^\W_]",
    re.IGNORECASE,
)
"""A letter or digit, as itself or as JSON, Python, a web page or an address spells it; a line's end is none."""

Span = tuple[int, int]


class Secretive(Protocol):
    """Whatever has secrets: credentials, or the address of a channel."""

    def secrets(self) -> tuple[Secret, ...]:
        """List all that must never be shown."""
        ...


class Redactor:
    """Takes the secrets of some accounts, and what is signed with them, out of any text.

    An account without credentials is None; what only looks signed is still taken out.
    """

    def __init__(self, *credentials: Secretive | None) -> None:
        self._secretive = credentials

    @cached_property
    def _values(self) -> frozenset[str]:
        return frozenset(secret.reveal() for one in self._secretive if one is not None for secret in one.secrets())

    @cached_property
    def _forms(self) -> list[str]:
        """The forms in which secrets travel, worked out for the first text: most accounts never have one."""
        return sorted({form for value in self._values for form in _forms_of(value)})

    @cached_property
    def _pieces(self) -> frozenset[str]:
        return frozenset(piece for value in self._values for piece in _pieces_of(value))

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def __reduce_ex__(self, _protocol: object) -> str:
        raise TypeError("a redactor knows secrets and cannot be pickled or copied")

    def __call__(self, text: str) -> str:
        """Replace every secret, in whatever form it stands there, by ``[redacted]``."""
        kept, position = list[str](), 0
        for start, end in _joined([*self._known(text), *self._parts_known(text), *_signed(text)]):
            kept.append(text[position:start])
            position = end
        return MASK.join([*kept, text[position:]])

    def _known(self, text: str) -> Iterator[Span]:
        for form in self._forms:
            start = text.find(form)
            while start >= 0:
                yield start, start + len(form)
                # One character on, not one form on: two that overlap are both found.
                start = text.find(form, start + 1)

    def _parts_known(self, text: str) -> Iterator[Span]:
        """Find pieces of secrets, however they are spelled, cased or broken up, and so those that are cut off too."""
        if not self._pieces:
            return
        letters, places = _letters(text)
        for start in range(len(letters) - _PIECE + 1):
            if letters[start : start + _PIECE] in self._pieces:
                yield places[start][0], places[start + _PIECE - 1][1]


def _signed(text: str) -> Iterator[Span]:
    for match in _SIGNED.finditer(text):
        yield match.span(match.lastgroup or 0)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Make one span of those that overlap or touch, in the order of the text."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _pieces_of(value: str) -> Iterator[str]:
    """Return every piece of a secret, of its hexadecimal form, and of that of the bytes that it stands for."""
    parts = [part for part in _parts(value) if not part.startswith("-----")] or [value]
    for part in parts:
        raw = part.encode()
        for form in (part, raw.hex(), _bytes_meant(part).hex()):
            letters, _ = _letters(form)
            yield from (letters[start : start + _PIECE] for start in range(len(letters) - _PIECE + 1))


def _bytes_meant(value: str) -> bytes:
    """Return the bytes that a secret in base64 stands for; none of one that is something else."""
    if not _BASE64.fullmatch(value):
        return b""
    padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded, b"-_" if {"-", "_"} & set(value) else None)
    except ValueError:
        return b""


def _letters(text: str) -> tuple[str, list[Span]]:
    """Return the letters and digits of a text, all in one case and no longer escaped, and where each of them stands.

    Left out is what a text is broken up, quoted or joined with; so a piece is the same however it is written.
    """
    letters: list[str] = []
    places: list[Span] = []
    for match in _SPELLED.finditer(text):
        said = match[0]
        number = match["hexadecimal"] or match["decimal"]
        if number is not None:
            code = int(number, 16 if match["hexadecimal"] else 10)
            said = chr(code) if code <= _LAST_CODE else ""
        for letter in said.casefold():
            if letter.isalnum():
                letters.append(letter)
                places.append(match.span())
    return "".join(letters), places


def _forms_of(value: str) -> Iterator[str]:
    """Return all the forms in which a secret may stand in a text."""
    for part in _parts(value):
        yield from filter(None, (*_escaped(part), *_in_base64(part.encode())))


def _parts(value: str) -> Iterator[str]:
    """Return a secret, and of one with lines the long ones and all of them run together."""
    yield value
    if "\n" not in value:
        return
    lines = [line for line in value.split("\n") if line and not line.startswith("-----")]
    yield from ("".join(lines), " ".join(lines), value.replace("\n", "\r\n"))
    yield from (line for line in lines if len(line) >= SHORTEST_LINE)


def _escaped(value: str) -> Iterator[str]:
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    for form in {value, value.replace("\n", "\\n"), *quoted}:
        yield from (form, form.replace("/", "\\/"), json.dumps(form)[1:-1])
    for encoded in (quote(value), quote(value, safe=""), quote_plus(value), quote(quote(value, safe=""), safe="")):
        yield encoded
        yield _PERCENT.sub(lambda match: match.group().lower(), encoded)


def _in_base64(value: bytes) -> Iterator[str]:
    """Return a value's base64, alone and as it stands inside the base64 of a longer text, at its three offsets."""
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        whole = encode(value).decode()
        yield from (whole, whole.rstrip("="), quote(whole, safe=""))
        if len(value) < _SHORTEST_PART:
            continue
        for offset in range(3):
            # A character holds six bits; those that mix in bits of a neighbour are left out at both ends.
            first, last = -(-offset * 8 // 6), (offset + len(value)) * 8 // 6
            yield encode(b"\0" * offset + value).decode()[first:last]
