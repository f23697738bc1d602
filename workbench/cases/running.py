"""Run policy tests: a plan for each case, or several cycles of plan and apply on a paper account."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.language.conditions import Op, Test
from exitplan.ruleset.language.policy import ClassificationRule, ExitRule, Policy
from exitplan.ruleset.language.problems import Path as Place
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.model.values import parse_decimal, plain
from exitplan.ruleset.planning.planner import Draft, PlanInput, draft_plan
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.workbench.cases.accounts import CaseAccount, NotAnAccount, build_account
from exitplan.workbench.cases.answers import Answers
from exitplan.workbench.cases.case_file import Case, CaseFile
from exitplan.workbench.cases.expectations import PER_POSITION, UNSAYABLE, Asked, Difference
from exitplan.workbench.invention import FactsDisagree, replay

if TYPE_CHECKING:
    from exitplan.workbench.cases.paper import PaperAccount

_SERIES = re.compile(r"(-?[0-9.]+)([+-][0-9.]+)x([0-9]+)")
_MARGIN = Decimal("0.5")
"""Minutes beyond the interval of an unwind from one cycle to the next, so that each is due."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case: nothing wrong, differences, or a reason why it could not be run."""

    case: Case
    differences: tuple[Difference, ...] = ()
    broken: str | None = None

    @property
    def passed(self) -> bool:
        """Check that all is as expected."""
        return not self.differences and self.broken is None


Observe = Callable[[Draft, Policy, str | None], None]
"""Is told what was decided in a case, under which policy, and the key of the position that alone is meant."""


def _unobserved(_draft: Draft, _policy: Policy, _own: str | None) -> None:
    """Look at nothing."""


@dataclass(frozen=True)
class Runner:
    """The policy of a file of tests, loaded once for each set of parameters that a case asks for.

    ``observe`` is told of every plan that is made, whether the case passes or not.
    """

    file: CaseFile
    observe: Observe = _unobserved
    _books: dict[str, tuple[LoadedPolicy, Rulebook]] = field(default_factory=dict)

    def run(self, case: Case) -> Result:
        """Run one case."""
        try:
            loaded, book = self._policy(case.parameters)
            differences = list(self._differences(case, loaded, book))
        except (FactsDisagree, NotAnAccount, ExitplanError) as problem:
            return Result(case, broken=str(problem))
        if not differences and case.given is not None and self._says_nothing(case):
            return Result(case, broken="this case holds under any policy: it expects nothing that a rule decides")
        return Result(case, tuple(differences))

    def _differences(self, case: Case, loaded: LoadedPolicy, book: Rulebook) -> Iterator[Difference]:
        if case.given is not None:
            yield from _of_position(case, book, self._place, self.observe)
            return
        account = build_account(case.account, book.policy, self.file.folder)
        if case.cycles is None:
            yield from _asked(account, book, self._place, self.observe).differences(case.expected)
            return
        from exitplan.workbench.cases.paper import PaperAccount, TriedPolicy, memory  # noqa: PLC0415 - half the start-up

        with tempfile.TemporaryDirectory(prefix="exitplan-test-", dir=memory()) as folder:
            policy = TriedPolicy(self.file.policy, loaded, book)
            paper = PaperAccount.open(account, policy, Path(folder))
            yield from Cycles(case, paper, self._place, self.observe).differences()

    def _place(self, path: Place) -> str:
        mark = self.file.loaded.marks.get(path)
        return self.file.loaded.policy.name if mark is None else f"{Path(mark.file).name}:{mark.line}"

    def _policy(self, parameters: Mapping[str, Any]) -> tuple[LoadedPolicy, Rulebook]:
        key = repr(sorted(parameters.items()))
        if key not in self._books:
            loaded = load_policy(self.file.policy, parameters) if parameters else self.file.loaded
            self._books[key] = (loaded, Rulebook.of(loaded.policy))
        return self._books[key]

    @cached_property
    def _extremes(self) -> tuple[Rulebook, Rulebook]:
        """A policy that leaves everything alone, and one that closes everything."""
        policy = self.file.loaded.policy
        idle = replace(policy, classification=(), exits=())
        always = Test("market_known", Op.EXISTS, value=True)
        zombie = ClassificationRule("zombie", always, ("classification", 0), category=Category.ZOMBIE_LEGACY)
        close = ExitRule("close", always, ("exits", 0))
        return Rulebook.of(idle), Rulebook.of(replace(idle, classification=(zombie,), exits=(close,)))

    def _says_nothing(self, case: Case) -> bool:
        """Check whether a case about a position would also hold where no rule decides, and where one closes all."""
        given = {name: value for name, value in (case.given or {}).items() if name != "over_cap"}
        try:
            return all(not list(_of_position(replace(case, given=given), book, self._place)) for book in self._extremes)
        except FactsDisagree:
            return False


def _of_position(
    case: Case, book: Rulebook, place: Callable[[Place], str], observe: Observe = _unobserved
) -> list[Difference]:
    replayed = replay(book, case.given or {})
    own = replayed.decision.key
    observe(replayed.draft, book.policy, own)
    return Asked(Answers(replayed.draft), lambda name: name, place, own).differences(case.expected)


