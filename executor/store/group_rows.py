"""What the journals of a group's accounts hold of a plan over all of them: who takes part, how far it is, its steps.

One of the accounts leads: its journal has the whole plan, the standing that counts, and the steps. The others only
know that they take part, and who leads. Each row comes in the commit that begins the account's own plan, and ends in
the one that ends it, so that no journal has the one without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from exitplan.executor.store.journal import Beside, Journal, Question
from exitplan.executor.store.journal_values import document_of, moment_of
from exitplan.executor.store.port import Row, Tables
from exitplan.ruleset.model.values import time_text

Standing = Literal["preparing", "going", "winding", "ending", "ended", "joined"]
"""How far a group's plan is. ``joined`` is all that is known of it beside the leader's journal.

While it is ``preparing`` nothing was sent anywhere. ``going`` sends legs, ``winding`` only what brings exposure down,
``ending`` nothing any more.
"""

_COLUMNS = "group_plan, group_name, plan_id, leader, standing, began_at, ended_at, document"
ASK_OPEN_RUN: Question = (
    f"SELECT {_COLUMNS} FROM group_runs WHERE standing <> 'ended' ORDER BY began_at, group_plan",  # noqa: S608 - our own words
    (),
)
"""What :func:`open_group_run` asks."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group's plan as one journal knows it: ``plan_id`` is the account's own part of it.

    ``document`` is the whole plan, in the leader's journal alone.
    """

    group_plan: str
    group_name: str
    plan_id: str
    leader: str
    standing: Standing
    began_at: datetime
    ended_at: datetime | None = None
    document: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """What is said of it while it is open."""
        return f"the plan {self.group_plan} of the group {self.group_name} was not carried out to its end"

    @property
    def hint(self) -> str:
        """What to do about it while it is open."""
        return f"finish it, or wind it down, first: exitplan apply --group {self.group_name}"

    @property
    def is_open(self) -> bool:
        """Whether it has not come to its end."""
        return self.standing != "ended"


@dataclass(frozen=True, slots=True)
class GroupStep:
    """One step of a group's plan that was decided or came about, with its figures."""

    at: datetime
    step: str
    figures: Mapping[str, Any]


def open_group_run(journal: Journal) -> GroupRow | None:
    """Return the group's plan that the account takes part in and that has not ended; None where there is none."""
    rows = journal.rows(*ASK_OPEN_RUN)
    return _row_of(rows[0]) if rows else None


def group_run(journal: Journal, group_plan: str) -> GroupRow | None:
    """Return a group's plan by its id, ended or not; None where the journal does not know it."""
    asked = f"SELECT {_COLUMNS} FROM group_runs WHERE group_plan = ?"  # noqa: S608 - our own words
    row = journal.read_beside(lambda db: db.execute(asked, (group_plan,)).fetchone())
    return None if row is None else _row_of(row)


def group_steps(journal: Journal, group_plan: str) -> list[GroupStep]:
    """Return the steps of a group's plan in their order, from the leader's journal."""
    asked = "SELECT at, step, document FROM group_steps WHERE group_plan = ? ORDER BY number"
    rows = journal.read_beside(lambda db: db.execute(asked, (group_plan,)).fetchall())
    return [GroupStep(moment_of(at), str(step), document_of(text)) for at, step, text in rows]


def beginning(row: GroupRow) -> Beside:
    """Return what notes, beside the account's own plan, that it takes part."""
    document = None if row.document is None else orjson.dumps(row.document)
    values = (row.group_plan, row.group_name, row.plan_id, row.leader, row.standing, time_text(row.began_at), document)

    def write(db: Tables) -> None:
        db.execute(
            "INSERT INTO group_runs (group_plan, group_name, plan_id, leader, standing, began_at, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    return write


def moving(group_plan: str, standing: Standing, step: str, now: datetime, **figures: Any) -> Beside:  # noqa: ANN401 - figures of any kind
    """Return what moves a group's plan on, with the step that did it."""

    def write(db: Tables) -> None:
        ended = time_text(now) if standing == "ended" else None
        db.execute(
            "UPDATE group_runs SET standing = ?, ended_at = ? WHERE group_plan = ?", (standing, ended, group_plan)
        )
        _put_step(db, group_plan, step, now, figures)

    return write


def balancing(group_plan: str, step: Literal["unbalanced", "balanced"], now: datetime, **figures: Any) -> Beside:  # noqa: ANN401 - figures of any kind
    """Return what notes that a bundle is about to leave its balance, or is in it again."""

    def write(db: Tables) -> None:
        _put_step(db, group_plan, step, now, figures)

    return write


def out_of_balance(steps: Iterable[GroupStep]) -> dict[str, GroupStep]:
    """Return, by bundle, the steps that left a balance to which it has not come back; ``steps`` are in their order."""
    apart: dict[str, GroupStep] = {}
    for step in steps:
        if step.step == "unbalanced":
            apart[str(step.figures["bundle"])] = step
        elif step.step == "balanced":
            apart.pop(str(step.figures["bundle"]), None)
    return apart


def _put_step(db: Tables, group_plan: str, step: str, now: datetime, figures: Mapping[str, Any]) -> None:
    db.execute(
        "INSERT INTO group_steps (number, group_plan, at, step, document)"
        " VALUES ((SELECT coalesce(max(number), 0) + 1 FROM group_steps), ?, ?, ?, ?)",
        (group_plan, time_text(now), step, orjson.dumps(figures)),
    )


def _row_of(row: Row) -> GroupRow:
    group_plan, group_name, plan_id, leader, standing, began_at, ended_at, document = row
    return GroupRow(
        str(group_plan),
        str(group_name),
        str(plan_id),
        str(leader),
        standing,
        moment_of(began_at),
        None if ended_at is None else moment_of(ended_at),
        None if document is None else document_of(document),
    )
