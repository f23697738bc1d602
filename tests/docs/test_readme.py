"""The examples of the README and of the docs do what they show, in a folder made by ``exitplan init``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.live import wait_for_no_limits
from tests.docs.console import ROOT, Example, differences, examples_in, first_missing
from tests.venues.builders import demo_account
from tests.venues.server import serving
from tests.venues.venue import utc_now

README = ROOT / "README.md"
LOOPBACK = "http://127.0.0.1:8080"
"""Where the pages have a venue on loopback; the tests use a free port."""
ON_POSTGRES = {"fleet.md"}
"""Pages whose examples have a test of their own, since they need a server."""
PAGES = [
    page for page in (README, *sorted((ROOT / "docs").glob("*.md"))) if page.exists() and page.name not in ON_POSTGRES
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_do_what_they_show(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_no_limits(monkeypatch)
    text = page.read_text(encoding="utf-8")
    examples = examples_in(text)
    start = Example(0, "exitplan init .", 0, ())
    with kraken_for(text, tmp_path / "cache") as (address, environ):
        wrong = [
            f"{page.name}:{example.line}: $ {example.command}: {difference}"
            for example in ([start, *examples] if examples else [])
            for difference in differences(_moved(example, address), tmp_path, environ)
        ]
    assert not wrong, "\n\n".join(wrong)


@contextmanager
def kraken_for(text: str, cache: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Serve a kraken if a page needs one; yield its address and the variables for its examples."""
    if LOOPBACK not in text:
        yield LOOPBACK, {}
        return
    with serving("kraken", demo_account(utc_now())) as handle:
        credentials = handle.credentials.environment("KRAKEN_DEMO")
        yield handle.base_url, {**credentials, "EXITPLAN_CACHE_DIR": str(cache)}


def _moved(example: Example, address: str) -> Example:
    return replace(example, command=example.command.replace(LOOPBACK, address))


@pytest.mark.skipif(not README.exists(), reason="there is no README.md yet")
def test_the_readme_has_examples() -> None:
    assert examples_in(README.read_text(encoding="utf-8"))


def test_the_plan_from_a_dict_runs() -> None:
    (block,) = re.findall(r"```python\n(import exitplan\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert "\nassert " in block
    exec(compile(block, README.name, "exec"), {})  # noqa: S102 - our own README


def test_examples_are_found_with_their_exit_code_and_output() -> None:
    page = "# Page\n\n```console\n$ exitplan plan --out a.json\nPlan …\n...\nSaved.\n$ exitplan verify  # exit 2\n```\n"
    assert examples_in(page) == [
        Example(4, "exitplan plan --out a.json", 0, ("Plan …", "Saved.")),
        Example(8, "exitplan verify", 2, ()),
    ]


def test_output_is_compared_loosely_and_in_order() -> None:
    printed = "Plan 20260218-abc  of 3\nfirst\n  second   line\n"
    assert first_missing(("Plan … of 3", "second line"), printed) is None
    assert first_missing(("second line", "first"), printed) == "first"
    assert first_missing(("Plan of 3",), printed) == "Plan of 3"
    assert first_missing(("second",), printed) == "second"


def test_only_exitplan_is_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not rm"):
        list(differences(Example(1, "rm -r .", 0, ()), tmp_path))


def test_a_wrong_exit_code_is_told(tmp_path: Path) -> None:
    (told,) = differences(Example(1, "exitplan --version", 3, ()), tmp_path)
    assert told.startswith("exit 0 instead of 3")
