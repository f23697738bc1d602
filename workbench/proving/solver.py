"""Decide clauses: a small solver with clause learning (CDCL), as in MiniSat, for a few thousand clauses.

Literals are non-zero integers, negative for "not". Clauses may be added between questions; each question may assume
literals, and a refusal names the assumptions that cannot hold together. Source: Een and Sorensson, "An Extensible
SAT-solver" (2003).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

_DECAY = 1 / 0.95
_RESCALE = 1e100
_FIRST_RESTART = 100
_NOT_QUEUED = -1.0


class NotDecided(Exception):
    """The budget of a question is used up before it is answered."""


class Solver:
    """Clauses, and questions about them."""

    def __init__(self) -> None:
        """Start without a variable."""
        self.variables = 0
        self.effort = 0
        """How many literals were settled in all questions so far: a measure of time, the same on every machine."""
        self.core: frozenset[int] = frozenset()
        """After a question that was answered with no: the assumptions that cannot hold together."""
        self._watches: dict[int, list[list[int]]] = {}
        self._value: list[int] = [0]
        self._level: list[int] = [0]
        self._reason: list[list[int] | None] = [None]
        self._activity: list[float] = [0.0]
        self._phase: list[int] = [-1]
        self._choices: list[int] = []
        self._queue: list[tuple[float, int]] = []  # what may be guessed, the busiest first; entries may be out of date
        self._queued: dict[int, float] = {}  # the activity with which a variable is in the queue
        self._trail: list[int] = []
        self._frames: list[int] = []  # where each decision stands on the trail
        self._head = 0
        self._bump = 1.0
        self._impossible = False

    def variable(self, *, follows: bool = False) -> int:
        """Add a variable and return its positive literal.

        One that ``follows`` is never guessed: clauses settle it as soon as the others are settled.
        """
        self.variables += 1
        self._value.append(0)
        self._level.append(0)
        self._reason.append(None)
        self._activity.append(0.0)
        self._phase.append(-1)
        self._watches[self.variables] = []
        self._watches[-self.variables] = []
        if not follows:
            self._choices.append(self.variables)
            self._enqueue(self.variables)
        return self.variables

    def prefer(self, literal: int) -> None:
        """Try a literal before its negation, as long as nothing was learnt of it."""
        self._phase[abs(literal)] = 1 if literal > 0 else -1

    def add(self, literals: Iterable[int]) -> None:
        """Add a clause: one of the literals holds."""
        self._back_to(0)
        clause = [literal for literal in dict.fromkeys(literals) if self._of(literal) >= 0]
        if any(-literal in clause for literal in clause) or any(self._of(literal) > 0 for literal in clause):
            return
        if not clause:
            self._impossible = True
        elif len(clause) == 1:
            self._assign(clause[0], None)
            self._impossible = self._impossible or self._propagate() is not None
        else:
            self._watch(clause)

    def solve(self, assumptions: Sequence[int] = (), conflicts: int = 20_000) -> frozenset[int] | None:
        """Find values under which all clauses and assumptions hold: the literals that are true; None where none are.

        Raises NotDecided after so many conflicts.
        """
        self._back_to(0)
        self.core = frozenset()
        if self._impossible:
            return None
        left, until_restart, grown = conflicts, _FIRST_RESTART, _FIRST_RESTART
        while True:
            conflict = self._propagate()
            if conflict is not None:
                if not self._frames:
                    self._impossible = True
                    return None
                left, until_restart = left - 1, until_restart - 1
                if left <= 0:
                    raise NotDecided
                self._learn(conflict)
                continue
            if until_restart <= 0:
                grown = grown * 3 // 2
                until_restart = grown
                self._back_to(0)
                continue
            chosen = self._next(assumptions)
            if chosen is None:
                return frozenset(self._trail)
            if chosen == 0:
                return None
            self._frames.append(len(self._trail))
            self._assign(chosen, None)

    # --- inside ---

    def _of(self, literal: int) -> int:
        """Return 1 where a literal holds, -1 where it does not, 0 where nothing is known of it."""
        value = self._value[abs(literal)]
        return value if literal > 0 else -value

    def _watch(self, clause: list[int]) -> None:
        self._watches[clause[0]].append(clause)
        self._watches[clause[1]].append(clause)

    def _assign(self, literal: int, reason: list[int] | None) -> None:
        variable = abs(literal)
        self._value[variable] = 1 if literal > 0 else -1
        self._level[variable] = len(self._frames)
        self._reason[variable] = reason
        self._phase[variable] = self._value[variable]
        self._trail.append(literal)

    def _back_to(self, level: int) -> None:
        if len(self._frames) <= level:
            return
        start = self._frames[level]
        is_choice = self._queued
        for literal in self._trail[start:]:
            variable = abs(literal)
            self._value[variable] = 0
            if variable in is_choice and is_choice[variable] != self._activity[variable]:
                self._enqueue(variable)
        del self._trail[start:]
        del self._frames[level:]
        self._head = len(self._trail)

    def _propagate(self) -> list[int] | None:
        """Follow what is forced; return a clause that cannot hold any more, None where there is none."""
        value = self._value
        while self._head < len(self._trail):
            self.effort += 1
            false = -self._trail[self._head]
            self._head += 1
            watching = self._watches[false]
            kept: list[list[int]] = []
            for at, clause in enumerate(watching):
                if clause[0] == false:
                    clause[0], clause[1] = clause[1], false
                first = clause[0]
                known = value[first] if first > 0 else -value[-first]
                if known > 0:
                    kept.append(clause)
                    continue
                for place in range(2, len(clause)):
                    other = clause[place]
                    if (value[other] if other > 0 else -value[-other]) >= 0:
                        clause[1], clause[place] = other, false
                        self._watches[other].append(clause)
                        break
                else:
                    kept.append(clause)
                    if known < 0:
                        kept.extend(watching[at + 1 :])
                        self._watches[false] = kept
                        return clause
                    self._assign(first, clause)
            self._watches[false] = kept
        return None

    def _learn(self, conflict: list[int]) -> None:
        """Add the clause that would have kept this conflict away, and go back to where it forces something."""
        learnt, seen, open_ones = [0], set[int](), 0
        clause, at, level = conflict, len(self._trail) - 1, len(self._frames)
        skip = 0
        while True:
            for literal in clause:
                variable = abs(literal)
                if literal == skip or variable in seen or not self._level[variable]:
                    continue
                seen.add(variable)
                self._raise(variable)
                if self._level[variable] == level:
                    open_ones += 1
                else:
                    learnt.append(literal)
            while abs(self._trail[at]) not in seen:
                at -= 1
            skip = self._trail[at]
            seen.discard(abs(skip))
            at -= 1
            open_ones -= 1
            if not open_ones:
                break
            clause = self._reason[abs(skip)] or []
        learnt[0] = -skip
        self._bump *= _DECAY
        if len(learnt) == 1:
            self._back_to(0)
            self._assign(learnt[0], None)
            return
        latest = max(range(1, len(learnt)), key=lambda place: self._level[abs(learnt[place])])
        learnt[1], learnt[latest] = learnt[latest], learnt[1]
        self._back_to(self._level[abs(learnt[1])])
        self._watch(learnt)
        self._assign(learnt[0], learnt)

    def _raise(self, variable: int) -> None:
        self._activity[variable] += self._bump
        if self._activity[variable] > _RESCALE:
            self._activity = [activity / _RESCALE for activity in self._activity]
            self._bump /= _RESCALE
            self._queued = {variable: self._activity[variable] for variable in self._choices}
            self._queue = [(-activity, variable) for variable, activity in self._queued.items()]
            heapify(self._queue)

    def _enqueue(self, variable: int) -> None:
        activity = self._activity[variable]
        self._queued[variable] = activity
        heappush(self._queue, (-activity, variable))

    def _next(self, assumptions: Sequence[int]) -> int | None:
        """Choose what to try next: an assumption, else the busiest variable; 0 where an assumption cannot hold."""
        while len(self._frames) < len(assumptions):
            literal = assumptions[len(self._frames)]
            known = self._of(literal)
            if known < 0:
                self.core = self._blamed(literal)
                return 0
            if not known:
                return literal
            self._frames.append(len(self._trail))
        queue, queued = self._queue, self._queued
        while queue:
            negated, variable = heappop(queue)
            if queued[variable] != -negated:
                continue  # it is there once more, with another activity
            queued[variable] = _NOT_QUEUED
            if not self._value[variable]:
                return variable * self._phase[variable]
        return None

    def _blamed(self, failed: int) -> frozenset[int]:
        """Return the assumptions from which it follows that one of them cannot hold, itself among them."""
        blamed, waiting, seen = {failed}, [abs(failed)], set[int]()
        while waiting:
            variable = waiting.pop()
            if variable in seen or not self._level[variable]:
                continue
            seen.add(variable)
            reason = self._reason[variable]
            if reason is None:
                blamed.add(variable if self._value[variable] > 0 else -variable)
            else:
                waiting.extend(abs(literal) for literal in reason)
        blamed.discard(-failed)
        return frozenset(blamed)
