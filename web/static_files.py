"""Our own style and script: a fixed list, read once, so that no path leads anywhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from exitplan.web.refusals import NoSuchPage
from exitplan.web.routes import Row

FOLDER = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its content, its kind, and what changes with its content."""

    content: bytes
    kind: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Read the files, by name."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _KINDS}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, _KINDS[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def static_file(request: Request) -> Response:
    """Send one of the files; raises NoSuchPage for any other name."""
    name = request.path_params["name"]
    file = static_files().get(name)
    if file is None:
        raise NoSuchPage(f"there is no file {name}")
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.kind, headers=headers)


STATIC: tuple[Row, ...] = (Row("/static/{name}", "GET", static_file, None),)
