"""What nobody expected is told in one line too."""

from __future__ import annotations

from typing import NoReturn

import pytest

import exitplan.cli.commands.plan
from exitplan.cli.failures import as_error
from exitplan.ruleset.errors import CredentialsMissing, EngineDisagreement, ExitplanError
from tests.cli.conftest import xp


def failing(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    def fail(*_: object) -> NoReturn:
        raise problem

    monkeypatch.setattr(exitplan.cli.commands.plan, "make_requested_plan", fail)


def test_an_unexpected_exception_is_one_line_and_how_to_report_it(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("division\nby zero"))
    shown = xp("plan")
    assert shown.code == 1
    first, hint = shown.err.splitlines()
    assert first.startswith("error: unexpected ZeroDivisionError: division by zero (test_failures.py:")
    assert "EXITPLAN_DEBUG=1" in hint


def test_with_debug_its_traceback_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    monkeypatch.setenv("EXITPLAN_DEBUG", "1")
    assert "Traceback (most recent call last)" in xp("plan", debug=True).err


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [
        (CredentialsMissing("no key for kraken", hint="set one"), 3, "error: no key for kraken\nhint: set one\n"),
        (EngineDisagreement("the engine disagrees"), 1, "error: the engine disagrees\n"),
        (ExitplanError("it broke"), 1, "error: it broke\n"),
        (PermissionError(13, "Permission denied", "data/x"), 1, "error: data/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 1, "error: No space left on device\n"),
        (KeyboardInterrupt(), 8, "error: interrupted\n"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_every_failure_has_its_exit_code_and_words(
    problem: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, problem)
    shown = xp("plan")
    assert (shown.code, shown.err, shown.out) == (code, told, "")


def test_as_json_it_has_type_message_hint_and_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, CredentialsMissing("no key for kraken", hint="set one"))
    expected = {"type": "CredentialsMissing", "message": "no key for kraken", "hint": "set one", "exit_code": 3}
    assert xp("plan", "--json").error == expected


def test_an_interrupt_that_python_has_wrapped_is_no_mistake_of_ours() -> None:
    wrapped = RuntimeError("Error calling __set_name__")
    wrapped.__cause__ = KeyboardInterrupt()
    assert (str(as_error(wrapped)), as_error(wrapped).exit_code) == ("interrupted", 8)


def test_nothing_in_a_failure_is_obeyed_by_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, ExitplanError("the venue says \x1b[2J\x9b31m\u202eno\nsecond line", hint="\x07"))
    shown = xp("plan")
    assert shown.err == "error: the venue says ?[2J?31m?no\nsecond line\nhint: ?\n"
