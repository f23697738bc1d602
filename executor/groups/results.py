"""What carrying out a group's plan came to: by bundle, by account, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from exitplan.executor.apply.events import ApplyResult
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import ZERO, plain


class BundleEnd(StrEnum):
    """How far a bundle came."""

    DONE = "done"
    NOT_BEGUN = "not begun"
    PARTLY = "partly done, and in balance"
    APART = "partly done, and out of balance"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BundleOutcome:
    """How one pair ended: its imbalance at the worst, in the group's quote, and why it went no further."""

    bundle: str
    asset: str
    end: BundleEnd
    imbalance: Decimal = ZERO
    reason: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Write it in its JSON form."""
        imbalance = plain(self.imbalance)
        named = {"bundle": self.bundle, "asset": self.asset, "status": self.end.value}
        return {**named, "imbalance": imbalance, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What a group's plan came to.

    ``refusals`` says, by account, why nothing was sent anywhere; an empty name stands for the group. ``accounts`` are
    the runs that there were. A plan that ``is_open`` goes on when it is applied again. Where one has ended without
    anything more being sent, ``note`` says why.
    """

    group: str
    group_plan_id: str
    exit_code: ExitCode
    refusals: Mapping[str, ExitplanError] = field(default_factory=dict)
    bundles: tuple[BundleOutcome, ...] = ()
    accounts: Mapping[str, ApplyResult] = field(default_factory=dict)
    is_open: bool = False
    note: str | None = None

    @classmethod
    def refused(cls, group: str, group_plan_id: str, refusals: Mapping[str, ExitplanError]) -> GroupResult:
        """Return that nothing was sent anywhere, and why by account."""
        code = ExitCode.worst(error.exit_code for error in refusals.values())
        return cls(group, group_plan_id, code, refusals)

    def to_document(self) -> dict[str, Any]:
        """Write it in its JSON form."""
        return {
            "group": self.group,
            "group_plan_id": self.group_plan_id,
            "exit_code": self.exit_code,
            "is_open": self.is_open,
            "note": self.note,
            "refusals": {
                name: {"exit_code": error.exit_code, "message": str(error)} for name, error in self.refusals.items()
            },
            "bundles": [bundle.to_document() for bundle in self.bundles],
            "accounts": {name: result.to_document() for name, result in self.accounts.items()},
        }
