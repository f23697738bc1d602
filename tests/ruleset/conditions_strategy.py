"""Random conditions as documents, and random facts that sit on their borders."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

ANCHORS = [
    Decimal(text)
    for text in (
        "0", "1", "-1", "30", "0.01", "0.000001", "-0.000001", "0.0000005", "-0.0000005", "1.0000009999999",
        "0.00000000000000000000000000000000000001", "1.0000000000000000000000000000000000001",
        "0.999999999999999999999999999999999999", "123456789.123456", "9007199253.999999", "-9007199253.999999",
        "9007199253.9999999", "-9007199253.9999999",
    )
]  # fmt: skip
FAR = [2**53 - 1, 2**53, 2**53 + 1, 10**15, 10**21, 2**63, 2**64 + 1]
NUMBERS = ("value_usd", "account_pct", "pnl_pct", "age_minutes")
TEXTS = ("symbol", "strategy", "position_source")
FLAGS = ("tracked", "sellable", "over_cap")
WORDS = [
    "",
    "a",
    "A",
    'quo"te',
    "back\\slash",
    "line\nbreak",
    "ünïcødé",
    "日本/円",
    "true",
    "1",
    "null",
    '"id":"0"',
    "x" * 300,
]

literals = st.sampled_from(ANCHORS) | st.integers(-3, 3)
words = st.sampled_from(WORDS)


def _comparisons(literal: st.SearchStrategy[Any], names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(literal, min_size=1, max_size=4)
    options: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(names, literal)
    options |= {"in": several, "not_in": several, "exists": st.booleans()}
    return st.sampled_from(sorted(options)).flatmap(lambda name: st.fixed_dictionaries({name: options[name]}))


_number = st.sampled_from(NUMBERS), literals | _comparisons(literals, ("eq", "ne", "lt", "lte", "gt", "gte"))
_text = st.sampled_from(TEXTS), words | _comparisons(words, ("eq", "ne"))
_flag = st.sampled_from(FLAGS), st.booleans() | st.fixed_dictionaries({"exists": st.booleans()})
tests = st.one_of(*(st.dictionaries(name, test, min_size=1, max_size=2) for name, test in (_number, _text, _flag)))


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=4)
    groups = [st.fixed_dictionaries({"all": several}), st.fixed_dictionaries({"any": several})]
    return st.one_of(st.fixed_dictionaries({"not": inner}), *groups)


conditions = st.recursive(tests | st.just("named"), _nested, max_leaves=12)


@st.composite
def deep_conditions(draw: st.DrawFn) -> Any:
    """Nest fifty levels deep."""
    node: Any = draw(tests.filter(lambda test: len(test) == 1))
    for kind in draw(st.lists(st.sampled_from(["not", "all", "any"]), min_size=40, max_size=50)):
        node = {"not": node} if kind == "not" else {kind: [node]}
    return node


def _near(anchor: Decimal) -> list[int]:
    millionths = math.floor(anchor * 10**6) if abs(anchor) < 1 else math.floor(anchor) * 10**6
    exact = int(anchor.scaleb(6).to_integral_value()) if anchor.adjusted() > -7 else 0
    return [millionths, *(exact + delta for delta in (-1, 0, 1))]


_EDGES = sorted(
    {near for anchor in ANCHORS for near in _near(anchor)} | {sign * far for far in FAR for sign in (1, -1)}
)
millionths = st.sampled_from(_EDGES) | st.integers(-3_000_001, 3_000_001)

facts = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NUMBERS, millionths),
        **dict.fromkeys(TEXTS, words),
        **dict.fromkeys(FLAGS, st.booleans()),
    },
)
