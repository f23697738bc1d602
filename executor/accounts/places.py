"""Where accounts are found and what is kept of them: the files of a project, or the database of a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from exitplan.executor.accounts.project import project_root

if TYPE_CHECKING:  # `exitplan --help` needs none of it
    from exitplan.executor.accounts.account import AccountFiles, AccountRequest
    from exitplan.executor.accounts.selection import AccountSelection, Selected
    from exitplan.executor.alerting.post import Post
    from exitplan.executor.approvals.deciding import Found, Unread
    from exitplan.executor.store.halt import Halt
    from exitplan.executor.store.port import AccountStore


class Alerts(Protocol):
    """The alerts of one account, or of all, each read once; ``unreadable`` counts what is none."""

    unreadable: int

    @property
    def place(self) -> str:
        """Where they are, for messages."""
        ...

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Return the alerts since the last call, the oldest first; raises DataFolderUnusable."""
        ...


class DataPlace(Protocol):
    """Where accounts are found and what is kept of them."""

    @property
    def folder(self) -> Path:
        """The data folder; raises UsageError where there is none."""
        ...

    def select(self, selection: AccountSelection) -> tuple[Selected, ...]:
        """Find the accounts that are meant; raises NoSuchAccount, UsageError."""
        ...

    def files(self, having: str | None = None) -> AccountFiles:
        """Return all accounts; with ``having``, at least those that have ``incidents``."""
        ...

    def requests(self, name: str | None = None, *, closed: bool = True) -> tuple[list[Found], list[Unread]]:
        """Return the plans that wait for people, the oldest first, and the accounts whose own cannot be read.

        With ``closed`` also those that wait no more. Where one is named, by its id, the start of it or the id of its
        plan, others may be left out.
        """
        ...

    def ids(self) -> list[str]:
        """Return the ids of all accounts, also of those that cannot be used."""
        ...

    def request(self, request: AccountRequest) -> AccountRequest:
        """Return what is asked for with where it is found."""
        ...

    def store_of(self, account: str, /) -> AccountStore:
        """Return the store of an account, opening nothing yet."""
        ...

    def alerts_of(self, account: str) -> Alerts:
        """Return the alerts of an account, from the first on."""
        ...

    def all_alerts(self) -> Alerts | None:
        """Return the alerts of all accounts in one, with those about no account that is there.

        None where each account keeps its own.
        """
        ...

    def post(self, root: Path) -> Post:
        """Return the alerts of all accounts for delivery; ``root`` is the project with the channels."""
        ...

    def halts(self) -> list[Halt]:
        """List the halts in force: that of all accounts, and those of single ones."""
        ...

    def halt(self, reason: str, now: datetime) -> Halt:
        """Halt all accounts; raises DataFolderUnusable."""
        ...

    def resume(self) -> bool:
        """End the halt of all accounts; False where there was none."""
        ...


@dataclass(frozen=True, slots=True)
class FilePlace:
    """The account files of the project, and a data folder."""

    folder: Path

    def __str__(self) -> str:
        """Return the path of the folder."""
        return str(self.folder)

    def select(self, selection: AccountSelection) -> tuple[Selected, ...]:
        """Find account files."""
        from exitplan.executor.accounts.selection import select_accounts  # noqa: PLC0415 - as above

        return select_accounts(selection, project_root())

    def files(self, having: str | None = None) -> AccountFiles:  # noqa: ARG002 - which have any is seen by whoever opens them
        """Read all account files."""
        from exitplan.executor.accounts.account import read_account_files  # noqa: PLC0415 - as above

        return read_account_files(project_root())

    def requests(self, name: str | None = None, *, closed: bool = True) -> tuple[list[Found], list[Unread]]:  # noqa: ARG002 - all are looked at
        """Read the journals of all accounts."""
        from exitplan.executor.approvals.deciding import all_requests  # noqa: PLC0415 - as above

        files = self.files()
        found, unread = all_requests(files.sound, self.store_of)
        kept = [one for one in found if closed or one.request.standing == "waiting"]
        return kept, [*(("", broken.error) for broken in files.broken), *unread]

    def ids(self) -> list[str]:
        """Return the ids in the account files."""
        files = self.files()
        return [*files.sound, *(broken.id for broken in files.broken if broken.id is not None)]

    def request(self, request: AccountRequest) -> AccountRequest:
        """Return what is asked for in this folder."""
        return replace(request, data=self.folder, root=project_root())

    def store_of(self, account: str, /) -> AccountStore:
        """Return the files of an account."""
        from exitplan.executor.store.file_store import FileStore  # noqa: PLC0415 - as above

        return FileStore.of(self.folder, account)

    def alerts_of(self, account: str) -> Alerts:
        """Return the file of an account's alerts."""
        from exitplan.executor.accounts.folder import DataFolder  # noqa: PLC0415 - as above
        from exitplan.executor.store.alert_log import AlertLog  # noqa: PLC0415 - as above

        return AlertLog(DataFolder.of(self.folder, account).alerts)

    def all_alerts(self) -> Alerts | None:
        """Return None: each account has a file."""
        return None

    def post(self, root: Path) -> Post:
        """Return the alert files of all accounts that have any in the folder."""
        from exitplan.executor.alerting.delivery import known_accounts  # noqa: PLC0415 - as above
        from exitplan.executor.alerting.post import FilePost  # noqa: PLC0415 - as above

        return FilePost(root, self.folder, known_accounts(self.folder))

    def halts(self) -> list[Halt]:
        """List the halt files."""
        from exitplan.executor.store.halt import halts_in  # noqa: PLC0415 - as above

        return halts_in(self.folder)

    def halt(self, reason: str, now: datetime) -> Halt:
        """Make the halt file of all accounts."""
        from exitplan.executor.store.halt import Halt, halt  # noqa: PLC0415 - as above

        return Halt(str(halt(self.folder, reason, now).absolute()), reason)

    def resume(self) -> bool:
        """Remove the halt file of all accounts."""
        from exitplan.executor.store.halt import resume  # noqa: PLC0415 - as above

        return resume(self.folder)
