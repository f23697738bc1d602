"""Test the tests of the rooms that handle money: ``python -m tools.mutants``.

Each mutant is one small fault put into the code: a comparison that is turned or moved by one, a condition that always
holds, a sign, a minimum for a maximum, a call that is left out. It is killed where a test of its room fails. The tests
run in copies of the checkout, and of a room only those that reach the changed line. Survivors that are known, and why
they stay, are in ``survivors.toml``.

mutmut 3.8 was tried: it finds no tests for modules that lie behind links, and passes over functions with decorators
(properties, the door of the paper venue). cosmic-ray runs all the tests it is given for each mutant, and was not tried.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from coverage import CoverageData

ROOT = Path(__file__).resolve().parents[1]
SURVIVORS = Path(__file__).with_name("survivors.toml")
WANTED = 0.95
"""The share of the mutants that has to be killed, those that stay for a reason aside."""

_EXECUTOR = ("tests/executor",)
_RULES = ("tests/ruleset", "tests/scenarios")
_PAPER = tuple(
    f"tests/brokers/test_{name}.py"
    for name in ("derivatives", "fills", "laws", "options", "paper_broker", "pricing", "refusals", "resting_orders")
)
ROOMS: Mapping[str, tuple[str, ...]] = {
    **{
        f"executor/apply/{name}.py": _EXECUTOR
        for name in (
            *("apply", "judging", "manual_resolution", "orders", "quantities", "reconcile", "record", "recovery"),
            *("run", "staleness", "state_transitions"),
        )
    },
    **{f"executor/store/{name}.py": _EXECUTOR for name in ("halt", "journal", "lease", "state")},
    **{f"ruleset/planning/{name}.py": _RULES for name in ("checks", "exits", "guards", "order_sizes", "planner")},
    "ruleset/planning/unwind.py": (*_RULES, "tests/executor/test_pace.py", "tests/executor/test_unwinding.py"),
    "ruleset/planning/redecision.py": _EXECUTOR,
    "brokers/paper/engine.py": _PAPER,
}
"""The files that are changed, and the tests of their rooms."""

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
_LONGEST_RUN = 900

Place = ast.expr | ast.stmt
Change = tuple[Place, ast.expr]
"""A piece of code, and what is put in its place."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one file; ``name`` holds as long as the code round it does."""

    file: str
    line: int
    name: str
    source: str


