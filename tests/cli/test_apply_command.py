"""``exitplan apply``: every way it can go, each with its exit code."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import RefusalReason, Refused, Unknown
from exitplan.cli import approval
from exitplan.cli.interrupts import asking_to_stop
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import apply_plan as original
from exitplan.executor.apply.events import ApplyResult, Notify
from exitplan.executor.apply.reconcile import Sleep
from exitplan.ruleset.errors import AccountUnreadable, CancelledByUser
from exitplan.ruleset.planning.plan import plan_sha256
from exitplan.ruleset.planning.plan_types import Plan
from tests.cli.conftest import with_options, xp
from tests.cli.test_start_up import environment

STATE = Path("data/legacy_exit_protocol_state.json")


def change(path: Path, **entries: object) -> None:
    """Change a plan file and make its hash fit again."""
    document = {**json.loads(path.read_text(encoding="utf-8")), **entries}
    document["sha256"] = plan_sha256(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_a_saved_plan_is_carried_out_without_a_question(saved: Path) -> None:
    shown = xp("apply", saved)
    assert (shown.code, shown.err) == (0, "")
    assert "Applied: 16 done." in shown.out
    assert "The account is NEEDS_CLEANUP." in shown.out
    assert STATE.is_file()


def test_a_plan_is_used_once(saved: Path) -> None:
    xp("apply", saved)
    again = xp("apply", saved, "--json")
    assert (again.code, again.error["type"]) == (6, "PlanIsUsed")


def test_with_json_every_event_is_a_line(saved: Path) -> None:
    shown = xp("apply", saved, "--json", "--json-into", "events.jsonl")
    assert shown.code == 0
    kinds = [event["event"] for event in shown.lines]
    assert (kinds.count("action_done"), kinds[-2:]) == (16, ["verified", "run_finished"])
    assert Path("events.jsonl").read_text(encoding="utf-8") == shown.out


def test_events_may_go_into_a_file_beside_the_drawing(saved: Path) -> None:
    shown = xp("apply", saved, "--json-into", "events.jsonl")
    assert "Applied: 16 done." in shown.out
    assert json.loads(Path("events.jsonl").read_text(encoding="utf-8").splitlines()[-1])["exit_code"] == 0


def test_where_the_event_file_cannot_be_written_nothing_is_sent(saved: Path) -> None:
    shown = xp("apply", saved, "--json-into", "no/such/folder/events.jsonl")
    assert (shown.code, STATE.exists()) == (1, False)
    assert "nothing was sent" in shown.err


def test_a_dry_run_sends_nothing(saved: Path) -> None:
    before = Path("data/paper/platform.json").read_bytes()
    shown = xp("apply", saved, "--dry-run")
    assert shown.code == 0
    assert "this plan can be applied now; nothing was sent" in shown.out
    assert Path("data/paper/platform.json").read_bytes() == before
    assert not STATE.exists()


def test_a_dry_run_as_json_is_the_plan(saved: Path) -> None:
    assert xp("apply", saved, "--dry-run", "--json").json == json.loads(saved.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("folder")
def test_a_dry_run_without_a_plan_plans() -> None:
    shown = xp("apply", "--dry-run", "--json")
    assert (shown.code, len(shown.json["actions"])) == (0, 16)


def test_a_plan_made_with_overrides_is_applied_with_them(folder: Path) -> None:
    assert xp("plan", "--max-positions", "6", "--dust-pct", "0.02", "--out", "plan.json").code == 0
    assert xp("apply", folder / "plan.json").code == 0


def test_an_altered_plan_exits_6(saved: Path) -> None:
    saved.write_text(saved.read_text(encoding="utf-8").replace('"260"', '"250"'), encoding="utf-8")
    shown = xp("apply", saved)
    assert (shown.code, STATE.exists()) == (6, False)
    assert "the plan was changed after it was made" in shown.err


def test_an_expired_plan_exits_6(saved: Path) -> None:
    change(saved, expires_at="2026-01-01T00:00:00Z")
    shown = xp("apply", saved)
    assert shown.code == 6
    assert "expired" in shown.err


def test_a_plan_for_another_policy_exits_6(saved: Path, folder: Path) -> None:
    path = folder / "policies/default.yaml"
    text = path.read_text(encoding="utf-8").replace("stale_order_minutes: 30", "stale_order_minutes: 31")
    path.write_text(text, encoding="utf-8")
    assert xp("apply", saved).code == 6


def sell_by_hand(symbol: str, left: str) -> None:
    account = Path("data/paper/platform.json")
    document = json.loads(account.read_text(encoding="utf-8"))
    held = next(position for position in document["positions"] if position["symbol"] == symbol)
    held["quantity"] = left
    account.write_text(json.dumps(document), encoding="utf-8")


def test_a_position_that_moved_is_skipped_and_the_rest_is_done(saved: Path) -> None:
    sell_by_hand("NEAR/USD", "200")
    shown = xp("apply", saved)
    assert shown.code == 0
    assert "skipped   NEAR/USD  close 260" in shown.out
    assert "the quantity was 260 and is 200" in shown.out


@pytest.mark.usefixtures("folder")
def test_a_plan_of_which_nothing_can_be_sent_any_more_exits_6() -> None:
    assert xp("plan", "--target", "NEAR/USD", "--out", "plan.json").code == 0
    sell_by_hand("NEAR/USD", "200")
    shown = xp("apply", "plan.json")
    assert shown.code == 6
    assert "NEAR/USD: stale: the quantity was 260 and is 200" in shown.err


def test_a_plan_that_a_guard_refuses_exits_5(folder: Path) -> None:
    path = folder / "policies/accounts/demo.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "guards: {max_actions: 3}\n", encoding="utf-8")
    assert xp("plan", "--out", "plan.json").code == 5
    assert xp("apply", "plan.json").code == 5
    assert xp("apply", "--auto-approve").code == 5
    assert not STATE.exists()
    assert xp("run").code == 5
    assert xp("gate", "--json").json["state"] == "NEEDS_CLEANUP"
    assert xp("history", "--json").json["runs"] == []


def test_an_account_in_use_exits_7(saved: Path) -> None:
    Path("data").mkdir(exist_ok=True)
    with FileLock("data/account.lock"):
        shown = xp("apply", saved)
    assert shown.code == 7
    assert "is in use" in shown.err


def test_a_venue_that_refuses_exits_4(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Refused(RefusalReason.MARKET_INACTIVE, "the market is closed")
    monkeypatch.setattr(PaperBroker, "place_orders", lambda _, asked: (refused,) * len(asked))
    shown = xp("apply", saved)
    assert shown.code == 4
    assert "market-inactive: the market is closed" in shown.out


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the pauses out of asking again."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.usefixtures("hurried")
def test_a_venue_that_cannot_tell_exits_9(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaperBroker, "place_orders", lambda _, asked: (Unknown("no answer"),) * len(asked))
    monkeypatch.setattr(PaperBroker, "look_up_order", lambda *_: Unknown("no answer"))
    shown = xp("apply", saved)
    assert shown.code == 9
    assert "unknown   NEAR/USD" in shown.out
    assert "open" in shown.out
    assert xp("apply", saved).code == 9


@pytest.mark.usefixtures("hurried")
def test_an_account_that_cannot_be_read_exits_1(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: PaperBroker) -> None:
        raise AccountUnreadable("the venue does not answer")

    monkeypatch.setattr(PaperBroker, "read_account", fail)
    for line in (["plan"], ["apply", str(saved)], ["apply", "--auto-approve"], ["snapshot", "--out", "s.json"]):
        shown = xp(*line)
        assert (shown.code, shown.err) == (1, "error: the venue does not answer\n")
    verified = xp("verify")
    assert (verified.code, verified.out) == (9, "platform at paper is UNKNOWN: the venue does not answer\n")
    assert xp("verify", "--json").json["state"] == "UNKNOWN"


def test_a_data_folder_that_cannot_be_written_exits_1(saved: Path) -> None:
    shown = xp("apply", saved, "--data", "/proc/exitplan")  # where not even root can make a folder
    assert shown.code == 1
    assert "nothing was sent" in shown.err


@pytest.mark.usefixtures("folder")
def test_without_a_terminal_nobody_can_say_yes() -> None:
    shown = xp("apply")
    assert shown.code == 8
    assert "--auto-approve" in shown.err
    assert not STATE.exists()


@pytest.mark.usefixtures("folder")
def test_auto_approve_does_not_ask() -> None:
    shown = xp("apply", "--auto-approve")
    assert shown.code == 0
    assert shown.out.index("Plan: 8 to close") < shown.out.index("Applied: 16 done.")


@pytest.mark.usefixtures("folder")
def test_auto_approve_as_json_is_events_alone() -> None:
    shown = xp("apply", "--auto-approve", "--json")
    assert shown.lines[-1]["event"] == "run_finished"


def test_nothing_to_do_asks_nothing(folder: Path) -> None:
    protect = "protect: [{symbol: LUNA/USD}, {symbol: VOUCHER/USD}]\n"
    path = folder / "policies/accounts/demo.yaml"
    path.write_text(path.read_text(encoding="utf-8") + protect, encoding="utf-8")
    for _ in range(4):
        assert xp("run").code in {0, 2}
    shown = xp("apply")
    assert (shown.code, shown.err) == (0, "")
    assert "No changes. The account is clean." in shown.out


def test_interrupted_runs_exit_8_and_go_on_later(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter([False, False, True])

    def stopping(
        account: Account, plan: Plan, *, notify: Notify, stopped: object, sleep: Sleep, signatures: str | None
    ) -> ApplyResult:
        assert callable(stopped)
        return original(account, plan, notify=notify, stopped=lambda: next(asked), sleep=sleep, signatures=signatures)

    with monkeypatch.context() as interrupting:
        interrupting.setattr("exitplan.executor.operation.apply_plan", stopping)
        assert xp("apply", saved).code == 8
    later = xp("apply", saved)
    assert later.code == 0
    assert "Going on with" in later.out


def test_partial_fills_are_told(folder: Path) -> None:
    with_options(folder, depth="{NEAR/USD: 100}")
    shown = xp("apply", "--auto-approve")
    assert "NEAR/USD  close 260, filled 100" in shown.out


def test_a_live_account_asks_for_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def __init__(self, answer: str) -> None:
            self.answer = answer

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return f"{self.answer}\n"

    monkeypatch.setattr(sys, "stdin", Terminal("platform"))
    approval.ask_for_approval("platform", live=True)
    monkeypatch.setattr(sys, "stdin", Terminal("yes"))
    approval.ask_for_approval("platform", live=False)
    with pytest.raises(CancelledByUser, match="nothing was sent"):
        approval.ask_for_approval("platform", live=True)


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 8), ("", 8), ("\x04", 8), ("\x03", 8)])
@pytest.mark.usefixtures("folder")
def test_on_a_terminal_only_yes_goes_on(answer: str, code: int) -> None:
    shown, ended = on_a_terminal(["apply"], answer)
    assert ended == code
    assert ("16/16" in shown) == STATE.exists() == (code == 0)
    assert "\x1b[" in shown


def on_a_terminal(words: list[str], answer: str) -> tuple[str, int]:
    """Run the command on a terminal of its own and answer its question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "exitplan", *words], environment(TERM="xterm"))  # noqa: S606
    typed = answer.encode() + (b"\n" if answer.isprintable() else b"")
    shown, deadline, answered = b"", time.monotonic() + 60, False
    try:
        while time.monotonic() < deadline:
            heard = bool(select.select([terminal], [], [], 1)[0])
            shown += os.read(terminal, 4096) if heard else b""
            # A Ctrl-C in the instant between Python's last look for signals and its read is kept until the next one.
            if b"goes on: " in shown and (not answered or (answer == "\x03" and not heard)):
                os.write(terminal, typed)
                answered = True
        os.kill(pid, signal.SIGKILL)
    except OSError:  # what Linux answers when the other side has gone
        pass
    os.close(terminal)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_first_ctrl_c_asks_and_the_second_breaks_off() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), asking_to_stop() as stopped:  # noqa: PT012 - the first one must not raise
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
