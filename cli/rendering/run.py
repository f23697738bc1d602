"""A run as it happens: one line an action, and a table of what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from exitplan.cli.rendering.checks import checks_table, next_step, state_text
from exitplan.cli.rendering.screen import console, heading, rows, show, titled, words
from exitplan.executor.apply.costs import Costs, costs_of
from exitplan.executor.apply.events import ActionOutcome, ApplyResult, Event
from exitplan.ruleset.planning.actions import Action, Phase
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.plan import report_of
from exitplan.ruleset.planning.plan_types import CheckReport, Plan
from exitplan.ruleset.planning.plan_words import positions_text
from exitplan.ruleset.planning.words import counted, exact, money, percent, reason_text

Document = Mapping[str, Any]
_BASIS_POINT = Decimal("0.0001")
_LONG = 8
"""From this many actions on, a terminal shows a bar."""

_HANG = 12
"""How far the rest of a line is indented that does not fit: to where the line says what it is about."""

_OUTCOMES = {
    "action_done": ("done", "green"),
    "action_refused": ("refused", "bold red"),
    "action_unknown": ("unknown", "bold magenta"),
    "action_skipped": ("skipped", "dim"),
}
_STATUSES = {
    "done": ("done", "green"),
    "refused": ("refused", "bold red"),
    "needs_human": ("unknown", "bold magenta"),
    "sending": ("unknown", "bold magenta"),
    "skipped": ("skipped", "dim"),
    "open": ("open", "yellow"),
    "planned": ("open", "yellow"),
}
_VERBS = {
    "cancel_order": "cancel order",
    "attach_stop": "attach stop",
    "convert_dust": "convert dust",
    "convert_cash": "convert cash",
}


class RunScreen:
    """Draws the events of a run; where nobody can read them any more, the run goes on all the same."""

    def __init__(self, plan: Plan) -> None:
        actions = len(plan.actions)
        self._width = max((len(action.symbol) for action in plan.actions), default=0)
        self._console = console()
        self._bar = _bar(self._console) if self._console.is_terminal and actions >= _LONG else None
        self._task = self._bar.add_task("", total=actions) if self._bar else None

    def __enter__(self) -> RunScreen:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def notify(self, event: Event) -> None:
        """Draw one event."""
        line = run_line(event, self._width)
        with suppress(OSError):  # a reader that went away, or a full disk behind stdout, must not stop a run half-way
            if line is not None:
                self._console.print(hung(line, self._console))
            if self._bar and self._task is not None and event.kind in _OUTCOMES:
                self._bar.advance(self._task)


def hung(line: Text, target: Console) -> Text:
    """Return a line so that what does not fit goes on below it, indented as what it belongs to."""
    if line.cell_len <= target.width:
        return line
    parts = line.wrap(target, target.width - _HANG)
    for part in parts:
        part.rstrip()
    return Text("\n" + " " * _HANG).join(parts)


def _bar(target: Console) -> Progress:
    return Progress(TextColumn("  "), BarColumn(), MofNCompleteColumn(), console=target, transient=True)


def run_line(event: Event, width: int) -> Text | None:
    """Return an event of a run as a line; None for what is not drawn."""
    data = event.data
    if event.kind in _OUTCOMES:
        return _action_line(event.kind, data, width)
    drawn: dict[str, Callable[[Document], Text]] = {
        "run_started": _started,
        "run_recovering": _recovering,
        "run_recovered": _recovered,
        "cycle_counted": _cycle,
        "alert": _alert,
    }
    draw = drawn.get(event.kind)
    return draw(data) if draw else None


def _started(data: Document) -> Text:
    again = "Going on with" if data.get("resumed") else "Applying"
    return heading(f"{again} {data['plan_id']}", counted(data["actions"], "action"))


def _recovering(data: Document) -> Text:
    orders = counted(data["orders"], "order")
    return words(f"  An earlier run was cut short: asking the venue what became of {orders} ...", "yellow")


def _recovered(data: Document) -> Text:
    orders = counted(data["settled"], "order")
    return words(f"  An earlier run of {data['plan_id']} had not ended: {orders} resolved with the venue.", "yellow")


def _cycle(data: Document) -> Text:
    return words(
        f"  counted   {data['position']}: cycle {data['cycle']} of {data['cycles']}, nothing to send", "yellow"
    )


def _alert(data: Document) -> Text:
    style = {"CRITICAL": "bold red", "WARNING": "yellow"}.get(str(data.get("severity")), "")
    named = data.get("symbol") or data.get("position")
    about = f" {named}" if named else ""
    reason = f": {reason_text(str(data['reason']))}" if data.get("reason") else ""
    return words(f"  alert     {data['alert_type']}{about}{reason}", style)


def _action_line(kind: str, data: Document, width: int) -> Text:
    label, style = _OUTCOMES[kind]
    line = Text("  ").append(f"{label:<8}  ", style)
    if "action" in data:
        line.append_text(words(_described(data, width)))
    # What was filled of an order before it was cancelled is no sale of this run.
    filled = None if data.get("action") == "cancel_order" else data.get("filled")
    if kind == "action_done" and filled and filled not in {"0", data.get("quantity")}:
        line.append_text(words(f", filled {exact(filled)}", "yellow"))
    if data.get("average_price") and filled not in {None, "0"}:
        line.append_text(words(f" at {exact(data['average_price'])}"))
    if data.get("message"):
        line.append_text(words(f"  {data['message']}", "dim"))
    return line


def _described(data: Document, width: int) -> str:
    kind = data["action"]
    return f"{data['symbol']:<{width}}  {_VERBS.get(kind, kind)} {exact(data['quantity'])}"


def result_parts(result: ApplyResult, quote: str) -> list[RenderableType]:
    """Draw what a run came to: how many actions ended how and what they brought in, and the checks."""
    parts: list[RenderableType] = [_totals(result.outcomes, quote)]
    bad = [outcome for outcome in result.outcomes if outcome.status not in {"done", "skipped"}]
    if bad:
        parts.append(_outcome_table(bad))
    if result.checks is None:
        parts.append(words("The account could not be read afterwards: its state is UNKNOWN.", "bold magenta"))
    else:
        parts.extend(verification_parts(report_of(result.checks)))
    return parts


def verification_parts(checks: CheckReport) -> list[RenderableType]:
    """Draw the four checks, the state that they come to, and what to do next where it is not clean."""
    state = heading("The account is ").append_text(state_text(checks.state)).append(".")
    return [checks_table(checks), Group(state, *map(words, next_step(checks)))]


def _totals(outcomes: Sequence[ActionOutcome], quote: str) -> Text:
    counts = Counter(_STATUSES.get(outcome.status, (outcome.status, ""))[0] for outcome in outcomes)
    said = ", ".join(f"{number:,} {label}" for label, number in counts.items()) or "nothing was to be sent"
    line = heading("Applied: ").append(f"{said}.", "bold")
    sold = costs_text(costs_of(outcomes), quote)
    return line.append("\n").append_text(words(sold)) if sold else line


def costs_text(costs: Costs, quote: str) -> str:
    """Write what sales brought in, how that compares with the plan's prices, and the fees."""
    said = []
    if costs.difference is not None:
        change = costs.difference.quantize(_BASIS_POINT, ROUND_HALF_EVEN)
        compared = f"{percent(abs(change))} {'more' if change > 0 else 'less'} than planned" if change else "as planned"
        said.append(f"Sold for {money(costs.proceeds, quote)}, {compared}")
    if costs.untold:
        said.append(f"{counted(costs.untold, 'sale')} at prices that the venue does not tell")
    if costs.fees:
        fees = ", ".join(money(fee, currency) for currency, fee in sorted(costs.fees.items()))
        expected = "" if costs.expected_fees is None else f" (expected ~ {money(costs.expected_fees, quote)})"
        said.append(f"fees {fees}{expected}")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _outcome_table(outcomes: Sequence[ActionOutcome]) -> RenderableType:
    table = titled("outcome", "symbol", "action", "quantity", "", justify="lllrl")
    for outcome in outcomes:
        label, style = _STATUSES.get(outcome.status, (outcome.status, ""))
        action = outcome.action
        table.add_row(
            Text(label, style),
            words(action.symbol),
            words(_VERBS.get(action.kind, action.kind)),
            words(exact(action.quantity)),
            words(outcome.reason or ""),
        )
    return table


