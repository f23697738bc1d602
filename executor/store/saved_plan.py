"""Read a plan from its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.planning.plan import ensure_unaltered, read_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.documents import kind_of, load_document

if TYPE_CHECKING:  # an account of no group needs nothing of groups
    from exitplan.ruleset.groups.group_plan import GroupPlan


def load_plan(path: Path) -> Plan:
    """Load a plan file.

    Raises FileIsInvalid where it is no plan, PlanIsAltered where it was changed after it was made.
    """
    if path.is_dir():
        raise FileIsInvalid(f"{path} is a folder", hint="name the plan in it")
    try:
        known = orjson.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, orjson.JSONDecodeError):
        known = None  # load_document says what is wrong, with the line
    if kind_of(known) == "groupplan":
        hint = "exitplan show draws it, exitplan apply carries it out"
        raise FileIsInvalid(f"{path} is the plan of a group; that of one account is expected", hint=hint)
    if isinstance(known, dict) and "plan_id" in known and isinstance(known.get("sha256"), str):
        ensure_unaltered(known)
    return read_plan(load_document(path, "plan"))


def is_group_plan(path: Path) -> bool:
    """Check whether a file is the plan of a group, by its keys; what cannot be read is none."""
    try:
        return path.is_file() and kind_of(orjson.loads(path.read_bytes())) == "groupplan"
    except (OSError, orjson.JSONDecodeError):
        return False


def load_group_plan(path: Path) -> GroupPlan:
    """Load the plan of a group.

    Raises FileIsInvalid where it is none, PlanIsAltered where it was changed after it was made.
    """
    from exitplan.ruleset.groups.writing import read_group_plan  # noqa: PLC0415 - as above

    return read_group_plan(load_document(path, "groupplan"))
