"""Where alerts that are to be delivered come from, and where what is known of their delivery is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from exitplan.executor.accounts.account import read_account_files
from exitplan.executor.accounts.folder import DELIVERIES, PLATFORM, DataFolder
from exitplan.executor.alerting.intake import Router, Taken, take_in
from exitplan.executor.alerting.outbox import Outbox, open_outbox
from exitplan.executor.store.alerts import raise_alert


class Post(Protocol):
    """The alerts of accounts, and the outbox for them."""

    def has_outbox(self) -> bool:
        """Check whether there is an outbox already; raises DataFolderUnusable."""
        ...

    def outbox(self) -> AbstractContextManager[Outbox]:
        """Open the outbox, making it where there is none; raises DataFolderUnusable."""
        ...

    def take_in(self, outbox: Outbox, router: Router, since: datetime, now: datetime) -> Taken:
        """Take in what accounts have raised since it was done last; within a transaction."""
        ...

    def tags_of(self, account: str) -> frozenset[str] | None:
        """Return the tags of an account; None where it is not known."""
        ...

    def tell(self, kind: str, figures: Mapping[str, Any], now: datetime) -> None:
        """Raise an alert that is about a channel."""
        ...


@dataclass(slots=True)
class FilePost:
    """The alert files of accounts below a data folder, and the outbox in it; tags are those of a project's files."""

    root: Path
    data: Path
    accounts: Sequence[str] = ()
    _tags: dict[str, frozenset[str]] | None = field(default=None, repr=False)

    def has_outbox(self) -> bool:
        """Check whether the file of deliveries is there."""
        return (self.data / DELIVERIES).exists()

    def outbox(self) -> AbstractContextManager[Outbox]:
        """Open the file of deliveries."""
        return open_outbox(self.data)

    def take_in(self, outbox: Outbox, router: Router, since: datetime, now: datetime) -> Taken:
        """Read on in the alert files."""
        return take_in(outbox, self.data, self.accounts, router, since, now)

    def tags_of(self, account: str) -> frozenset[str] | None:
        """Look into the account files, once."""
        if self._tags is None:
            self._tags = {name: file.tags for name, file in read_account_files(self.root).sound.items()}
        return self._tags.get(account)

    def tell(self, kind: str, figures: Mapping[str, Any], now: datetime) -> None:
        """Add to the alerts of the platform account."""
        raise_alert(DataFolder.of(self.data, PLATFORM).alerts, kind, PLATFORM, now, figures)
