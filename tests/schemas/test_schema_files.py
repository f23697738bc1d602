from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft7Validator

from exitplan.ruleset.language.conditions import OPERATORS
from exitplan.ruleset.language.parameters import DUST, EXIT_ACTIONS, GUARDS, PARAMETERS
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS
from exitplan.schemas.build import FOLDER, SHAPES, build_schemas, schema_text, write_schemas
from exitplan.schemas.validators import _compiled

KINDS = sorted(SHAPES)


def committed(kind: str) -> Any:
    return json.loads((FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_current(kind: str) -> None:
    assert (FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8") == schema_text(build_schemas()[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_a_good_one_and_names_no_host(kind: str) -> None:
    schema = committed(kind)
    Draft7Validator.check_schema(schema)
    assert schema["$id"] == f"exitplan/{kind}.schema.json"
    assert schema["title"]
    assert schema["description"]


def test_writing_gives_one_file_a_kind(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{kind}.schema.json" for kind in KINDS]


def test_the_policy_schema_knows_every_fact_with_its_meaning() -> None:
    definitions = committed("policy")["definitions"]
    for name, fact in POSITION_FACTS.items():
        assert definitions["exit_condition"]["properties"][name]["description"] == fact.description
    assert set(ORDER_FACTS) <= set(definitions["order_condition"]["properties"])
    assert "category" not in definitions["classification_condition"]["properties"]


def test_the_policy_schema_knows_every_operator_parameter_guard_and_action() -> None:
    schema = committed("policy")
    properties = schema["properties"]
    assert set(schema["definitions"]["number_test"]["anyOf"][-1]["properties"]) == set(OPERATORS)
    assert set(properties["parameters"]["properties"]) == set(PARAMETERS)
    assert set(properties["guards"]["properties"]) == set(GUARDS)
    assert set(properties["dust"]["properties"]) == set(DUST)
    assert set(properties["exits"]["items"]["properties"]["action"]["enum"]) == set(EXIT_ACTIONS)


def test_a_fact_of_positions_and_orders_takes_the_values_of_both_in_definitions() -> None:
    side = committed("policy")["definitions"]["any_condition"]["properties"]["side"]
    assert side["anyOf"][0]["enum"] == ["long", "short", "buy", "sell"]


def patterns_in(schema: Any) -> set[str]:
    """Return every pattern that a schema holds texts to."""
    if isinstance(schema, list):
        return set().union(*map(patterns_in, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    return own.union(schema.get("patternProperties", ()), *map(patterns_in, schema.values()))


@pytest.mark.parametrize("pattern", sorted(set().union(*(patterns_in(committed(kind)) for kind in KINDS))))
def test_the_fast_validator_passes_no_text_that_the_thorough_one_refuses(pattern: str) -> None:
    fast, thorough = jsonschema_rs.Draft7Validator({"pattern": pattern}), _compiled(pattern)
    for letter in map(chr, (*range(0x3100), 0xFEFF, 0xFFFD, 0x1F600)):
        for text in (letter, f"A{letter}1", f"1{letter}", f"env:{letter}"):
            assert not fast.is_valid(text) or thorough.search(text), repr(text)
