"""Compare what a case expects with what a plan says: only what is asked, and each difference by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from exitplan.ruleset.language.problems import Path
from exitplan.workbench.cases.answers import NOTHING, Answers, same_deed

NONE = "none"
"""How a case says that no rule decides."""


class Unsayable(Enum):
    """In place of a value that a case could expect: there is none."""

    TOKEN = 0


UNSAYABLE = Unsayable.TOKEN
Expectations = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected; ``path`` is its place below ``expect``, ``notes`` say how it came about.

    ``instead`` is what a case would have to expect for it, UNSAYABLE where no value says it.
    """

    what: str
    expected: str
    got: str
    path: tuple[str | int, ...] = ()
    notes: tuple[str, ...] = ()
    instead: object = UNSAYABLE


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan, and which position a name in a case means; ``own`` is the position of a case about a single one.

    ``place`` says where something of the policy stands.
    """

    answers: Answers
    key_of: Callable[[str], str]
    place: Callable[[Path], str]
    own: str | None = None

    def differences(self, expected: Expectations) -> list[Difference]:
        """Return all that is not as expected of one plan."""
        found = [
            difference
            for name, wanted in expected.items()
            if name in _PER_POSITION
            for difference in self._of_positions(name, wanted)
        ]
        found += [
            difference
            for name, wanted in expected.items()
            if name in _PER_ACCOUNT
            for difference in _PER_ACCOUNT[name](self, wanted)
        ]
        if expected.get("only"):
            found += self._beside(expected)
        return found

    def _of_positions(self, name: str, wanted: Any) -> Iterator[Difference]:  # noqa: ANN401 - a node of a document
        if isinstance(wanted, Mapping):
            for symbol, value in wanted.items():
                yield from self._of(name, self.key_of(symbol), value, (name, symbol))
        elif self.own is not None:
            yield from self._of(name, self.own, wanted, (name,))
        else:
            yield Difference(name, _text(wanted), "an account has many positions", (name,), ("name one: {BTC: ...}",))

    def _of(self, name: str, key: str, wanted: Any, path: tuple[str, ...]) -> Iterator[Difference]:  # noqa: ANN401 - as above
        what = name if key == self.own else f"{name} of {key}"
        if key not in self.answers.decisions:
            if name != "do" or wanted != NOTHING:
                yield Difference(what, _text(wanted), "not held", path, instead=NOTHING if name == "do" else UNSAYABLE)
            return
        ask, agrees = _PER_POSITION[name]
        got = ask(self.answers, key)
        if not agrees(wanted, got):
            notes = tuple(self.answers.why(key, self.place)) if name in {"category", "rule", "exit", "do"} else ()
            yield Difference(what, _text(wanted), _text(got), path, notes, _instead(name, wanted, got))

    def _beside(self, expected: Expectations) -> Iterator[Difference]:
        """Find what is done although neither ``do`` nor ``cancels`` speaks of it."""
        named = expected.get("do")
        spoken = {self.key_of(symbol) for symbol in named} if isinstance(named, Mapping) else {self.own}
        for key in self.answers.decisions:
            if key not in spoken and self.answers.exits(key):
                yield Difference(f"do of {key}", f"{NOTHING} (only)", self.answers.do(key), ("only",))
        if "cancels" not in expected and self.answers.cancels():
            yield Difference("cancels", "none (only)", _text(self.answers.cancels()), ("only",))


def _counted(asked: Asked, wanted: int) -> Iterator[Difference]:
    yield from _unequal("counted", wanted, asked.answers.draft.checks.counted)


def _over_cap(asked: Asked, wanted: Sequence[str]) -> Iterator[Difference]:
    keys = sorted(asked.key_of(name) for name in wanted)
    yield from _unequal("over_cap", keys, sorted(asked.answers.over_cap()))


def _cancels(asked: Asked, wanted: Sequence[str]) -> Iterator[Difference]:
    yield from _unequal("cancels", sorted(wanted), sorted(asked.answers.cancels()))


def _matched(asked: Asked, wanted: Sequence[str]) -> Iterator[Difference]:
    if asked.own is not None:
        yield from _unequal("matched", list(wanted), list(asked.answers.decisions[asked.own].matched))


def _escalate(asked: Asked, wanted: bool) -> Iterator[Difference]:  # noqa: FBT001 - a node of a document
    if asked.own is not None:
        yield from _unequal("escalate", wanted, asked.answers.escalates(asked.own))


def _guards(asked: Asked, wanted: str | Mapping[str, str]) -> Iterator[Difference]:
    told = asked.answers.guards()
    if isinstance(wanted, Mapping):
        for name, verdict in wanted.items():
            yield from _unequal_part("guard", name, verdict, told.get(name), ("guards", name))
        return
    refused = [name for name, verdict in told.items() if verdict == "refused"]
    if (wanted == "ok") != (not refused):
        told_of = f"refused by {', '.join(refused)}" if refused else "ok"
        yield Difference("guards", wanted, told_of, ("guards",), instead="refused" if refused else "ok")


def _checks(name: str, *, forecast: bool) -> Callable[[Asked, Mapping[str, bool]], Iterator[Difference]]:
    def compare(asked: Asked, wanted: Mapping[str, bool]) -> Iterator[Difference]:
        told = asked.answers.checks(forecast=forecast)
        for check, passes in wanted.items():
            yield from _unequal_part(name, check, passes, told.get(check), (name, check))

    return compare


def _state_now(asked: Asked, wanted: str) -> Iterator[Difference]:
    yield from _unequal("state_now", wanted, asked.answers.draft.checks.state.value)


def _state(asked: Asked, wanted: str) -> Iterator[Difference]:
    yield from _unequal("state", wanted, asked.answers.draft.forecast.state.value)


def _warnings(asked: Asked, wanted: Sequence[str]) -> Iterator[Difference]:
    told = [warning.kind for warning in asked.answers.draft.warnings]
    for kind in wanted:
        if kind not in told:
            yield Difference("warnings", kind, _text(told), ("warnings",), instead=told or UNSAYABLE)


def _unequal(what: str, wanted: object, got: object, path: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    if wanted != got:
        yield Difference(what, _text(wanted), _text(got), path or (what,), instead=got)


def _unequal_part(kind: str, name: str, wanted: object, got: object, path: tuple[str, str]) -> Iterator[Difference]:
    """Compare one of several guards or checks; there may be none of that name."""
    if got is None:
        yield Difference(f"{kind} {name}", _text(wanted), f"no such {'guard' if kind == 'guard' else 'check'}", path)
    else:
        yield from _unequal(f"{kind} {name}", wanted, got, path)


def _text(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return str(value)


def _instead(name: str, wanted: object, got: Any) -> object:  # noqa: ANN401 - an answer
    """Return what a case would have to expect of a position, as exactly as it does now."""
    if name == "because":
        return got[0]
    if name == "do":
        return got if " " in str(wanted) else got.split()[0]
    return NONE if got is None and name in {"rule", "exit"} else got


def _same(wanted: object, got: object) -> bool:
    return (None if wanted == NONE else wanted) == got


_PER_POSITION: Mapping[str, tuple[Callable[[Answers, str], Any], Callable[[Any, Any], bool]]] = {
    "category": (Answers.category, _same),
    "rule": (Answers.rule, _same),
    "exit": (Answers.exit, _same),
    "blocked": (Answers.blocked, _same),
    "do": (Answers.do, lambda wanted, got: same_deed(str(wanted), got)),
    "because": (Answers.sentences, lambda wanted, got: any(fnmatchcase(one, str(wanted)) for one in got)),
}
_PER_ACCOUNT: Mapping[str, Callable[[Asked, Any], Iterator[Difference]]] = {
    "counted": _counted,
    "over_cap": _over_cap,
    "cancels": _cancels,
    "matched": _matched,
    "escalate": _escalate,
    "guards": _guards,
    "checks": _checks("checks", forecast=False),
    "forecast": _checks("forecast", forecast=True),
    "state_now": _state_now,
    "state": _state,
    "warnings": _warnings,
}
OF_CYCLES = ("left", "clean_after")
"""What only cases of several cycles may expect."""
PER_POSITION = frozenset(_PER_POSITION)
"""What is expected of a position: of each of several cycles where it is a list."""
