"""Which policy each account would get: the new one, with what the account keeps of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

from exitplan.fleet.policies import bound_policy, policy_of, successor
from exitplan.schemas.policies import LoadedPolicy, load_policy


def policy_in(connection: Connection[Any], sha256: str) -> LoadedPolicy:
    """Return a policy of the registry, over a connection that is at hand; raises FileIsInvalid as the registry does."""

    def fetch(sha256: str) -> bytes | None:
        row = connection.execute("SELECT document FROM exitplan.policies WHERE sha256 = %s", (sha256,)).fetchone()
        return None if row is None else bytes(row[0])

    return policy_of(sha256, fetch)


@dataclass(slots=True)
class Targets:
    """The new policy in the place of each old one, loaded once.

    Accounts keep their protection, aliases, invariants and ladders, and their own guards where they are tighter, as
    with `exitplan plan --policy`, unless the policy is taken ``exactly`` as it is written.
    """

    file: Path
    exactly: bool = False
    _known: dict[tuple[str, tuple[str, ...]], LoadedPolicy] = field(default_factory=dict)
    _written: LoadedPolicy | None = None

    @property
    def written(self) -> LoadedPolicy:
        """The new policy as it is written; raises FileHasProblems for a broken one."""
        if self._written is None:
            self._written = load_policy(self.file)
        return self._written

    def of(self, old: LoadedPolicy, own_guards: Sequence[str]) -> LoadedPolicy:
        """Return what accounts under an old policy, which set these guards themselves, would get.

        Raises FileHasProblems where the two do not go together.
        """
        if self.exactly:
            return self.written
        key = (old.policy.sha256, tuple(own_guards))
        if key not in self._known:
            self._known[key] = successor(self.file, bound_policy(old, {}, Path("account"), own_guards))
        return self._known[key]
