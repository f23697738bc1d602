"""Take accounts into the registry from files, and write them back as files that would change nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitplan.executor.accounts.account import NEEDED
from exitplan.executor.store.files import write_atomically
from exitplan.fleet.account_files import AccountDraft, AccountReader, Text, account_texts, split_stream
from exitplan.fleet.policies import canonical_text
from exitplan.fleet.registry import FleetAccount, Registry, Row, place, put_policies
from exitplan.fleet.sharding import USUAL_SIZE, Sizes
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.schemas.layout.writing import document_text

if TYPE_CHECKING:
    from psycopg import Connection

Advance = Callable[[], object]


@dataclass(slots=True)
class Read:
    """What reading account files came to: the sound ones, what is wrong with others, and what is worth a look."""

    drafts: list[AccountDraft] = field(default_factory=list)
    problems: list[FileIsInvalid] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to, in accounts; ``policies`` counts the different ones among them.

    ``warnings`` are about accounts that the fleet had before.
    """

    added: int
    changed: int
    unchanged: int
    policies: int
    shards_opened: int = 0
    warnings: tuple[str, ...] = ()


def texts_of(paths: Sequence[Path], stdin: bytes | None = None) -> list[Text]:
    """List the documents of files and folders, each once; ``-`` is what came on stdin. Raises FileIsInvalid."""
    found: dict[tuple[str, int], Text] = {}
    for path in paths:
        for text in split_stream(path, stdin or b"") if str(path) == "-" else account_texts(path):
            found.setdefault((os.path.realpath(text.path), text.lines_before), text)
    return list(found.values())


def read_accounts(texts: Iterable[Text], advance: Advance = lambda: None) -> Read:
    """Read account files, each by itself; of two that carry one id neither is sound."""
    reader, read = AccountReader(), Read()
    first: dict[str, AccountDraft] = {}
    clashing: set[str] = set()
    for text in texts:
        try:
            draft = reader.read(text)
        except FileIsInvalid as error:
            read.problems.append(error)
        else:
            earlier = first.setdefault(draft.id.casefold(), draft)
            if earlier is not draft:
                clashing.add(draft.id.casefold())
                read.problems.append(_twice(draft, earlier))
        advance()
    read.drafts = [draft for name, draft in first.items() if name not in clashing]
    read.warnings = list(_shared_credentials(read.drafts))
    return read


def _twice(draft: AccountDraft, earlier: AccountDraft) -> FileIsInvalid:
    hint = "two accounts must not share their state; give one of them another id"
    return FileIsInvalid(f"{draft.place}: the account id {draft.id!r} is used by {earlier.place} as well", hint=hint)


def _shared_credentials(drafts: Iterable[AccountDraft]) -> Iterator[str]:
    holders: dict[tuple[str, str], AccountDraft] = {}
    for draft in drafts:
        reference = draft.block.get("credentials")
        if reference:
            first = holders.setdefault((str(draft.block["venue"]), str(reference)), draft)
            if first is not draft:
                yield f"{draft.place}: {_same_credentials(draft.id, first.id)}"


def _same_credentials(one: str, other: str) -> str:
    return f"{one} has the same credentials as {other}: two would sell the same"


# --- into the registry ---

_INCOMING = """
CREATE TEMPORARY TABLE incoming (
    account TEXT, venue TEXT, quote TEXT, block JSONB, heads JSONB, policy TEXT, own_guards TEXT[], tags TEXT[],
    egress TEXT
) ON COMMIT DROP
"""
_CLASH = """
SELECT i.account, a.account FROM incoming i JOIN exitplan.accounts a ON lower(a.account) = lower(i.account)
WHERE a.account <> i.account LIMIT 1
"""
_SHARED = """
SELECT i.account, a.account FROM incoming i
JOIN exitplan.accounts a ON a.venue = i.venue AND a.block ->> 'credentials' = i.block ->> 'credentials'
WHERE NOT EXISTS (SELECT FROM incoming o WHERE o.account = a.account) ORDER BY i.account, a.account LIMIT 100
"""
_PARTS = ("venue", "quote", "block", "heads", "policy", "own_guards", "tags", "egress")
_MERGE = f"""
INSERT INTO exitplan.accounts AS a (account, {", ".join(_PARTS)})
SELECT account, {", ".join(_PARTS)} FROM incoming ORDER BY account
ON CONFLICT (account) DO UPDATE
SET ({", ".join(_PARTS)}) = ROW ({", ".join(f"excluded.{part}" for part in _PARTS)}), changed_at = now()
WHERE ({", ".join(f"a.{part}" for part in _PARTS)})
    IS DISTINCT FROM ({", ".join(f"excluded.{part}" for part in _PARTS)})
RETURNING added_at = changed_at
"""  # noqa: S608 - names of columns


