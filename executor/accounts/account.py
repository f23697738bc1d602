"""Open an account: its file, its policy loaded into the engine, its broker, and where its data is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from exitplan.brokers.clock_offset import ClockOffset
from exitplan.brokers.identity import Identity, identity_of
from exitplan.brokers.protocol import Broker, Clock
from exitplan.brokers.registry import open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.accounts.null_broker import OfflineBroker
from exitplan.executor.signing.approval import SignatureRule
from exitplan.executor.store.file_store import FileStore, folder_of
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.store.tracker import Tracker
from exitplan.ruleset.engine.rulebook import Rulebook, rulebook_of
from exitplan.ruleset.errors import AccountUnreadable, FileIsInvalid, NoSuchAccount, UsageError
from exitplan.ruleset.language.problems import nearest
from exitplan.schemas.policies import LoadedPolicy, load_policy

ACCOUNT_FOLDERS = ("policies/accounts", "accounts")
"""Where account files are looked for, below the working folder."""
NEEDED = {"id": "main", "venue": "paper", "quote": "USD"}
"""What an account block must say, with an example of each."""
_NO_FILES = "name the project's folder with -C DIR or EXITPLAN_HOME; make one to try with: exitplan init"


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """Which account is meant and how: ``account`` is an id or a path, ``policy`` replaces the account's own policy.

    ``find`` finds it where accounts are in no files, and ``store_of`` where it keeps its data; without them that is in
    files below ``root`` and ``data``.
    ``overrides`` are parameters set over the policy. An account that is opened ``offline`` needs no keys and cannot ask
    its venue: for those who read the account's files and nothing else.
    """

    clock: Clock
    account: str | None = None
    policy: Path | None = None
    data: Path = Path("data")
    store_of: StoreOpener | None = None
    find: Callable[[str | None], AccountFile] | None = None
    overrides: Mapping[str, Decimal | int] = field(default_factory=dict)
    root: Path = Path()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account ready to be planned for.

    ``identity`` is which account at its venue it is, ``own_tracker`` a position tracker that is not the one in its
    store, ``signature_rule`` who has to sign its plans.
    """

    id: str
    venue: str
    quote: str
    file: Path
    loaded: LoadedPolicy
    rulebook: Rulebook
    broker: Broker
    store: AccountStore
    clock: Clock
    overrides: Mapping[str, Decimal | int]
    identity: Identity
    own_tracker: Tracker | None = None
    signature_rule: SignatureRule | None = None

    @property
    def tracker(self) -> Tracker:
        """The position tracker: that of the account's store unless there is another."""
        return self.own_tracker or self.store.tracker

    @property
    def folder(self) -> DataFolder:
        """Where the account keeps its files, for what is about files as such; raises UsageError where it has none."""
        return folder_of(self.store)

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the venue's clock is off ours by what was read last; None where it tells no time."""
        try:
            return self.broker.capabilities.clock_offset
        except AccountUnreadable:  # it was opened without its venue
            return None


@dataclass(frozen=True, slots=True)
class AccountFile:
    """An account file that is sound; ``loaded`` is its policy, with nothing set over it.

    ``load`` loads it anew with parameters set over it, where it is in no file; ``path`` is then what messages call it.
    """

    path: Path
    loaded: LoadedPolicy
    load: Callable[[Mapping[str, Decimal | int]], LoadedPolicy] | None = field(default=None, repr=False, compare=False)

    @property
    def block(self) -> Mapping[str, Any]:
        """The account block."""
        return self.loaded.account or {}

    @property
    def id(self) -> str:
        """The account's id."""
        return str(self.block["id"])

    @property
    def venue(self) -> str:
        """The venue that the account is at."""
        return str(self.block["venue"])

    @property
    def tags(self) -> frozenset[str]:
        """The words to find the account by."""
        return frozenset(str(tag) for tag in self.block.get("tags") or ())

    @property
    def group(self) -> str | None:
        """The group of accounts that it belongs to; None for none."""
        name = self.block.get("group")
        return None if name is None else str(name)

    @property
    def signature_rule(self) -> SignatureRule | None:
        """Who has to sign the account's plans; None where nobody has."""
        return SignatureRule.of(self.block, self.path)

    def loaded_with(self, overrides: Mapping[str, Decimal | int]) -> LoadedPolicy:
        """Load its policy with parameters set over it; raises FileHasProblems."""
        return load_policy(self.path, overrides) if self.load is None else self.load(overrides)

    def identity(self, *, keyring: bool = False) -> Identity:
        """Identify the account at its venue; its key is read where it is at hand, from a keyring only when told so."""
        return identity_of(self.block, self.path.parent, keyring=keyring)


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """An account file that cannot be used and why; ``id`` is None where it cannot be read."""

    path: Path
    error: FileIsInvalid
    id: str | None = None


