"""Policies as they are typed: by their files, or by the names of those that come with exitplan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.policies import shipped_policy
from exitplan.schemas.shipped import SHIPPED_POLICIES


def named_policy(path: Path) -> Path:
    """Return the file of a policy that is named: itself, else the one that comes with exitplan by this name.

    Raises UsageError, with the nearest right name, for a bare name that is neither.
    """
    name = str(path)
    if path.exists() and not (path.is_dir() and name in SHIPPED_POLICIES):
        return path
    if name in SHIPPED_POLICIES:
        return shipped_policy(name)
    if path.suffix or path.name != name:
        return path  # meant as a file, which whoever reads it tells of
    hint = did_you_mean(name, SHIPPED_POLICIES) or f"name a file, or one of: {', '.join(SHIPPED_POLICIES)}"
    raise UsageError(f"there is no file {name!r}, and no policy of that name comes with exitplan", hint=hint)


def named_policies(paths: Iterable[Path] | None) -> Iterator[Path]:
    """List the policies that are named: files, those of folders, and those that come with exitplan by their names.

    Where none is named they are those of the project's folder ``policies``.
    """
    # Only who names folders of policies needs them.
    from exitplan.schemas.group_files import is_group_file  # noqa: PLC0415
    from exitplan.schemas.validation import CASES_ENDING, policies_in  # noqa: PLC0415

    folder = project_root() / "policies"
    for path in paths or [folder]:
        if path.is_dir():
            inner = (file for file in policies_in(path) if not file.name.endswith(CASES_ENDING))
            yield from (file for file in inner if not is_group_file(file))
        else:
            yield named_policy(path) if paths else path


def typed_policy(file: Path) -> str:
    """Return what to type for the file of a policy: its name where it comes with exitplan."""
    return file.stem if comes_with_exitplan(file) else str(file)


def comes_with_exitplan(file: Path) -> bool:
    """Check whether a file is that of a policy that comes with exitplan."""
    return shipped_policy(file.stem) == file