def import_accounts(registry: Registry, drafts: Sequence[AccountDraft], size: int = USUAL_SIZE) -> Imported:
    """Put accounts into the registry, all or none: new ones are added and placed, others changed where they differ.

    What is not among them stays. Raises FileIsInvalid for an id that is known in other letters.
    """
    with registry.transaction() as connection:
        put_policies(connection, (draft.policy for draft in drafts))
        connection.execute(_INCOMING)
        _copy(connection, drafts)
        clash = connection.execute(_CLASH).fetchone()
        if clash is not None:
            mine, known = clash
            raise FileIsInvalid(
                f"the account id {mine!r} differs in case alone from {known!r}, which the fleet has",
                hint=f"write id: {known}; it is one account",
            )
        shared = [_same_credentials(mine, known) for mine, known in connection.execute(_SHARED)]
        are_new = [bool(is_new) for (is_new,) in connection.execute(_MERGE)]
        moves = place(connection, Sizes(size))
    added = sum(are_new)
    policies = len({draft.policy.policy.sha256 for draft in drafts})
    changed, unchanged = len(are_new) - added, len(drafts) - len(are_new)
    return Imported(added, changed, unchanged, policies, len(moves.opened), tuple(shared))


def _copy(connection: Connection[Row], drafts: Iterable[AccountDraft]) -> None:
    columns = f"account, {', '.join(_PARTS)}"
    with connection.cursor() as cursor, cursor.copy(f"COPY incoming ({columns}) FROM STDIN") as copy:
        for draft in drafts:
            block = draft.block
            copy.write_row((
                draft.id, str(block["venue"]), str(block["quote"]), canonical_text(block).decode(),
                canonical_text(draft.heads).decode(), draft.policy.policy.sha256, list(draft.own_guards),
                [str(tag) for tag in block.get("tags") or ()], str(block.get("egress") or ""),
            ))  # fmt: skip


# --- back to files ---


def export_accounts(registry: Registry, accounts: Iterable[FleetAccount], folder: Path) -> int:
    """Write accounts as files, and the policies that they are under; returns how many accounts.

    Importing the folder changes nothing. Files of the same name are written over; others stay. Raises
    DataFolderUnusable.
    """
    names: dict[str, str] = {}
    count = 0
    for account in accounts:
        if account.policy_sha256 not in names:
            names[account.policy_sha256] = _write_policy(registry, account.policy_sha256, folder)
        document = account_document(account, registry, names[account.policy_sha256])
        _write(folder / "accounts" / f"{account.id}.yaml", document)
        count += 1
    return count


def account_document(account: FleetAccount, registry: Registry, policy_file: str) -> dict[str, Any]:
    """Return an account as its file describes it; ``policy_file`` is what it extends."""
    guards = registry.policy(account.policy_sha256).document.get("guards") or {}
    own = {name: guards[name] for name in account.own_guards if name in guards}
    extends = {"extends": f"../policies/{policy_file}"}
    return {
        "version": 1,
        **(account.heads or {}),
        **extends,
        **({"guards": own} if own else {}),
        "account": dict(sorted(account.block.items(), key=_place_of)),
    }


def _place_of(entry: tuple[str, Any]) -> tuple[int, str]:
    """Return where an entry of an account block goes: what says who it is comes first."""
    return ([*NEEDED, entry[0]].index(entry[0]), entry[0])


def _write_policy(registry: Registry, sha256: str, folder: Path) -> str:
    loaded = registry.policy(sha256)
    word = "".join(char if char.isalnum() and char.isascii() else "-" for char in loaded.policy.name).strip("-")
    name = f"{word or 'policy'}-{sha256[:12]}.yaml"
    _write(folder / "policies" / name, loaded.document)
    return name


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, document_text(document).encode(), is_durable=False)  # it is in the database
