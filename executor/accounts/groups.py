"""The groups of a project: the policy of each, and the accounts that name it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exitplan.executor.accounts.account import AccountFile, read_account_files
from exitplan.ruleset.errors import FileIsInvalid, NoSuchAccount
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.language.problems import Problem, nearest
from exitplan.schemas.group_files import GROUPS_FOLDER
from exitplan.schemas.groups import LoadedGroup, load_group
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, locate

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
    broken (it may be one of the group's), where two of its accounts are the same one at its venue, or for what
    :func:`group_problems` finds.
    """
    paths = group_files(root)
    if name not in paths:
        raise _no_such_group(name, list(paths))
    loaded = load_group(paths[name])
    files = read_account_files(root)
    if files.broken:
        raise files.broken[0].error
    members = {account: file for account, file in sorted(files.sound.items()) if file.group == name}
    if problems := group_problems(loaded, members):
        raise FileHasProblems(problems)
    _ensure_distinct(name, members)
    return Group(loaded, members)


def group_problems(loaded: LoadedGroup, members: Collection[str]) -> list[Diagnostic]:
    """Find what is wrong with a group by the accounts that name it: too few, or a listed position of none of them."""
    document, problems = loaded.document, list[Problem]()
    if len(members) < FEWEST:
        said = f"only {next(iter(members))} names it" if members else "no account file names it"
        hint = f"write in the account block of each of its accounts: group: {loaded.policy.name}"
        problems.append(Problem(("name",), f"a group is of two accounts or more, and {said}", hint=hint))
    for number, pair in enumerate(loaded.policy.pairs.listed):
        for place, position in enumerate(pair):
            if position.account not in members:
                near = nearest(position.account, list(members))
                hint = f"did you mean {near!r}?" if near else f"its accounts are: {', '.join(members)}"
                path = ("pairs", "listed", number, place)
                problems.append(Problem(path, f"{position.account} is not in the group", hint=hint))
    return [locate(problem, document.marks, {document.name: document.source}) for problem in problems]


def _no_such_group(name: str, known: list[str]) -> NoSuchAccount:
    hint = hint_of_group(name, known)
    if not known:
        hint += f", and group: {name} into its accounts' files"
    return NoSuchAccount(f"there is no group {name!r}", hint=hint)


def hint_of_group(name: str, known: Sequence[str]) -> str:
    """Say what may be meant by the name of a group that there is not."""
    near = nearest(name, known)
    if near:
        return f"did you mean {near!r}?"
    if known:
        return f"the groups are: {', '.join(known)}"
    return f"write its policy into policies/{GROUPS_FOLDER}/{name}.yaml"


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
