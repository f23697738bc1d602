"""The halt file: while it exists, nothing is sent.

Anybody can make one with any tool (``touch data/HALT``): its existence counts, its text is only told. One in the data
folder halts every account, one in an account's own folder that account.
"""

from __future__ import annotations

import getpass
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exitplan.brokers.private_files import OWN
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.people import proven_actor
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import AccountIsHalted, DataFolderUnusable, ExitplanError
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.model.visible import printable
from exitplan.ruleset.planning.actions import Action, Phase

NAME = "HALT"
_LONGEST = 2000
"""Bytes of a halt file that are told: who made it stands behind the reason."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt in force: where that is said, what is said, and the account it is of; None where it is of all."""

    place: str
    text: str
    account: str | None = None

    def allows(self, action: Action, policy: Policy) -> bool:
        """Check whether an action may be sent all the same: exits and what frees their balance, by the policy."""
        is_exit = action.reduces or (action.kind == "cancel_order" and action.phase == Phase.EXIT)
        return policy.halt_allows_exits and is_exit

    @property
    def document(self) -> dict[str, str | None]:
        """The halt in its JSON form."""
        return {"file": self.place, "reason": self.text, "account": self.account}

    def error(self) -> AccountIsHalted:
        """Format the halt as an error."""
        said = f": {self.text}" if self.text else ""
        whose, of_whom, ending = "everything", "", ""
        if self.account is not None:
            whose = f"the account {self.account}"
            of_whom, ending = f" for {self.account}", f" --account {self.account}"
        return AccountIsHalted(
            f"{whose} is halted by {self.place}{said}",
            hint=f"nothing is sent{of_whom} while it exists; end it with: exitplan resume{ending}",
        )


def find_halt(folder: DataFolder) -> Halt | None:
    """Find the halt in force for an account; a place that cannot be looked at counts as one."""
    places = dict.fromkeys((folder.root, folder.path))
    return next(filter(None, (_halt_in(place, folder.root) for place in places)), None)


def halts_in(data: Path) -> list[Halt]:
    """List the halts of a data folder: that of every account, and those of single ones by id."""
    return list(filter(None, (_halt_in(place, data) for place in (data, *sorted(data.glob("users/*"))))))


def _halt_in(place: Path, root: Path) -> Halt | None:
    path, account = place / NAME, None if place == root else place.name
    try:
        path.lstat()  # a link counts as well, whatever has become of what it leads to
        return Halt(str(path.absolute()), _text_of(path), account)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Halt(str(path.absolute()), f"it cannot be looked at: {error.strerror or error}", account)


def halt(folder: Path, reason: str, now: datetime) -> Path:
    """Halt a folder: the data folder for every account, or one account's own; raises DataFolderUnusable."""
    path = folder / NAME
    who = f"{proven_actor() or f'{getpass.getuser()} on {socket.gethostname()}'}, {time_text(now)}"
    try:
        write_atomically(path, f"{printable(reason)} ({who})\n".encode())
    except DataFolderUnusable:
        with suppress(OSError):  # a full disk has no room for the reason, and most often still for the halt
            path.touch(OWN)
        if not path.exists():
            raise
    return path


def resume(folder: Path) -> bool:
    """End a halt; False where there was none."""
    path = folder / NAME
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ExitplanError(f"cannot remove {path}: {error.strerror or error}") from error
    return True


def _text_of(path: Path) -> str:
    try:
        text = path.read_bytes()[:_LONGEST].decode(errors="replace").strip() if path.is_file() else ""
    except OSError:
        return ""
    return printable(text)
