"""Which accounts of a fleet are meant: by venue, tag and policy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean

_KEYS = ("venue", "tag", "policy")
_HASH = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Where:
    """Accounts at one of the venues, with one of the tags, under one of the policies; empty is any.

    Policies are hashes, or how they begin.
    """

    venues: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> Where:
        """Read ``venue=kraken,tag=vip,policy=HASH``; a key that is repeated means any of them. Raises UsageError."""
        found: dict[str, list[str]] = {key: [] for key in _KEYS}
        for part in filter(None, map(str.strip, (text or "").split(","))):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if key not in found:
                hint = did_you_mean(key, _KEYS) or "such as venue=kraken,tag=vip,policy=3f9a2c"
                raise UsageError(f"--where knows {', '.join(_KEYS)}, found {key!r}", hint=hint)
            if not equals or not value:
                raise UsageError(f"--where: {key} of what?", hint=f"such as {key}=NAME")
            if key == "policy" and not _HASH.fullmatch(value):
                hint = "at least the first six digits of one: exitplan fleet status lists them"
                raise UsageError(f"--where policy= takes the hash of a policy, found {value!r}", hint=hint)
            found[key].append(value)
        return cls(*(tuple(found[key]) for key in _KEYS))

    @property
    def text(self) -> str:
        """The selection as it is typed; empty for all accounts."""
        parts = zip(_KEYS, (self.venues, self.tags, self.policies), strict=True)
        return ",".join(f"{key}={value}" for key, values in parts for value in values)

    @property
    def condition(self) -> str:
        """The condition in SQL, on the table of accounts as ``a``; its values are :attr:`values`."""
        return (
            "(cardinality(%(venues)s::text[]) = 0 OR a.venue = ANY(%(venues)s))"
            " AND (cardinality(%(tags)s::text[]) = 0 OR a.tags && %(tags)s::text[])"
            " AND (cardinality(%(policies)s::text[]) = 0 OR a.policy LIKE ANY(%(policies)s))"
        )

    @property
    def values(self) -> dict[str, list[str]]:
        """The values of the condition."""
        hashes = [f"{digits}%" for digits in self.policies]
        return {"venues": list(self.venues), "tags": list(self.tags), "policies": hashes}
