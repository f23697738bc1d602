"""The page on policy tests: its examples run, and say what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exitplan.workbench.cases.case_file import load_cases
from exitplan.workbench.cases.running import Runner

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def whole(example: str) -> str:
    """Make a file of a part of one."""
    if example.lstrip().startswith("- name"):
        return f"policy: default\ncases:\n{example}"
    return example if "\npolicy:" in example else f"policy: default\n{example}"


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_page_pass(example: str, tmp_path: Path) -> None:
    path = tmp_path / "x.test.yaml"
    path.write_text(whole(example), encoding="utf-8")
    file = load_cases(path)
    runner = Runner(file)
    assert [runner.run(case).differences for case in file.cases] == [()] * len(file.cases)
    assert file.cases


def test_the_failure_it_shows_is_the_one_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.test.yaml"
    path.write_text(EXAMPLES[0].replace("do: unwind", "do: close"), encoding="utf-8")
    file = load_cases(path)
    (difference,) = Runner(file).run(file.cases[0]).differences
    for line in (difference.expected, difference.got, *difference.notes):
        assert line in PAGE
