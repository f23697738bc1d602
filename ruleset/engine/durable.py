"""durable_rules, embedded so that only what it does well is asked of it.

The engine gets flat facts of integers and nothing else: numbers in millionths, truth values as 0 and 1, texts as the
number of the literal they equal. What is absent is left out. Each batch goes into a state of its own that is thrown
away, a sentinel rule counts the facts, and any doubt is an error: no answer is ever made of a part of one.

Known limits of durable_rules 2.0.28 that shape this module: a fact may match at most 64 rules, a rule with many
alternatives makes it slow or crash, comparisons of absent fields are false, texts of different types compare equal, a
batch with one malformed fact loses the rest of it in silence, and deleting a state in which no rule fired crashes.
"""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from exitplan.ruleset.errors import EngineDisagreement, EngineMissing
from exitplan.ruleset.language.conditions import Group, Leaf, Lowered, Op
from exitplan.ruleset.model.fact_registry import Facts, FactValue

try:
    import durable_rules_engine
except ImportError as problem:
    raise EngineMissing(str(problem)) from problem

ENGINE_NAME = "durable_rules"
ENGINE_VERSION = "2.0.28"

MAX_RULES = 48
"""Alternatives a set, and so at most as many rules; the engine fails from 64 on that hold for one fact."""
MAX_BREADTH = 256
"""Comparisons a set, equality aside; the engine never returns where 512 branch off at one place."""
MAX_GROUPS = 6
"""Alternatives (``or`` groups) in a rule that the engine is asked to hold; it fails from 14 on."""
MAX_LEAVES = 64
"""Comparisons in a rule that the engine is asked to hold."""
BATCH = 1000
"""Facts a call."""
_LIMIT = 2**53 - 1

_OPERATORS = {Op.NE: "$neq", Op.LT: "$lt", Op.LTE: "$lte", Op.GT: "$gt", Op.GTE: "$gte"}
_KIND = "k_"
_SENTINEL = "all"
_LOCK = threading.Lock()
_NAMES = itertools.count()
_IDS = re.compile(r'"id":"(\d+)"')


def is_within_limits(condition: Lowered) -> bool:
    """Check whether the engine can safely hold a rule with this condition."""
    if alternatives(condition) > MAX_RULES:
        return False
    groups = leaves = 0
    todo: list[Lowered] = [condition]
    while todo:
        part = todo.pop()
        if isinstance(part, Group):
            groups += not part.every
            todo.extend(part.parts)
        else:
            leaves += 1
        if groups > MAX_GROUPS or leaves > MAX_LEAVES:
            return False
    return True


def alternatives(condition: Lowered) -> int:
    """Return the most ways in which a condition can hold for one fact: the engine fires a rule once for each."""
    if not isinstance(condition, Group):
        return 1
    if condition.every:
        return math.prod(alternatives(part) for part in condition.parts)
    # A fact equals one value at most.
    compared = {part.fact for part in condition.parts if isinstance(part, Leaf) and part.op is Op.EQ}
    others = [part for part in condition.parts if not (isinstance(part, Leaf) and part.op is Op.EQ)]
    return len(compared) + sum(alternatives(part) for part in others)


def _breadth(condition: Lowered) -> int:
    """Count the comparisons that the engine cannot look up by value."""
    return sum(leaf.op is not Op.EQ for leaf in leaves_of(condition))