@dataclass(frozen=True, slots=True)
class AccountFiles:
    """The account files below a folder; a broken one does not hide the others."""

    sound: Mapping[str, AccountFile]
    broken: tuple[BrokenFile, ...]

    def problem_of(self, name: str) -> FileIsInvalid | None:
        """Return why an account that is not among the sound ones may be in a broken file; None where all are sound.

        Where no file is sound, any broken one tells more than that there is no account.
        """
        alike = name.casefold()
        named = [broken.error for broken in self.broken if broken.id is not None and broken.id.casefold() == alike]
        unnamed = [broken.error for broken in self.broken if broken.id is None]
        others = [] if self.sound else [broken.error for broken in self.broken]
        return next(iter([*named, *unnamed, *others]), None)


def find_account_files(root: Path) -> list[Path]:
    """List the account files below a folder, by name."""
    folders = [root / name for name in ACCOUNT_FOLDERS]
    paths = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted(path for path in paths if path.suffix in {".yaml", ".yml"})


def is_account_file(path: Path) -> bool:
    """Check whether a file lies in a folder of account files."""
    folder = path.resolve().parent.as_posix()
    return any(folder.endswith(f"/{name}") for name in ACCOUNT_FOLDERS)


def read_account_files(root: Path, load: Callable[[Path], AccountFile] | None = None) -> AccountFiles:
    """Load the account files below a folder; of two that carry one id neither can be used.

    ``load`` loads one of them, for who knows which have changed; it raises FileIsInvalid.
    """
    sound: dict[str, AccountFile] = {}
    broken: list[BrokenFile] = []
    for path in find_account_files(root):
        try:
            file = (load or load_account_file)(path)
        except FileIsInvalid as error:
            broken.append(BrokenFile(path, error))
            continue
        # Ids that differ in case are one folder on some disks, and one account to a person.
        first = sound.setdefault(file.id.casefold(), file)
        if first is not file:
            as_there = "" if first.id == file.id else f", as {first.id!r}"
            clash = FileIsInvalid(f"{path}: the account id {file.id!r} is used by {first.path} as well{as_there}")
            broken.append(BrokenFile(path, clash, file.id))
    clashing = {entry.id.casefold() for entry in broken if entry.id is not None}
    return AccountFiles({file.id: file for name, file in sound.items() if name not in clashing}, tuple(broken))


def load_account_file(path: Path) -> AccountFile:
    """Load one account file; raises FileIsInvalid, also for a policy without an account block."""
    loaded = load_policy(path)
    if not loaded.account:
        raise FileIsInvalid(
            f"{path}: this is a policy without an account block",
            hint="name an account file, or plan from a recorded account with --snapshot FILE --policy FILE",
        )
    missing = [name for name in NEEDED if not loaded.account.get(name)]
    if missing:
        raise FileIsInvalid(f"{path}: the account block says nothing of its {', '.join(missing)}")
    return AccountFile(path, loaded)


def is_path(account: str) -> bool:
    """Distinguish the path of an account file from an id."""
    return Path(account).suffix in {".yaml", ".yml"} or "/" in account


