"""The database goes away in the middle of a command: it says so and exits with 1, whatever it was about to ask."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

from tests.cli.conftest import nothing, xp
from tools.fleet_demo import write_accounts

__all__ = ["nothing"]
GOES = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
ONE = "--account user-00000"
VERBS = (
    *(f"status {ONE}", f"plan {ONE}", f"verify {ONE}", f"history {ONE}", "pending", "doctor", "alerts --all"),
    *("fleet status", "fleet accounts", "fleet import accounts", "fleet rebalance", "fleet prune --older-than 1d"),
)


@dataclass
class Way:
    """The way to a server: after so many replies it says that it is shut down, and nobody gets through any more."""

    server: str
    url: str
    most: int | None = None
    replies: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, most: int | None) -> None:
        with self._lock:
            self.most, self.replies = most, 0

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                client, _ = listener.accept()
                if self._is_gone:
                    client.close()
                    continue
                beyond = socket.socket(socket.AF_UNIX)
                beyond.connect(self.server)
                for source, target in ((client, beyond), (beyond, client)):
                    threading.Thread(target=self._carry, args=(source, target, target is client), daemon=True).start()

    @property
    def _is_gone(self) -> bool:
        return self.most is not None and self.replies > self.most

    def _carry(self, source: socket.socket, target: socket.socket, are_replies: bool) -> None:
        with closing(source), closing(target), suppress(OSError):
            while content := source.recv(65_536):
                with self._lock:
                    self.replies += are_replies
                    is_gone = self._is_gone
                if is_gone and are_replies:
                    target.sendall(b"E" + (len(GOES) + 4).to_bytes(4, "big") + GOES)
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(content)


@contextmanager
def way_to(url: str) -> Iterator[Way]:
    """Make a way to a database for the time of the block."""
    before, _, encoded = url.partition("?host=")
    with TemporaryDirectory() as folder, closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(f"{folder}/.s.PGSQL.5432")
        listener.listen(50)
        way = Way(f"{encoded.replace('%2F', '/')}/.s.PGSQL.5432", f"{before}?host={quote(folder, safe='')}")
        threading.Thread(target=way.serve, args=(listener,), daemon=True).start()
        yield way
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def fleet(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Way, Path]]:
    """A fleet of three paper accounts, and the folder of their files."""
    folder = tmp_path_factory.mktemp("fleet")
    with way_to(new_database()) as way:
        assert xp("fleet", "init", "--data", way.url).code == 0
        write_accounts(folder, 3)
        assert xp("fleet", "import", folder / "accounts", "--data", way.url).code == 0
        yield way, folder


@pytest.mark.parametrize("line", VERBS)
def test_a_command_says_that_the_database_is_gone(
    fleet: tuple[Way, Path], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, folder = fleet
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EXITPLAN_DATA", way.url)
    way.reset(None)
    assert xp(*line.split()).code in {0, 2}
    replies = way.replies
    for part in (0.3, 0.7):
        way.reset(int(replies * part))
        shown = xp(*line.split())
        said = " ".join((shown.out + shown.err).split())
        assert (shown.code, "cannot be used: " in said) == (1, True), said
