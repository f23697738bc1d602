"""What a person meant who wrote a condition or a truth value as another language has it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from exitplan.ruleset.language.conditions import Op

_WORDS: Mapping[Op, tuple[str, ...]] = {
    Op.LT: ("<", "less", "lessthan", "lower", "below", "under", "smaller", "before"),
    Op.LTE: ("<=", "=<", "le", "leq", "atmost", "max", "maximum", "upto", "lessthanorequal", "lessorequal"),
    Op.GT: (">", "greater", "greaterthan", "more", "morethan", "above", "over", "larger", "after"),
    Op.GTE: (">=", "=>", "ge", "geq", "atleast", "min", "minimum", "from", "greaterthanorequal", "greaterorequal"),
    Op.EQ: ("=", "==", "is", "equal", "equals"),
    Op.NE: ("!=", "<>", "isnot", "not", "neq", "notequal", "differs"),
    Op.IN: ("isin", "oneof", "anyof", "among"),
    Op.NOT_IN: ("notin", "nin", "noneof", "exclude"),
    Op.EXISTS: ("known", "present", "defined", "isset"),
}
_MEANT = {word: op for op, words in _WORDS.items() for word in words}
_COMPARISON = re.compile(r"\s*(<=|=<|>=|=>|==|!=|<>|<|>|=)\s*(\S.*?)\s*")
_TRUE, _FALSE = frozenset({"yes", "y", "on", "true", "1"}), frozenset({"no", "n", "off", "false", "0"})


def operator_hint(word: str) -> str | None:
    """Name the operator that is called by another word here; None where the word gives no clue."""
    folded = re.sub(r"[\s_-]", "", word.casefold())
    if folded in {"between", "range", "within"}:
        return "write {gte: LOW, lte: HIGH}"
    op = _MEANT.get(folded)
    return None if op is None else f"write {op.value}"


def comparison_hint(text: str) -> str | None:
    """Write a comparison such as ``< 5`` as a condition; None where the text is none."""
    match = _COMPARISON.fullmatch(text)
    return None if match is None else f"write {{{_MEANT[match[1]].value}: {match[2]}}}"


def truth_hint(text: str) -> str | None:
    """Write ``yes`` or ``off`` as a truth value; None where the text is neither."""
    folded = text.strip().casefold()
    if folded in _TRUE:
        return "write true"
    return "write false" if folded in _FALSE else None
