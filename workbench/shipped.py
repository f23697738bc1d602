"""Whether a shipped policy does what it promises: its tests, and its invariants, proved for every position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exitplan.ruleset.language.policy import Invariant
from exitplan.schemas.policies import load_policy
from exitplan.schemas.shipped import INVARIANTS, ShippedPolicy
from exitplan.workbench.cases.suite import FileReport, run_files
from exitplan.workbench.invariants import Broken, find_broken_invariants


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying a policy: its cases, its invariants, and which of those it breaks or may break."""

    shipped: ShippedPolicy
    report: FileReport
    invariants: Sequence[Invariant]
    broken: Sequence[Broken]

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(not result.passed for result in self.report.results)

    @property
    def is_kept(self) -> bool:
        """Check whether all cases passed, of which there are some, and all invariants are proved."""
        return bool(self.report.results) and not self.failed and not self.broken


def try_shipped(shipped: ShippedPolicy) -> Tried:
    """Run the tests of a shipped policy, and prove its own invariants and those of all.

    Raises FileHasProblems where a policy is not well formed.
    """
    policy, outer = load_policy(shipped.file).policy, load_policy(INVARIANTS).policy.invariants
    (report,), _ = run_files([shipped.tests])
    return Tried(shipped, report, (*policy.invariants, *outer), find_broken_invariants(policy, outer))