def open_account(request: AccountRequest) -> Account:
    """Open an account; without a name the platform account, else the only one there is.

    Raises NoSuchAccount, FileIsInvalid for a broken account file or policy, also for a venue that is not known.
    """
    return open_account_file(find_account(request), request)


def open_account_file(file: AccountFile, request: AccountRequest) -> Account:
    """Open the account of a file that was found already, with the policy and overrides of a request.

    Raises as :func:`open_account` does.
    """
    loaded, store = file.loaded, _store_of(file, request)
    if request.policy is not None:
        loaded = load_policy(request.policy, request.overrides, account=file.loaded)
    elif request.overrides:
        loaded = file.loaded_with(request.overrides)
    return Account(
        id=file.id,
        venue=file.venue,
        quote=str(file.block["quote"]),
        file=file.path,
        loaded=loaded,
        rulebook=rulebook_of(loaded.policy),
        broker=_broker_of(file, request, loaded.policy.cash.keep),
        store=store,
        clock=request.clock,
        overrides=request.overrides,
        identity=file.identity(keyring=not request.offline),
        signature_rule=file.signature_rule,
    )


def _store_of(file: AccountFile, request: AccountRequest) -> AccountStore:
    if request.store_of is not None:
        return request.store_of(file.id)
    store = FileStore.of(request.data, file.id)
    ensure_one_spelling(store.folder, file.path)
    return store


def ensure_one_spelling(folder: DataFolder, file: Path) -> None:
    """Raise FileIsInvalid where an account has its history under the same id in other letters."""
    own = PLATFORM if folder.path == folder.root else folder.path.name
    try:
        known = [PLATFORM, *(place.name for place in (folder.root / "users").iterdir())]
    except OSError:
        known = [PLATFORM]
    other = next((name for name in known if name != own and name.casefold() == own.casefold()), None)
    if other is not None and own not in known:
        raise FileIsInvalid(
            f"{file}: the account id {own!r} differs in case alone from {other!r}, which is known in {folder.root}",
            hint=f"write id: {other}; it is one account",
        )


def _broker_of(file: AccountFile, request: AccountRequest, keep: tuple[str, ...]) -> Broker:
    if request.offline:
        return cast("Broker", OfflineBroker(file.venue))
    try:
        broker = open_broker(file.block, file.path.parent, request.clock, keep)
    except (FileIsInvalid, UsageError) as problem:  # of the account block, whose file the venue does not know
        lines = "\n".join(f"{file.path}: {line}" for line in str(problem).splitlines())
        raise FileIsInvalid(lines, hint=problem.hint) from problem
    return RetryingBroker(broker, time.sleep)


def find_account(request: AccountRequest) -> AccountFile:
    """Find an account's file by its path, else by the id in its account block; raises as :func:`open_account` does.

    Where there are no account files, a policy that was named and has an account block is one.
    """
    wanted = request.account
    if request.find is not None:
        return request.find(wanted)
    if wanted is not None and is_path(wanted):
        return load_account_file(Path(wanted))
    paths = find_account_files(request.root)
    if wanted is None and len(paths) == 1:
        return load_account_file(paths[0])
    if wanted is None and not paths and request.policy is not None and load_policy(request.policy).account:
        return load_account_file(request.policy)
    files = read_account_files(request.root)
    file = files.sound.get(wanted or PLATFORM)
    if file is not None:
        return file
    problem = files.problem_of(wanted or PLATFORM)
    if problem is not None:
        raise problem
    raise no_such_account(wanted, list(files.sound), request.root)


def no_such_account(wanted: str | None, known: list[str], root: Path) -> NoSuchAccount:
    """Format that an account is not there, with the nearest id that is."""
    if not known:
        places = " or ".join(str(root / name) for name in ACCOUNT_FOLDERS)
        return NoSuchAccount(f"there are no account files in {places}", hint=_NO_FILES)
    if wanted is None:
        return NoSuchAccount("which account?", hint=f"name one with --account: {', '.join(known)}")
    near = nearest(wanted, known)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
    return NoSuchAccount(f"no account file carries the id {wanted!r}", hint=hint)
