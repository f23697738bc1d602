"""Incidents in the file of the journal, in tables of their own.

What is written here claims no journal: a person can acknowledge an incident while a run is at work. What is to be told
is written together with the step it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from exitplan.executor.escalation.climbing import Ack, Incident, Tended
from exitplan.executor.store.port import AccountStore, Tables
from exitplan.executor.store.untold import Told, raise_untold, tell_later
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.values import parse_time, time_text

INCIDENT_COLUMNS = (
    "incident_id, ladder, kind, subject, opened_at, since, waits_from, step, repeats, told_at, told, reason, resumed,"
    " ended_at, ended_how"
)
ACK_COLUMNS = "number, by_whom, at, why, until, is_undone"
_CHANGING = ("waits_from", "step", "repeats", "told_at", "told", "reason", "resumed", "ended_at", "ended_how")
"""What changes of an incident: the last of the columns."""
ENDED_SHOWN = 100
"""So many of the incidents of an account that have ended are shown."""


class IncidentFile:
    """The incidents of one account; open it with :func:`open_incidents`."""

    def __init__(self, tables: Tables) -> None:
        self._db = tables

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Run a block as one durable transaction, one process at a time."""
        with self._db.writing():
            yield

    # --- reading ---

    def open(self) -> tuple[Incident, ...]:
        """Return the open incidents, the oldest first."""
        rows = self._db.execute(f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE ended_at IS NULL ORDER BY number")  # noqa: S608 - our own names
        return tuple(map(self._incident, rows.fetchall()))

    def ended(self) -> tuple[Incident, ...]:
        """Return the newest of the incidents that have ended, the newest first."""
        asked = f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE ended_at IS NOT NULL"  # noqa: S608 - as above
        asked += " ORDER BY ended_at DESC, number DESC LIMIT ?"
        return tuple(map(self._incident, self._db.execute(asked, (ENDED_SHOWN,)).fetchall()))

    def count(self) -> int:
        """Count all incidents that there ever were."""
        return self._number("SELECT count(*) FROM incidents")

    def has_work(self) -> bool:
        """Check whether any incident is open, or anything is still to be told."""
        asked = "SELECT 1 FROM incidents WHERE ended_at IS NULL UNION ALL SELECT 1 FROM untold_alerts LIMIT 1"
        return self._db.execute(asked).fetchone() is not None

    # --- writing ---

    def first_seen(
        self, troubles: Collection[tuple[str, str]], now: datetime, unread: Collection[str] = ()
    ) -> Mapping[tuple[str, str], datetime]:
        """Note which troubles there are now; returns since when each is there. Where the clock went back, since now."""
        rows = self._db.execute("SELECT kind, subject, first_seen FROM troubles").fetchall()
        known = {(kind, subject): parse_time(at) for kind, subject, at in rows}
        kept = {key: min(at, now) for key, at in known.items() if key in troubles or key[0] in unread or not key[1]}
        seen = {**dict.fromkeys(troubles, now), **kept}
        if seen != known:
            self._db.execute("DELETE FROM troubles")
            values = [(*key, time_text(at)) for key, at in seen.items()]
            self._db.executemany("INSERT INTO troubles (kind, subject, first_seen) VALUES (?, ?, ?)", values)
        return seen

    def is_noted(self, kind: str) -> bool:
        """Check whether something is noted that stands by itself, such as a clock that is off."""
        asked = "SELECT 1 FROM troubles WHERE kind = ? AND subject = ''"
        return self._db.execute(asked, (kind,)).fetchone() is not None

    def note(self, kind: str, now: datetime, *, is_there: bool) -> None:
        """Note that something is there that stands by itself, or that it is gone."""
        if is_there:
            self._db.execute(
                "INSERT INTO troubles (kind, subject, first_seen) VALUES (?, '', ?) ON CONFLICT DO NOTHING",
                (kind, time_text(now)),
            )
        else:
            self._db.execute("DELETE FROM troubles WHERE kind = ? AND subject = ''", (kind,))

    def put(self, tended: Tended, before: Iterable[Incident], now: datetime) -> None:
        """Write what became of the incidents, with what is to be told of them."""
        old = set(before)
        for incident in tended.incidents:
            if incident not in old:
                self._put(incident)
        for alert in tended.alerts:
            self.tell_later(alert, now)

    def _put(self, incident: Incident) -> None:
        """Write one incident; it is never replaced, only changed: acknowledgements refer to it."""
        marks = ", ".join("?" * len(INCIDENT_COLUMNS.split(",")))
        is_new = self._db.execute(
            f"INSERT INTO incidents ({INCIDENT_COLUMNS}, number) VALUES ({marks},"  # noqa: S608 - our own names
            " (SELECT coalesce(max(number), 0) + 1 FROM incidents)) ON CONFLICT DO NOTHING",
            _row(incident),
        ).rowcount
        if not is_new:
            changed = ", ".join(f"{name} = ?" for name in _CHANGING)
            self._db.execute(
                f"UPDATE incidents SET {changed} WHERE incident_id = ?",  # noqa: S608 - as above
                (*_row(incident)[-len(_CHANGING) :], incident.id),
            )

    def tell_later(self, alert: Told, now: datetime) -> None:
        """Note an alert that is to be raised."""
        tell_later(self._db, alert, now)

    def raise_untold(self, store: AccountStore) -> None:
        """Raise what is to be told of the account."""
        raise_untold(self._db, store)

    def acknowledge(self, incident_id: str, ack: Ack) -> None:
        """Add a person's word on an incident; its number is given here."""
        with self.changing():
            self._db.execute(
                "INSERT INTO incident_acks (number, incident_id, by_whom, at, why, until, is_undone)"
                " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM incident_acks), ?, ?, ?, ?, ?, ?)",
                (incident_id, ack.by, time_text(ack.at), ack.why, _text(ack.until), int(ack.is_undone)),
            )

    def _number(self, asked: str) -> int:
        row = self._db.execute(asked).fetchone()
        return 0 if row is None else int(row[0])

    def _incident(self, row: tuple[Any, ...]) -> Incident:
        asked = f"SELECT {ACK_COLUMNS} FROM incident_acks WHERE incident_id = ? ORDER BY number DESC LIMIT 1"  # noqa: S608 - our own names
        ack = self._db.execute(asked, (row[0],)).fetchone()
        return read_incident(row, None if ack is None else read_ack(ack))


def read_incident(row: Sequence[Any], ack: Ack | None) -> Incident:
    """Read an incident from a row of INCIDENT_COLUMNS, with the last word on it; raises ValueError for a broken one."""
    name, ladder, kind, subject, opened_at, since, waits_from, step, repeats, told_at, told, reason, *rest = row
    resumed, ended_at, ended_how = rest
    return Incident(
        id=name,
        ladder=ladder,
        kind=kind,
        subject=subject,
        opened_at=parse_time(opened_at),
        since=parse_time(since),
        waits_from=parse_time(waits_from),
        step=step,
        repeats=repeats,
        told_at=_moment(told_at),
        told=tuple(orjson.loads(told)),
        reason=reason,
        resumed=resumed,
        ended_at=_moment(ended_at),
        ended_how=ended_how,
        ack=ack,
    )


def read_ack(row: Sequence[Any]) -> Ack:
    """Read a person's word on an incident from a row of ACK_COLUMNS."""
    number, by_whom, at, why, until, is_undone = row
    return Ack(number, by_whom, parse_time(at), why, _moment(until), bool(is_undone))


@contextmanager
def open_incidents(store: AccountStore) -> Iterator[IncidentFile]:
    """Open the incidents in the journal of an account, which must be there.

    Raises FileIsInvalid for what is no journal or of a later version, DataFolderUnusable.
    """
    try:
        with store.open_tables() as tables:
            yield IncidentFile(tables)
    except ValueError as error:
        raise FileIsInvalid(
            f"{store.place}: the journal is damaged: {error}", hint="restore it from a backup"
        ) from error


def _row(incident: Incident) -> tuple[Any, ...]:
    times = (time_text(incident.opened_at), time_text(incident.since), time_text(incident.waits_from))
    return (
        *(incident.id, incident.ladder, incident.kind, incident.subject, *times, incident.step, incident.repeats),
        *(_text(incident.told_at), orjson.dumps(incident.told).decode(), incident.reason, incident.resumed),
        *(_text(incident.ended_at), incident.ended_how),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
