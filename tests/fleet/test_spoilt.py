"""What is read into a fleet, or out of its database, may be spoilt in any way: only our own errors come out."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given

from exitplan.fleet import policies
from exitplan.fleet.account_files import AccountReader, split_stream
from exitplan.fleet.importing import read_accounts
from exitplan.fleet.policies import policy_of, policy_text
from exitplan.ruleset.errors import ExitplanError, FileIsInvalid
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.fleet.database import ACCOUNT
from tests.spoiling import fuzzed, spoilt_bytes, spoilt_structure

DEFAULT = shipped_policy("default")
ACCOUNTS = "---\n".join(
    ACCOUNT.format(id=f"u{number}", venue="kraken", number=number, tag=1).replace("../ours.yaml", str(DEFAULT))
    for number in range(3)
).encode()
STORED = policy_text(load_policy(DEFAULT).document)


@fuzzed(40)
@given(spoilt_bytes(ACCOUNTS))
def test_a_spoilt_stream_of_accounts(content: bytes) -> None:
    found = read_accounts(split_stream(Path("-"), content))
    for problem in found.problems:
        assert str(problem)
    assert all(draft.block["id"] and draft.block["venue"] for draft in found.drafts)


@fuzzed(40)
@given(spoilt_bytes(ACCOUNTS))
def test_a_spoilt_account_is_read_as_by_itself(content: bytes) -> None:
    reader = AccountReader()
    for text in split_stream(Path("-"), content):
        said = []
        for one in (reader, AccountReader()):
            try:
                said.append(repr(one.read(text).block))
            except ExitplanError as error:
                said.append(str(error))
        assert said[0] == said[1]


@fuzzed(30)
@given(spoilt_bytes(STORED) | spoilt_structure(json.loads(STORED)).map(lambda value: json.dumps(value).encode()))
def test_a_spoilt_policy_in_the_database(content: bytes) -> None:
    sha256 = load_policy(DEFAULT).policy.sha256
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "_LOADED", {})
        with suppress(FileIsInvalid):
            assert policy_of(sha256, lambda _: content).policy.sha256 == sha256
