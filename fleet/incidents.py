"""The incidents of a whole fleet, in one question to the database however many accounts have one."""

from __future__ import annotations

from exitplan.executor.escalation.climbing import Incident
from exitplan.executor.escalation.incidents import (
    ACK_COLUMNS,
    ENDED_SHOWN,
    INCIDENT_COLUMNS,
    read_ack,
    read_incident,
)
from exitplan.fleet.registry import Registry
from exitplan.ruleset.errors import FileIsInvalid

_ACKS = ACK_COLUMNS.split(", ")
_OF_THE_FLEET = "account IN (SELECT account FROM exitplan.accounts)"
_OPEN = f"SELECT *, number AS place FROM exitplan.incidents WHERE ended_at IS NULL AND {_OF_THE_FLEET}"  # noqa: S608 - our own words
_ENDED = f"""
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY account ORDER BY ended_at DESC, number DESC) AS place
    FROM exitplan.incidents WHERE ended_at IS NOT NULL AND {_OF_THE_FLEET}
) newest WHERE place <= {ENDED_SHOWN}
"""  # noqa: S608 - as above
_ASKED = f"""
SELECT i.account, {", ".join(f"i.{name}" for name in INCIDENT_COLUMNS.split(", "))}, {", ".join(f"k.{name}" for name in _ACKS)}
FROM (%s) i LEFT JOIN LATERAL (
    SELECT * FROM exitplan.incident_acks k WHERE k.account = i.account AND k.incident_id = i.incident_id
    ORDER BY k.number DESC LIMIT 1
) k ON true ORDER BY i.account, i.place
"""  # noqa: E501, S608 - as above


def incidents_of_all(registry: Registry, *, ended: bool = False) -> list[tuple[str, Incident]]:
    """Return the open incidents of all accounts of the registry, each account's oldest first; else its newest ended.

    Raises FileIsInvalid for one that is broken.
    """
    with registry.transaction() as connection:
        rows = connection.execute((_ASKED % (_ENDED if ended else _OPEN)).encode()).fetchall()
    try:
        return [_read(account, row) for account, *row in rows]
    except ValueError as error:
        raise FileIsInvalid(f"an incident of the fleet is damaged: {error}", hint="restore it from a backup") from error


def _read(account: str, row: list[object]) -> tuple[str, Incident]:
    incident, ack = row[: -len(_ACKS)], row[-len(_ACKS) :]
    return account, read_incident(incident, None if ack[0] is None else read_ack(ack))
