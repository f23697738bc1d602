"""Which facts are alike to a set of rules: every comparison in the rules comes out the same for them.

What matters of a number is its place among the literals that it is compared with, of a text whether it is one of them.
As the check does, the answer comes from a function that is written for the rules: it is asked for each position.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from exitplan.ruleset.engine.durable import leaves_of
from exitplan.ruleset.language.conditions import Lowered, Op
from exitplan.ruleset.model.fact_registry import Facts, FactValue

Likeness = Callable[[Sequence[Facts]], list[Hashable]]
"""Gives for each position what is the same for those that are alike, and differs for others."""

_FEW = 4
"""Literals up to which comparing with each of them is faster than looking for the place."""


def likeness_of(conditions: Sequence[Lowered]) -> Likeness:
    """Write the function for a set of conditions."""
    literals: dict[str, set[FactValue]] = defaultdict(set)
    for leaf in itertools.chain.from_iterable(map(leaves_of, conditions)):
        literals[leaf.fact].update([] if leaf.op is Op.EXISTS else [leaf.value])
    constants: dict[str, object] = {}
    names = {fact: f"f{number}" for number, fact in enumerate(literals)}
    places = [place for fact, name in names.items() for place in _places(name, literals[fact], constants)]
    lines = [
        "def alike(positions):",
        "    found = []",
        "    for facts in positions:",
        "        get = facts.get",
        *(f"        {name} = get({fact!r})" for fact, name in names.items()),
        f"        found.append(({''.join(f'{place}, ' for place in places)}))",
        "    return found",
    ]
    exec("\n".join(lines), constants)  # noqa: S102 - made of registered fact names and literals by repr, nothing else
    likeness: Likeness = constants["alike"]  # type: ignore[assignment] # defined by the text above
    return likeness


def _places(name: str, values: set[FactValue], constants: dict[str, object]) -> Iterator[str]:
    """Yield what tells of one fact."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        numbers = sorted(map(int, values))
        # The sum is odd where the number equals a literal, even where it lies between two.
        count = f"bisect_left(numbers_{name}, {name}) + bisect_right(numbers_{name}, {name})"
        if len(numbers) <= _FEW:
            count = " + ".join(f"({name} > {number}) + ({name} >= {number})" for number in numbers)
        constants.update({f"numbers_{name}": numbers, "bisect_left": bisect_left, "bisect_right": bisect_right})
        yield f"None if {name} is None else {count}"
    elif kinds == {str}:
        constants[f"texts_{name}"] = frozenset(values)
        yield f"{name} if {name} is None or {name} in texts_{name} else 0"
    elif not kinds:
        yield f"{name} is not None"
    else:
        yield name
