"""The last snapshot of each account of a fleet, as it is kept in its table: small, and checked when it is read."""

from __future__ import annotations

import zlib

import orjson

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.documents import parse_document

_LEVEL = 1
_LARGEST = 64 << 20
"""Bytes of a snapshot unpacked; none of ours comes near, and a damaged one must not fill the memory."""


def packed(snapshot: Snapshot) -> bytes:
    """Return a snapshot as its table keeps it."""
    return zlib.compress(orjson.dumps(snapshot_to_document(snapshot)), _LEVEL)


def unpacked(content: bytes, account: str) -> Snapshot:
    """Read a snapshot from its table; raises FileIsInvalid where it is damaged, or is another account's."""
    name = f"the last snapshot of {account}"
    try:
        text = zlib.decompressobj().decompress(content, _LARGEST)
        snapshot = snapshot_from_document(parse_document(text, "snapshot", name))
    except (zlib.error, ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileIsInvalid(f"{name} is damaged: {error}") from error
    if snapshot.account != account:
        raise FileIsInvalid(f"{name} is of another account: {snapshot.account}")
    return snapshot
