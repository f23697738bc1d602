"""What people see, as snapshots: read them in the .ambr file beside this one."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType
from syrupy.assertion import SnapshotAssertion

from exitplan.cli.rendering.explain import explanation_parts
from exitplan.cli.rendering.plan import plan_parts, summary_line
from exitplan.cli.rendering.run import RunScreen, result_parts
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.rendering.status import history_table, status_parts
from exitplan.executor.apply.events import ActionOutcome, ApplyResult, Event
from exitplan.executor.store.history import AccountStatus
from exitplan.executor.store.state import Metrics, State
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.progress import UnwindProgress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan_types import GuardResult, Plan
from exitplan.ruleset.planning.plan_words import guard_text
from exitplan.ruleset.planning.planner import PlanScope, draft_plan
from exitplan.ruleset.planning.words import counted, duration, exact, money, percent
from tests.builders import NOW, ago, failed, market, order, plan_input, position, record, typed_plan_of, unwound
from tests.builders import snapshot as account_of
from tests.cli.conftest import write_snapshot, xp

DEMO = Path(__file__).parents[2] / "brokers/paper/demo-account.json"


def drawn(*parts: RenderableType, width: int = 100) -> str:
    """Draw as into a pipe; what changes with every version is masked."""
    stream = StringIO()
    target = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    show(*parts, on=target)
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{12}", "<plan id>", stream.getvalue())
    return re.sub(r"\b[0-9a-f]{12}\b", "<hash>", text)


def demo() -> Snapshot:
    return snapshot_from_document(json.loads(DEMO.read_text(encoding="utf-8")))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_demo_account(width: int, snapshot: SnapshotAssertion) -> None:
    assert drawn(*plan_parts(typed_plan_of(demo())), width=width) == snapshot


def test_stops_adoptions_and_protection(snapshot: SnapshotAssertion) -> None:
    until = [{"symbol": "BTC/USD", "reason": "long-term", "until": "2026-12-31T00:00:00Z"}, {"symbol": "SHIB/USD"}]
    plan = typed_plan_of(demo(), base="conservative", protect=until)
    assert drawn(*plan_parts(plan)) == snapshot


def test_everything_that_is_rare(snapshot: SnapshotAssertion) -> None:
    account = rare()
    progress = replace(unwound(1, "0.75", 100, "CNT/USD"), failed_exits=failed(NOP=1).failed_exits)
    plan = typed_plan_of(account, progress, max_positions=2, scope=PlanScope(excludes=("XXX/USD",)))
    assert drawn(*plan_parts(plan)) == snapshot


def rare() -> Snapshot:
    """A short, an inverse contract, tiny prices, a deferred position, a cycle that counts, hostile names."""
    held = [
        position("BTC/USDT:USDT", "2", side="short", contract_size="0.01", entry=50_000),
        position("PEPE/USD", "123456789.5"),
        position("CNT/USD", "50"),
        position("NOP/USD", "5"),
        position("OUT/USD", "7"),
        position("E\x1b[31mV[bold]IL/USD", "3"),
    ]
    listed = {
        "BTC/USDT:USDT": market(60_000, step=1, min_amount=1),
        "PEPE/USD": market("0.00001234", step="0.1"),
        "NOP/USD": market(None, step="0.001", price_status="missing"),
        "OUT/USD": market(price_status="unavailable"),
    }
    orders = [order("b\nad", "PEPE/USD", "sell", "1000", price="0.00002", minutes=90)]
    return account_of(*held, markets=listed, orders=orders, rates={"USDT": "1.0004"}, cash=1_000)


def test_a_refused_plan(snapshot: SnapshotAssertion) -> None:
    held = [position(f"{name}/USD", 50) for name in ("AAA", "BBB", "CCC")]
    account = account_of(*held, markets={"AAA/USD": None, "BBB/USD": None}, cash=1)
    assert drawn(*plan_parts(typed_plan_of(account, max_positions=0, guards={"max_actions": 0}))) == snapshot


def test_a_clean_account(snapshot: SnapshotAssertion) -> None:
    account = account_of(position("AAA/USD"), tracked=["AAA/USD"])
    assert drawn(*plan_parts(typed_plan_of(account))) == snapshot


def test_very_many_positions_are_not_all_listed() -> None:
    tracked = [f"T{number}/USD" for number in range(300)]
    blocked = [position(f"B{number}/USD") for number in range(80)]
    account = account_of(
        *(position(symbol, 2) for symbol in tracked),
        *blocked,
        tracked=tracked,
        markets={found.symbol: None for found in blocked},
    )
    text = drawn(*plan_parts(typed_plan_of(account, max_positions=1_000, dust_pct_threshold=0)))
    assert "and 240 more" in text
    assert "and 20 more" in text
    assert len(text.splitlines()) < 100


def test_an_explanation(snapshot: SnapshotAssertion) -> None:
    account = account_of(
        position("ETH/USD", "0.5", locked="0.1", opened_at=ago(600)),
        orders=[order("o1", "ETH/USD", minutes=60), order("o2", "ETH/USD", "buy", kind="stop", trigger="90")],
        markets={"ETH/USD": market(2_500)},
    )
    path = write_snapshot(account)
    explained = json.loads(
        re.sub(r'"[^"]+default\.yaml:\d+"', '"<place>"', xp("explain", "ETH-USD", "--snapshot", path, "--json").out)
    )
    assert drawn(*(part for part in explanation_parts(explained) if part is not None)) == snapshot


def test_the_end_of_a_run(snapshot: SnapshotAssertion) -> None:
    account = account_of(position(quantity="12345.5"), tracked={"AAA/USD": record(entry=None)})
    (action,) = typed_plan_of(account).actions
    outcomes = (
        ActionOutcome(action, "done"),
        ActionOutcome(action, "refused", message="market-inactive: closed for the weekend"),
        ActionOutcome(replace(action, kind="cancel_order"), "needs_human", message="no answer"),
        ActionOutcome(action, "open", message="still to be done"),
        ActionOutcome(action, "skipped", message="the position is gone: done already"),
    )
    given = plan_input(account_of(position(), markets={"AAA/USD": market(price_status="unavailable")}))
    result = ApplyResult(ExitCode.UNKNOWN, "p", outcomes, draft_plan(given).checks)
    assert drawn(*result_parts(result, "USD")) == snapshot


def test_a_run_after_which_nothing_could_be_read() -> None:
    assert "its state is UNKNOWN" in drawn(*result_parts(ApplyResult(ExitCode.UNKNOWN, "p", (), None), "USD"))


def test_status_and_history(snapshot: SnapshotAssertion) -> None:
    at = parse_time("2026-02-18T22:00:00Z")
    state = State(
        account_state=AccountState.CLEANUP_IN_PROGRESS,
        last_cleanup_run=at,
        unwinds={"ADA/USD": UnwindProgress(2, Decimal("0.5625"), Decimal(1200), at)},
        escalated={"LUNA/USD": {"reason": "no-market"}},
        failed_exits={"NEAR/USD": 1},
        metrics=Metrics(12, 3, 4, 1234, Decimal("12345.678")),
    )
    status = AccountStatus("platform", "paper", ("20260218T220000Z-000000000000",), state)
    runs = [
        {
            "run": 2,
            "started_at": "2026-02-18T22:00:00Z",
            "plan_id": "b",
            "exit_code": None,
            "account_state": None,
            "done": 3,
            "refused": 0,
            "under_way": False,
        },
        {
            "run": 1,
            "started_at": "2026-02-17T22:00:00Z",
            "plan_id": "a",
            "exit_code": 5,
            "account_state": "CLEAN",
            "done": 1,
            "refused": 1,
            "under_way": False,
        },
    ]
    assert drawn(*status_parts(status), history_table(runs)) == snapshot


def test_a_pipe_gets_plain_text_and_a_terminal_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = typed_plan_of(account_of(position()))
    assert "\x1b" not in drawn(*plan_parts(plan))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in in_colour(plan)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in in_colour(plan)


def in_colour(plan: Plan) -> str:
    stream = StringIO()
    show(*plan_parts(plan), on=console(stream))
    return stream.getvalue()


def test_no_line_of_a_pipe_ends_in_spaces() -> None:
    lines = drawn(*plan_parts(typed_plan_of(demo()))).splitlines()
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("5", 40), ("wide", 100), ("", 100)])
def test_the_width_of_a_pipe(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert console(StringIO()).width == width


def test_what_a_document_holds_is_not_obeyed() -> None:
    text = drawn(*plan_parts(typed_plan_of(rare())))
    assert "\x1b" not in text
    assert "E?[31mV[bold]IL/USD" in text
    assert "(b?ad)" in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234567.891", "1,234,567.89"),
        ("1", "1.00"),
        ("0", "0.00"),
        ("-2.5", "-2.50"),
        ("0.5", "0.5"),
        ("0.123456", "0.123"),
        ("0.0001234567", "0.000123"),
        ("0.999999", "1"),
        (None, "?"),
    ],
)
def test_money(amount: str | None, text: str) -> None:
    assert money(amount) == text


def test_money_names_its_currency() -> None:
    assert money("5", "USD") == "5.00 USD"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("30000000", "30,000,000"),
        ("0.00001234", "0.00001234"),
        ("1234.50", "1,234.5"),
        ("-0.5", "-0.5"),
        ("1e-8", "0.00000001"),
    ],
)
def test_quantities_keep_all_digits(amount: str, text: str) -> None:
    assert exact(amount) == text


def test_shares_and_counts() -> None:
    assert percent("0.5625") == "56.25 %"
    assert [counted(number, "order") for number in (0, 1, 1234)] == ["0 orders", "1 order", "1,234 orders"]
    spans = [timedelta(seconds=5), timedelta(minutes=1), timedelta(hours=5), timedelta(days=3)]
    assert [duration(span.total_seconds()) for span in spans] == ["5 seconds", "1 minute", "5 hours", "3 days"]


def test_guards_say_what_they_found_and_allow() -> None:
    share = guard_text(GuardResult("max_run_pct", Decimal("0.5"), Decimal("0.612"), ok=False))
    assert share.startswith("it is 61.2 %, the limit is 50 % (The largest share of managed equity")
    assert guard_text(GuardResult("max_run_pct", Decimal("0.5"), None, ok=False)).startswith("it cannot be computed")
    assert guard_text(GuardResult("max_actions", 100, 1234, ok=False)).startswith("it is 1,234, the limit is 100")


def test_the_summary_counts_by_kind() -> None:
    account = account_of(position("AAA/USD"), tracked={"AAA/USD": record()}, orders=[order(minutes=60)])
    assert str(summary_line(typed_plan_of(account))) == "Plan: 1 order to cancel."


@pytest.mark.parametrize(
    ("kind", "filled", "line"),
    [
        ("close", "240", "  done      XRP/USD  close 240 at 1.8\n"),
        ("close", "60", "  done      XRP/USD  close 240, filled 60 at 1.8\n"),
        ("cancel_order", "60", "  done      XRP/USD  cancel order 240\n"),
    ],
)
def test_a_price_is_told_of_what_the_run_sold(
    kind: str, filled: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"action": kind, "symbol": "XRP/USD", "quantity": "240", "filled": filled, "average_price": "1.8"}
    plan = typed_plan_of(account_of(position("XRP/USD")))
    with RunScreen(plan) as screen:
        screen.notify(Event("action_done", NOW, data))
    assert capsys.readouterr().out == line


def test_an_alert_of_a_run_says_why_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"alert_type": "ZOMBIE_ESCALATED", "severity": "CRITICAL", "symbol": "LUNA/USD", "reason": "no-market"}
    with RunScreen(typed_plan_of(account_of())) as screen:
        screen.notify(Event("alert", NOW, data))
    assert "ZOMBIE_ESCALATED LUNA/USD: the venue lists no such symbol" in capsys.readouterr().out


def test_what_does_not_fit_in_a_line_of_a_run_goes_on_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    data = {"alert_type": "ZOMBIE_ESCALATED", "severity": "CRITICAL", "symbol": "LUNA/USD", "reason": "no-market"}
    with RunScreen(typed_plan_of(account_of())) as screen:
        screen.notify(Event("alert", NOW, data))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "  alert     ZOMBIE_ESCALATED LUNA/USD: the venue"
    assert second == "            lists no such symbol"
