"""What a person sees when something goes wrong: one line, a hint, an exit code, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import typer

from exitplan.cli.logs import globals_first, stop_logging
from exitplan.cli.output import OUTPUT, say, versioned
from exitplan.cli.traces import tracing
from exitplan.cli.verb_group import VerbGroup, option_names
from exitplan.cli.verbs import VERBS
from exitplan.ruleset.errors import CancelledByUser, ExitplanError, UsageError
from exitplan.ruleset.model.visible import printable_lines

_UsageProblem = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""The base of all complaints about a command line; where Typer keeps it differs between its versions."""

_BROKEN_PIPE = 141
"""What a shell reports of a program that a closed pipe has stopped."""

_INTERRUPTED = 130
_EXTRA = re.compile(r"unexpected extra argument\(?s?\)? \((\S+?)\)")
_ACCOUNT_OPTIONS = frozenset({"--account", "-a", "--policy", "--data", "--json", "--all", "--tag"})
_NO_COMMAND = re.compile(r"no such command '(.*)'")
_NEAR = 0.7
_MEANT = {"--yes": "--auto-approve", "-y": "--auto-approve", "--force": "--auto-approve", "--output": "--out"}
"""What other tools call an option."""
_DEBUG = "EXITPLAN_DEBUG"


class ReportingGroup(VerbGroup):
    """The root command: lists the verbs in groups, and turns every failure into a message and an exit code."""

    as_json = False
    """Whether failures are told as JSON; read off the command line itself, since that may be what is wrong."""

    verb = ""
    """The verb of the command line, before anything of it is understood."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as its base
        """Make the root command of all verbs."""
        super().__init__(**settings, verbs=VERBS)

    def main(self, *given: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # noqa: ANN401 - as its base
        """Run a command line; exits with its code where ``standalone_mode``, else returns it."""
        words = given[0] if given else extra.get("args")
        words = globals_first(list(sys.argv[1:] if words is None else words))
        self.as_json = "--json" in words or "-json" in words
        OUTPUT.has_document = False
        options = words[: words.index("--")] if "--" in words else words
        OUTPUT.is_quiet = not self.as_json and bool({"-q", "--quiet"}.intersection(options))
        OUTPUT.is_plain = "--no-color" in options
        self.verb = next((word for word in options if word in VERBS), "")
        try:
            with _silence() if OUTPUT.is_quiet else nullcontext():
                code = super().main(**{**extra, "args": words, "standalone_mode": False})
        except typer.Abort:
            code = report(CancelledByUser("cancelled"), as_json=self.as_json)
        except _UsageProblem as problem:
            code = _report_usage(problem, as_json=self.as_json)
        finally:
            stop_logging()
        code = CancelledByUser.exit_code if code == _INTERRUPTED else code or 0
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as its base
        """Run the verb; whatever it raises leaves as an exit code."""
        try:
            with tracing(self.verb, as_json=self.as_json):
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort, _UsageProblem):
            raise
        except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - the last place where it can be worded
            raise typer.Exit(_code_of(problem, as_json=self.as_json)) from None


@contextmanager
def _silence() -> Iterator[None]:
    """Send stdout to nowhere for the time of the block."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def report(problem: ExitplanError, *, as_json: bool) -> int:
    """Write a failure to stderr; returns its exit code.

    As JSON it goes to stdout like everything else, unless a document is there already, which stays the only one. Where
    stdout cannot take it, a full disk, say, it goes to stderr in words; where nobody reads, the exit code tells.
    """
    on_stdout = as_json and not OUTPUT.has_document
    said = json.dumps(versioned({"error": error_document(problem)})) if as_json else _shown(_worded(problem))
    try:
        say(said, err=not on_stdout)
    except OSError as broken:
        silence(sys.stdout if on_stdout else sys.stderr)
        if on_stdout and not isinstance(broken, BrokenPipeError):
            with suppress(OSError):
                say(_shown(_worded(problem)), err=True)
    return problem.exit_code


def warn(message: str, *, hint: str | None = None, as_json: bool = False) -> None:
    """Write a warning to stderr."""
    if as_json:
        say(json.dumps({"warning": {"message": message, "hint": hint}}), err=True)
    else:
        say(_shown(f"warning: {message}" + (f"\nhint: {hint}" if hint else "")), err=True)


