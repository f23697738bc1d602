"""A comparison of policies, drawn for a person, for a pull request and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.engine.trace import fact_text
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.words import counted, money
from exitplan.workbench.comparing.drafts import Act, ActionChange, DraftChange, Planned, PositionChange
from exitplan.workbench.comparing.recordings import RecordingChange, Recordings
from exitplan.workbench.comparing.settings import SettingChange
from exitplan.workbench.comparing.treatments import Comparison, Difference, Treatment

_MOST_ROWS = 50
_NOT_PROVED = "compared as text: they are no matter of a single position"


@dataclass(frozen=True, slots=True)
class Compared:
    """All that was compared of two policies, with their names."""

    old: str
    new: str
    comparison: Comparison
    settings: Sequence[SettingChange]
    recordings: Recordings | None
    assuming: str | None

    @property
    def is_change(self) -> bool:
        """Check whether anything differs, or may."""
        has_recorded = self.recordings is not None and bool(self.recordings.changes)
        return not self.comparison.is_equal or bool(self.settings) or has_recorded


def verdict(compared: Compared) -> str:
    """Say in a sentence what was proved."""
    comparison = compared.comparison
    of = "" if compared.assuming is None else f" where {compared.assuming}"
    number = len(comparison.differences) + comparison.more
    if comparison.is_equal:
        return f"Proved: no position{of} is treated otherwise."
    if not number:
        return f"Not decided whether any position{of} is treated otherwise: the question was too hard."
    kinds = counted(number, "kind of positions", "kinds of positions")
    at_least = "At least " if comparison.has_more or not comparison.is_decided else ""
    return f"{at_least}{kinds}{of} {'is' if number == 1 else 'are'} treated otherwise."


def compared_parts(compared: Compared) -> Iterator[RenderableType]:
    """Draw a comparison, section by section."""
    style = "bold green" if compared.comparison.is_equal else "bold yellow"
    yield heading(f"{compared.old} -> {compared.new}").append("\n").append_text(words(verdict(compared), style))
    for number, difference in enumerate(compared.comparison.differences, start=1):
        yield _difference_part(number, difference)
    if compared.comparison.more:
        yield words(f"{_more(compared.comparison)} not shown; --most shows more", "dim")
    if compared.settings:
        table = rows("l", "l")
        for change in compared.settings:
            table.add_row(words(change.name), words(f"{_or_none(change.old)} -> {_or_none(change.new)}"))
        yield section("Settings that differ", _NOT_PROVED, table)
    if compared.recordings is not None:
        yield from _recorded_parts(compared.recordings)


def _more(comparison: Comparison) -> str:
    at_least = "at least " if comparison.has_more or not comparison.is_decided else ""
    return f"{at_least}{counted(comparison.more, 'more kind', 'more kinds')}"


def _difference_part(number: int, difference: Difference) -> RenderableType:
    table = rows("l", "l")
    table.add_row(Text("before", "red"), words(treatment_text(difference.before)))
    table.add_row(Text("after", "green"), words(treatment_text(difference.after)))
    table.add_row(Text("such as", "dim"), words(_witness_text(difference), "dim"))
    return section(f"{number}. {region_text(difference)}", "", table)


def region_text(difference: Difference) -> str:
    """Say which positions a kind consists of."""
    return ", ".join(difference.region) or "every position"


def treatment_text(treatment: Treatment) -> str:
    """Say what becomes of a position, and by which rules."""
    by = f" by {treatment.rule}" if treatment.rule else ""
    if treatment.why_not == "protected":
        return f"{treatment.category}{by}; protected, never touched"
    if treatment.why_not == "deferred":
        return f"{treatment.category}{by}; not judged, nothing is done"
    does = "nothing is done" if treatment.action is None else f"{treatment.action} by {treatment.exit}"
    return f"{treatment.category}{by}; {does}"


def _witness_text(difference: Difference) -> str:
    shown = ", ".join(f"{name} {_value(value)}" for name, value in difference.witness.items())
    position = f"an ordinary position with {shown}" if shown else "an ordinary position"
    return position if difference.is_confirmed else f"{position} (not confirmed by the planner)"


def _value(value: FactValue | None) -> str:
    if value is None:
        return "absent"
    text = fact_text(value)
    return text.rstrip("0").rstrip(".") if isinstance(value, int) and not isinstance(value, bool) else text


def _or_none(text: str | None) -> str:
    return "none" if text is None else text


# --- recorded accounts ---


def _summary(recordings: Recordings) -> str:
    accounts = counted(recordings.files, "recorded account")
    if not recordings.changes:
        return f"{accounts}, {counted(recordings.positions, 'position')}: nothing changes."
    changed = f"{recordings.changed_positions:,} of {counted(recordings.positions, 'position')}"
    worth = ", ".join(money(value, currency) for currency, value in recordings.values.items())
    on = f"{len(recordings.changes):,} of {accounts}"
    return f"{changed} change, on {on}" + (f"; worth {worth}" if worth else "")


def _recorded_parts(recordings: Recordings) -> Iterator[RenderableType]:
    yield heading("Recorded accounts", _summary(recordings))
    lines = list(_recorded_rows(recordings.changes))
    if not lines:
        return
    table = titled("account", "what", "value", "before", "after", justify="llrll")
    for row in lines[:_MOST_ROWS]:
        table.add_row(*map(words, row))
    yield table
    if len(lines) > _MOST_ROWS:
        yield words(f"{counted(len(lines) - _MOST_ROWS, 'more row')} not shown; --json has all", "dim")


def _recorded_rows(changes: Sequence[RecordingChange]) -> Iterator[tuple[str, ...]]:
    for change in changes:
        for row in _account_rows(change.drafts):
            yield change.file.name, *row


def _account_rows(change: DraftChange) -> Iterator[tuple[str, str, str, str]]:
    for position in change.positions:
        name = position.symbol if position.side == "long" else f"{position.symbol} short"
        yield name, money(position.value), planned_text(position.before), planned_text(position.after)
    for order in change.orders:
        was, becomes = (f"cancelled by {rule}" if rule else "stays" for rule in (order.before, order.after))
        yield f"order {order.order_id} ({order.symbol})", "", was, becomes
    for action in _of_money(change.actions):
        was, becomes = (
            f"{act.kind} {plain(act.quantity)}" if act else "stays" for act in (action.before, action.after)
        )
        yield f"money ({action.symbol})", "", was, becomes
    if change.guards[0] != change.guards[1]:
        yield "guards", "", _guards(change.guards[0]), _guards(change.guards[1])
    if change.states[0] is not change.states[1]:
        yield "state", "", change.states[0].value, change.states[1].value


def _of_money(changes: Sequence[ActionChange]) -> list[ActionChange]:
    """Choose the actions that are about no position and no order."""
    kinds = [{act.kind for act in (change.before, change.after) if act is not None} for change in changes]
    return [change for change, kind in zip(changes, kinds, strict=True) if "convert_cash" in kind]


def _guards(names: Sequence[str]) -> str:
    return f"refused by {', '.join(names)}" if names else "pass"


def planned_text(planned: Planned | None) -> str:
    """Say what a plan has for a position."""
    if planned is None:
        return "money, no position"
    treatment = planned.treatment
    by = f" ({treatment.rule})" if treatment.rule else ""
    if planned.blocked is not None:
        does = f"{treatment.action} blocked: {planned.blocked}"
    else:
        does = ", ".join(planned.sends) or treatment.why_not or "nothing is done"
    return f"{treatment.category}{by}: {does}"


# --- Markdown ---


def markdown(compared: Compared) -> str:
    """Write a comparison as Markdown, for a comment on a pull request."""
    body: list[Sequence[str]]
    lines = [f"### Policy change: {_cell(compared.old)} -> {_cell(compared.new)}", "", _cell(verdict(compared))]
    if compared.comparison.differences:
        body = [
            (region_text(one), treatment_text(one.before), treatment_text(one.after), _witness_text(one))
            for one in compared.comparison.differences
        ]
        lines += ["", *_table(("positions", "before", "after", "such as"), body)]
    if compared.comparison.more:
        lines += ["", f"And {_more(compared.comparison)}."]
    if compared.settings:
        body = [[change.name, _or_none(change.old), _or_none(change.new)] for change in compared.settings]
        lines += ["", *_table(("setting", "before", "after"), body)]
    if compared.recordings is not None:
        lines += ["", _cell(_summary(compared.recordings))]
        body = [*_recorded_rows(compared.recordings.changes)]
        if body:
            lines += ["", *_table(("account", "what", "value", "before", "after"), body[:_MOST_ROWS])]
        if len(body) > _MOST_ROWS:
            lines += ["", f"And {counted(len(body) - _MOST_ROWS, 'more row')}."]
    return "\n".join(lines)


def _table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join(map(_cell, row))} |" for row in body),
    ]


def _cell(text: str) -> str:
    """Write a text so that Markdown takes none of it for its own signs."""
    shown = printable(text)
    for sign in ("\\", "|", "`", "*", "_", "[", "]", "<", ">"):
        shown = shown.replace(sign, f"\\{sign}")
    return shown


# --- JSON ---


def compared_document(compared: Compared) -> dict[str, Any]:
    """Return a comparison in its JSON form."""
    comparison = compared.comparison
    return {
        "old": compared.old,
        "new": compared.new,
        "assuming": compared.assuming,
        "equal": comparison.is_equal,
        "decided": comparison.is_decided,
        "differences": [_difference_document(one) for one in comparison.differences],
        "more": comparison.more,
        "has_more": comparison.has_more,
        "settings": [{"name": change.name, "old": change.old, "new": change.new} for change in compared.settings],
        "recordings": None if compared.recordings is None else _recordings_document(compared.recordings),
    }


def _difference_document(difference: Difference) -> dict[str, Any]:
    return {
        "region": list(difference.region),
        "before": _treatment_document(difference.before),
        "after": _treatment_document(difference.after),
        "witness": {name: None if value is None else fact_text(value) for name, value in difference.witness.items()},
        "confirmed": difference.is_confirmed,
    }


def _treatment_document(treatment: Treatment) -> dict[str, Any]:
    return {
        "category": treatment.category,
        "rule": treatment.rule,
        "exit": treatment.exit,
        "action": treatment.action,
        "why_not": treatment.why_not,
    }


def _recordings_document(recordings: Recordings) -> dict[str, Any]:
    return {
        "files": recordings.files,
        "positions": recordings.positions,
        "changed_positions": recordings.changed_positions,
        "changed_value": {currency: plain(value) for currency, value in recordings.values.items()},
        "changes": [
            {
                "file": str(change.file),
                **change_document(change.drafts),
            }
            for change in recordings.changes
        ],
    }


def change_document(change: DraftChange) -> dict[str, Any]:
    """Return what changes on an account in its JSON form."""
    return {
        "account": change.account,
        "positions": [_position_document(position) for position in change.positions],
        "orders": [
            {"symbol": one.symbol, "order_id": one.order_id, "before": one.before, "after": one.after}
            for one in change.orders
        ],
        "actions": [
            {"symbol": one.symbol, "before": _act_document(one.before), "after": _act_document(one.after)}
            for one in change.actions
        ],
        "refused_before": list(change.guards[0]),
        "refused_after": list(change.guards[1]),
        "state_before": change.states[0].value,
        "state_after": change.states[1].value,
    }


def _act_document(act: Act | None) -> Mapping[str, Any] | None:
    if act is None:
        return None
    value = None if act.value is None else plain(act.value)
    return {"kind": act.kind, "rule": act.rule, "quantity": plain(act.quantity), "value": value}


def _position_document(change: PositionChange) -> dict[str, Any]:
    return {
        "symbol": change.symbol,
        "side": change.side,
        "value": None if change.value is None else plain(change.value),
        "before": _planned_document(change.before),
        "after": _planned_document(change.after),
    }


def _planned_document(planned: Planned | None) -> Mapping[str, Any] | None:
    if planned is None:
        return None
    return {**_treatment_document(planned.treatment), "sends": list(planned.sends), "blocked": planned.blocked}
