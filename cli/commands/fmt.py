"""``exitplan fmt``: the one layout of policies, account files and files of tests."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.failures import report
from exitplan.cli.options import JsonOption
from exitplan.cli.output import OUTPUT, say
from exitplan.cli.streams import save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.layout.printing import laid_out
from exitplan.schemas.loading.text import display_name, read_limited
from exitplan.schemas.loading.yaml_loader import MOST_BYTES
from exitplan.schemas.validation import policies_in

app = verb_app()
_STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file, what is in it, and what its canonical layout is."""

    path: Path
    before: bytes
    after: bytes

    @property
    def is_changed(self) -> bool:
        """Check whether the layout is another one."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """What the layout changes, as a unified diff."""
        before, after = (text.decode("utf-8").splitlines(keepends=True) for text in (self.before, self.after))
        name = display_name(self.path)
        lines = difflib.unified_diff(before, after, name, f"{name} (laid out)")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@app.command()
def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE|DIR|-", help="What to lay out; - is stdin, to stdout.  [default: policies]"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 2 where a layout differs.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Lay out policies and tests in the one canonical way.

    Account files too. Comments stay, lines have up to 120 columns, tables are aligned. A layout never changes what a
    file says: what is read before and after is compared, and a file where it would differ is left alone.
    """
    files = list(_files(paths or [project_root() / "policies"]))
    formatted, worst = _formatted(files, as_json=as_json)
    if not check and not diff:
        for one in formatted:
            if one.is_changed and one.path != _STDIN:
                save(one.path, one.after)
    if as_json:
        write_json(fmt_document(formatted))
    else:
        _show(formatted, check=check, diff=diff)
    pending = check and any(one.is_changed for one in formatted)
    raise typer.Exit(ExitCode.worst([*worst, ExitCode.PENDING if pending else ExitCode.DONE]))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """List the files that are named, and those in the folders that are; each once."""
    if _STDIN in paths and len(paths) > 1:
        raise UsageError("- is stdin and stands alone", hint="name files, or - for stdin")
    seen: set[Path] = set()
    for path in paths:
        inner = policies_in(path) if path.is_dir() else [path]
        if not inner:
            raise UsageError(
                f"there is no policy (*.yaml, *.yml) in {display_name(path)}", hint="name files or folders"
            )
        for file in inner:
            if file.suffix == ".json":
                raise UsageError(
                    f"{display_name(file)} is JSON, which has no layout of its own", hint="name YAML files"
                )
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _formatted(files: Sequence[Path], *, as_json: bool) -> tuple[list[Formatted], list[int]]:
    """Lay out files in memory; what is wrong with one is told, and does not stop the others."""
    formatted, codes = list[Formatted](), list[int]()
    for file in files:
        try:
            before = sys.stdin.buffer.read() if file == _STDIN else read_limited(file, MOST_BYTES)
            name = "stdin" if file == _STDIN else display_name(file)
            formatted.append(Formatted(file, before, laid_out(before, name).encode()))
        except ExitplanError as problem:
            codes.append(report(problem, as_json=as_json))
    return formatted, codes


def _show(formatted: Sequence[Formatted], *, check: bool, diff: bool) -> None:
    """Show a text, the differences, or the names of the files."""
    changed = [one for one in formatted if one.is_changed]
    if diff:
        for one in changed:
            say(one.diff, nl=False)
    elif formatted and formatted[0].path == _STDIN:
        if not check:
            _write(formatted[0].after)
        return
    else:
        for one in changed:
            say(display_name(one.path))
    if not check and not diff:
        said = f"{counted(len(changed), 'file')} laid out" if changed else "nothing to do"
        say(f"{said}, {counted(len(formatted), 'file')} looked at.", err=True)


def _write(text: bytes) -> None:
    """Write a text to stdout: to a program as it is, to a person with nothing in it that a terminal would obey."""
    if sys.stdout.isatty() or OUTPUT.is_quiet:
        say(text.decode(), nl=False)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def fmt_document(formatted: Sequence[Formatted]) -> dict[str, Any]:
    """Return what was laid out in its JSON form."""
    return {
        "files": [{"path": display_name(one.path), "changed": one.is_changed, "diff": one.diff} for one in formatted],
        "changed": sum(1 for one in formatted if one.is_changed),
    }
