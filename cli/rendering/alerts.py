"""Alerts, drawn: when, how bad, whose, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import rows, words
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.ruleset.planning.words import clock_time, reason_text

_STYLES = {"CRITICAL": "bold red", "WARNING": "yellow"}
_HEAD = frozenset(
    {"timestamp", "alert_type", "severity", "user_id", "symbol", "position", "reason", "alert_id", "channels"}
)


def alerts_table(alerts: Sequence[Mapping[str, Any]]) -> Table:
    """Draw alerts, one a row; where there is little room, what each is about stands below it."""
    table = rows("l", "l", "l", "l", "l", "l")
    for alert in alerts:
        style = _STYLES.get(alert["severity"], "")
        table.add_row(
            words(clock_time(alert["timestamp"])),
            words(alert["severity"].lower(), style),
            words(alert.get("user_id", "?")),
            words(alert["alert_type"], style),
            words(_about(alert)),
            words(_what(alert), "dim"),
        )
    return table


def alert_line(alert: Mapping[str, Any]) -> Text:
    """Write one alert as a line."""
    style = _STYLES.get(alert["severity"], "")
    line = words(f"{clock_time(alert['timestamp'])}  ")
    line.append_text(words(f"{alert['severity'].lower():<8}  ", style))
    line.append_text(words(f"{alert.get('user_id', '?')}  {alert['alert_type']}  {_about(alert)}".rstrip()))
    return line.append_text(words(f"  {_what(alert)}", "dim"))


def _about(alert: Mapping[str, Any]) -> str:
    return str(alert.get("symbol") or alert.get("position") or "")


def _what(alert: Mapping[str, Any]) -> str:
    """Return why an alert was raised, else its figures, else what its kind means."""
    if alert.get("reason"):
        return reason_text(str(alert["reason"]))
    figures = ", ".join(f"{name} {value}" for name, value in alert.items() if name not in _HEAD and value is not None)
    kind = ALERT_KINDS.get(alert["alert_type"])
    return figures or (kind.meaning if kind else "")
