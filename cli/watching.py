"""Do something again whenever files change: by looking, twice a second, which every file system allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

from exitplan.cli.output import say

_PAUSE = 0.5
_SETTLING = 0.1
"""An editor may write a file in two steps: what is half written is tested once more when it is whole."""
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
Files = Collection[Path]


def watch(act: Callable[[], None], files: Callable[[], Files]) -> None:
    """Act, and again whenever one of the files changes, comes or goes; until Ctrl-C."""
    try:
        while True:
            before = _stamps(files())
            act()
            say("Waiting for a change; Ctrl-C ends it.", err=True)
            while _stamps(files()) == before:
                time.sleep(_PAUSE)
            time.sleep(_SETTLING)
            say(err=True)
    except KeyboardInterrupt:
        return


def watched_files(paths: Collection[Path]) -> list[Path]:
    """List the policies, tests and recordings in folders, and in those around the files that are named."""
    folders = {path if path.is_dir() else path.resolve().parent.parent for path in paths}
    return [file for folder in folders for file in folder.rglob("*") if file.suffix in _SUFFIXES]


def _stamps(files: Files) -> dict[Path, tuple[int, int]]:
    stamps = {}
    for file in files:
        try:
            status = file.stat()
        except OSError:  # it went while we looked
            continue
        stamps[file] = (status.st_mtime_ns, status.st_size)
    return stamps
