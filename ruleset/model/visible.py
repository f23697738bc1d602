"""Text that may be shown: nothing in it is obeyed, hidden or turned around by a terminal."""

from __future__ import annotations

import json
import re

UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What a terminal obeys, hides or turns around: controls, C1, marks of direction, blanks without width, halves."""


def printable(text: str) -> str:
    """Replace what a terminal would obey or turn around by a question mark; a tab becomes a space."""
    return UNPRINTABLE.sub("?", text.replace("\t", " "))


def printable_lines(text: str) -> str:
    """Do so in each of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def with_escapes(content: bytes) -> bytes:
    r"""Write JSON so that it may be shown: what stands raw in its texts becomes ``\u202e``; it says the same."""
    if content.isascii() and b"\x7f" not in content:
        return content
    return UNPRINTABLE.sub(_escaped, content.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    # Between texts JSON has line breaks and blanks; inside them every other control is an escape already.
    return "\\u007f" if match[0] == "\x7f" else match[0] if match[0] < " " else json.dumps(match[0])[1:-1]
