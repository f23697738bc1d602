"""Read a file of policy tests, with everything that is wrong in it and where."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

from exitplan.ruleset.language.conditions import facts_in, is_finer_than_facts, scaled
from exitplan.ruleset.language.policy import HEALTH_SCORE, Policy
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, Fact, FactValue
from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark, locate
from exitplan.schemas.loading.yaml_loader import Document, load_yaml
from exitplan.schemas.policies import SHIPPED, LoadedPolicy, load_policy, shipped_policy
from exitplan.schemas.validation import CASES_ENDING, check_cases
from exitplan.workbench.cases.accounts import Notation, laid_over
from exitplan.workbench.cases.expectations import OF_CYCLES, PER_POSITION
from exitplan.workbench.invention import FactsWanted

ARROW = "=>"
ABSENT = "absent"
"""How a case says that a fact cannot be known; null says nothing of it."""
_ALWAYS_USED = frozenset({
    "symbol", "asset", "side", "venue", "market_known", "market_active", "price_status", "price_missing_minutes",
    "sellable", "over_cap", "unwind_cycle", "failed_exits", "protected", "value_usd",
})  # fmt: skip
"""The facts that decide what is done whatever the rules ask."""
_STANDS_FOR = {
    "position_source": ("opened_by_strategy", "tracked"),
    "tracked_quantity": ("untracked_pct", "tracked"),
    "untracked_pct": ("tracked_quantity",),
    "opened_by_strategy": ("position_source",),
    "equity_complete": ("account_pct",),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One test: of a position by its facts (``given``), or of an account (``account``).

    ``path`` is its place in the file, ``expected`` what a plan has to say; ``expected_paths`` are the places of what
    stands in the row of a table. ``is_unread``: it was written by exitplan, and nobody has said yet that it is right.
    """

    name: str
    path: Path
    expected: Mapping[str, Any]
    given: FactsWanted | None = None
    account: Notation = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cycles: int | None = None
    every: Decimal | None = None
    prices: Mapping[str, Any] = field(default_factory=dict)
    expected_paths: Mapping[str, Path] = field(default_factory=dict)
    is_unread: bool = False

    def place_of(self, path: Sequence[str | int]) -> Path:
        """Return where something that is expected stands."""
        if path and path[0] in self.expected_paths:
            return self.expected_paths[str(path[0])]
        return (*self.path, "expect", *path)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of tests: its cases, and the policy that they are about."""

    path: FilePath
    document: Document
    policy: FilePath
    loaded: LoadedPolicy
    cases: tuple[Case, ...]

    @property
    def folder(self) -> FilePath:
        """The folder that the files named in it are relative to."""
        return self.path.parent

    def mark(self, path: Path) -> Mark:
        """Return the line and column of a place, or of what stands around it."""
        while path and path not in self.document.marks:
            path = path[:-1]
        return self.document.marks[path]


def find_files(paths: Sequence[FilePath]) -> list[FilePath]:
    """List the test files that are named, and those in the folders that are, sorted."""
    found = {inner for path in paths for inner in (path.rglob(f"*{CASES_ENDING}") if path.is_dir() else [path])}
    return sorted(found)


def load_cases(path: FilePath) -> CaseFile:
    """Read a file of tests and the policy that it is about.

    Raises FileHasProblems with all that is wrong in it, or in the policy.
    """
    document = load_yaml(path)
    check_cases(document)
    policy = _policy_file(document, path.parent)
    loaded = load_policy(policy)
    reader = _Reader(document, loaded.policy)
    cases = reader.cases()
    if reader.problems:
        raise _failed(document, reader.problems)
    return CaseFile(path, document, policy, loaded, cases)


def _failed(document: Document, problems: Sequence[Problem]) -> FileHasProblems:
    return FileHasProblems(locate(problem, document.marks, {document.name: document.source}) for problem in problems)


def _policy_file(document: Document, folder: FilePath) -> FilePath:
    name = document.value["policy"]
    shipped = sorted(file.stem for file in SHIPPED.glob("*.yaml"))
    if name in shipped:
        return shipped_policy(name)
    path: FilePath = folder / name
    if not os.path.isfile(path):  # noqa: PTH113 - a name that is too long for a file is that of none
        hint = did_you_mean(name, shipped) or f"name a file, relative to this one, or one of {', '.join(shipped)}"
        raise _failed(document, [Problem(("policy",), f"there is no policy {name!r}", hint=hint)])
    return path


@dataclass
class _Reader:
    document: Document
    policy: Policy
    problems: list[Problem] = field(default_factory=list)

    def cases(self) -> tuple[Case, ...]:
        """Read all cases, tables first."""
        value = self.document.value
        cases: list[Case] = []
        for number, table in enumerate(value.get("tables") or ()):
            cases.extend(self._rows(table, ("tables", number)))
        for number, case in enumerate(value.get("cases") or ()):
            cases.extend(self._case(case, ("cases", number)))
        seen: dict[str, Path] = {}
        for case in cases:
            if case.name in seen:
                self._problem((*case.path, "name"), f"there is another case named {case.name!r}")
            seen[case.name] = case.path
        if not cases and not self.problems:
            self._problem((), "there is no case in this file: it would pass whatever the policy says")
        return tuple(cases)

    def _problem(self, path: Path, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(path, message, hint=hint))

    # --- tables ---

    def _rows(self, table: Mapping[str, Any], path: Path) -> Iterator[Case]:
        columns = table["columns"]
        if columns.count(ARROW) != 1 or columns.index(ARROW) in {0, len(columns) - 1}:
            self._problem((*path, "columns"), f'columns need one "{ARROW}" between what is given and what is expected')
            return
        split = columns.index(ARROW)
        known = _EXPECTABLE
        for at, name in enumerate(columns):
            names: Sequence[str] = tuple(CLASSIFICATION_FACTS) if at < split else known
            if at != split and name not in names:
                self._problem((*path, "columns", at), f"unknown column {name!r}", did_you_mean(name, names))
        if len(set(columns)) < len(columns):
            self._problem((*path, "columns"), "a column is there twice")
        if any(problem.path[:2] == path for problem in self.problems):
            return
        seen: dict[tuple[Any, ...], int] = {}
        for number, row in enumerate(table["rows"]):
            place = (*path, "rows", number)
            if len(row) != len(columns) or row[split] != ARROW:
                self._problem(place, f'this row does not fit the {len(columns)} columns, with "{ARROW}" at {split + 1}')
                continue
            case = self._row(table, columns, split, row, place)
            key = tuple(sorted((name, str(value)) for name, value in (case.given or {}).items()))
            if key in seen:
                self._problem(place, f"this row repeats row {seen[key] + 1}: the same is given")
                continue
            seen[key] = number
            yield case

    def _row(
        self, table: Mapping[str, Any], columns: Sequence[str], split: int, row: Sequence[Any], place: Path
    ) -> Case:
        given = {
            name: self._fact(name, value, (*place, at))
            for at, (name, value) in enumerate(zip(columns[:split], row, strict=False))
            if value is not None
        }
        wanted = {
            name: (split + 1 + at, value)
            for at, (name, value) in enumerate(zip(columns[split + 1 :], row[split + 1 :], strict=True))
            if value is not None
        }
        if not wanted:
            self._problem(place, "this row expects nothing: it would pass whatever the policy says")
        self._ensure_used(given, {name: (*place, at) for at, name in enumerate(columns[:split]) if name in given})
        told = ", ".join(f"{name} {_word(row[at])}" for at, name in enumerate(columns[:split]) if name in given)
        return Case(
            f"{table['name']}: {told}",
            place,
            {name: value for name, (_, value) in wanted.items()},
            given=given,
            expected_paths={name: (*place, at) for name, (at, _) in wanted.items()},
        )

    # --- cases ---

    def _case(self, raw: Mapping[str, Any], path: Path) -> Iterator[Case]:
        base = self.document.value.get("account")
        is_single = "given" in raw
        if is_single and raw.keys() & {"account", "with", "cycles", "prices", "every"}:
            self._problem((*path, "given"), "a case is about a position that is given, or about an account, not both")
            return
        if not is_single and base is None and "account" not in raw:
            self._problem(path, "nothing is given", "say `given:` with facts of a position, or `account:`")
            return
        self._ensure_sensible(raw, path, is_single=is_single)
        common = {**(self.document.value.get("parameters") or {}), **(raw.get("parameters") or {})}
        if is_single:
            given = {
                name: self._fact(name, value, (*path, "given", name))
                for name, value in raw["given"].items()
                if value is not None
            }
            self._ensure_used(given, {name: (*path, "given", name) for name in given})
            is_unread = raw.get("unread", False)
            yield Case(raw["name"], path, raw["expect"], given=given, parameters=common, is_unread=is_unread)
            return
        account = raw.get("account", base)
        yield Case(
            raw["name"],
            path,
            raw["expect"],
            account=laid_over(laid_over({}, account), raw.get("with") or {}),
            parameters=common,
            cycles=raw.get("cycles"),
            every=None if raw.get("every") is None else Decimal(raw["every"]),
            prices=raw.get("prices") or {},
            is_unread=raw.get("unread", False),
        )

    def _ensure_sensible(self, raw: Mapping[str, Any], path: Path, *, is_single: bool) -> None:
        expected = raw["expect"]
        place = (*path, "expect")
        if "cycles" not in raw:
            for name in expected.keys() & set(OF_CYCLES):
                self._problem((*place, name), f"{name} is about several cycles", "say `cycles: 4` beside it")
            if "prices" in raw:
                self._problem((*path, "prices"), "prices change from cycle to cycle", "say `cycles: 4` beside it")
        if is_single:
            for name in PER_POSITION & expected.keys():
                if isinstance(expected[name], Mapping):
                    self._problem((*place, name), "there is one position: write what is expected of it, no symbol")
        else:
            for name in expected.keys() & {"matched", "escalate"}:
                self._problem((*place, name), f"{name} is asked of a single position that is given")

    # --- facts ---

    def _fact(self, name: str, value: Any, path: Path) -> FactValue | None:  # noqa: ANN401 - a node of a document
        fact = CLASSIFICATION_FACTS.get(name)
        if value == ABSENT:
            return None
        if fact is None:
            self._problem(path, f"{name} is what the policy decides", f"expect it: `expect: {{{name}: ...}}`")
            return None
        wrong = _wrong_type(fact, value)
        if wrong is not None:
            self._problem(path, wrong)
            return None
        return int(scaled(value)) if fact.type == "number" else value

    def _ensure_used(self, given: Mapping[str, object], places: Mapping[str, Path]) -> None:
        used = _facts_asked(self.policy)
        if self.policy.market_demand.volatility_days is not None:  # an adaptive unwind goes by it, and no rule
            used |= {"volatility_1d"}
        for name in given:
            if name in _ALWAYS_USED or name in used or any(other in used for other in _STANDS_FOR.get(name, ())):
                continue
            self._problem(
                places[name], f"no rule of this policy asks for {name}", "leave it out, or test another policy"
            )


def _wrong_type(fact: Fact, value: object) -> str | None:
    """Return what is wrong with a value that a fact is given; None where nothing is."""
    found = _word(value)
    if fact.type == "bool":
        return None if isinstance(value, bool) else f"{fact.name} is true or false, found {found}"
    if fact.type == "text":
        if not isinstance(value, str):
            return f"{fact.name} is a text, found {found}"
        if fact.values and value not in fact.values:
            return f"{fact.name} is one of {', '.join(fact.values)}, found {found}"
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return f"{fact.name} is a number, found {found}"
    return f"facts have six decimal places, found {found}" if is_finer_than_facts(Decimal(value)) else None


def _word(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _facts_asked(policy: Policy) -> frozenset[str]:
    asked = facts_in(rule.when for rule in (*policy.classification, *policy.exits))
    return frozenset(asked if policy.scoring is None else asked | policy.scoring.sources | {HEALTH_SCORE})


_EXPECTABLE = ("category", "rule", "exit", "do", "blocked", "because", "escalate", "matched")
"""What a row of a table may expect of its position."""
