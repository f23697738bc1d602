"""Accounts of a fleet at a venue over HTTP: their workers share its limits, its prices and its listings."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from exitplan.brokers.live.credentials import Credentials, Secret
from tests.brokers.live.accounts import priced
from tests.builders import position, snapshot
from tests.cli.conftest import xp
from tests.venues.server import Handle, serving

ACCOUNT = """\
version: 1
extends: {policy}
account:
  id: u{number}
  venue: kraken
  quote: USD
  credentials: env:U{number}
  base_url: {base_url}
  rate_limit: {{burst: 1000, per_second: 100}}
  egress: here
  route: {{source_address: 127.0.0.2}}
"""


def import_accounts(url: str, handle: Handle, folder: Path, count: int) -> None:
    policy = Path(__file__).parents[2] / "policies" / "default.yaml"
    folder.mkdir()
    for number in range(count):
        text = ACCOUNT.format(number=number, base_url=handle.base_url, policy=policy)
        (folder / f"u{number}.yaml").write_text(text, encoding="utf-8")
    assert xp("fleet", "init", "--data", url).code == 0
    assert xp("fleet", "import", str(folder), "--data", url).code == 0


def test_a_tick_reads_accounts_by_the_limits_of_the_fleet(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = snapshot(position("AAA/USD", 10), markets={"AAA/USD": priced()})
    with serving("kraken", account) as handle:
        for number in range(4):
            for name, value in handle.credentials.environment(f"U{number}").items():
                monkeypatch.setenv(name, value)
        import_accounts(postgres_url, handle, tmp_path / "accounts", 4)
        ticked = xp("fleet", "tick", "--data", postgres_url, "--egress", "here", "--processes", "1")
        paths = [call.path.rpartition("/")[2] for call in handle.venue.calls()]
    assert ticked.code == 2  # a position that no strategy knows waits for people
    assert (paths.count("BalanceEx"), paths.count("AssetPairs")) == (4, 1)
    assert paths.count("Ticker") < 4
    with psycopg.connect(postgres_url) as connection:
        scopes = connection.execute("SELECT scope FROM exitplan.buckets").fetchall()
    key = Credentials("", Secret(handle.credentials.key), Secret("")).fingerprint()
    assert set(scopes) == {(f"kraken {handle.base_url} {key}",), (f"kraken {handle.base_url} address here",)}
