"""The prover agrees with two solvers that others wrote, on the clauses and on the conditions themselves.

z3 (59 MB) and python-sat are no dependencies: ``uv pip install z3-solver python-sat`` runs these tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Op, scaled
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES
from exitplan.workbench.proving.cells import MOST, RANGES, Range, cut
from exitplan.workbench.proving.policy_model import PolicyModel
from exitplan.workbench.proving.solver import Solver
from exitplan.workbench.proving.theory import Facts, demand_sense
from tests.workbench.test_proofs import EXITS, RULES, made

REASON = "an oracle that is no dependency: uv pip install z3-solver python-sat"
pytestmark = pytest.mark.thorough


class Recording(Solver):
    """The solver of ours, which keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.clauses: list[list[int]] = []

    def add(self, literals: Iterable[int]) -> None:
        clause = list(literals)
        self.clauses.append(clause)
        super().add(clause)


def recorded(policy: Any) -> tuple[PolicyModel, Recording]:
    solver = Recording()
    facts = Facts(solver, cut([policy]))
    demand_sense(facts, policy)
    return PolicyModel(facts, policy), solver


def questions(model: PolicyModel) -> list[tuple[int, ...]]:
    """Every rule matches, decides, does not match; and every two of them together."""
    asked: list[tuple[int, ...]] = []
    for decided in (model.classification, model.exits):
        asked += [(literal,) for literal in (*decided.matches, *decided.decides, *(-one for one in decided.matches))]
        asked += [(one, -other) for one in decided.matches for other in decided.matches if one != other]
    return asked


def agree(policy: Any) -> None:
    pysat = pytest.importorskip("pysat.solvers", reason=REASON)
    model, solver = recorded(policy)
    asked = questions(model)
    with pysat.Cadical153(bootstrap_with=solver.clauses) as other:
        for literals in asked:
            assert model.possible(*literals) == other.solve(assumptions=list(literals))


@pytest.mark.parametrize("name", SHIPPED_POLICIES)
def test_our_solver_answers_about_shipped_policies_as_cadical_does(name: str) -> None:
    agree(load_policy(shipped_policy(name)).policy)


@given(RULES, EXITS)
def test_our_solver_answers_about_any_policy_as_cadical_does(rules: list[Any], exits: list[Any]) -> None:
    agree(made(rules, exits))


@given(RULES)
def test_conditions_say_in_cells_what_they_say_of_numbers(rules: list[Any]) -> None:
    """z3 has the facts as whole numbers, truth values and absences, and knows of no cells and no lowering."""
    z3 = pytest.importorskip("z3", reason=REASON)
    policy = made(rules, [])
    world, facts = World(z3), Facts(Solver(), cut([policy]))
    terms = [world.term(rule.when) for rule in policy.classification]
    literals = [facts.holds(rule.when) for rule in policy.classification]
    for one, left in zip(literals, terms, strict=True):
        for other, right in zip(literals, terms, strict=True):
            ours = facts.solver.solve([one, -other]) is not None
            assert ours == world.possible(left, z3.Not(right))


class World:
    """The facts of a position as z3 has them: a value each, and whether it is there."""

    def __init__(self, z3: Any) -> None:
        self.z3 = z3
        self.values: dict[str, Any] = {}
        self.known: dict[str, Any] = {}
        self.limits: list[Any] = []
        for fact in CLASSIFICATION_FACTS.values():
            kind = {"number": z3.Int, "text": z3.String, "bool": z3.Bool}[fact.type]
            value, known = kind(fact.name), z3.Bool(f"{fact.name} known")
            self.values[fact.name], self.known[fact.name] = value, known
            if fact.type == "number":
                self._limit(fact.name, value, known)
            elif fact.type == "bool" or fact.name not in {"position_source", "strategy", "price_basis"}:
                self.limits.append(known)
            if fact.values:
                self.limits.append(z3.Or([value == one for one in fact.values]))

    def _limit(self, name: str, value: Any, known: Any) -> None:
        allowed = RANGES.get(name, Range())
        self.limits += [value >= allowed.least, value <= MOST]
        if allowed.whole:
            self.limits.append(value % 1_000_000 == 0)
        if allowed.always:
            self.limits.append(known)

    def term(self, condition: Condition) -> Any:
        z3 = self.z3
        if isinstance(condition, Not):
            return z3.Not(self.term(condition.part))
        if isinstance(condition, AllOf):
            join = z3.Or if isinstance(condition, AnyOf) else z3.And
            return join([self.term(part) for part in condition.parts])
        value, known = self.values[condition.fact], self.known[condition.fact]
        if condition.op is Op.EXISTS:
            return known if condition.value else z3.Not(known)
        return z3.And(known, self._compared(condition.op, value, condition.value))

    def _compared(self, op: Op, value: Any, literal: Any) -> Any:
        if isinstance(literal, tuple):
            one = self.z3.Or([value == self._literal(item) for item in literal])
            return one if op is Op.IN else self.z3.Not(one)
        bound = self._literal(literal)
        if op in {Op.EQ, Op.NE}:
            return (value == bound) if op is Op.EQ else (value != bound)
        return {Op.LT: value < bound, Op.LTE: value <= bound, Op.GT: value > bound, Op.GTE: value >= bound}[op]

    def _literal(self, literal: Any) -> Any:
        if isinstance(literal, bool):
            return self.z3.BoolVal(literal)
        return self.z3.StringVal(literal) if isinstance(literal, str) else int(scaled(Decimal(literal)))

    def possible(self, *terms: Any) -> bool:
        solver = self.z3.Solver()
        solver.add(*self.limits, *terms)
        return str(solver.check()) == "sat"
