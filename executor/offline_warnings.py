"""What a person should know of an account's files, found without asking its venue.

The policy and the position tracker are held against the account's latest reading that is on this machine: the paper
account's own file, the recording it starts from, or ``recordings/ID.json``. Where there is none, only the tracker is
looked at, against what the last run left; where nothing is known, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from exitplan.brokers.paper.account_file import DEMO
from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import PLATFORM, DataFolder
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.port import AccountStore
from exitplan.executor.store.state import State
from exitplan.executor.store.tracker import load_records
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.planning.warnings import PlanWarning, WarningKind, find_warnings
from exitplan.schemas.documents import load_document

_OF_FILES: frozenset[WarningKind] = frozenset({"nothing-held", "protects-nothing", "matches-nothing"})
"""The warnings that are about files; the others are about the moment."""
_STATE = "legacy_exit_protocol_state.json"


def offline_warnings(file: AccountFile, store: AccountStore, now: datetime) -> list[PlanWarning]:
    """List what is known to be wrong in the files of an account; raises FileIsInvalid for a broken state or tracker."""
    state, reading = store.read_state(), latest_reading(file)
    if reading is None:
        return list(_of_records(file, store.folder, state)) if isinstance(store, FileStore) else []
    snapshot = store.tracker.with_records(reading)
    policy = file.loaded.policy
    warnings = find_warnings(policy, observe(snapshot, policy, state.progress, now), now)
    return [*tracker_warnings(snapshot, store), *(known for known in warnings if known.kind in _OF_FILES)]


def latest_reading(file: AccountFile) -> Snapshot | None:
    """Load the newest reading of an account that is on this machine; None where there is none that can be read."""
    for path in _readings(file):
        try:
            if path.is_file():
                snapshot = snapshot_from_document(load_document(path, "snapshot"))
                return replace(snapshot, account=file.id, venue=file.venue)
        except (ExitplanError, OSError, ValueError):
            return None  # whoever opens the account is told
    return None


def _readings(file: AccountFile) -> Iterator[Path]:
    base = file.path.parent
    options: Mapping[str, Any] = file.block.get("options") or {}
    if file.venue == PAPER:
        yield base / str(options.get("file") or f"{file.id}.paper.json")
        start = options.get("start_from")
        if start is not None:
            yield DEMO if start == "demo" else base / str(start)
    for root in (base.parent.parent, base.parent):  # of policies/accounts, and of accounts
        yield root / "recordings" / f"{file.id}.json"


def tracker_warnings(snapshot: Snapshot, store: AccountStore) -> Iterator[PlanWarning]:
    """Warn where the tracker's file registers nothing of what is held: it may be that of another account or folder."""
    if not snapshot.positions or not isinstance(store, FileStore):
        return
    folder = store.folder
    names = AssetNames({})
    held = {names.of_position(position) for position in snapshot.positions}
    if any(names.of_symbol(symbol) in held for symbol in snapshot.tracker):
        return
    where = f"the position tracker {folder.tracker}"
    said = "registers nothing that is held" if folder.tracker.exists() else "does not exist"
    other, platforms = _other_folder(folder), DataFolder.of(folder.root, PLATFORM).tracker
    text = f"{where} {said}: every position counts as registered by nobody"
    if folder.path != folder.root and platforms.is_file():
        text += f"; {platforms} is that of the account {PLATFORM}. If it is this account's, take it over: "
        text += f"exitplan state take-tracker {platforms} --account {folder.path.name}"
    if other is not None:
        text += f"; {other} looks like a data folder too: --data {other}"
    yield PlanWarning("nothing-held", "", text, other)


def _other_folder(folder: DataFolder) -> str | None:
    """Find a folder beside the data folder that holds what a data folder holds."""
    root, within = folder.root, folder.path.relative_to(folder.root)
    around = root.parent
    if not around.is_dir():
        return None
    for path in sorted(around.iterdir()):
        is_other = path.is_dir() and path.name != root.name and not path.name.startswith(".")
        if is_other and any((path / within / name).is_file() for name in ("positions.json", _STATE)):
            return str(path)
    return None


def _of_records(file: AccountFile, folder: DataFolder, state: State) -> Iterator[PlanWarning]:
    """Hold the tracker against what the last run left, where no reading is at hand."""
    if state.last_balance is None or not folder.tracker.exists():
        return
    records: Mapping[str, TrackerRecord] = load_records(folder.tracker)
    names = file.loaded.policy.names
    for symbol in sorted(records):
        if names.of_symbol(symbol) not in state.last_balance.held:
            yield PlanWarning("nothing-held", symbol, f"the tracker has {symbol}, which the last run did not find held")
