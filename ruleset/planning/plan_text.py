"""A plan as text: the bytes of its file, and those that its ids and its hash are made of.

Nearly all of a large plan are its positions. They are written a thousand at a time, between what stands before and
behind them, so that nobody has to hold the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import orjson
from msgspec import Struct
from msgspec.structs import replace

from exitplan.ruleset.model.records import Document, write_record
from exitplan.ruleset.model.visible import with_escapes
from exitplan.ruleset.planning.plan_types import Plan, PlannedPosition

CHUNK = 1000
"""Positions that are written together."""
_LIST = "positions"


class Layout(Struct, frozen=True):
    """How JSON is laid out: what stands before and behind the positions where they are all there is, and at the end."""

    option: int
    opening: bytes
    closing: bytes
    end: bytes


FILE = Layout(orjson.OPT_INDENT_2, b'{\n  "positions": [', b"\n  ]\n}", b"\n}")
"""The file: for people, with keys in their order."""
HASHED = Layout(orjson.OPT_SORT_KEYS, b'{"positions":[', b"]}", b"}")
"""What is hashed: the order of keys makes no difference."""


def plan_bytes(plan: Plan) -> bytes:
    """Write a plan as the bytes of its file."""
    return b"".join(plan_pieces(plan))


def plan_pieces(plan: Plan) -> Iterator[bytes]:
    """Write a plan as the bytes of its file, piece by piece."""
    if len(plan.positions) <= CHUNK:
        pieces: Iterable[bytes] = [orjson.dumps(plan.document, option=FILE.option)]
    else:
        texts = (positions_text(documents, FILE) for documents in position_documents(plan.positions))
        pieces = _pieces(write_record(replace(plan, positions=())), texts, FILE)
    yield from map(with_escapes, pieces)
    yield b"\n"


def position_documents(positions: Iterable[PlannedPosition]) -> Iterator[list[Document]]:
    """Write positions in their JSON form, so many at a time."""
    rest = iter(positions)
    while documents := [write_record(position) for position in islice(rest, CHUNK)]:
        yield documents


def positions_text(documents: Sequence[Document], layout: Layout) -> bytes:
    """Write some positions as they stand in their list."""
    return orjson.dumps({_LIST: documents}, option=layout.option)[len(layout.opening) : -len(layout.closing)]


def digest(body: Document, positions: Iterable[bytes]) -> str:
    """Hash the document of a plan; its positions are written already."""
    hashed = hashlib.sha256()
    for piece in _pieces(dict(sorted(body.items())), positions, HASHED):
        hashed.update(piece)
    return hashed.hexdigest()


def _pieces(body: Document, positions: Iterable[bytes], layout: Layout) -> Iterator[bytes]:
    """Put positions between what a document has before and behind their list; neither may be empty.

    In the layout of the file there has to be a position.
    """
    names = list(body)
    place = names.index(_LIST)
    before, behind = ({name: body[name] for name in part} for part in (names[:place], names[place + 1 :]))
    yield orjson.dumps(before, option=layout.option).removesuffix(layout.end)
    yield b"," + layout.opening[1:]
    for number, text in enumerate(positions):
        if number:
            yield b","
        yield text
    yield layout.closing.removesuffix(layout.end)
    yield b"," + orjson.dumps(behind, option=layout.option)[1:]
