"""A broker in the place of one that was not opened: no keys are needed, and nothing can be asked or sent."""

from __future__ import annotations

from typing import Never

from exitplan.ruleset.errors import AccountUnreadable


class OfflineBroker:
    """Stands where an account is opened for its files alone; whatever is asked of it raises AccountUnreadable."""

    def __init__(self, venue: str) -> None:
        """Stand for a venue."""
        self.venue = venue

    def __getattr__(self, name: str) -> Never:
        """Raise AttributeError for what Python itself looks for, AccountUnreadable for everything else."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise AccountUnreadable(f"the account was opened without its venue: {self.venue} cannot be asked ({name})")
