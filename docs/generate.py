"""Write the generated docs: ``python -m docs.generate``; with ``--check``, only list what is out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docs.api_page import api_page
from docs.commands import commands_page
from docs.file_formats import schemas_page
from docs.lint_page import lint_page
from docs.pictures import policies_page
from docs.policy_pages import policy_files
from docs.registries import (
    alert_pages,
    alerts_page,
    escalation_page,
    exit_codes_page,
    facts_page,
    index_page,
    metrics_page,
    operators_page,
    parameters_page,
    reasons_page,
    warnings_page,
)
from docs.venues import venues_page
from exitplan.schemas.build import build_schemas, schema_text

ROOT = Path(__file__).parents[1]


def generated_files() -> dict[str, str]:
    """Return the text of the reference pages, venues and lint, and the schemas, by their paths."""
    pages = {
        "facts": facts_page(),
        "operators": operators_page(),
        "parameters": parameters_page(),
        "reasons": reasons_page(),
        "warnings": warnings_page(),
        "alerts": alerts_page(),
        "escalation": escalation_page(),
        "metrics": metrics_page(),
        "exit-codes": exit_codes_page(),
        "README": index_page(),
        "commands": commands_page(),
        "schemas": schemas_page(),
        "api": api_page(),
    }
    return {
        **{f"docs/reference/{name}.md": text for name, text in pages.items()},
        **{f"docs/reference/alerts/{name}.md": text for name, text in alert_pages().items()},
        "docs/lint.md": lint_page(),
        "docs/policies.md": policies_page(),
        **policy_files(),
        "docs/venues.md": venues_page(),
        **{f"schemas/{kind}.schema.json": schema_text(schema) for kind, schema in build_schemas().items()},
    }


def stale_files(root: Path = ROOT) -> list[str]:
    """Return the generated files that are missing or out of date."""
    return [name for name, text in generated_files().items() if _content(root / name) != text]


def write_files(root: Path = ROOT) -> list[str]:
    """Write the generated files that are out of date, and return their names."""
    stale = stale_files(root)
    files = generated_files()
    for name in stale:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    return stale


def main() -> int:
    """Write the files, or check them; with ``--check``, return 1 if any is out of date."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only list what is out of date, and exit 1")
    if not parser.parse_args().check:
        for name in write_files():
            print(f"written: {name}")
        return 0
    stale = stale_files()
    for name in stale:
        print(f"out of date, run make docs: {name}", file=sys.stderr)
    return 1 if stale else 0


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
