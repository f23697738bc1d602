"""Which accounts are meant: by id, by the path of a file, by tag, or all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exitplan.executor.accounts.account import (
    AccountFile,
    AccountFiles,
    is_path,
    load_account_file,
    no_such_account,
    read_account_files,
)
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.ruleset.errors import ExitplanError, FileIsInvalid, NoSuchAccount, UsageError
from exitplan.ruleset.language.problems import nearest


@dataclass(frozen=True, slots=True)
class AccountSelection:
    """Accounts by id or path, by tag, or all that there are; whoever is meant twice is taken once.

    ``is_for_one`` tells whether it is the selection of one account, which may be left to be guessed.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    every: bool = False

    @property
    def is_for_one(self) -> bool:
        """Whether at most one account is named, and no others are asked for."""
        return not self.every and not self.tags and len(set(self.names)) <= 1

    @property
    def only_name(self) -> str | None:
        """The one account that is named; raises UsageError where several may be meant."""
        if not self.is_for_one:
            raise UsageError("this is about one account at a time", hint="name it with --account")
        return self.names[0] if self.names else None


@dataclass(frozen=True, slots=True)
class Selected:
    """An account that is meant: its file, or why there is none to use; ``name`` is its id, else what stands for it."""

    name: str
    file: AccountFile | ExitplanError

    @property
    def venue(self) -> str | None:
        """The venue of the account; None where its file cannot be used."""
        return self.file.venue if isinstance(self.file, AccountFile) else None


def select_accounts(selection: AccountSelection, root: Path = Path()) -> tuple[Selected, ...]:
    """Find the accounts that are meant: those named in their order, then the platform account, then the others by id.

    An account whose file is broken is given with what is wrong; so is, where a tag or all are asked for, every broken
    file, since it may be meant. Raises NoSuchAccount for an id or tag that no file carries, UsageError where two files
    that were named carry one id.
    """
    files = read_account_files(root)
    selected = [_named(name, files, root) for name in dict.fromkeys(selection.names)]
    if selection.every and not files.sound and not files.broken:
        raise no_such_account(None, [], root)
    if selection.every or selection.tags:
        selected += _wanted(selection, files)
    return tuple(_each_once(selected))


def _named(name: str, files: AccountFiles, root: Path) -> Selected:
    if is_path(name):
        try:
            loaded = load_account_file(Path(name))
        except FileIsInvalid as error:
            return Selected(name, error)
        return Selected(loaded.id, loaded)
    file = files.sound.get(name) or files.problem_of(name)
    if file is None:
        raise no_such_account(name, list(files.sound), root)
    return Selected(name, file)


def _wanted(selection: AccountSelection, files: AccountFiles) -> Iterator[Selected]:
    """Return what is asked for by tag or altogether, the platform account first."""
    carried = frozenset[str]().union(*(file.tags for file in files.sound.values()))
    missing = [tag for tag in selection.tags if tag not in carried]
    if missing and not files.broken:
        raise _no_such_tag(missing[0], sorted(carried))
    for name, file in sorted(files.sound.items(), key=lambda item: (item[0] != PLATFORM, item[0])):
        if selection.every or file.tags & set(selection.tags):
            yield Selected(name, file)
    for broken in files.broken:
        yield Selected(broken.id or str(broken.path), broken.error)


def _no_such_tag(tag: str, known: Sequence[str]) -> NoSuchAccount:
    near = nearest(tag, known)
    hint = f"did you mean {near!r}?" if near else f"the tags are: {', '.join(known)}" if known else None
    return NoSuchAccount(f"no account file carries the tag {tag!r}", hint=hint)


def _each_once(selected: Sequence[Selected]) -> Iterator[Selected]:
    """Leave out what was found before; raises UsageError where one id stands for two files."""
    files: dict[str, Selected] = {}
    for entry in selected:
        first = files.setdefault(entry.name, entry)
        if first is entry:
            yield entry
        elif _place(first) != _place(entry):
            raise UsageError(
                f"the account id {entry.name!r} is used by {_place(first)} and {_place(entry)}",
                hint="two accounts must not share their state; give one of them another id",
            )


def _place(entry: Selected) -> Path | None:
    return entry.file.path.resolve() if isinstance(entry.file, AccountFile) else None
