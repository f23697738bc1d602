"""What is about files as such, and is refused for an account that is kept elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from exitplan.executor.accounts.account import AccountRequest, open_account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.restore import restore
from exitplan.executor.store.file_store import FileStore, folder_of
from exitplan.executor.store.history import import_state, restore_state
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import UsageError
from tests.executor.conftest import Stage
from tests.executor.scene import legacy

ELSEWHERE = cast("AccountStore", SimpleNamespace(account="desk", place="postgresql://db.example/exitplan"))


def test_the_folder_of_a_store_of_files_is_where_its_files_are(tmp_path: Path) -> None:
    assert folder_of(FileStore.of(tmp_path, "desk")) == DataFolder.of(tmp_path, "desk")


def test_what_works_on_files_is_refused_for_another_store_with_what_to_use_instead(on_stage: Stage) -> None:
    account = replace(on_stage(legacy()).open(), store=ELSEWHERE)
    for work in (import_state, restore_state, lambda one: restore(one, Path("copy"))):
        with pytest.raises(UsageError, match="desk is kept in postgresql:") as refusal:
            work(account)
        assert "pg_dump" in str(refusal.value.hint)


def test_an_account_is_opened_with_the_store_that_its_opener_finds(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.open()
    file = str(scene.root / "account.yaml")
    opened = open_account(AccountRequest(scene.clock, file, store_of=lambda _: ELSEWHERE, offline=True))
    assert opened.store is ELSEWHERE
