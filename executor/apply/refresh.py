"""Compare a plan with one made anew: what would be done now that was not approved, and what no longer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
_COMPARED = ("quantity", "est_value", "rule", "trigger_price", "limit_price")


@dataclass(frozen=True, slots=True)
class Change:
    """One action that differs: ``old`` is None for a new one, ``new`` for one that is no longer planned."""

    old: Document | None
    new: Document | None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in which the two differ."""
        if self.old is None or self.new is None:
            return ()
        return tuple(name for name in _COMPARED if self.old.get(name) != self.new.get(name))

    def to_document(self) -> dict[str, Any]:
        """Write the change in its JSON form."""
        kind = "added" if self.old is None else "removed" if self.new is None else "changed"
        return {"change": kind, "fields": list(self.fields), "old": self.old, "new": self.new}


def compare_plans(old: Document, new: Document) -> list[Change]:
    """List what differs between the actions of two plans, in the order of the new one, what is gone last."""
    before = {_identity(action): action for action in old["actions"]}
    after = {_identity(action): action for action in new["actions"]}
    changes = [Change(before.get(key), action) for key, action in after.items()]
    differing = [change for change in changes if change.old is None or change.fields]
    return differing + [Change(action, None) for key, action in before.items() if key not in after]


def _identity(action: Document) -> tuple[Any, ...]:
    return (action["kind"], action["symbol"], action.get("position_side"), action.get("order_id"))
