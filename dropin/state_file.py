"""The state in the shape of the published protocol: for its users, in the file and in ``.state``.

The journal holds the truth, and the file is an export of it. In the drop-in's data folder the file has the published
keys, symbols as the broker spells them, numbers as floats and times local without a zone, and behind them what exitplan
remembers beyond. It is noted as exported, so that a hand edit is noticed as anywhere, and it can be imported again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import orjson

from exitplan.dropin.names import AccountState, ExitStrategy, PositionCategory
from exitplan.dropin.sources import Spelling
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.files import write_atomically
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.lease import account_lease
from exitplan.executor.store.state import State, state_to_document, take_state
from exitplan.ruleset.errors import AccountIsLocked, DataFolderUnusable
from exitplan.ruleset.model.values import parse_time, unified_symbol

_NUMBERS = ("capital_freed_usd",)
_EXPOSURE = ("high_exposure_assets_tracked", "high_exposure_alerts")
_STRATEGIES = {
    PositionCategory.ZOMBIE_LEGACY: ExitStrategy.MARKET_IMMEDIATE,
    PositionCategory.LEGACY_NON_COMPLIANT: ExitStrategy.GRADUAL_UNWIND,
}


class Remembered(dict[str, Any]):
    """What is remembered, to be read: what a caller writes into it would reach no file, so it is refused."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the state is only read; retry(), resolve() and accept_balance() change what is remembered")

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = __ior__ = _refuse


@dataclass
class Exposure:
    """What the last monitoring of coins of high exposure found."""

    assets: list[str] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)


def published_document(
    state: State, spelling: Spelling, exposure: Exposure, earlier: Mapping[str, Any] = Remembered()
) -> dict[str, Any]:
    """Return a state in the published shape; ``earlier`` is what the file said before, for spellings and exposure."""
    told = {unified_symbol(name.partition("#")[0]): name.partition("#")[0] for name in _names(earlier)}

    def spelled(key: str) -> str:
        symbol, mark, side = key.partition("#")
        return f"{told.get(symbol) or spelling(symbol)}{mark}{side}"

    document = state_to_document(state)
    del document["format_version"]
    known = document["account_state"]
    metrics = document["cleanup_metrics"]
    unwinds, classified = document["unwind_progress"], document["classified_positions"]
    found = {"assets": exposure.assets, "alerts": exposure.alerts}
    if not any(found.values()):
        found = {"assets": earlier.get(_EXPOSURE[0]) or [], "alerts": earlier.get(_EXPOSURE[1]) or []}
    return {
        **document,
        "account_state": known if known in set(AccountState) else AccountState.NEEDS_CLEANUP.value,
        "classified_positions": {spelled(key): _classified(spelled(key), entry) for key, entry in classified.items()},
        "unwind_progress": {spelled(key): _unwind(entry) for key, entry in unwinds.items()},
        "last_cleanup_run": _local(document["last_cleanup_run"]),
        "cleanup_metrics": {name: float(count) if name in _NUMBERS else count for name, count in metrics.items()},
        _EXPOSURE[0]: found["assets"],
        _EXPOSURE[1]: found["alerts"],
    }


def read_published(folder: DataFolder) -> dict[str, Any]:
    """Return the state file's own words, nothing where there is none or it is broken."""
    try:
        document = orjson.loads(folder.state.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def write_published(folder: DataFolder, account: str, now: datetime, spelling: Spelling, exposure: Exposure) -> None:
    """Write the state file in the published shape, unless nothing was journalled or somebody else is at work.

    Raises FileIsInvalid where it was edited by hand.
    """
    if not folder.journal.exists():
        return
    earlier = read_published(folder)
    try:
        with account_lease(folder.lock, account, now), open_journal(folder.journal) as journal:
            state = take_state(journal, folder.state)
            document = published_document(state, spelling, exposure, earlier)
            content = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            with journal.exporting(hashlib.sha256(content).hexdigest()):
                write_atomically(folder.state, content)
    except (AccountIsLocked, DataFolderUnusable):
        pass  # whoever is at work writes the file; a folder that cannot be written was told of already


def frozen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value whose dicts refuse to be written to."""
    if isinstance(value, Mapping):
        return Remembered({name: frozen(part) for name, part in value.items()})
    return [frozen(part) for part in value] if isinstance(value, list) else value


def _names(document: Mapping[str, Any]) -> Sequence[str]:
    """List the symbols of a file in the published shape, as it spells them."""
    if "format_version" in document:
        return ()
    parts = [document.get(part) for part in ("classified_positions", "unwind_progress")]
    return [name for part in parts if isinstance(part, Mapping) for name in part]


def _classified(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    category = PositionCategory(entry["category"])
    strategy = _STRATEGIES.get(category, ExitStrategy.EMERGENCY_STOP)
    return {
        **entry,
        "position": {"symbol": name},
        "exit_strategy": strategy.value,
        "classified_at": _local(entry["classified_at"]),
    }


def _unwind(entry: Mapping[str, Any]) -> dict[str, Any]:
    local = {name: _local(entry.get(name)) for name in ("started_at", "last_cycle_at")}
    return {**entry, "remaining_pct": float(entry["remaining_pct"]), **local}


def _local(text: str | None) -> str | None:
    """Return a time as the published protocol wrote it: local, without a zone."""
    return None if text is None else parse_time(text).astimezone().replace(tzinfo=None).isoformat()
