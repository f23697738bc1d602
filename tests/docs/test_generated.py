from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import docs.venues
from docs.generate import ROOT, generated_files, stale_files, write_files
from exitplan.brokers.venues import KNOWN, dialect_of


def test_what_is_generated_is_up_to_date() -> None:
    command = [sys.executable, "-m", "docs.generate", "--check"]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_check_names_missing_and_changed_files(tmp_path: Path) -> None:
    assert write_files(tmp_path) == list(generated_files())
    assert stale_files(tmp_path) == []
    (tmp_path / "docs/reference/facts.md").write_text("edited by hand\n")
    (tmp_path / "schemas/plan.schema.json").unlink()
    assert stale_files(tmp_path) == ["docs/reference/facts.md", "schemas/plan.schema.json"]


def test_every_command_and_every_key_of_a_policy_is_in_the_reference() -> None:
    files = generated_files()
    assert "## exitplan policies show" in files["docs/reference/commands.md"]
    assert "| `-o, --out FILE` |" in files["docs/reference/commands.md"]
    assert "| `exits[].stop_pct` |" in files["docs/reference/schemas.md"]


def test_the_page_on_venues_has_every_known_venue_with_its_limits_and_keeps_what_is_written_by_hand() -> None:
    page = generated_files()["docs/venues.md"]
    for traits in (dialect_of(name).traits for name in KNOWN):
        assert f"### {traits.title}\n" in page
        assert all(f"- {limit}\n" in page for limit in traits.limits_known)
    assert "## Rate limits" in page


def test_the_generated_parts_of_the_page_on_venues_are_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "venues.md"
    copy.write_text("By hand.\n<!-- generated: overview -->\nout of date\n<!-- end -->\nMore.\n", encoding="utf-8")
    monkeypatch.setattr(docs.venues, "PAGE", copy)
    page = docs.venues.venues_page()
    copy.write_text(page, encoding="utf-8")
    assert docs.venues.venues_page() == page
    assert page.startswith("By hand.\n")
    assert page.endswith("<!-- end -->\nMore.\n")
    assert "out of date" not in page
