"""Spoil what is read: bytes of a file or a reply, and the structure that stands in them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.conftest import examples


def fuzzed(quick: int = 10) -> settings:
    """Return how much is spoilt: so many in the quick profile, a thousand in the thorough one."""
    return settings(examples(quick), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


PIECES = [
    *(
        b"\x00",
        b"\xff\xfe",
        b"{",
        b"}",
        b"[[[[[[",
        b"]",
        b'"',
        b"&a [*a]",
        b"*a",
        b"!!python/object:os.system ",
        b"<<: ",
    ),
    *(b"1e999", b"-0", b"\\ud800", b"\xc3\x28", b"\n---\n", b"NaN", b"\t", b"9" * 400, b"\r", b": ", b"- "),
]


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, overwrite, insert and repeat pieces of a good file."""
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 40))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=8) | st.just(content[at : at + length]))
        content = content[:at] + piece + content[at + draw(st.integers(0, length)) :]
    return content


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, [], {}, "", "x", -1, 10**30, 0.5, "1e999", "NaN", "\u202e", ["x"], {"x": {}}, "9" * 500]
)


@st.composite
def spoilt_structure(draw: st.DrawFn, document: Any) -> Any:
    """Put other values, or none, in places of a good document."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        inner = document
        for _ in range(draw(st.integers(0, 5))):
            parts = list(inner.values()) if isinstance(inner, dict) else inner
            deeper = [part for part in parts if isinstance(part, dict | list) and part]
            if not deeper:
                break
            inner = draw(st.sampled_from(deeper))
        if not inner:
            continue
        key = draw(st.sampled_from(list(inner) if isinstance(inner, dict) else list(range(len(inner)))))
        if draw(st.booleans()):
            inner[key] = copy.deepcopy(draw(VALUES))
        elif isinstance(inner, dict):
            inner[draw(st.text(max_size=4))] = inner.pop(key)
        else:
            inner.pop(key)
    return document
