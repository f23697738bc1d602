"""Hashes of documents: the order of their keys makes no difference."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import orjson

from exitplan.ruleset.model.records import Document


def digest_of(document: Document) -> str:
    """Hash a document."""
    try:
        text = sorted_json(document)
    except TypeError:  # integers beyond 64 bits: a tracker's own keys, and altered plans, may hold them
        text = json.dumps(document, sort_keys=True, default=_number).encode()
    return hashlib.sha256(text).hexdigest()


def sorted_json(value: object) -> bytes:
    """Write a value as it is hashed; raises TypeError for integers beyond 64 bits."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=_number)


def _number(value: Any) -> str:  # noqa: ANN401 - whatever a file held
    """Write a number with a fraction, which only the tracker's own keys and altered plans hold."""
    if isinstance(value, Decimal):
        return f"decimal:{value}"
    raise TypeError(f"a plan holds no {type(value).__name__}")
