"""Pages of HTML that need no other file and no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from exitplan.ruleset.model.visible import printable

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #d1d9e0; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
"""


def html_page(title: str, parts: Iterable[str]) -> bytes:
    """Return a page with a title and parts of HTML below it."""
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html_text(title)}</title>\n'
    body = "\n".join([f"<h1>{html_text(title)}</h1>", *parts])
    return f"{head}<style>\n{_STYLE}</style>\n{body}\n</html>\n".encode()


def html_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts."""
    head = "".join(f"<th>{html_text(heading)}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def html_text(text: str) -> str:
    """Return a text in which nothing is obeyed, by a browser or a terminal."""
    return escape(printable(text))
