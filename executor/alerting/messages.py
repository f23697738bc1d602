"""What a person reads: a short title, and below it what happened, its figures, and what to do next; plain text."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitplan.executor.alerting.outbox import Alert, Entry
from exitplan.executor.store.alert_kinds import ALERT_KINDS, SEVERITIES, AlertKind
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.actions import BLOCKED_REASONS

MOST_SPELLED_OUT = 10
"""How many alerts a message tells in full; of the rest it says how many there are of each kind."""
_MOST_LETTERS = 300
_MOST_IN_TITLE = 120
_MENTION = re.compile(r"@(?=\w)|<(?=[!@#])")
_NO_FIGURES = frozenset({"timestamp", "alert_type", "severity", "user_id", "alert_id", "channels"})
_REASONS = {str(reason): meaning for reason, meaning in BLOCKED_REASONS.items()}
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is sent; ``severity`` is that of the worst alert in it."""

    title: str
    body: str
    severity: str


def compose(entries: Sequence[Entry], *, is_digest: bool = False) -> Message:
    """Word the alerts of one message, the worst first."""
    ranked = sorted(entries, key=lambda entry: -SEVERITIES.index(entry.alert["severity"]))
    worst = ranked[0].alert["severity"]
    told = ranked[:MOST_SPELLED_OUT]
    parts = [part for part in (_why_late(entries), *map(_entry_text, told), _rest(ranked[len(told) :])) if part]
    return Message(_title(ranked, is_digest=is_digest), "\n\n".join(parts), worst)


def test_message(channel: str, now: datetime) -> Message:
    """Word the message that tries a channel."""
    body = f"This is a test of the channel {channel}, sent by exitplan alerts test at {_clock(now)}. Nothing happened."
    return Message("exitplan: test", body, "INFO")


def _title(ranked: Sequence[Entry], *, is_digest: bool) -> str:
    first = ranked[0].alert
    if len(ranked) == 1:
        subject = _subject(first)
        said = f"{first['severity']} {_account(first)}: {_kind_words(first)}{f' {subject}' if subject else ''}"
        return _clean(said + _times(ranked[0]), _MOST_IN_TITLE)
    accounts = {_account(entry.alert) for entry in ranked}
    whose = next(iter(accounts)) if len(accounts) == 1 else f"{len(accounts)} accounts"
    digest = "digest, " if is_digest else ""
    return _clean(f"{first['severity']} {whose}: {digest}{len(ranked)} alerts", _MOST_IN_TITLE)


def _why_late(entries: Sequence[Entry]) -> str:
    held = Counter(entry.held for entry in entries if entry.held)
    whys = ", ".join(f"{count} by {why}" for why, count in held.items())
    return f"Held back until now: {whys}." if whys else ""


def _entry_text(entry: Entry) -> str:
    alert = entry.alert
    kind = ALERT_KINDS.get(alert["alert_type"])
    head = f"{alert['severity']} {_account(alert)}: {_kind_words(alert)}{_times(entry)}"
    lines = [head, kind.meaning if kind else "", *_figure_lines(alert, kind), _when(entry), *_next_step(alert, kind)]
    return "\n".join(_clean(line) for line in lines if line)


def _times(entry: Entry) -> str:
    if entry.is_repeat:
        return f", again ({entry.times} more)"
    return f" ({entry.times} times)" if entry.times > 1 else ""


def _when(entry: Entry) -> str:
    if entry.is_repeat:
        return f"raised again since {_clock(entry.raised_at)}, last {_clock(entry.last_at)}"
    last = f", last {_clock(entry.last_at)}" if entry.times > 1 else ""
    return f"raised {_clock(entry.raised_at)}{last}"


def _figure_lines(alert: Alert, kind: AlertKind | None) -> Iterator[str]:
    """Write each figure with its meaning; one that is not registered speaks by its name."""
    known = {figure.name: figure for figure in (kind.figures if kind else ())}
    names = [name for name in known if name in alert]
    names += [name for name in alert if name not in known and name not in _NO_FIGURES]
    for name in names:
        if alert[name] is not None:
            figure = known.get(name)
            label, unit = (figure.meaning, figure.unit) if figure else (name.replace("_", " "), "")
            yield f"{label}: {_value(alert[name])}{f' {unit}' if unit else ''}"


def _next_step(alert: Alert, kind: AlertKind | None) -> Iterator[str]:
    if kind is None:
        return
    yield f"Next: {kind.advice}" if kind.advice else ""
    places = {**alert, "account": alert.get("user_id")}
    if all(places.get(name) for name in _PLACE.findall(kind.command)):
        yield _PLACE.sub(lambda place: shlex.quote(str(places[place[1]])), kind.command)


def _rest(entries: Sequence[Entry]) -> str:
    if not entries:
        return ""
    counts = Counter(_kind_words(entry.alert) for entry in entries)
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return _clean(f"And {len(entries)} more: {listed}. All of them: exitplan alerts --all")


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return _REASONS.get(str(value), str(value))


def _subject(alert: Alert) -> str:
    return str(alert.get("symbol") or alert.get("position") or alert.get("channel") or "")


def _account(alert: Alert) -> str:
    return str(alert.get("user_id") or "?")


def _kind_words(alert: Alert) -> str:
    return str(alert["alert_type"]).replace("_", " ").lower()


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _clean(line: str, most: int = _MOST_LETTERS) -> str:
    """Return a line with nothing in it that a screen obeys, that calls people in a chat, or that has no end."""
    shown = _MENTION.sub("?", printable(line))
    return shown if len(shown) <= most else f"{shown[:most]}..."
