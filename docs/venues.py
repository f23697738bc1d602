"""The generated parts of the page on venues; the rest is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import fill

from docs.markdown import code, table, with_parts
from exitplan.brokers.live.dialect import Traits
from exitplan.brokers.live.errors import ErrorTable
from exitplan.brokers.protocol import RefusalReason
from exitplan.brokers.registry import PAPER
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.brokers.venues.any_venue import AnyVenue
from exitplan.cli.rendering.venues import BESIDE, COLUMNS, GENERIC, credential_rows, is_known, tested, tested_with
from exitplan.cli.venue_facts import all_traits, example_block

PAGE = Path(__file__).with_name("venues.md")
_WIDTH = 125


def venues_page() -> str:
    """Return the page with its generated parts up to date; raises KeyError for a part that does not exist."""
    return with_parts(PAGE.read_text(encoding="utf-8"), _PARTS)


def _overview() -> str:
    rows = [[code(found.venue) if is_known(found) else found.venue, *_cells(found)] for found in all_traits()]
    meanings = [[column.name, column.meaning] for column in (*COLUMNS[1:], *BESIDE)]
    columns = table([column.name for column in (*COLUMNS, *BESIDE)], rows)
    limits = "\n".join(f"- {limit}" for limit in AnyVenue.traits.limits_known)
    paragraphs = [fill(text, _WIDTH) for text in (tested_with(all_traits()), GENERIC)]
    return "\n\n".join([columns, table(["column", "meaning"], meanings), *paragraphs, limits])


def _cells(traits: Traits) -> list[str]:
    return [column.cell(traits) for column in (*COLUMNS[1:], *BESIDE)]


def _sheets() -> str:
    return "\n\n".join(_sheet(traits) for traits in all_traits() if is_known(traits) and traits.venue != PAPER)


def _sheet(traits: Traits) -> str:
    limits = "\n".join(f"- {limit}" for limit in traits.limits_known)
    references = table(
        ["reference", "where exitplan reads it"], [[code(name), meaning] for name, meaning in credential_rows(traits)]
    )
    block = f"```yaml\n{example_block(traits)}```"
    key = f"**Key.** {traits.permissions}"
    return "\n\n".join([f"### {traits.title}", tested(traits), key, limits, references, block])


def _errors() -> str:
    dialects = [dialect_of(name) for name in KNOWN]
    tables = [(dialect.traits.title, dialect.errors) for dialect in dialects if dialect.errors is not None]
    return "\n\n".join(f"### Errors: {title}\n\n{_error_table(errors)}" for title, errors in tables)


def _error_table(errors: ErrorTable) -> str:
    rows = [[_meaning(reason), _listed(codes)] for reason, codes in sorted(errors.refused.items())]
    rows += [[f"{_meaning(reason)}, by its words", _listed(words)] for reason, words in _by_reason(errors.words)]
    return table(["an order is", "after"], [*rows, ["unknown, and looked up", _listed(errors.unknown)]])


def _by_reason(words: Mapping[str, RefusalReason]) -> list[tuple[RefusalReason, list[str]]]:
    reasons = sorted(set(words.values()))
    return [(reason, [word for word, told in words.items() if told is reason]) for reason in reasons]


def _meaning(reason: RefusalReason) -> str:
    if reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID:
        return "looked up: the venue has seen its id"
    return f"sent again after a rest: {reason.value}" if reason.is_passing else f"refused: {reason.value}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(code(name) for name in names) or "-"


_PARTS: Mapping[str, Callable[[], str]] = {"overview": _overview, "sheets": _sheets, "errors": _errors}
