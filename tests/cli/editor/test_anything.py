"""Whatever stands in a file while somebody types: questions have answers, and problems a place in the text."""

from __future__ import annotations

from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from exitplan.cli.editor.completions import complete
from exitplan.cli.editor.definitions import definition
from exitplan.cli.editor.diagnosing import diagnose
from exitplan.cli.editor.hovers import hover
from exitplan.cli.editor.places import place_at
from exitplan.cli.editor.project import Project
from tests.cli.editor.test_server import BASE, CHILD

CASES = 'policy: base.yaml\ntables:\n  - columns: [value_usd, "=>", rule]\n    rows:\n      - [1, "=>", small]\n'
TYPED = (
    "{", "}", "[", "]", ":", " ", "\n", "- ", "#", "'", '"', "$x", "null", "1e9", "~", "&a ", "*a", "\t", "id: 3",
    "extends: x.yaml\n", "\u2028", "\x85", "🙂", "%", "? ", "|\n", "!!x ", "\x00", "\ud800", "when", "exits: 5\n",
    "classification: [1, null]\n",
)  # fmt: skip


def typed(text: str, chance: Random) -> str:
    """Spoil a text in a few places, as one who types does."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(5)
        if kind < 2:
            text = text[:at] + text[at + chance.randint(1, 12) :]
        elif kind < 4:
            text = text[:at] + chance.choice(TYPED) + text[at:]
        else:
            text = text[:at]
    return text


@given(st.integers(0, 2**32))
@settings(max_examples=100)
def test_whatever_is_typed_every_question_is_answered(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - seeded
    folder = Path("/nowhere")
    project = Project()
    project.put(folder / "base.yaml", chance.choice((BASE, typed(BASE, chance))))
    name, text = chance.choice((("child.yaml", CHILD), ("x.test.yaml", CASES)))
    text = typed(text, chance)
    project.put(folder / name, text)
    for problem in diagnose(project, folder / name):
        assert 0 <= problem.start <= problem.end <= len(text)
        assert problem.message
    place = place_at(text, chance.randrange(len(text) + 1))
    if place is not None:
        assert text[place.start : place.end] == place.word
        hover(project, folder / name, place)
        complete(project, folder / name, place)
        definition(project, folder / name, place)
