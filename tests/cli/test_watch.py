"""``exitplan watch``, and what people do with plans that wait."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exitplan.cli.arguments import present
from exitplan.cli.service_units import Installation, cron_line, service_unit, timer_units
from exitplan.executor.people import actor
from exitplan.executor.store.lease import watch_lease
from exitplan.executor.watching.service_manager import ServiceManager
from exitplan.ruleset.errors import UsageError
from tests.builders import NOW
from tests.cli.conftest import xp
from tests.cli.test_answer_schemas import ensure

WHERE = Installation(
    ("/opt/my tools/exitplan",), Path("/srv/50% done"), Path("/srv/50% done/data"), Path("/var/cache/xp"), "nobody"
)


def waiting_id() -> str:
    (request,) = xp("pending", "--json").json["requests"]
    return str(request["request"])


@pytest.fixture
def waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which the plan of the demo account waits."""
    monkeypatch.setenv("EXITPLAN_USER", "alice")
    assert xp("watch", "--once").code == 2
    return folder


@pytest.mark.usefixtures("waiting")
def test_a_plan_is_listed_shown_approved_and_carried_out() -> None:
    name = waiting_id()
    assert name in xp("pending").out
    assert f"exitplan approve {name}" in xp("pending", name[:3]).out
    approved = xp("approve", name)
    assert "Approved as alice (1 of 1): platform, 16 actions" in approved.out
    assert "No watcher is running" in approved.out
    ran = xp("watch", "--once", "--json")
    ensure("round", ran.json)
    assert (ran.json["kind"], ran.json["request"]) == ("applied", name)
    assert xp("history", "1", "--json").json["approved_by"][0]["person"] == "alice"
    assert "Approved by alice" in xp("history", "1").out
    assert "alice" in xp("history").out
    assert xp("pending").out == "No plan waits.\n"


@pytest.mark.usefixtures("waiting")
def test_approve_carries_out_at_once_where_that_is_asked() -> None:
    name = waiting_id()
    lines = xp("approve", name, "--apply", "--json").lines
    ensure("request", lines[0])
    assert lines[0]["event"] == "plan_approved"
    assert lines[-1]["event"] == "run_finished"
    assert xp("pending").out == "No plan waits.\n"
    assert xp("history", "--json").json["runs"][0]["approved_by"][0]["person"] == "alice"
    again = xp("approve", name)
    assert (again.code, again.err.splitlines()[0]) == (6, f"error: {name} is no longer waiting: it is applied")


@pytest.mark.usefixtures("waiting")
def test_a_name_in_capitals_is_the_same_person_and_says_so_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name = waiting_id()
    assert "1 approval missing;" in xp("pending").out
    xp("approve", name)
    monkeypatch.setenv("EXITPLAN_USER", "Alice")
    assert "Approved again as Alice (1 of 1)" in xp("approve", name).out
    assert "approved by Alice;" in xp("pending").out
    shown = xp("pending", name).out
    assert (shown.count("approved by"), "each round of the watcher makes it anew" in shown) == (1, True)
    assert f"exitplan approve {name} --apply" in shown.splitlines()[-1]


@pytest.mark.usefixtures("waiting")
def test_an_approval_that_could_not_be_carried_out_now_stands_and_says_so() -> None:
    name = waiting_id()
    xp("halt", "--why", "the venue is odd")
    refused = xp("approve", name, "--apply")
    assert refused.code == 5
    assert f"exitplan reject {name}" in refused.err
    xp("resume")
    assert "applied" in xp("watch", "--once").out


def test_where_a_journal_cannot_be_read_nobody_is_told_that_nothing_waits(waiting: Path) -> None:
    (waiting / "data" / "journal.db").write_bytes(b"no journal" * 1000)
    listed, asked = xp("pending"), xp("approve", "abc")
    assert (listed.code, asked.code) == (65, 65)
    assert "journal" in asked.err


@pytest.mark.usefixtures("waiting")
def test_a_rejection_is_told_with_its_reason() -> None:
    name = waiting_id()
    assert xp("reject", name, "--why", " ").code == 64
    rejected = xp("reject", name, "--why", "it comes\x1b[31m back", "--for", "1d", "--json").json
    ensure("request", rejected)
    assert rejected["standing"] == "rejected"
    assert "\x1b" not in rejected["votes"][0]["why"]
    assert "rejected" in xp("watch", "--once").out
    refused = xp("approve", name)
    assert refused.err.startswith(f"error: {name} was rejected by alice")
    assert xp("pending", "--closed", "--json").json["requests"][0]["standing"] == "rejected"


@pytest.mark.usefixtures("waiting")
def test_a_plan_that_waits_is_saved_to_be_signed_or_applied() -> None:
    shown = xp("pending", waiting_id(), "--out", "plan.json")
    assert shown.out.endswith("Saved. To carry it out: exitplan apply plan.json\n")
    ensure("request", xp("pending", waiting_id(), "--json").json)
    assert xp("apply", "plan.json").code == 0


