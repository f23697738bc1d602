"""Bytes to stdout and to files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from exitplan.brokers.private_files import OWN
from exitplan.cli.output import OUTPUT, versioned
from exitplan.executor.accounts.folder import is_own_file
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, UsageError
from exitplan.ruleset.model.visible import with_escapes


def write_bytes(content: bytes | Iterable[bytes]) -> None:
    """Write JSON to stdout, with escapes for what a terminal would obey; it may come in pieces."""
    OUTPUT.has_document = True
    sys.stdout.flush()
    for piece in (content,) if isinstance(content, bytes) else content:
        sys.stdout.buffer.write(with_escapes(piece))
    sys.stdout.buffer.flush()


def write_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Write a document to stdout as JSON, with the version of its format."""
    write_bytes(json_bytes(versioned(document) if isinstance(document, Mapping) else document))


def write_line(document: Mapping[str, Any]) -> None:
    """Write a document to stdout as one line of JSON, with the version of its format."""
    write_bytes(orjson.dumps(versioned(document), option=orjson.OPT_APPEND_NEWLINE, default=str))


def json_bytes(document: Mapping[str, Any] | list[Any]) -> bytes:
    """Write a document as JSON for people and programs; decimals become text."""
    return with_escapes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))


def ensure_output(path: Path) -> None:
    """Raise UsageError where a file that a person names would replace one of the project: journal, state, policy."""
    is_policy = path.suffix in {".yaml", ".yml"} and path.exists()
    if is_policy or is_own_file(path):
        raise UsageError(f"{path} is not written over: it is a file of the project", hint="name another file")


def save(path: Path, content: bytes | Iterable[bytes], *, mode: int = OWN) -> None:
    """Put a file in place whole, or leave what was there; its content may come in pieces.

    A new one gets the mode. Raises ExitplanError.
    """
    if path.is_dir():
        raise ExitplanError(f"{path} is a folder", hint="name a file in it")
    try:
        write_atomically(path, content, mode=mode)
    except DataFolderUnusable as problem:
        raise ExitplanError(str(problem), hint="nothing was written; free the disk or name another file") from problem