def diagnostic_document(diagnostic: Any) -> dict[str, Any]:  # noqa: ANN401 - importing its class would load the checks of files
    """Write a problem of a file in its JSON form."""
    return {
        "severity": diagnostic.severity,
        "file": diagnostic.mark.file,
        "line": diagnostic.mark.line,
        "column": diagnostic.mark.column,
        "path": list(diagnostic.path),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def silence_stdout() -> None:
    """Point stdout at nothing, so that no later flush complains of a reader that has gone."""
    silence(sys.stdout)


def silence(stream: Any) -> None:  # noqa: ANN401 - a stream of Python's
    """Point a stream at nothing."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def as_error(problem: BaseException) -> ExitplanError:
    """Format whatever was raised as a failure that a person can read."""
    if isinstance(problem, ExitplanError):
        return problem
    if isinstance(problem, KeyboardInterrupt) or isinstance(problem.__cause__, KeyboardInterrupt):
        return CancelledByUser("interrupted")  # one that falls into the making of a class is wrapped by Python 3.11
    if isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        return ExitplanError(f"{where}{problem.strerror or problem}")
    return _unexpected(problem)


def error_document(problem: ExitplanError) -> dict[str, Any]:
    """Write a failure in its JSON form."""
    said: dict[str, Any] = {
        "type": type(problem).__name__,
        "message": str(problem),
        "hint": problem.hint,
        "exit_code": problem.exit_code,
    }
    diagnostics = getattr(problem, "diagnostics", None)
    if diagnostics is not None:
        said["problems"] = [diagnostic_document(diagnostic) for diagnostic in diagnostics]
    return said


def _code_of(problem: BaseException, *, as_json: bool) -> int:
    if isinstance(problem, BrokenPipeError):
        silence_stdout()
        return _BROKEN_PIPE
    return report(as_error(problem), as_json=as_json)


def _unexpected(problem: BaseException) -> ExitplanError:
    if os.environ.get(_DEBUG):
        traceback.print_exception(problem)
    place = traceback.extract_tb(problem.__traceback__)[-1]
    said = f"unexpected {type(problem).__name__}: {problem} ({Path(place.filename).name}:{place.lineno})"
    hint = f"this is a bug in exitplan; please report it with the output of {_DEBUG}=1"
    return ExitplanError(" ".join(said.split()), hint=hint)


def _shown(text: str) -> str:
    """Return a text of some lines with nothing in it that a terminal would obey."""
    return printable_lines(text)


def _worded(problem: ExitplanError) -> str:
    """Format a failure; the problems of a file say themselves that they are errors."""
    text = str(problem) if hasattr(problem, "diagnostics") else f"error: {problem}"
    return f"{text}\nhint: {problem.hint}" if problem.hint else text


def _report_usage(problem: Any, *, as_json: bool) -> int:  # noqa: ANN401 - see _UsageProblem
    """Format a validate_reply of Typer's about the command line; returns the exit code of usage errors."""
    context = problem.ctx
    asks_for_help = type(problem).__name__ == "NoArgsIsHelpError"
    if asks_for_help and not as_json:
        say(context.get_help(), err=True)
        return UsageError.exit_code
    message, hint = _plain_words("a command is missing" if asks_for_help else problem.format_message())
    typed = getattr(problem, "option_name", None)
    if typed and context is not None and type(problem).__name__ == "NoSuchOption":
        names = option_names(context.command)
        near = [name for name in [_MEANT.get(typed)] if name in names] or _near(typed, names)
        message, hint = f"no such option {typed}", f"did you mean {near[0]}?" if near else None
        if context.parent is None and hint is None and typed in _ACCOUNT_OPTIONS:
            hint = f"it goes after the command: exitplan plan {typed} ..."
    unknown = _NO_COMMAND.fullmatch(message)
    verbs = context.command.commands if unknown and context is not None else ()
    if unknown and not _near(unknown[1], verbs):
        hint = None
    extra = _EXTRA.search(message)
    if extra and context is not None and "--account" in option_names(context.command):
        hint = f"to name an account: {context.command_path} --account {extra[1]}"
    if hint is None and context is not None:
        hint = f"see {context.command_path} --help"
    return report(UsageError(message, hint=hint), as_json=as_json)


def _near(typed: str, names: Iterable[str]) -> list[str]:
    bare = {name.lstrip("-"): name for name in names}
    return [bare[name] for name in get_close_matches(typed.lstrip("-"), bare, n=1, cutoff=_NEAR)]


def _is_no_number(match: re.Match[str]) -> str:
    return "is not a number" if match[1] == "float" else "is not a whole number"


def _plain_words(said: str) -> tuple[str, str | None]:
    """Split Typer's sentence into the fact and its suggestion, without the names that Python has for types."""
    said = re.sub(r"is not a valid (int(?:eger)?|float)(?: range)?\b", _is_no_number, said)
    match = re.fullmatch(r"(.*?)\.? (Did you mean .*\?)", said, re.DOTALL)
    fact, suggestion = match.groups() if match else (said, None)
    fact = fact.rstrip(".")
    return fact[:1].lower() + fact[1:], suggestion and suggestion[:1].lower() + suggestion[1:]