@pytest.mark.usefixtures("folder")
def test_ids_that_are_none_and_options_that_cannot_be_are_refused() -> None:
    assert xp("approve", "nothing").err.splitlines() == [
        "error: no waiting plan has the id 'nothing'",
        "hint: no plan waits",
    ]
    assert xp("pending", "--out", "plan.json").code == 64
    assert xp("watch", "--every", "5m", "--jitter", "5m").code == 64
    assert xp("watch", "--every", "often").code == 64
    assert xp("watch", "--account", "nobody").code == 64


def test_a_second_watcher_is_refused(folder: Path) -> None:
    with watch_lease(folder / "data/watch.lock", present()):
        refused = xp("watch", "--once")
        assert (refused.code, "the accounts are already watched" in refused.err) == (7, True)


def test_a_policy_that_says_auto_is_applied(folder: Path) -> None:
    file = folder / "policies/accounts/demo.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "approval: auto\n", encoding="utf-8")
    ran = xp("watch", "--once", "--json").json
    assert (ran["kind"], ran["request"]) == ("applied", None)


def test_a_watcher_tells_systemd_and_ends_cleanly_when_it_is_asked(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        listener.settimeout(100)
        line = [sys.executable, "-m", "exitplan", "watch", "--every", "1h", "--json"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "3000000"}
        watcher = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        told = _told(listener)
        assert next(told) == "READY=1\nSTATUS=watching 1 account every 1 hour"
        assert next(told) == "WATCHDOG=1"
        watcher.send_signal(signal.SIGTERM)
        assert "STOPPING=1" in told
        out, _ = watcher.communicate(timeout=100)
    assert watcher.returncode == 0
    assert out == b"" or b'"event":"round"' in out


def _told(listener: socket.socket) -> Iterator[str]:
    while True:
        yield listener.recv(1000).decode()


def test_where_no_service_manager_listens_nothing_is_said(tmp_path: Path) -> None:
    ServiceManager({}).ready("x")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("x")
    ServiceManager({"WATCHDOG_USEC": "many"}).alive(NOW)


def test_a_person_is_named_by_the_login_unless_a_variable_says_otherwise() -> None:
    assert actor({"EXITPLAN_USER": " alice "}) == "alice"
    assert actor({}).endswith(f"@{socket.gethostname()}")


# --- units ---


def test_a_unit_names_paths_as_systemd_reads_them() -> None:
    text = service_unit(WHERE, ["--all"], timedelta(minutes=5))
    assert 'ExecStart="/opt/my tools/exitplan" -C "/srv/50%% done" watch --all\n' in text
    assert 'ReadWritePaths="/srv/50%% done/data" /var/cache/xp\n' in text
    assert "TimeoutStopSec=330\n" in text


def test_a_line_for_cron_escapes_what_cron_would_take_for_a_new_line() -> None:
    line = cron_line(WHERE, WHERE.line(["--once", "--all"]), timedelta(minutes=15))
    assert line == r"*/15 * * * * '/opt/my tools/exitplan' -C '/srv/50\% done' watch --once --all" + "\n"


@pytest.mark.parametrize(
    ("minutes", "schedule"),
    [(1, "* * * * *"), (60, "0 * * * *"), (360, "0 */6 * * *"), (1440, "0 0 * * *"), (7, None), (90, None)],
)
def test_cron_has_a_line_for_what_divides_an_hour_or_a_day(minutes: int, schedule: str | None) -> None:
    if schedule is None:
        with pytest.raises(UsageError, match="one line of cron cannot say"):
            cron_line(WHERE, ["xp"], timedelta(minutes=minutes))
    else:
        assert cron_line(WHERE, ["xp"], timedelta(minutes=minutes)) == f"{schedule} xp\n"


@pytest.mark.usefixtures("folder")
def test_the_installation_and_the_project_are_named_by_absolute_paths(tmp_path: Path) -> None:
    assert f"-C {tmp_path} watch --all --every 5m\n" in xp("install-service").out
    assert f"-C {tmp_path} watch --once --account platform" in xp("install-service", "--cron", "-a", "platform").out
    assert xp("install-service", "--cron", "--timer").code == 64


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.usefixtures("folder")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = {"exitplan.service": xp("install-service").out}
    service, timer = xp("install-service", "--timer").out.split("# exitplan.timer")
    units |= {"round.service": service, "round.timer": f"# {timer}"}
    for name, text in units.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    line = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)]
    told = subprocess.run(line, capture_output=True, text=True, check=False)
    assert [said for said in told.stderr.splitlines() if str(tmp_path) in said or said.startswith("round")] == []
    assert timer_units(WHERE, WHERE.line([]), timedelta(minutes=15)).count("[Service]") == 1