class RuleSet:
    """Up to :data:`MAX_RULES` lowered conditions in one durable_rules rule set.

    The literals of all rules become the codes of texts; a fact's text that no rule mentions is code 0.
    """

    def __init__(self, conditions: Sequence[Lowered]) -> None:
        """Create the rule set in the engine; raises EngineDisagreement where the engine refuses it."""
        leaves = [leaf for condition in conditions for leaf in leaves_of(condition)]
        self._fields = {fact: f"f{number}" for number, fact in enumerate(sorted({leaf.fact for leaf in leaves}))}
        texts = sorted({leaf.value for leaf in leaves if isinstance(leaf.value, str)})
        self._codes = {text: code for code, text in enumerate(texts, start=1)}
        # Numbers and truth values go as they are; of texts, and of facts only asked for presence, the code goes.
        numbers = {leaf.fact for leaf in leaves if leaf.op is not Op.EXISTS and not isinstance(leaf.value, str)}
        self._numbers = [(fact, field) for fact, field in self._fields.items() if fact in numbers]
        self._texts = [(fact, field) for fact, field in self._fields.items() if fact not in numbers]
        rules: dict[str, Any] = {_SENTINEL: _rule(0, [])}
        for number, condition in enumerate(conditions):
            if condition is not False:
                rules[f"r{number}"] = _rule(number + 1, [] if condition is True else [self._durable(condition)])
        self.definition = orjson.dumps(rules).decode()
        with _LOCK:
            try:
                self._handle = durable_rules_engine.create_ruleset(f"exitplan-{next(_NAMES)}", self.definition)
            except Exception as error:  # the C module raises bare Exception
                raise EngineDisagreement(
                    f"durable_rules refused the rules: {error}", reproducer=self.definition
                ) from error

    def matches(self, facts: Sequence[Facts]) -> list[int]:
        """Return for each fact the rules that match it, as a bit mask (bit 0 is the first rule)."""
        masks: list[int] = []
        for start in range(0, len(facts), BATCH):
            masks.extend(self._batch(facts[start : start + BATCH]))
        return masks

    def _batch(self, facts: Sequence[Facts]) -> list[int]:
        batch = _batch_text([self._encode(str(index), fact) for index, fact in enumerate(facts)])
        masks = [0] * len(facts)
        counted = 0
        for rule, ids in self._run(batch):
            if rule == _SENTINEL:
                counted += len(ids)
                continue
            bit = 1 << int(rule[1:])
            for index in map(int, ids):
                masks[index] |= bit
        if counted != len(facts):
            message = f"durable_rules answered for {counted} of {len(facts)} positions"
            raise EngineDisagreement(message, reproducer=self._reproducer(batch))
        return masks

    def _run(self, batch: str) -> Iterable[tuple[str, list[str]]]:
        """Assert one batch, drain what fired, and throw the state away."""
        fired: list[str] = []
        with _LOCK:
            code = -1
            try:
                code, state = durable_rules_engine.assert_facts(self._handle, batch)
                first = durable_rules_engine.start_action_for_state(self._handle, state) if code == 0 else None
                message = first[1] if first else None
                while message:
                    fired.append(message)
                    message = durable_rules_engine.complete_and_start_action(self._handle, state)
            except Exception as error:  # the C module raises bare Exception
                raise EngineDisagreement(
                    f"durable_rules failed: {error}", reproducer=self._reproducer(batch)
                ) from error
            finally:
                if fired:
                    durable_rules_engine.delete_state(self._handle, None)
        if code != 0:
            raise EngineDisagreement(f"durable_rules returned code {code}", reproducer=self._reproducer(batch))
        for message in fired:
            # One rule a message, {"rule": [{"m": {"id": "7", ...}}, ...]}, in which no value but the ids is a text of
            # ours.
            yield message[2 : message.index('"', 2)], _IDS.findall(message)

    def _encode(self, identity: str, facts: Facts) -> dict[str, str | int]:
        """Flatten one position's facts to integers; what no rule reads is left out."""
        encoded: dict[str, str | int] = {"id": identity, _KIND: "p"}
        for name, field in self._numbers:
            if name in facts:
                encoded[field] = +facts[name]  # type: ignore[operator] # a number, or a truth value that becomes 0 or 1
        for name, field in self._texts:
            if name in facts:
                encoded[field] = self._codes.get(facts[name], 0)  # type: ignore[arg-type] # by the registry a text
        return encoded

    def _code(self, value: FactValue) -> int:
        return self._codes[value] if isinstance(value, str) else int(value)

    def _durable(self, condition: Leaf | Group) -> dict[str, Any]:
        if isinstance(condition, Group):
            parts = [self._durable(part) for part in condition.parts if not isinstance(part, bool)]
            return {"$and" if condition.every else "$or": parts}
        field = self._fields[condition.fact]
        if condition.op is Op.EXISTS:
            return {"$ex" if condition.value else "$nex": {field: 1}}
        code = self._code(condition.value)
        return {field: code} if condition.op is Op.EQ else {_OPERATORS[condition.op]: {field: code}}

    def _reproducer(self, batch: str) -> str:
        return f'{{"rules": {self.definition}, "facts": {batch}}}'


def _batch_text(encoded: list[dict[str, str | int]]) -> str:
    try:
        return orjson.dumps(encoded, option=orjson.OPT_STRICT_INTEGER).decode()
    except orjson.JSONEncodeError:
        clamped = [{field: _clamped(value) for field, value in fact.items()} for fact in encoded]
        return orjson.dumps(clamped).decode()


def _clamped(value: str | int) -> str | int:
    """Bring a number within the limit: literals are below it, so what is beyond compares as the limit itself does."""
    return value if isinstance(value, str) else max(-_LIMIT, min(_LIMIT, value))


def _rule(priority: int, conditions: list[dict[str, Any]]) -> dict[str, Any]:
    # The kind comes first in every rule: an unguarded absence test would match the engine's own state fact.
    match: dict[str, Any] = {"$and": [{_KIND: "p"}, *conditions]} if conditions else {_KIND: "p"}
    return {"all": [{"m": match}], "pri": priority, "cap": 60000}


def leaves_of(condition: Lowered) -> list[Leaf]:
    """Return the comparisons of a lowered condition."""
    if isinstance(condition, bool):
        return []
    if isinstance(condition, Leaf):
        return [condition]
    return [leaf for part in condition.parts for leaf in leaves_of(part)]


def rule_sets(conditions: Sequence[Lowered]) -> list[tuple[int, RuleSet]]:
    """Split conditions over as many rule sets as the limits ask for, each with the number of its first condition."""
    if not conditions:
        return []
    starts, fired, breadth = [0], 0, 0
    for number, condition in enumerate(conditions):
        fired, breadth = fired + alternatives(condition), breadth + _breadth(condition)
        if fired > MAX_RULES or breadth > MAX_BREADTH:
            starts.append(number)
            fired, breadth = alternatives(condition), _breadth(condition)
    ends = [*starts[1:], len(conditions)]
    return [(start, RuleSet(conditions[start:end])) for start, end in zip(starts, ends, strict=True)]
