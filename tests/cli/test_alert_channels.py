"""``exitplan alerts test``, ``send`` and ``channels``, and what commands deliver at their end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest
from jsonschema import Draft7Validator

from exitplan.cli.verbs import LoadedVerbs
from exitplan.executor.store.alert_kinds import ALERT_KINDS, AlertKind
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp
from tests.executor.alerting.receiver import Receiver, receiver

pytestmark = pytest.mark.usefixtures("folder")
DESK = "version: 1\nchannels:\n  desk: {url: env:DESK_URL}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiver() as received:
        yield received


@pytest.fixture
def desk(folder: Path, server: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    server.got.clear()
    server.paths.clear()
    server.failing.clear()
    monkeypatch.setenv("DESK_URL", server.url("desk"))
    monkeypatch.setattr("exitplan.cli.alert_delivery.BUDGET_SECONDS", 60)  # a busy machine may need longer
    (folder / "alerts.yaml").write_text(DESK, encoding="utf-8")
    return server


@pytest.mark.parametrize("kind", [kind for kind in ALERT_KINDS.values() if kind.command], ids=lambda kind: kind.name)
def test_what_an_alert_says_to_do_next_is_a_command_that_there_is(kind: AlertKind) -> None:
    program, verb, *rest = kind.command.split()
    command = LoadedVerbs()[verb]
    below = getattr(command, "commands", {})
    command, rest = (below[rest[0]], rest[1:]) if rest and rest[0] in below else (command, rest)
    known = {name for parameter in command.params for name in parameter.opts}
    assert program == "exitplan"
    assert {word for word in rest if word.startswith("--")} <= known
    assert {word.strip("{}") for word in rest if "{" in word} <= {"account", *(one.name for one in kind.figures)}


def ensure(kind: str, document: object) -> None:
    Draft7Validator(ANSWERS[kind]()).validate(document)


def test_a_run_tells_the_channels_what_it_raised_and_prints_what_it_always_does(desk: Receiver) -> None:
    ran = xp("run")
    assert (ran.code, ran.err) == (2, "")
    assert [message["title"] for message in desk.got] == ["CRITICAL platform: 2 alerts"]
    ensure("alert-deliveries", (sent := xp("alerts", "send", "--json")).json)
    assert (sent.code, len(desk.got)) == (0, 1)


def test_a_channel_that_fails_is_one_line_on_stderr_of_a_run(desk: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESK_URL")
    ran = xp("run", "--json")
    assert ran.code == 2
    assert [line["event"] for line in ran.lines][-1] == "run_finished"
    (line,) = ran.err.splitlines()
    assert "the channel desk failed (the environment variable DESK_URL is missing); 2 alerts wait" in line
    assert "do not reach the channel desk" in xp("status").err
    assert xp("alerts", "send").code == 0
    failed = xp("alerts", "send", "--all")
    assert (failed.code, "the channel desk failed" in failed.err) == (1, True)


def test_a_broken_file_of_channels_is_one_line_on_stderr_of_a_run(desk: Receiver) -> None:
    Path("alerts.yaml").write_text("version: 1\nchannels: {}\n", encoding="utf-8")
    ran = xp("verify")
    assert ran.code == 2
    assert ran.err.startswith("warning: alerts were not delivered: alerts.yaml:2:11: error:")
    assert xp("alerts", "send").code == 65


def test_a_test_message_says_what_came_of_it_for_each_channel(desk: Receiver) -> None:
    Path("alerts.yaml").write_text(f"{DESK}  mail: {{url: env:MAIL_URL}}\n", encoding="utf-8")
    tried = xp("alerts", "test")
    assert tried.code == 1
    assert "desk  sent" in tried.out
    assert "mail  failed  the environment variable MAIL_URL is missing" in tried.out
    assert xp("alerts", "test", "desk").code == 0
    assert [message["title"] for message in desk.got] == ["exitplan: test"] * 2
    ensure("alert-tests", xp("alerts", "test", "--json").json)
    assert "did you mean 'mail'?" in xp("alerts", "test", "mial").err


def test_channels_are_listed_with_what_waits_for_them(desk: Receiver) -> None:
    Path("alerts.yaml").write_text(DESK.replace("}", ", digest: {at: '08:00'}, tags: [live]}"), encoding="utf-8")
    assert "info or worse, of #live" in xp("alerts", "channels").out
    ensure("alert-channels", xp("alerts", "channels", "--json").json)


def test_without_a_file_of_channels_a_person_is_told_how_to_write_one() -> None:
    for verb in ("test", "send", "channels"):
        refused = xp("alerts", verb)
        assert (refused.code, "this project has no alerts.yaml" in refused.err) == (64, True)
    assert xp("run").err == ""
    assert not Path("data/deliveries.db").exists()


def test_the_channels_are_those_of_the_project_whose_data_it_is(
    desk: Receiver, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    xp("run", "--account", folder / "policies/accounts/demo.yaml")
    assert [message["title"] for message in desk.got] == ["CRITICAL platform: 2 alerts"]


def test_older_alerts_are_asked_for_at_the_first_delivery_only(desk: Receiver) -> None:
    assert xp("alerts", "send", "--since", "2d").out == "No alerts to send.\n"
    assert "--since is only for the first delivery" in xp("alerts", "send", "--since", "2d").err


def test_the_list_keeps_its_options(desk: Receiver) -> None:
    xp("run")
    assert len(xp("alerts", "--kind", "zombie-escalated", "--json").json["alerts"]) == 1
    assert xp("alerts", "--severity", "info", "--all").code == 0


def test_the_file_is_validated_with_the_policies(desk: Receiver) -> None:
    Path("alerts.yaml").write_text(DESK.replace("}", ", kinds: [EXIT_FAILD]}"), encoding="utf-8")
    for place in ("accounts", "tests"):
        rmtree(Path("policies") / place)
    checked = xp("validate", "--json")
    (file,) = [file for file in checked.json["files"] if file["path"] == "alerts.yaml"]
    assert (checked.code, file["kind"], file["problems"][0]["hint"]) == (65, "alerts", "did you mean 'EXIT_FAILED'?")


def test_the_doctor_looks_at_channels(desk: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "json:// by env:DESK_URL" in xp("doctor", "--offline").out
    monkeypatch.setenv("DESK_URL", "slack://hunter2")
    found = xp("doctor", "--offline")
    assert (found.code, "not one that apprise understands" in found.out, "hunter2" in found.out) == (1, True, False)
    Path("alerts.yaml").write_text("version: 2\n", encoding="utf-8")
    assert xp("doctor", "--offline").code == 1


def test_the_example_that_init_writes_is_sound(folder: Path) -> None:
    (folder / "alerts.example.yaml").rename(folder / "alerts.yaml")
    assert "alerts.yaml" in {entry["path"] for entry in xp("validate", "--json").json["files"]}
    demo = folder / "policies/accounts/demo.yaml"
    live = [
        line.removeprefix("# ") if line.startswith(("# approval:", "# escalation:")) else line
        for line in demo.read_text(encoding="utf-8").splitlines()
    ]
    demo.write_text("\n".join(live) + "\n", encoding="utf-8")
    assert xp("validate").code == 0
    assert xp("fmt", "--check", demo).code == 0
