"""The registry in a real Postgres: what is imported is exported, who is set aside, and many at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exitplan.fleet.draining import drain, drains, undo_drain
from exitplan.fleet.importing import Imported, export_accounts, import_accounts, read_accounts, texts_of
from exitplan.fleet.registry import AccountFilter, Registry
from exitplan.fleet.removing import remove_accounts
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount, UsageError
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.fleet.database import registry_at, write_accounts


@pytest.fixture
def registry(postgres_url: str) -> Iterator[Registry]:
    with registry_at(postgres_url) as opened:
        yield opened


def take_in(registry: Registry, *folders: Path, size: int = 150) -> Imported:
    read = read_accounts(texts_of(folders))
    assert not read.problems
    return import_accounts(registry, read.drafts, size)


def test_importing_again_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    folder = write_accounts(tmp_path, 30)
    assert take_in(registry, folder, size=10) == Imported(30, 0, 0, policies=1, shards_opened=3)
    assert take_in(registry, folder, size=10) == Imported(0, 0, 30, policies=1)


def test_importing_the_export_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    folder = write_accounts(tmp_path, 3)
    for name, parts in {
        "own": "guards: {max_actions: 12, max_run_pct: 0.400}\nparameters: {max_positions: 2}\n"
        "protect: [{symbol: BTC/USD, reason: 'mine: \"yes\" \u00e9\u0085'}]\n",
        "exact": "parameters: {dust_usd_threshold: 0.10}\ndescription: 'Of \U0001f600, and # no comment'\n",
    }.items():
        block = (
            f"account: {{id: {name}, venue: paper, quote: USD, tags: ['no', '1'], egress: eu-1,"
            " options: {taker_fee: 0.0010, fee_asset: 'null', depth: {BTC/USD: 1e1}}}\n"
        )
        (folder / f"{name}.yaml").write_text(f"version: 1\nextends: ../ours.yaml\n{parts}{block}", encoding="utf-8")
    take_in(registry, folder)
    before = registry.find()
    assert export_accounts(registry, before, tmp_path / "out") == 5
    assert take_in(registry, tmp_path / "out" / "accounts") == Imported(0, 0, 5, policies=3)
    assert registry.find() == before


def test_only_what_differs_is_changed_and_the_rest_stays_where_it_is(registry: Registry, tmp_path: Path) -> None:
    folder = write_accounts(tmp_path, 20)
    take_in(registry, folder, size=5)
    before = {account.id: account.shard for account in registry.find()}
    (folder / "u7.yaml").write_text((folder / "u7.yaml").read_text().replace("binance", "kraken"))
    (folder / "u8.yaml").unlink()
    assert take_in(registry, folder, size=5) == Imported(0, 1, 18, policies=1, shards_opened=1)
    after = {account.id: account.shard for account in registry.find()}
    assert {name for name in before if before[name] != after[name]} == {"u7"}


def test_an_id_in_other_letters_is_refused(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path / "one", 1))
    other = write_accounts(tmp_path / "two", 1) / "u0.yaml"
    other.write_text(other.read_text().replace("id: u0", "id: U0"))
    with pytest.raises(FileIsInvalid, match="differs in case alone from 'u0'"):
        take_in(registry, other)
    assert [account.id for account in registry.find()] == ["u0"]


def test_credentials_that_another_account_of_the_fleet_has_are_warned_of(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path / "one", 2))
    other = write_accounts(tmp_path / "two", 1) / "u0.yaml"
    other.write_text(other.read_text().replace("id: u0", "id: v0"))
    assert take_in(registry, other).warnings == ("v0 has the same credentials as u0: two would sell the same",)
    assert not take_in(registry, tmp_path / "one" / "policies" / "accounts" / "u1.yaml").warnings


def test_several_imports_at_once_place_every_account_once(registry: Registry, tmp_path: Path) -> None:
    parts = [write_accounts(tmp_path / str(part), 40, venue) for part, venue in enumerate(("binance", "kraken", "okx"))]
    drafts = [read_accounts(texts_of([folder])).drafts for folder in (*parts, *parts)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda some: import_accounts(registry, some, 10), drafts))
    sizes = [len(registry.accounts_of(shard)) for shard in registry.shards()]
    assert sum(sizes) == 40
    assert max(sizes) <= 10


def test_an_account_in_whose_hand_processes_die_is_set_aside_after_two_tries(
    registry: Registry, tmp_path: Path
) -> None:
    take_in(registry, write_accounts(tmp_path, 3))
    assert registry.count_try("u1", "SIGSEGV", "death 1") == 1
    assert len(registry.accounts_of(1)) == 3
    registry.clear_tries(["u1", "u2"])
    assert [registry.count_try("u1", "SIGSEGV", f"death {number}") for number in (2, 3)] == [1, 2]
    assert [account.id for account in registry.accounts_of(1)] == ["u0", "u2"]
    (dead,) = registry.find(AccountFilter(standing="dead"))
    assert (dead.id, dead.why, dead.tries) == ("u1", "SIGSEGV", 2)
    registry.clear_tries(["u1"])
    assert not registry.drain_account("u1", "by hand")
    assert registry.revive("u1")
    assert not registry.revive("u1")
    assert registry.account("u1").tries == 0
    registry.set_aside("u1", "never answers")
    assert registry.account("u1").standing == "dead"


def test_a_death_that_is_told_again_since_the_answer_was_lost_counts_once(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path, 1))
    assert [registry.count_try("u0", "SIGSEGV", "death 1") for _ in range(3)] == [1, 1, 1]
    assert registry.account("u0").standing == "active"
    assert [registry.count_try("u0", "SIGSEGV", "death 2") for _ in range(2)] == [2, 2]
    with registry.transaction() as connection:
        told = connection.execute("SELECT account, convert_from(document, 'UTF8') FROM exitplan.alerts").fetchall()
    assert [account for account, _ in told] == ["u0"]
    assert "ACCOUNT_SET_ASIDE" in told[0][1]


def test_what_is_drained_gets_no_cycle_until_it_is_undone(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path, 4), size=2)
    assert registry.shards() == [1, 2]
    assert drain(registry, "shard", "1", "moves house", "alice@desk")
    assert not drain(registry, "shard", "1", "again", "bob@desk")
    assert registry.shards() == [2]
    assert registry.accounts_of(1) == []
    assert [(one.kind, one.name, one.drained_by) for one in drains(registry)] == [("shard", "1", "alice@desk")]
    assert drain(registry, "venue", "binance", "", "alice@desk")
    assert undo_drain(registry, "shard", "1")
    assert registry.shards() == []
    assert undo_drain(registry, "venue", "binance")
    assert not undo_drain(registry, "venue", "binance")
    assert drain(registry, "account", "u0", "by hand", "alice@desk")
    assert [account.id for account in registry.accounts_of(1)] == ["u1"]
    assert registry.account("u0").why == "by hand"
    assert undo_drain(registry, "account", "u0")
    with pytest.raises(UsageError, match="the fleet has no venue 'binanc'"):
        drain(registry, "venue", "binanc", "", "alice@desk")
    with pytest.raises(NoSuchAccount, match="the fleet has no account 'u9'"):
        drain(registry, "account", "u9", "", "alice@desk")
    with pytest.raises(UsageError, match="the fleet has no worker 'w1'"):
        undo_drain(registry, "worker", "w1")


def test_accounts_move_to_a_policy_that_is_stored(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path, 3))
    sha256 = registry.add_policy(load_policy(shipped_policy("conservative")))
    assert registry.move_policy(["u0", "u2"], sha256) == 2
    assert registry.move_policy(["u0"], sha256) == 0
    assert [account.id for account in registry.find(AccountFilter(policy=sha256[:10]))] == ["u0", "u2"]
    assert registry.policy(sha256).policy.name == "conservative"


def test_accounts_are_found_by_what_they_have(registry: Registry, tmp_path: Path) -> None:
    take_in(registry, write_accounts(tmp_path, 6), size=4)
    assert [account.id for account in registry.find(AccountFilter(tag="desk-1", venue="binance"))] == ["u1", "u4"]
    assert [account.id for account in registry.find(AccountFilter(shard=2))] == ["u4", "u5"]
    assert [account.id for account in registry.find(limit=2)] == ["u0", "u1"]
    assert remove_accounts(registry, ["u0"]) == ["u0"]
    with pytest.raises(NoSuchAccount, match="no account 'u0'"):
        registry.account("u0")


def test_rebalancing_moves_accounts_once(registry: Registry, tmp_path: Path) -> None:
    folder = write_accounts(tmp_path, 30)
    take_in(registry, folder, size=30)
    planned = registry.rebalance(10, dry_run=True)
    assert registry.rebalance(10) == planned
    assert len(planned.placed) == 17
    assert not registry.rebalance(10).placed
    assert registry.assign_shards(10).placed == {}
