"""Comments that silence a finding: ``# exitplan: ignore P104 because the reason is told to users``.

One at the end of a line is about the rule or setting on that line, one on a line of its own about what follows. With
``of RULE`` it is about a rule of that name wherever it stands, also in a file that this one extends. There is always a
reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.loading.diagnostics import Mark, Source
from exitplan.schemas.loading.yaml_loader import MOST_KEPT
from exitplan.workbench.lint.checks import CHECKS, Code
from exitplan.workbench.lint.findings import Finding

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*exitplan[ \t]*:(?P<said>[^\n\r]*)", re.MULTILINE)
_IGNORE = re.compile(
    r"ignore\s+(?P<codes>[^\s,]+(?:\s*,\s*[^\s,]+)*)(?:\s+of\s+(?P<rule>[A-Za-z0-9._-]+))?(?:\s+because\s+(?P<reason>\S.*))?"
)
_FORM = "write # exitplan: ignore P104 because ..., or ignore P104 of RULE because ..."
_NEVER = frozenset({Code.BAD_IGNORE, Code.IDLE_IGNORE})
"""What no comment silences: it would be one more to look after."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment that silences: where it stands, the line it is about, the codes, the rule it names, and why."""

    mark: Mark
    line: int
    codes: frozenset[Code]
    rule: str | None
    reason: str

    def silences(self, finding: Finding, lines: range, file: str) -> bool:
        """Check whether it is about a finding, which is on these lines of a file."""
        if finding.code not in self.codes:
            return False
        if self.rule is not None:
            return self.rule == finding.about
        return file == self.mark.file and self.line in lines


@dataclass
class Ignores:
    """The comments of some files, and what is wrong with them."""

    all: list[Ignore] = field(default_factory=list)
    wrong: list[tuple[Mark, Finding]] = field(default_factory=list)


def read_ignores(sources: Mapping[str, Source]) -> Ignores:
    """Read the comments of files, by their names."""
    ignores = Ignores()
    for source in sources.values():
        for offset, said in _comments(source.text):
            _read(source, offset, said, ignores)
    return ignores


@lru_cache(MOST_KEPT)
def _comments(text: str) -> tuple[tuple[int, str], ...]:
    """Find the comments that speak to exitplan, with their offsets; what stands inside a text is none."""
    found = [(match.start(), match["said"].strip()) for match in _COMMENT.finditer(text)]
    if not found:
        return ()
    texts = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(token, yaml.ScalarToken)
    ]
    return tuple((offset, said) for offset, said in found if not any(start <= offset < end for start, end in texts))


def _read(source: Source, offset: int, said: str, ignores: Ignores) -> None:
    mark = source.mark(offset)
    match = _IGNORE.fullmatch(said)
    if match is None:
        ignores.wrong.append((mark, _bad(f"the comment 'exitplan: {said}' is not understood", _FORM)))
        return
    if match["reason"] is None:
        ignores.wrong.append((mark, _bad(f"nothing says why {match['codes']} is ignored", "add: because ...")))
        return
    codes = set[Code]()
    for name in re.split(r"\s*,\s*", match["codes"]):
        if name in set(Code) and Code(name) not in _NEVER:
            codes.add(Code(name))
        else:
            known = [code.value for code in CHECKS if code not in _NEVER]
            hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
            ignores.wrong.append((mark, _bad(f"there is no {name!r} to ignore", hint)))
    if codes:
        line = _line_meant(source.text, mark.line, offset)
        ignores.all.append(Ignore(mark, line, frozenset(codes), match["rule"], match["reason"]))


def _line_meant(text: str, line: int, offset: int) -> int:
    """Return the line that a comment is about: its own, or where nothing else is on it the next that says more."""
    lines = text.split("\n")
    begin = text.rfind("\n", 0, offset) + 1
    if text[begin:offset].strip():
        return line
    for number in range(line, len(lines)):
        said = lines[number].strip()
        if said and not said.startswith("#"):
            return number + 1
    return line


def _bad(message: str, hint: str) -> Finding:
    return Finding(Code.BAD_IGNORE, (), f"{message}; {hint}")


def idle_ignore(ignore: Ignore) -> Finding:
    """Make the finding that a comment silences nothing."""
    codes = ", ".join(sorted(ignore.codes))
    of_rule = "" if ignore.rule is None else f" of {ignore.rule}"
    return Finding(Code.IDLE_IGNORE, (), f"nothing is silenced by ignore {codes}{of_rule}: remove it")
