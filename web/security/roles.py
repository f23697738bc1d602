"""The roles of people, each of which may do what those below it may."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What somebody may do; a role compares as greater than those it includes."""

    VIEWER = 1
    """Looks, and changes nothing."""
    OPERATOR = 2
    """Halts, resumes, acknowledges incidents, has plans made."""
    APPROVER = 3
    """Approves and rejects plans, and has them applied."""
    ADMIN = 4
    """Sees who may what, and what was done by whom."""

    @property
    def word(self) -> str:
        """The role as people and files write it."""
        return self.name.lower()

    @property
    def meaning(self) -> str:
        """What the role may do, in a sentence."""
        return _MEANINGS[self]

    @classmethod
    def of(cls, word: str) -> Role:
        """Return the role with this name; raises ValueError."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"there is no role {word!r}") from None


_MEANINGS = {
    Role.VIEWER: "Sees everything, changes nothing.",
    Role.OPERATOR: "Also halts, resumes, acknowledges incidents and has plans made.",
    Role.APPROVER: "Also approves, narrows and rejects plans, and applies them.",
    Role.ADMIN: "Also sees the audit of what people did.",
}
ROLES = tuple(role.word for role in Role)
"""The names of the roles, the least first."""
