"""The solver answers as trying everything does, and names the assumptions that do not go together."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.workbench.proving.solver import NotDecided, Solver

MOST = 7
LITERALS = st.integers(1, MOST).flatmap(lambda number: st.sampled_from([number, -number]))
CLAUSES = st.lists(st.lists(LITERALS, min_size=1, max_size=4), max_size=40)


def solver(clauses: list[list[int]]) -> Solver:
    made = Solver()
    for _ in range(MOST):
        made.variable()
    for clause in clauses:
        made.add(clause)
    return made


def holds(clauses: list[list[int]], true: frozenset[int]) -> bool:
    return all(any(literal in true for literal in clause) for clause in clauses)


def can_hold(clauses: list[list[int]]) -> bool:
    every = product(*([number, -number] for number in range(1, MOST + 1)))
    return any(holds(clauses, frozenset(values)) for values in every)


@given(CLAUSES, st.lists(st.lists(LITERALS, max_size=4, unique_by=abs), min_size=1, max_size=4))
def test_every_answer_is_that_of_trying_everything(clauses: list[list[int]], questions: list[list[int]]) -> None:
    asked = solver(clauses)
    for assumptions in questions:
        given_too = [*clauses, *([literal] for literal in assumptions)]
        found = asked.solve(assumptions)
        assert (found is not None) == can_hold(given_too)
        if found is not None:
            assert holds(given_too, found)
            assert len(found) == MOST
        else:
            assert asked.core <= set(assumptions)
            assert not can_hold([*clauses, *([literal] for literal in asked.core)])


@given(CLAUSES, CLAUSES)
def test_clauses_may_be_added_between_questions(first: list[list[int]], then: list[list[int]]) -> None:
    asked = solver(first)
    asked.solve()
    for clause in then:
        asked.add(clause)
    assert (asked.solve() is not None) == can_hold([*first, *then])


def pigeons(holes: int) -> Solver:
    """One pigeon more than there are holes: no way to place them, and long to see."""
    made = Solver()
    places = [[made.variable() for _ in range(holes)] for _ in range(holes + 1)]
    for pigeon in places:
        made.add(pigeon)
    for hole in range(holes):
        for one in range(holes + 1):
            for other in range(one):
                made.add([-places[one][hole], -places[other][hole]])
    return made


def test_pigeons_do_not_fit() -> None:
    assert pigeons(5).solve() is None


def test_a_question_that_takes_too_long_is_not_decided() -> None:
    with pytest.raises(NotDecided):
        pigeons(8).solve(conflicts=50)