def show_phases(plan: Plan, result: ApplyResult) -> None:
    """Draw on stdout what each of the four phases came to."""
    with suppress(OSError):  # as in show_result
        print_break()
        show(_phase_table(plan, result))


def _phase_table(plan: Plan, result: ApplyResult) -> RenderableType:
    ended = {outcome.action.id: outcome.status for outcome in result.outcomes}
    table = rows("l", "l")
    table.add_row(heading("Phase 1, classify"), words(positions_text(plan)))
    for phase in (Phase.CANCEL, Phase.EXIT):
        label = f"Phase {phase}, {phase.meaning}"
        table.add_row(heading(label), words(_came_of(plan.of_phase(phase), ended)))
    state = AccountState.UNKNOWN if result.checks is None else result.checks.state
    table.add_row(heading("Phase 4, verify"), state_text(state))
    return table


def _came_of(actions: Sequence[Action], ended: Mapping[str, str]) -> str:
    labels = Counter(_STATUSES.get(ended[action.id], ("open", ""))[0] for action in actions)
    return ", ".join(f"{number:,} {label}" for label, number in labels.items()) or "nothing to do"


def show_result(result: ApplyResult, quote: str) -> None:
    """Draw what a run came to on stdout."""
    with suppress(OSError):  # as in notify: the exit code must tell how the run ended, not how the drawing did
        print_break()
        show(*result_parts(result, quote))


def print_break() -> None:
    """Write an empty line."""
    console().print()
