"""Open an account: its file, its policy loaded into the engine, its broker, and where its data is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from brokers.protocol import Broker, Clock
from brokers.registry import open_broker
from brokers.retrying import RetryingBroker
from executor.folder import PLATFORM, DataFolder
from ruleset.errors import FileIsInvalid, NoSuchAccount
from ruleset.problems import nearest
from ruleset.rulebook import Rulebook
from schemas.policies import LoadedPolicy, load_policy

ACCOUNT_FOLDERS = ("policies/accounts", "accounts")
"""Where account files are looked for, below the working folder."""
_NEEDED = ("id", "venue", "quote")


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """Which account is meant and how: ``account`` is an id or a path, ``policy`` replaces the account's own policy.

    ``overrides`` are parameters set over the policy.
    """

    clock: Clock
    account: str | None = None
    policy: Path | None = None
    data: Path = Path("data")
    overrides: Mapping[str, Decimal | int] = field(default_factory=dict)
    root: Path = Path()


@dataclass(frozen=True, slots=True)
class Account:
    """An account ready to be planned for."""

    id: str
    venue: str
    quote: str
    file: Path
    loaded: LoadedPolicy
    rulebook: Rulebook
    broker: Broker
    folder: DataFolder
    clock: Clock
    overrides: Mapping[str, Decimal | int]


def find_account_files(root: Path) -> list[Path]:
    """List the account files below a folder, by name."""
    folders = [root / name for name in ACCOUNT_FOLDERS]
    found = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return sorted(path for path in found if path.suffix in {".yaml", ".yml"})


def open_account(request: AccountRequest) -> Account:
    """Open an account; without a name the platform account, else the only one there is.

    Raises NoSuchAccount, FileIsInvalid for a broken account file or policy, UsageError for a venue that is not known.
    """
    file, own = _find(request)
    block = own.account or {}
    loaded = own
    if request.policy is not None:
        loaded = load_policy(request.policy, request.overrides)
    elif request.overrides:
        loaded = load_policy(file, request.overrides)
    name = str(block["id"])
    return Account(
        id=name,
        venue=str(block["venue"]),
        quote=str(block["quote"]),
        file=file,
        loaded=loaded,
        rulebook=Rulebook.of(loaded.policy),
        broker=RetryingBroker(open_broker(block, file.parent, request.clock), time.sleep),
        folder=DataFolder.of(request.data, name),
        clock=request.clock,
        overrides=request.overrides,
    )


def _find(request: AccountRequest) -> tuple[Path, LoadedPolicy]:
    """Find the account file: by its path, else by the id in its account block."""
    wanted = request.account
    if wanted is not None and (Path(wanted).suffix in {".yaml", ".yml"} or "/" in wanted):
        return _with_account(Path(wanted))
    files = find_account_files(request.root)
    if wanted is None and len(files) == 1:
        return _with_account(files[0])
    by_id, broken = _by_id(files)
    found = by_id.get(wanted or PLATFORM)
    if found is not None:
        return found
    if broken:
        raise broken[0]
    raise _no_such_account(wanted, list(by_id), request.root)


def _by_id(files: list[Path]) -> tuple[dict[str, tuple[Path, LoadedPolicy]], list[FileIsInvalid]]:
    """Load account files; a broken one must not hide the others, but is told where the wanted one is not found."""
    by_id: dict[str, tuple[Path, LoadedPolicy]] = {}
    broken = []
    for path in files:
        try:
            file, loaded = _with_account(path)
        except FileIsInvalid as error:
            broken.append(error)
            continue
        name = str((loaded.account or {})["id"])
        if name in by_id:
            raise FileIsInvalid(f"{path}: the account id {name!r} is used by {by_id[name][0]} as well")
        by_id[name] = (file, loaded)
    return by_id, broken


def _with_account(path: Path) -> tuple[Path, LoadedPolicy]:
    loaded = load_policy(path)
    if not loaded.account:
        raise FileIsInvalid(
            f"{path}: this is a policy without an account block",
            hint="name an account file, or plan from a recorded account with --snapshot FILE --policy FILE",
        )
    missing = [name for name in _NEEDED if not loaded.account.get(name)]
    if missing:
        raise FileIsInvalid(f"{path}: the account block says nothing of its {', '.join(missing)}")
    return path, loaded


def _no_such_account(wanted: str | None, known: list[str], root: Path) -> NoSuchAccount:
    if not known:
        places = " or ".join(str(root / name) for name in ACCOUNT_FOLDERS)
        return NoSuchAccount(f"there are no account files in {places}", hint="make some to try with: exitplan init")
    if wanted is None:
        return NoSuchAccount("which account?", hint=f"name one with --account: {', '.join(known)}")
    near = nearest(wanted, known)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
    return NoSuchAccount(f"no account file carries the id {wanted!r}", hint=hint)
