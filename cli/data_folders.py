"""Tell where an account is about to be worked on without its history: its unwinds would begin anew."""

from __future__ import annotations

import shlex

from exitplan.brokers.private_files import writers_besides_us
from exitplan.brokers.registry import PAPER
from exitplan.cli.failures import warn
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.known_folders import former_folder, note_folder
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.gate_mark import restored_mark


def tell_of_data_folder(account: Account, *, as_json: bool = False) -> None:
    """Warn on stderr of a live account that has no history in its data folder, or has one elsewhere too."""
    if not isinstance(account.store, FileStore):
        return
    folder, former = account.folder, former_folder(account)
    is_new, here = not (folder.journal.exists() or folder.state.exists()), folder.root.absolute()
    if former is not None:
        said = "is new" if is_new else "is not where it was worked on last"
        other = former.root
        hint = f"go on there with --data {other}: two data folders of one account do not know of each other"
        warn(f"the data folder {here} {said}: {account.id} has its history in {other}", hint=hint, as_json=as_json)
    elif is_new and account.venue != PAPER:
        said = f"the data folder {here} is new for {account.id}: unwinds begin at cycle 1, and no earlier run is known"
        hint = "right for a first run; otherwise name the folder with the history: --data DIR or -C PROJECT"
        warn(said, hint=hint, as_json=as_json)
    for place in dict.fromkeys((folder.root, folder.path)):
        others = writers_besides_us(place)
        if others is not None:
            said = f"{others} can change what is in {place}: what exitplan remembers, and whether it is halted"
            warn(said, hint=f"chmod go-w {shlex.quote(str(place))}", as_json=as_json)
    restored = restored_mark(folder)
    if restored is not None:
        hint = "check that its positions and unwinds are right, then: exitplan verify"
        warn(f"{account.id} goes on from a backup: {restored}", hint=hint, as_json=as_json)
    note_folder(account)
