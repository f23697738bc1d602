"""The policies that accounts run under: merged, each value with the file and line it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.accounts.account import AccountFile
from exitplan.schemas.merged_text import merged_lines, policy_files
from exitplan.web.acts.desk import desk_of
from exitplan.web.pages.showing import show

_NAMED = 12


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A policy as accounts have it: its name, its hash, and the accounts that run under just this."""

    name: str
    sha256: str
    description: str
    accounts: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The first of the accounts."""
        return self.accounts[:_NAMED]


def policy_lines(files: Iterable[AccountFile]) -> list[PolicyLine]:
    """Group accounts by the policy they run under; those under most accounts first."""
    groups: dict[str, list[AccountFile]] = {}
    for file in files:
        groups.setdefault(file.loaded.policy.sha256, []).append(file)
    lines = [
        PolicyLine(
            those[0].loaded.policy.name,
            sha256,
            str(those[0].loaded.document.get("description") or ""),
            tuple(sorted(file.id for file in those)),
        )
        for sha256, those in groups.items()
    ]
    return sorted(lines, key=lambda line: (-len(line.accounts), line.name))


def policies_page(request: Request) -> Response:
    """Show the policies of all accounts."""
    files = desk_of(request).given.accounts.files()
    return show(request, "policies.html", lines=policy_lines(files.sound.values()), broken=files.broken)


def policy_page(request: Request) -> Response:
    """Show the merged policy of an account, each part with the place it comes from."""
    name = request.path_params["account"]
    loaded = desk_of(request).file(name).loaded
    return show(
        request,
        "policy.html",
        account=name,
        loaded=loaded,
        lines=list(merged_lines(loaded)),
        files=policy_files(loaded),
    )
