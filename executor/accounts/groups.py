"""The groups of a project: the policy of each, and the accounts that name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exitplan.executor.accounts.account import AccountFile, read_account_files
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.language.problems import nearest
from exitplan.schemas.groups import GROUPS_FOLDER, LoadedGroup, load_group

FEWEST = 2
"""A group of one account has nothing to net."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of accounts: its policy, and the files of its accounts by id."""

    loaded: LoadedGroup
    files: Mapping[str, AccountFile]

    @property
    def policy(self) -> GroupPolicy:
        """What is asked of all of them together."""
        return self.loaded.policy


def group_files(root: Path = Path()) -> dict[str, Path]:
    """Find the policies of groups below a project, by the names of their files."""
    folder = root / "policies" / GROUPS_FOLDER
    paths = sorted(path for path in folder.glob("*") if path.suffix in {".yaml", ".yml"}) if folder.is_dir() else []
    return {path.stem: path for path in paths}


def open_group(name: str, root: Path = Path()) -> Group:
    """Open a group: its policy, and every account file that names it.

    Raises NoSuchAccount for a group that there is not, and FileIsInvalid where its file or that of any account is
    broken (it may be one of the group's), where fewer than two accounts name it, where two of them are the same account
    at its venue, or where its policy lists a position of none of them.
    """
    paths = group_files(root)
    if name not in paths:
        raise _no_such_group(name, list(paths))
    loaded = load_group(paths[name])
    files = read_account_files(root)
    if files.broken:
        raise files.broken[0].error
    members = {account: file for account, file in sorted(files.sound.items()) if file.group == name}
    if len(members) < FEWEST:
        said = f"only {next(iter(members))} names it" if members else "no account file names it"
        hint = f"write in the account block of each of its accounts: group: {name}"
        raise FileIsInvalid(f"{paths[name]}: a group is of two accounts or more, and {said}", hint=hint)
    _ensure_distinct(name, members)
    _ensure_listed(loaded, members)
    return Group(loaded, members)


def _no_such_group(name: str, known: list[str]) -> NoSuchAccount:
    near = nearest(name, known)
    if near:
        hint = f"did you mean {near!r}?"
    elif known:
        hint = f"the groups are: {', '.join(known)}"
    else:
        hint = f"write its policy into policies/{GROUPS_FOLDER}/{name}.yaml, and group: {name} into its accounts' files"
    return NoSuchAccount(f"there is no group {name!r}", hint=hint)


def _ensure_distinct(name: str, members: Mapping[str, AccountFile]) -> None:
    """Raise FileIsInvalid where one account at a venue is in the group twice: it would be counted twice."""
    seen: dict[tuple[str, str], str] = {}
    for account, file in members.items():
        reference = file.block.get("credentials")
        if not reference:
            continue
        for mark in filter(None, (str(reference), file.identity().key)):
            first = seen.setdefault((file.venue, mark), account)
            if first != account:
                raise FileIsInvalid(
                    f"the group {name} has {first} and {account}, which are one account at {file.venue}",
                    hint="what one account holds would be counted twice: take one of them out of the group",
                )


def _ensure_listed(loaded: LoadedGroup, members: Mapping[str, AccountFile]) -> None:
    for pair in loaded.policy.pairs.listed:
        for position in pair:
            if position.account not in members:
                near = nearest(position.account, list(members))
                hint = f"did you mean {near!r}?" if near else f"its accounts are: {', '.join(members)}"
                raise FileIsInvalid(
                    f"{loaded.path}: pairs.listed names {position.account}, which is not in the group", hint=hint
                )
