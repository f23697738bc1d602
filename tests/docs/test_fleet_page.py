"""The console examples of the page on fleets, on a real Postgres."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import xp
from tests.docs.console import ROOT, differences, examples_in


def test_the_examples_of_the_page_are_what_is_printed(postgres_url: str, tmp_path: Path) -> None:
    assert xp("init", tmp_path / "demo").code == 0
    assert xp("fleet", "init", "--data", postgres_url).code == 0
    examples = examples_in((ROOT / "docs/fleet.md").read_text(encoding="utf-8"))
    assert examples
    environ = {"EXITPLAN_DATA": postgres_url}
    wrong = [
        f"docs/fleet.md:{example.line}: {text}"
        for example in examples
        for text in differences(example, tmp_path / "demo", environ)
    ]
    assert not wrong, "\n".join(wrong)
