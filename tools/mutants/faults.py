"""The faults that are put into the code: one small change each."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TURNED: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_SIGNS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SWAPPED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "floor_to_step": "ceil_to_step",
    "ceil_to_step": "floor_to_step",
    "ROUND_CEILING": "ROUND_FLOOR",
    "multiply": "divide",
    "divide": "multiply",
    "minutes": "days",
}
_TOLD = {"note", "_note_step", "tell", "_tell", "notify"}
"""What only tells of a step: leaving it out changes no order."""
_LONGEST = 70

Place = ast.expr | ast.stmt
Change = tuple[Place, ast.expr]
"""A piece of code, and what is put in its place."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one file; ``name`` holds as long as the code round it does.

    ``owner`` is the outermost function that it is in, as ``Class.method``; empty where it is in none.
    """

    file: str
    line: int
    owner: str
    name: str
    source: str


def mutants_of(file: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    seen = defaultdict[str, int](int)
    for place, owner, node in _places(ast.parse(text), "", ""):
        for changed, by in _changes(node):
            before, after = (_shortened(ast.unparse(one)) for one in (changed, by))
            name = f"{file} {place}: {before} -> {after}"
            seen[name] += 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(file, changed.lineno, owner, name + number, _replaced(text, changed, by))


def _places(node: ast.AST, place: str, owner: str) -> Iterator[tuple[str, str, Place]]:
    """Yield what may be changed, where it is, and in which function; annotations, signatures and messages aside."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.arguments):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) in _TOLD:
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        place = f"{place}.{node.name}" if place else node.name
    if isinstance(node, ast.FunctionDef):
        owner = owner or place
    if isinstance(node, ast.expr | ast.stmt):
        yield place or "module", owner, node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child, place, owner)


def _changes(node: Place) -> Iterator[Change]:
    change = _CHANGES.get(type(node))
    return iter(()) if change is None else change(node)


def _of_comparison(node: ast.Compare) -> Iterator[Change]:
    for at, operator in enumerate(node.ops):
        for turned in _TURNED[type(operator)]:
            ops = [*node.ops[:at], turned(), *node.ops[at + 1 :]]
            yield node, ast.Compare(node.left, ops, node.comparators)


def _of_alternative(node: ast.BoolOp) -> Iterator[Change]:
    for at in range(len(node.values)):
        left = node.values[:at] + node.values[at + 1 :]
        yield node, left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def _of_condition(node: ast.If | ast.IfExp) -> Iterator[Change]:
    for holds in (True, False):
        yield node.test, ast.Constant(holds)


def _of_sign(node: ast.BinOp) -> Iterator[Change]:
    sign = _SIGNS.get(type(node.op))
    if sign is not None and not any(_is_text(side) for side in (node.left, node.right)):
        yield node, ast.BinOp(node.left, sign(), node.right)


def _of_negation(node: ast.UnaryOp) -> Iterator[Change]:
    yield node, node.operand


def _of_constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield node, ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield node, ast.Constant(node.value + 1)


def _of_name(node: ast.Name) -> Iterator[Change]:
    if node.id in _SWAPPED:
        yield node, ast.Name(_SWAPPED[node.id])


def _of_attribute(node: ast.Attribute) -> Iterator[Change]:
    if node.attr in _SWAPPED:
        yield node, ast.Attribute(node.value, _SWAPPED[node.attr])


def _of_set(node: ast.Set) -> Iterator[Change]:
    for at in range(len(node.elts) if len(node.elts) > 1 else 0):
        yield node, ast.Set(node.elts[:at] + node.elts[at + 1 :])


def _of_statement(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call):
        yield node, ast.Constant(None)


def _of_call(node: ast.Call) -> Iterator[Change]:
    """Turn a span of minutes into one of days."""
    if _called(node) == "timedelta" and [keyword.arg for keyword in node.keywords] == ["minutes"]:
        yield node, ast.Call(node.func, [], [ast.keyword("days", node.keywords[0].value)])


_CHANGES: Mapping[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _of_comparison,
    ast.BoolOp: _of_alternative,
    ast.If: _of_condition,
    ast.IfExp: _of_condition,
    ast.BinOp: _of_sign,
    ast.UnaryOp: _of_negation,
    ast.Constant: _of_constant,
    ast.Name: _of_name,
    ast.Attribute: _of_attribute,
    ast.Set: _of_set,
    ast.Expr: _of_statement,
    ast.Call: _of_call,
}


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _shortened(code: str) -> str:
    text = " ".join(code.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _replaced(text: str, node: Place, by: ast.expr) -> str:
    """Return the text with a piece of code replaced; what stands round it keeps its lines."""
    lines = text.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = b"".join(lines[:first]) + lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    return (before + f"({ast.unparse(by)})".encode() + after).decode()
