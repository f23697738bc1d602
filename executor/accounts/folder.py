"""Where an account keeps its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PLATFORM = "platform"
"""The id of the account that is not a user's."""
DELIVERIES = "deliveries.db"
"""What is known in a data folder of the alerts that were delivered, of all accounts."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The files of one account: of the platform account in the data folder itself, of a user below ``users/<id>``."""

    path: Path
    root: Path

    @classmethod
    def of(cls, data: Path, account: str) -> DataFolder:
        """Find the folder of an account below the data folder."""
        return cls(data if account == PLATFORM else data / "users" / account, data)

    @property
    def state(self) -> Path:
        """The state, exported from the journal for people and other tools."""
        return self.path / "legacy_exit_protocol_state.json"

    @property
    def tracker(self) -> Path:
        """The position tracker's file."""
        return self.path / "positions.json"

    @property
    def journal(self) -> Path:
        """The order journal, which is the truth."""
        return self.path / "journal.db"

    @property
    def alerts(self) -> Path:
        """The alerts, one JSON object a line."""
        return self.path / "alerts.jsonl"

    @property
    def reading(self) -> Path:
        """The figures of the last reading, for whoever watches."""
        return self.path / "last_reading.json"

    @property
    def totals(self) -> Path:
        """What metrics have counted of the journal and the alerts so far; made anew where it is lost."""
        return self.path / "metrics.json"

    @property
    def calls(self) -> Path:
        """How often venues were called, by all accounts of the data folder."""
        return self.root / "calls.db"

    @property
    def lock(self) -> Path:
        """The lock that the account's one writer holds."""
        return self.path / "account.lock"

    @property
    def watch_lock(self) -> Path:
        """The lock that the one watcher of all accounts in the data folder holds."""
        return self.root / "watch.lock"

    @property
    def reproducers(self) -> Path:
        """Cases in which the rule engine could not be trusted."""
        return self.path / "reproducers"


def is_own_file(path: Path) -> bool:
    """Check whether a path leads to a file that exitplan keeps for itself, in whatever folder."""
    own, name = DataFolder(Path(), Path()), path.resolve().name.casefold()
    kept = (own.state, own.tracker, own.alerts, own.reading, own.totals, own.calls, own.lock, own.watch_lock)
    databases = (own.journal.name, DELIVERIES)
    return name == "halt" or name.startswith(databases) or name in {file.name for file in kept}
