"""Cells of a table that is opened in a spreadsheet, which takes some texts for formulas."""

from __future__ import annotations

import re

from exitplan.ruleset.model.visible import printable

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_cell(cell: object) -> str:
    """Return a cell as text, with an apostrophe before what a spreadsheet would compute; numbers stay numbers."""
    text = "" if cell is None else printable(str(cell))
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
