"""Write the JSON Schemas that editors and checks use; ``python -m exitplan.schemas.build``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.schemas.shapes.alerting import alerting_schema
from exitplan.schemas.shapes.common import Schema
from exitplan.schemas.shapes.policy import policy_schema
from exitplan.schemas.shapes.snapshot import alert_schema, snapshot_schema, tracker_schema
from exitplan.schemas.shapes.state import state_schema
from exitplan.schemas.shapes.users import users_schema

FOLDER = Path(__file__).parent


def _plan_schema() -> Schema:
    from exitplan.schemas.shapes.plan import plan_schema  # noqa: PLC0415 - plans need the rule engine; reading files does not

    return plan_schema()


def _cases_schema() -> Schema:
    from exitplan.schemas.shapes.cases import cases_schema  # noqa: PLC0415 - as above

    return cases_schema()


def _group_schema() -> Schema:
    from exitplan.schemas.shapes.groups import group_schema  # noqa: PLC0415 - as above

    return group_schema()


def _group_plan_schema() -> Schema:
    from exitplan.schemas.shapes.groups import group_plan_schema  # noqa: PLC0415 - as above

    return group_plan_schema()


def _health_schema() -> Schema:
    from exitplan.schemas.shapes.health import health_schema  # noqa: PLC0415 - few policies have a model

    return health_schema()


SHAPES: Mapping[str, Callable[[], Schema]] = {
    "policy": policy_schema,
    "snapshot": snapshot_schema,
    "plan": _plan_schema,
    "state": state_schema,
    "tracker": tracker_schema,
    "alert": alert_schema,
    "cases": _cases_schema,
    "alerts": alerting_schema,
    "users": users_schema,
    "group": _group_schema,
    "groupplan": _group_plan_schema,
    "health": _health_schema,
}


def build_schemas() -> dict[str, Schema]:
    """Build every schema from the registries, by kind."""
    return {kind: shape() for kind, shape in SHAPES.items()}


def schema_text(schema: Schema) -> str:
    """Write a schema as its file holds it."""
    return json.dumps(schema, indent=2, default=_number, ensure_ascii=False) + "\n"


def write_schemas(folder: Path = FOLDER) -> None:
    """Write every schema file."""
    for kind, schema in build_schemas().items():
        (folder / f"{kind}.schema.json").write_text(schema_text(schema), encoding="utf-8")


def _number(value: Any) -> int | float:  # noqa: ANN401 - what json cannot write
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} has no place in a schema")
    return int(value) if value == value.to_integral_value() else float(value)


if __name__ == "__main__":
    write_schemas()
