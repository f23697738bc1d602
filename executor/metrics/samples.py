"""One sample of a metric, and the account that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.folder import DataFolder

Figure = Decimal | int | float | datetime
"""What a sample may be; it becomes a float where it is written, and nowhere before."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A figure of a metric of the registry, without ``exitplan_`` before its name; ``labels`` beside the account's."""

    name: str
    figure: Figure
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MeasuredAccount:
    """An account that is measured: its id, venue, quote and files."""

    id: str
    venue: str
    quote: str
    folder: DataFolder

    @classmethod
    def of(cls, file: AccountFile, folder: DataFolder) -> MeasuredAccount:
        """Return the account of a file; neither its policy nor its venue is asked."""
        return cls(file.id, file.venue, str(file.block["quote"]), folder)

    def sample(self, name: str, figure: Figure, **labels: str) -> Sample:
        """Return a sample of this account."""
        return Sample(name, figure, {"account": self.id, "venue": self.venue, **labels})

    def money(self, name: str, figure: Figure, **labels: str) -> Sample:
        """Return a sample that is an amount in the account's quote."""
        return self.sample(name, figure, currency=self.quote, **labels)
