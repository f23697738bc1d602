"""Who works on files neither needs nor loads a driver."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["exitplan.cli.main", "exitplan.executor.api", "exitplan.executor.store.file_store"])
def test_no_driver_is_loaded_with_it(module: str) -> None:
    asked = f"import sys, {module}; sys.exit(sorted({{'psycopg', 'psycopg_pool', 'dbos'}} & sys.modules.keys()) or 0)"
    subprocess.run([sys.executable, "-c", asked], check=True)


def test_an_address_is_read_without_a_driver() -> None:
    code = "import sys; from exitplan.executor.store.postgres.url import place_of; sys.exit('psycopg' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
