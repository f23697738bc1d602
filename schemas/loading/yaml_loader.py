"""Strict YAML: what is written is what is meant, and every value keeps its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, cast

import yaml

from exitplan.ruleset.language.problems import Path
from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark, Source
from exitplan.schemas.loading.text import (
    decoded,
    display_name,
    error_at,
    one_problem,
    read_limited,
    refuse_control_characters,
)
from exitplan.schemas.loading.yaml_composer import Composer, Events, Node

MOST_BYTES = 1_000_000
MOST_KEPT, MOST_KEPT_BYTES = 32, 100_000
"""Files that are kept as they were read last, and the size of the largest that is."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file as plain values: mappings, lists, text, ``int``, ``Decimal``, truth values and None.

    ``marks`` holds the place of every value by its path; the place of its key is ``mark.key``.
    """

    source: Source
    value: Any
    marks: Mapping[Path, Mark]

    @property
    def name(self) -> str:
        """The name under which the file is reported."""
        return self.source.name

    @property
    def text(self) -> str:
        """The text of the file."""
        return self.source.text


def load_yaml(path: FilePath, name: str | None = None) -> Document:
    """Load a YAML file of at most one megabyte.

    Raises FileHasProblems where it cannot be read, or with all that is wrong in it.
    """
    return parse_yaml(read_limited(path, MOST_BYTES), name or display_name(path))


def parse_yaml(content: bytes, name: str) -> Document:
    """Parse one YAML document strictly.

    Raises FileHasProblems for what is not YAML, duplicate keys, keys that are not text, merge keys, tags, infinities,
    recursive or exploding aliases, more than one document, and an empty one.
    """
    compose = _kept if len(content) <= MOST_KEPT_BYTES else _composed
    source, root = compose(content, name)
    marks: dict[Path, Mark] = {}
    return Document(source, _built(root, None, (), marks), marks)


@lru_cache(MOST_KEPT)
def _kept(content: bytes, name: str) -> tuple[Source, Node]:
    """Compose the nodes of a file once: accounts share the policies that they extend."""
    return _composed(content, name)


def _composed(content: bytes, name: str) -> tuple[Source, Node]:
    """Compose the nodes of a file."""
    source = decoded(content, name)
    refuse_control_characters(source)
    try:
        events = yaml.SafeLoader(source.text)
    except yaml.YAMLError as error:  # a character that YAML does not know, such as U+0080
        raise one_problem(source, error_at(source), f"this is not YAML: {error}") from None
    composer = Composer(source, cast("Events", events))
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        raise FileHasProblems([*composer.diagnostics, *_syntax_error(source, error).diagnostics]) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a bad \U escape reaches chr(), a version int()
        place = error_at(source) if events.index >= len(source.text) else source.mark(events.index)
        raise one_problem(source, place, f"this is not YAML: {error}") from None
    finally:
        events.dispose()
    if composer.diagnostics:
        raise FileHasProblems(composer.diagnostics)
    return source, root


def _syntax_error(source: Source, error: yaml.MarkedYAMLError) -> FileHasProblems:
    place = error.problem_mark or error.context_mark
    mark = Mark(source.name, place.line + 1, place.column + 1) if place else Mark(source.name, 1, 1)
    problem = error.problem or "it cannot be read"
    tab = "'\\t'" in problem
    message = f"this is not YAML: {'a tab cannot indent a line' if tab else problem}"
    if error.context and not tab:
        since = error.context_mark
        message += f" ({error.context}" + (f" in line {since.line + 1})" if since else ")")
    hint = "indent with spaces" if tab else _indent_hint(source, mark, problem)
    return one_problem(source, mark, message, hint)


def _indent_hint(source: Source, mark: Mark, problem: str) -> str | None:
    """Say so where a line is indented further than the one above it, which already has its value."""
    lines = source.text.split("\n")[: mark.line]
    above = next((line for line in reversed(lines[:-1]) if line.strip() and not line.lstrip().startswith("#")), "")
    is_deeper = _indent(lines[-1]) > _indent(above) and not above.rstrip().endswith((":", "-"))
    if problem != "mapping values are not allowed here" or not above:
        return None
    if is_deeper:
        return f"line {mark.line} is indented further than the line above it: give both the same indent"
    return "text with a colon and a space in it goes in quotes"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _built(node: Node, key: Mark | None, path: Path, marks: dict[Path, Mark]) -> Any:  # noqa: ANN401 - any YAML value
    """Build the value of a node and note where everything is; what an alias stands for is built anew."""
    marks[path] = Mark(node.mark.file, node.mark.line, node.mark.column, key)
    if isinstance(node.value, dict):
        return {name: _built(inner, at, (*path, name), marks) for name, (at, inner) in node.value.items()}
    if isinstance(node.value, list):
        return [_built(inner, None, (*path, index), marks) for index, inner in enumerate(node.value)]
    return node.value