def _asked(account: CaseAccount, book: Rulebook, place: Callable[[Place], str], observe: Observe) -> Asked:
    draft = draft_plan(PlanInput(book, account.snapshot, account.now, account.progress))
    observe(draft, book.policy, None)
    return Asked(Answers(draft), account.key_of, place)


@dataclass
class Cycles:
    """Several cycles of one account: prices move, a plan is made and applied, time passes."""

    case: Case
    paper: PaperAccount
    place: Callable[[Place], str]
    observe: Observe = _unobserved

    def differences(self) -> Iterator[Difference]:
        """Play all cycles, and return what is not as expected of them."""
        asked: list[Asked] = []
        left: list[Mapping[str, Decimal]] = []
        every = self.case.every or self.paper.account.rulebook.policy.unwind_interval_minutes + _MARGIN
        for number in range(self.case.cycles or 1):
            for name, script in self.case.prices.items():
                self.paper.move_price(name, price_in(script, number))
            planned = self.paper.plan()
            self.observe(planned.draft, self.paper.account.rulebook.policy, None)
            asked.append(Asked(Answers(planned.draft), self.paper.start.key_of, self.place))
            if planned.plan.actions or planned.draft.unwinds:
                self.paper.apply(planned.plan)
            left.append(self.paper.quantities())
            self.paper.clock.wait(every)
        yield from self._compare(asked, left)

    def _compare(self, asked: Sequence[Asked], left: Sequence[Mapping[str, Decimal]]) -> Iterator[Difference]:
        for name, wanted in self.case.expected.items():
            if name == "clean_after":
                yield from _clean_after(wanted, asked)
            elif name == "left":
                yield from self._left(wanted, left)
            elif name in PER_POSITION and isinstance(wanted, Mapping):
                for symbol, value in wanted.items():
                    yield from _in_each(asked, name, symbol, value)
            elif name == "state" and isinstance(wanted, list):
                for number, state in enumerate(wanted[: len(asked)]):
                    yield from _in_cycle(asked, number, {"state": state}, ("state", number))
            elif name != "only":
                yield from asked[-1].differences({name: wanted})

    def _left(self, wanted: Mapping[str, Any], left: Sequence[Mapping[str, Decimal]]) -> Iterator[Difference]:
        for name, value in wanted.items():
            key = self.paper.start.key_of(name)
            quantities = value if isinstance(value, list) else [value]
            first = 0 if isinstance(value, list) else len(left) - 1
            for offset, quantity in enumerate(quantities[: len(left)]):
                got = left[first + offset].get(key, Decimal(0))
                if quantity is not None and _number(quantity) != got:
                    what = f"left of {key} after cycle {first + offset + 1}"
                    path = ("left", name, offset) if isinstance(value, list) else ("left", name)
                    yield Difference(what, str(quantity), plain(got), path, instead=got)


def price_in(script: Any, cycle: int) -> Decimal | None:  # noqa: ANN401 - a node of a document
    """Return the price in a cycle, counted from 0; None where the script has ended, or says nothing of it.

    ``0.42-0.02x3`` is a first price, and what is added to it, three times: promtool's notation of series.
    """
    if isinstance(script, list):
        return _number(script[cycle]) if cycle < len(script) and script[cycle] is not None else None
    match = _SERIES.fullmatch(str(script).replace(" ", ""))
    if match is None:
        return _number(script) if cycle == 0 else None
    first, change, times = match.groups()
    return Decimal(first) + Decimal(change) * min(cycle, int(times))


def _number(value: Any) -> Decimal:  # noqa: ANN401 - a node of a document
    if isinstance(value, Decimal | int):
        return Decimal(value)
    try:
        return parse_decimal(str(value))
    except ValueError as problem:
        raise NotAnAccount(f"{problem}; a price is a number, a list, or 0.42-0.02x3") from problem


def _in_each(asked: Sequence[Asked], name: str, symbol: str, value: Any) -> Iterator[Difference]:  # noqa: ANN401 - as above
    if not isinstance(value, list):
        yield from asked[-1].differences({name: {symbol: value}})
        return
    for number, wanted in enumerate(value[: len(asked)]):
        if wanted is not None:
            yield from _in_cycle(asked, number, {name: {symbol: wanted}}, (name, symbol, number))


def _in_cycle(
    asked: Sequence[Asked], number: int, expected: Mapping[str, Any], path: tuple[str | int, ...]
) -> Iterator[Difference]:
    for difference in asked[number].differences(expected):
        yield replace(difference, what=f"{difference.what} in cycle {number + 1}", path=path)


def _clean_after(wanted: int, asked: Sequence[Asked]) -> Iterator[Difference]:
    states = [one.answers.draft.forecast.state.value for one in asked]
    got = next((number for number, state in enumerate(states, start=1) if state == "CLEAN"), None)
    if got != wanted:
        path, told = ("clean_after",), "not clean" if got is None else str(got)
        yield Difference("clean_after", str(wanted), told, path, instead=UNSAYABLE if got is None else got)
