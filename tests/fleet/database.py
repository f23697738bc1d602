"""A database with the tables of a fleet, and account files to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.registry import Registry

POLICY = """\
version: 1
name: ours
extends: {shipped}
parameters: {{max_positions: 7}}
guards: {{max_actions: 40}}
"""
ACCOUNT = """\
version: 1
name: user {number}
extends: ../ours.yaml
account:
  id: {id}
  venue: {venue}
  quote: USDT
  credentials: env:{id}
  tags: [desk-{tag}]
"""


@contextmanager
def registry_at(url: str) -> Iterator[Registry]:
    """Make the tables of a fleet in an empty database, and open its registry."""
    init_fleet(url)
    with open_fleet(url) as fleet:
        yield fleet.registry


def write_accounts(folder: Path, count: int, venue: str = "binance") -> Path:
    """Write account files that differ in their account block and name alone; returns their folder."""
    accounts = folder / "policies" / "accounts"
    accounts.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "policies" / "default.yaml"
    (accounts.parent / "ours.yaml").write_text(POLICY.format(shipped=shipped), encoding="utf-8")
    for number in range(count):
        text = ACCOUNT.format(id=f"u{number}", venue=venue, number=number, tag=number % 3)
        (accounts / f"u{number}.yaml").write_text(text, encoding="utf-8")
    return accounts
