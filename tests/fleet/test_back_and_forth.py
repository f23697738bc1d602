"""The law of import and export: what is written back means what was taken in, and taking it in changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.importing import Imported, export_accounts, import_accounts, read_accounts, texts_of
from exitplan.fleet.registry import Registry
from exitplan.fleet.removing import remove_accounts
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.conftest import examples
from tests.fleet.database import registry_at

texts = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=12).filter(str.strip)
shares = st.integers(1, 400).map(lambda number: number / 1000)
blocks = st.fixed_dictionaries(
    {"venue": st.just("paper"), "quote": st.sampled_from(["USD", "EUR", "NO"])},
    optional={
        "tags": st.lists(texts, max_size=3),
        "egress": st.sampled_from(["eu-1", "null", "1e3"]),
        "market_types": st.just(["spot", "swap"]),
        "options": st.fixed_dictionaries(
            {},
            optional={
                "taker_fee": shares.map(str) | shares,
                "depth": st.dictionaries(st.just("BTC/USD"), st.integers(1, 9), max_size=1),
            },
        ),
    },
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "description": texts,
        "parameters": st.fixed_dictionaries({"max_positions": st.integers(1, 50)}),
        "guards": st.fixed_dictionaries({}, optional={"max_actions": st.integers(1, 99), "max_run_pct": shares}),
        "protect": st.lists(
            st.fixed_dictionaries({"symbol": st.just("BTC/USD"), "reason": texts}), min_size=1, max_size=1
        ),
        "aliases": st.just({"MATIC": "POL"}),
    },
)
fleets = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9][a-z0-9._-]{0,9}", fullmatch=True), st.tuples(blocks, parts), max_size=6
)


@pytest.fixture(scope="module")
def registry(new_database: Callable[[], str]) -> Iterator[Registry]:
    with registry_at(new_database()) as opened:
        yield opened


@examples(15, 100)
@given(fleets.filter(lambda fleet: fleet and len({name.casefold() for name in fleet}) == len(fleet)), st.integers(1, 4))
def test_importing_an_export_changes_nothing(
    registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
    fleet: dict[str, tuple[dict[str, Any], dict[str, Any]]],
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    for number, (name, (block, more)) in enumerate(fleet.items()):
        document = {"version": 1, "extends": str(shipped_policy("default")), **more, "account": {"id": name, **block}}
        (folder / f"{number}.yaml").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    remove_accounts(registry, [account.id for account in registry.find()])
    read = read_accounts(texts_of([folder]))
    assert not read.problems
    import_accounts(registry, read.drafts, size)
    before = registry.find()
    out = folder / "out"
    export_accounts(registry, before, out)
    again = read_accounts(texts_of([out / "accounts"]))
    assert not again.problems
    assert import_accounts(registry, again.drafts, size) == Imported(
        0, 0, len(fleet), len({account.policy_sha256 for account in before})
    )
    assert registry.find() == before
    for account in before:
        written = load_policy(out / "accounts" / f"{account.id}.yaml")
        assert written.account == account.block
        assert written.policy.protect == registry.policy(account.policy_sha256).policy.protect
        assert written.policy.guards == registry.policy(account.policy_sha256).policy.guards
