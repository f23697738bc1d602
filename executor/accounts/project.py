"""Where the project is that a command line or a program works in: the folder with policies, account files and data.

It is found as git finds a repository: by a marker, in the working folder or one above it. So a line does the same
from wherever it is started, and never begins a second journal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from exitplan.ruleset.errors import UsageError

MARKER = ".exitplan"
MARKER_TEXT = b"# An exitplan project: policies, accounts and data are looked for in this folder. Keep this file.\n"
HOME_VARIABLE = "EXITPLAN_HOME"


def enter(folder: Path) -> None:
    """Work in another folder from now on, as if the line was started there; raises UsageError."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"-C {folder}: {error.strerror or error}", hint="name the project's folder") from None
    os.environ.pop(HOME_VARIABLE, None)  # what is typed goes before what is set


def project_root() -> Path:
    """Return the project: the folder of EXITPLAN_HOME, else the nearest with a marker, else the working folder.

    The working folder itself is told as an empty path, so that messages name files as a person would. Raises UsageError
    where EXITPLAN_HOME names no folder.
    """
    home = os.environ.get(HOME_VARIABLE)
    if not home:
        return _shortened(marked_folder(Path.cwd()) or Path.cwd())
    if not Path(home).is_dir():
        raise UsageError(f"{HOME_VARIABLE} names no folder: {home}", hint="name the project's folder, or unset it")
    return _shortened(Path(home).absolute())


def marked_folder(start: Path) -> Path | None:
    """Return the nearest folder with a marker, from one upwards; None where there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / MARKER).is_file()), None)


def project_of(data: Path) -> Path:
    """Return the project that a data folder lies in, else :func:`project_root`; raises UsageError as that does."""
    above = marked_folder(data.resolve())
    return project_root() if above is None else _shortened(above)


def project_data(accounts: Iterable[str] = ()) -> Path:
    """Return the data folder of the project of the account files that are named by path, else of :func:`project_root`.

    Raises UsageError where they are of several projects.
    """
    from exitplan.executor.accounts.account import is_path  # noqa: PLC0415 - `exitplan --help` needs none of it

    named = [marked_folder(Path(name).resolve().parent) for name in accounts if is_path(name)]
    projects = dict.fromkeys(_shortened(folder) for folder in named if folder is not None)
    if len(projects) > 1:
        listed = " and ".join(str(folder.absolute()) for folder in projects)
        raise UsageError(f"these accounts are of several projects: {listed}", hint="name one data folder with --data")
    return next(iter(projects), project_root()) / "data"


def _shortened(folder: Path) -> Path:
    return Path() if folder == Path.cwd() else folder
