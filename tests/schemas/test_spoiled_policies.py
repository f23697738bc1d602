"""Whatever stands where in a policy: it loads, or it is an invalid file with a place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.loading.yaml_loader import parse_yaml
from exitplan.schemas.policies import SHIPPED, load_policy
from exitplan.schemas.validators import passes, violations

DEFAULT = json.dumps(parse_yaml((SHIPPED / "default.yaml").read_bytes(), "default.yaml").value, default=float)
LOADED = json.loads(DEFAULT)
WORDS = st.sampled_from(
    [
        "",
        "x",
        "$x",
        "$max_positions",
        "dust",
        "1%",
        "$1.00",
        "30m",
        "{value_usd}",
        "{",
        "{0}",
        "{x.y!r}",
        "2026-01-01T00:00:00Z",
        "A/USD",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 10**30) | st.floats(0, 1) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            WORDS
            | st.sampled_from(
                ["all", "any", "not", "value_usd", "in", "lt", "exists", "id", "when", "remove", "before"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in entries for found in paths(inner, (*path, key)))]


@given(st.sampled_from(paths(LOADED)[1:]), VALUES, st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_spoiled_policy_is_good_or_an_invalid_file(
    tmp_path: Path, path: tuple[str | int, ...], value: object, adds: bool
) -> None:
    document = json.loads(DEFAULT)
    inner = document
    for part in path[:-1]:
        inner = inner[part]
    inner["added" if adds and isinstance(inner, dict) else path[-1]] = value
    file = tmp_path / "spoiled.yaml"
    file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    try:
        load_policy(file)
    except FileIsInvalid as error:
        assert str(error).startswith(f"{file}:")  # noqa: PT017 - loading is fine as well
    if passes("policy", document):
        assert not list(violations("policy", document))
