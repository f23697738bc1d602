"""The law of merging: it does not matter which two of three layers are merged first."""

from __future__ import annotations

from functools import reduce
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.schemas.loading.yaml_loader import parse_yaml
from exitplan.schemas.merging.merge_result import resolve
from exitplan.schemas.merging.policy_merge import Layer, layer_of, merge

NAMES = st.sampled_from(["a", "b", "c", "d"])
RULES = st.one_of(
    st.builds(lambda name, mark: {"id": name, "when": mark}, NAMES, NAMES),
    st.builds(
        lambda name, before: {"id": name, "when": "x", "before": before}, NAMES, NAMES | st.lists(NAMES, min_size=1)
    ),
    st.builds(lambda name: {"id": name, "remove": True}, NAMES),
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "name": NAMES,
        "parameters": st.dictionaries(NAMES, st.integers(0, 9)),
        "definitions": st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(0, 9))),
        "classification": st.lists(RULES, max_size=4, unique_by=lambda rule: rule["id"]),
        "exits": st.lists(RULES, max_size=4, unique_by=lambda rule: rule["id"]),
        "protect": st.lists(st.builds(lambda name: {"symbol": f"{name}-USD"}, NAMES), max_size=2),
        "account": st.fixed_dictionaries({}, optional={"id": NAMES, "options": st.dictionaries(NAMES, NAMES)}),
    },
)


def layer(document: dict[str, Any], name: str) -> Layer:
    return layer_of(parse_yaml(yaml.safe_dump(document, sort_keys=False).encode(), name))


LAYERS = st.tuples(DOCUMENTS, DOCUMENTS, DOCUMENTS).map(
    lambda documents: tuple(layer(document, f"{number}.yaml") for number, document in enumerate(documents))
)


@given(LAYERS)
def test_merging_is_associative(layers: tuple[Layer, Layer, Layer]) -> None:
    first, second, third = layers
    left, right = merge(merge(first, second), third), merge(first, merge(second, third))
    assert left == right
    assert resolve(left) == resolve(right)
    assert list(resolve(left).document) == list(resolve(right).document)


@given(LAYERS)
def test_an_empty_layer_changes_nothing(layers: tuple[Layer, ...]) -> None:
    assert merge(Layer(), layers[0]) == layers[0] == merge(layers[0], Layer())


@given(LAYERS)
def test_names_are_unique_after_resolving_and_only_rules_are_left(layers: tuple[Layer, ...]) -> None:
    document = resolve(reduce(merge, layers)).document
    for block in ("classification", "exits"):
        names = [rule["id"] for rule in document.get(block, [])]
        assert len(names) == len(set(names))
        assert all(set(rule) == {"id", "when"} for rule in document.get(block, []))


@given(LAYERS)
def test_everything_resolved_has_a_mark(layers: tuple[Layer, ...]) -> None:
    resolved = resolve(reduce(merge, layers))
    for block, value in resolved.document.items():
        assert (block,) in resolved.marks
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        assert all((block, key) in resolved.marks for key in keys)