def mutants_of(file: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    seen = defaultdict[str, int](int)
    for function, node in _places(ast.parse(text), ""):
        for changed, by in _changes(node):
            before, after = (_shortened(ast.unparse(one)) for one in (changed, by))
            name = f"{file} {function}: {before} -> {after}"
            seen[name] += 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(file, changed.lineno, name + number, _replaced(text, changed, by))


def _places(node: ast.AST, function: str) -> Iterator[tuple[str, Place]]:
    """Yield what may be changed, with the function that it is in; annotations, signatures and messages aside."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.arguments):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) in _TOLD:
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    if isinstance(node, ast.expr | ast.stmt):
        yield function or "module", node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child, function)


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


# --- running them -----------------------------------------------------------------------------------------------------


def copy_checkout(to: Path) -> Path:
    """Copy what the tests need, its links as links."""
    ignored = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "build", "dist", "data")
    return Path(shutil.copytree(ROOT, to, symlinks=True, ignore=ignored))


def run_tests(checkout: Path, *arguments: str, tracing: Sequence[str] = ()) -> int:
    """Run tests in a copy of the checkout; gives the exit code of pytest, 1 where they hang."""
    options = ("-q", "-n", "0", "-p", "no:cov", "-p", "no:cacheprovider")
    command = [sys.executable, *tracing, "-m", "pytest", *options, *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - pytest, on our own tests
            command, cwd=checkout, env=surroundings, capture_output=True, check=False, timeout=_LONGEST_RUN
        )
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode


def tests_by_line(checkout: Path, room: Sequence[str]) -> Mapping[tuple[str, int], set[str]]:
    """Run the tests of a room and note which reach each line; raises RuntimeError where they fail as it is."""
    settings = checkout / "tracing.ini"
    settings.write_text("[run]\nsource_pkgs = exitplan\ndynamic_context = test_function\ncore = ctrace\n")
    if run_tests(checkout, *room, tracing=("-m", "coverage", "run", f"--rcfile={settings}")) != 0:
        raise RuntimeError(f"the tests of {', '.join(room)} fail without any mutant")
    data = CoverageData(str(checkout / ".coverage"))
    data.read()
    reached = defaultdict[tuple[str, int], set[str]](set)
    for file in data.measured_files():
        path = str(Path(file).resolve().relative_to(checkout.resolve()))
        for line, names in data.contexts_by_lineno(file).items():
            reached[path, line] |= {_as_argument(name) for name in names if name}
    # A test that pytest does not find under its name would look like one that fails.
    if run_tests(checkout, "--collect-only", *sorted(set().union(*reached.values()))) != 0:
        raise RuntimeError(f"the tests of {', '.join(room)} are not found by their names")
    return reached


def _as_argument(name: str) -> str:
    """Name a test as pytest does: ``tests.executor.test_lease.test_x`` is ``tests/executor/test_lease.py::test_x``."""
    module, _, function = name.rpartition(".")
    return f"{module.replace('.', '/')}.py::{function}"


def survives(checkout: Path, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Put a mutant into a copy of the checkout and check that its tests pass all the same."""
    file = checkout / mutant.file
    as_it_is = file.read_text()
    file.write_text(mutant.source)
    try:
        return run_tests(checkout, "-x", *tests) == 0
    finally:
        file.write_text(as_it_is)


def known_survivors() -> Mapping[str, str]:
    """Return why mutants stay, by their names."""
    return {entry["mutant"]: entry["why"] for entry in tomllib.loads(SURVIVORS.read_text()).get("stays", ())}


def chosen(only: Sequence[str], sample: int | None, seed: int) -> list[Mutant]:
    """Return the mutants to be run: all of the named files, or a sample of them."""
    files = [file for file in ROOMS if not only or any(part in file for part in only)]
    mutants = [mutant for file in files for mutant in mutants_of(file, (ROOT / file).read_text())]
    return mutants if sample is None else random.Random(seed).sample(mutants, min(sample, len(mutants)))  # noqa: S311 - a sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants, print the score and who survived; 1 where too few are killed."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description="Test the tests of the money rooms.")
    parser.add_argument("--only", action="append", default=[], help="part of a file's path; may be repeated")
    parser.add_argument("--tests", action="append", default=[], help="run these instead of the room's; may be repeated")
    parser.add_argument("--sample", type=int, help="how many mutants to take by chance; all without")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args(arguments)
    known, mutants = known_survivors(), chosen(wanted.only, wanted.sample, wanted.seed)
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        copies = SimpleQueue[Path]()
        for number in range(wanted.workers):
            copies.put(copy_checkout(Path(folder, str(number))))
        first = copies.get()
        rooms = {mutant.file: tuple(wanted.tests) or ROOMS[mutant.file] for mutant in mutants}
        reached = {room: tests_by_line(first, room) for room in sorted(set(rooms.values()))}
        copies.put(first)

        def run(mutant: Mutant) -> bool:
            tests = sorted(reached[rooms[mutant.file]][mutant.file, mutant.line])
            checkout = copies.get()
            try:
                return not tests or survives(checkout, mutant, tests)
            finally:
                copies.put(checkout)

        with ThreadPoolExecutor(wanted.workers) as pool:
            for mutant, survived in zip(mutants, pool.map(run, mutants), strict=True):
                if survived:
                    survivors.append(mutant)
                    print(f"{'stays' if mutant.name in known else 'SURVIVES'} {mutant.name} (line {mutant.line})")
    return _told(mutants, survivors, known)


def _told(mutants: Sequence[Mutant], survivors: Sequence[Mutant], known: Mapping[str, str]) -> int:
    """Print the score; those that stay for a reason do not count."""
    staying = [mutant for mutant in survivors if mutant.name in known]
    counted = len(mutants) - len(staying)
    killed = len(mutants) - len(survivors)
    score = killed / counted if counted else 1.0
    print(f"{killed} of {counted} killed: {score:.1%}; {len(staying)} more stay, for the reasons in {SURVIVORS.name}")
    return 0 if score >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
