from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.generate import ROOT, generated_files, stale_files, write_files


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
    assert "## exitplan policy show" in files["docs/reference/commands.md"]
    assert "| `-o, --out FILE` |" in files["docs/reference/commands.md"]
    assert "| `exits[].stop_pct` |" in files["docs/reference/schemas.md"]
