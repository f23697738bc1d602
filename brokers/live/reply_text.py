"""Take what a terminal would obey, or turn around, out of the text of a venue's reply before anything reads it.

So no symbol, id or message holds any of it, wherever it is shown, logged or kept.
"""

from __future__ import annotations

import re

from exitplan.ruleset.model.visible import UNPRINTABLE

_BLANK = frozenset("\t\n\r")
_PLAIN = bytes(code for code in range(0x20, 0x7F) if code != ord("\\"))
"""What stands for itself in a reply; nearly every reply holds nothing else, and then one look will do."""
_ESCAPED = re.compile(
    r"\\(?:u(?P<pair>d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|u(?P<code>[0-9a-f]{4})|.)", re.IGNORECASE | re.DOTALL
)


def without_controls(text: str) -> str:
    """Put a question mark for each control, direction or half character, also where JSON spells it as an escape."""
    if text.isascii() and not text.encode().translate(None, _PLAIN):
        return text
    if "\\u" in text or "\\U" in text:
        text = _ESCAPED.sub(_harmless, text)
    return text if text.isascii() and text.isprintable() else UNPRINTABLE.sub(_shown, text)


def _harmless(match: re.Match[str]) -> str:
    code = match["code"]
    return "?" if code and UNPRINTABLE.fullmatch(chr(int(code, 16))) else match[0]


def _shown(match: re.Match[str]) -> str:
    return match[0] if match[0] in _BLANK else "?"
