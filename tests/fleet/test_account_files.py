"""Account files for the registry: many at once, each read as by itself, and nothing secret in any."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.account_files import AccountDraft, AccountReader, Text, account_texts, split_stream
from exitplan.fleet.importing import read_accounts
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.loading.diagnostics import FileHasProblems
from exitplan.schemas.policies import load_policy
from tests.fleet.database import ACCOUNT, write_accounts

BLOCK = {"id": "a", "venue": "kraken", "quote": "USD", "credentials": "env:A"}


def account(folder: Path, name: str = "a.yaml", **parts: object) -> Text:
    document = {"version": 1, "name": "x", "account": BLOCK, **parts}
    return Text(folder / name, yaml.safe_dump(document, sort_keys=False).encode())


def read(text: Text) -> AccountDraft:
    return AccountReader().read(text)


def problems(text: Text) -> str:
    with pytest.raises(FileHasProblems) as caught:
        read(text)
    return str(caught.value)


def test_accounts_that_differ_in_their_block_alone_share_a_policy(tmp_path: Path) -> None:
    drafts = read_accounts(account_texts(write_accounts(tmp_path, 5))).drafts
    assert len({id(draft.policy) for draft in drafts}) == 1
    assert drafts[0].policy.policy.name == "ours"
    assert [draft.heads for draft in drafts][:2] == [{"name": "user 0"}, {"name": "user 1"}]


blocks = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b.c", "not/one"]),
        "venue": st.sampled_from(["kraken", "paper", "nowhere"]),
        "quote": st.just("USD"),
        "credentials": st.sampled_from(["env:A", "file:keys/a.json", "plain"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "egress": st.sampled_from(["eu-1", ""]),
        "options": st.dictionaries(st.sampled_from(["taker_fee", "api_key"]), st.sampled_from([1, "0.1"]), max_size=1),
    },
)


def said_of(reader: AccountReader, text: Text) -> object:
    try:
        draft = reader.read(text)
    except FileHasProblems as error:
        return str(error)
    return draft.place, draft.block, draft.heads, draft.policy.policy, draft.own_guards


@given(st.lists(st.tuples(blocks, st.sampled_from([5, 6, -1])), min_size=1, max_size=6))
def test_a_file_is_read_as_by_itself_whatever_was_read_before(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[dict[str, object], int]]
) -> None:
    folder, reader = tmp_path_factory.mktemp("made"), AccountReader()
    for block, most in files:
        text = account(folder, account=block, parameters={"max_positions": most})
        assert said_of(reader, text) == said_of(AccountReader(), text)


def test_what_is_merged_is_what_the_file_says(tmp_path: Path) -> None:
    text = account(tmp_path, parameters={"max_positions": 3}, guards={"max_actions": 9})
    (tmp_path / "a.yaml").write_bytes(text.content)
    loaded = load_policy(tmp_path / "a.yaml")
    draft = read(text)
    assert draft.policy.policy == loaded.policy
    assert draft.own_guards == ("max_actions",)
    assert draft.policy.account is None


def test_an_account_block_that_is_inherited_is_merged_for_each(tmp_path: Path) -> None:
    base = account(tmp_path, "base.yaml")
    base.path.write_bytes(base.content)
    reader = AccountReader()
    one = {"version": 1, "extends": "base.yaml", "account": {"id": "one"}}
    two = {"version": 1, "extends": "base.yaml", "account": {"id": "two", "quote": "EUR"}}
    drafts = [reader.read(Text(tmp_path / "x.yaml", yaml.safe_dump(each).encode())) for each in (one, two)]
    assert [(draft.id, draft.block["quote"]) for draft in drafts] == [("one", "USD"), ("two", "EUR")]


def test_paths_hold_wherever_the_account_is_worked_on(tmp_path: Path) -> None:
    paper = {"id": "p", "venue": "paper", "quote": "USD", "options": {"start_from": "seen.json"}}
    assert read(account(tmp_path, account=paper)).block["options"] == {
        "file": str(tmp_path / "p.paper.json"),
        "start_from": str(tmp_path / "seen.json"),
    }
    live = account(tmp_path, account={**BLOCK, "credentials": "file:../keys/a.json"})
    assert read(live).block["credentials"] == f"file:{tmp_path.parent / 'keys' / 'a.json'}"
    at_home = account(tmp_path, account={**BLOCK, "credentials": "file:~/a.json"})
    assert read(at_home).block["credentials"] == "file:~/a.json"


@pytest.mark.parametrize(
    "parts",
    [
        {"credentials": "sk_live_51HxYz8AbCdEf9876543210"},
        {"credentials": "env:AKIA1234567890ABCDEF1234567890"},
        {"credentials": "keyring:kQ7wErTyUiOp12AsDf"},
        {"options": {"apiKey": "x"}},
        {"options": {"extra": "kQ7wErTyUiOp12AsDfGh"}},
        {"base_url": "https://user:kQ7wErTyUiOp12AsDf@example.org"},
    ],
)
def test_a_literal_secret_is_refused_and_not_repeated(tmp_path: Path, parts: dict[str, object]) -> None:
    said = problems(account(tmp_path, account={**BLOCK, **parts}))
    assert "a.yaml" in said
    assert not any(word in said for word in ("sk_live", "AKIA", "kQ7w"))


def test_a_stream_holds_many_accounts_and_a_mistake_is_told_with_its_line() -> None:
    accounts = [
        ACCOUNT.format(id=f"u{number}", venue="kraken", number=number, tag=1).replace("../ours", "policies/default")
        for number in range(3)
    ]
    accounts[1] = accounts[1].replace("venue:", "venu:")
    stream = "# all of them\n---\n" + "---  # the next\n".join(accounts) + "...\n"
    found = read_accounts(split_stream(Path("-"), stream.encode()))
    assert [draft.id for draft in found.drafts] == ["u0", "u2"]
    (problem,) = found.problems
    assert str(problem).startswith("-:18:3: error: account.venu: ")


def test_of_two_accounts_with_one_id_neither_is_sound(tmp_path: Path) -> None:
    texts = [account(tmp_path, "a.yaml"), account(tmp_path, "b.yaml", account={**BLOCK, "id": "A"})]
    found = read_accounts(texts)
    assert not found.drafts
    assert [str(problem) for problem in found.problems] == [
        f"{tmp_path / 'b.yaml'}: the account id 'A' is used by {tmp_path / 'a.yaml'} as well"
    ]


def test_two_accounts_with_the_same_credentials_are_warned_of(tmp_path: Path) -> None:
    found = read_accounts([account(tmp_path), account(tmp_path, "b.yaml", account={**BLOCK, "id": "b"})])
    assert found.warnings == [f"{tmp_path / 'b.yaml'}: b has the same credentials as a: two would sell the same"]


def test_a_policy_without_an_account_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    assert "this is a policy without an account block" in problems(Text(tmp_path / "p.yaml", b"version: 1\nname: x\n"))
    with pytest.raises(FileIsInvalid, match="there are no account files in"):
        list(account_texts(tmp_path))
    with pytest.raises(FileHasProblems, match="the file is empty"):
        read(*split_stream(tmp_path / "p.yaml", b""))


@given(st.text("-. ab\n|#", max_size=40))
def test_a_stream_is_split_where_yaml_ends_its_documents(text: str) -> None:
    try:
        wanted = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError:
        return
    parts = [part for part in split_stream(Path("x"), text.encode()) if part.content]
    lines = text.split("\n")
    assert [
        document for part in parts for document in yaml.safe_load_all(part.content) if document is not None
    ] == wanted
    assert all(lines[part.lines_before :] for part in parts)
