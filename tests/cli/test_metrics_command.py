"""``exitplan metrics``: printed, written for node_exporter, or served."""

from __future__ import annotations

import signal
import socket
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from exitplan.executor.accounts.selection import AccountSelection
from exitplan.executor.metrics.accounts import MeasuredAccounts
from exitplan.executor.metrics.collector import ProjectCollector
from exitplan.executor.metrics.serving import parse_address, serve
from exitplan.ruleset.errors import ExitplanError, UsageError
from tests.cli.conftest import xp
from tests.monitoring.conftest import listening

pytestmark = pytest.mark.usefixtures("folder")


def get(place: object, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://{place}{path}", timeout=30) as reply:
        return reply.read().decode()  # type: ignore[no-any-return] # untyped


def collector() -> ProjectCollector:
    return ProjectCollector(MeasuredAccounts(AccountSelection(every=True), Path()).find, Path("data"))


def test_all_accounts_are_told_unless_some_are_named() -> None:
    every, one = xp("metrics"), xp("metrics", "--account", "user123")
    assert (every.code, one.code) == (0, 0)
    assert 'account="platform"' in every.out
    assert 'account="platform"' not in one.out
    assert 'exitplan_account_readable{account="user123",venue="paper"} 1.0' in one.out


def test_the_textfile_is_replaced_whole_and_can_be_read_by_node_exporter() -> None:
    Path("textfile").mkdir()
    for _ in range(2):
        ran = xp("metrics", "--textfile", "textfile/exitplan.prom")
        assert (ran.code, ran.out, ran.err) == (0, "", "")
    (path,) = Path("textfile").iterdir()
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text(encoding="utf-8").endswith("\n")


def test_a_textfile_that_nobody_would_read_is_warned_of() -> None:
    assert "end with .prom" in xp("metrics", "--textfile", "exitplan.txt").err


WRONG = {
    "--textfile a.prom --listen 127.0.0.1:0": "cannot be used together",
    "--textfile data/journal.db": "is a file of the project",
    "--textfile nowhere/a.prom": "the folder nowhere does not exist",
    "--listen 9464": "is not HOST:PORT",
    "--listen 127.0.0.1:http": "is not HOST:PORT",
    "--listen 127.0.0.1:99999": "is not HOST:PORT",
    "--listen 0.0.0.0:9464": "can be reached by other machines",
    "--listen [::]:9464": "can be reached by other machines",
    "--listen :9464": "can be reached by other machines",
    "--listen example.org:9464": "can be reached by other machines",
    "--account nobody": "no account file carries the id 'nobody'",
    "--tag nothing": "no account file carries the tag 'nothing'",
}


def test_what_cannot_be_is_said_in_a_line() -> None:
    for line, said in WRONG.items():
        ran = xp("metrics", *line.split())
        assert (line, ran.code, ran.out) == (line, 64, "")
        assert said in " ".join(ran.err.split())
    assert xp("metrics", "--textfile", "policies").code == 1


def test_loopback_is_listened_on_without_a_question_and_other_addresses_with_a_word() -> None:
    for text in ("127.0.0.1:9464", "localhost:1", "[::1]:9464", "127.8.8.8:0"):
        assert str(parse_address("--listen", text)) == text
    assert parse_address("--listen", "0.0.0.0:9464", anywhere=True).host == "0.0.0.0"  # noqa: S104 - said so
    with pytest.raises(UsageError, match="other machines"):
        parse_address("--metrics", "192.0.2.1:9464")


def test_what_is_served_is_what_is_printed_and_follows_the_accounts() -> None:
    with serve(parse_address("--listen", "127.0.0.1:0"), collector()) as place:
        assert get(place) == xp("metrics").out
        assert get(place, "/-/healthy") == "exitplan is there.\n"
        xp("halt", "because")
        assert 'exitplan_account_halted{account="platform",venue="paper"} 1.0' in get(place)
        Path("policies/accounts/user.yaml").write_text("version: 1\nname: [", encoding="utf-8")
        assert " 0.0\n" in get(place).partition("# TYPE exitplan_account_readable gauge")[2]
        for path in Path("policies/accounts").iterdir():
            path.unlink()
        assert "exitplan_build_info" in get(place)
        with pytest.raises(HTTPError, match="404"):
            get(place, "/policies/default.yaml")


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = parse_address("--listen", f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(ExitplanError, match="cannot listen on"), serve(address, collector()):
            raise AssertionError("it was served")


def test_serving_ends_cleanly_with_ctrl_c(folder: Path) -> None:
    with listening(folder) as (process, place):
        assert "exitplan_build_info" in get(place)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
