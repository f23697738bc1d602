"""Accounts of a fleet at a venue over HTTP: their workers share its limits, its prices and its listings."""

from __future__ import annotations

from decimal import Decimal
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


POLICIES = Path(__file__).parents[2] / "policies"
ADAPTIVE = f"""\
version: 1
name: by volatility
extends: {POLICIES / "adaptive.yaml"}
approval: {{mode: auto, kinds: [unwind], max_value: 500000}}
guards: {{max_equity_change_pct: 0.9}}
"""


def import_accounts(
    url: str, handle: Handle, folder: Path, count: int, policy: Path = POLICIES / "default.yaml"
) -> None:
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
        ((calls,),) = connection.execute("SELECT figures -> 'calls' FROM exitplan.cycles").fetchall()
    assert calls == {"kraken": {"ok": len(paths)}}
    key = Credentials("", Secret(handle.credentials.key), Secret("")).fingerprint()
    assert set(scopes) == {(f"kraken {handle.base_url} {key}",), (f"kraken {handle.base_url} address here",)}


def test_unwinds_of_a_fleet_go_by_the_volatility_that_its_workers_read_ahead(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "policy.yaml").write_text(ADAPTIVE, encoding="utf-8")
    held = [position(symbol, 100) for symbol in ("CALM/USD", "WILD/USD")]
    account = snapshot(*held, markets={one.symbol: priced() for one in held})
    with serving("kraken", account) as handle:
        handle.venue.history |= {"CALM/USD": ["100", "102"] * 20, "WILD/USD": ["100", "108"] * 20}
        for name, value in handle.credentials.environment("U0").items():
            monkeypatch.setenv(name, value)
        import_accounts(postgres_url, handle, tmp_path / "accounts", 1, tmp_path / "policy.yaml")
        ticked = xp("fleet", "tick", "--data", postgres_url, "--egress", "here", "--processes", "1")
        left = {one.symbol: one.quantity for one in handle.venue.snapshot().positions}
        asked = [call.path for call in handle.venue.calls()].count("/0/public/OHLC")
    assert (ticked.code, asked) == (2, 2), ticked.out + ticked.err  # what is left is unwound on the next days
    # At the 4 % a day of the schedule 68.511 are left, whatever the market; by a fixed schedule 75 would be.
    assert (left["WILD/USD"] < Decimal("68.511"), Decimal("68.511") < left["CALM/USD"] < 75) == (True, True), left
