"""What stands behind the fixtures: accounts in the words of policy tests, their plans, and the paper venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exitplan.executor.api import refuse_floats
from exitplan.executor.apply.events import ApplyResult
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import parse_decimal
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanInput
from exitplan.schemas.policies import SHIPPED, load_policy
from exitplan.workbench.cases.accounts import CaseAccount, Notation, build_account, checked_account, laid_over
from exitplan.workbench.cases.paper import PaperAccount, TriedPolicy

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account as a test words it; it is built once it is known under which policy."""

    notation: Notation
    folder: Path

    def but(self, **changes: Any) -> WantedAccount:  # noqa: ANN401 - the notation of accounts
        """Return this account with changes laid over it; None takes something away."""
        return replace(self, notation=laid_over(self.notation, _checked(changes)))

    def build(self, policy: TriedPolicy) -> CaseAccount:
        """Build the account; raises NotAnAccount, FileHasProblems."""
        return build_account(self.notation, policy.loaded.policy, self.folder)


@dataclass(frozen=True, slots=True)
class AccountMaker:
    """The fixture ``account``; files in it are relative to the folder of the test."""

    folder: Path

    def __call__(self, **notation: Any) -> WantedAccount:  # noqa: ANN401 - the notation of accounts
        """Word an account as policy tests do: ``cash``, ``positions``, ``orders``, ``snapshot``, ...

        Raises FileHasProblems where it has not the shape of one.
        """
        return WantedAccount(laid_over({}, _checked(notation)), self.folder)


@dataclass(frozen=True, slots=True)
class Planner:
    """The fixture ``plan``; policies are relative to the folder of the test."""

    folder: Path

    def __call__(
        self,
        account: WantedAccount | Snapshot,
        policy: str | Path = DEFAULT,
        parameters: Mapping[str, Any] | None = None,
    ) -> Plan:
        """Plan for an account; nothing is sent anywhere. Raises NotAnAccount, FileHasProblems, EngineDisagreement."""
        tried = try_policy(self.folder, policy, parameters)
        built = CaseAccount(account) if isinstance(account, Snapshot) else account.build(tried)
        return make_plan(PlanInput(tried.book, built.snapshot, built.now, built.progress), overrides=parameters)


@dataclass(frozen=True, slots=True)
class PaperTrial:
    """An account at the paper venue, which goes on cycle by cycle: plan, apply, wait."""

    paper: PaperAccount

    def plan(self) -> Plan:
        """Plan for the account as it is now."""
        return self.paper.plan().plan

    def apply(self, plan: Plan | None = None) -> ApplyResult:
        """Carry a plan out, or one that is made now."""
        return self.paper.apply(self.plan() if plan is None else plan)

    def move_price(self, name: str, price: str | int | Decimal) -> None:
        """Move the price of a symbol, or of a base currency, to the given one, in quote."""
        self.paper.move_price(name, parse_decimal(str(price)))

    def wait(self, minutes: str | int | Decimal) -> None:
        """Let time pass; the clock stands otherwise."""
        self.paper.clock.wait(parse_decimal(str(minutes)))

    def held(self, name: str) -> Decimal:
        """Return how much is held of a symbol, or of a base currency."""
        return self.paper.quantities().get(self.paper.start.key_of(name), Decimal(0))


@dataclass(frozen=True, slots=True)
class PaperMaker:
    """The fixture ``paper``; policies are relative to the folder of the test."""

    folder: Path
    folders: pytest.TempPathFactory

    def __call__(
        self, account: WantedAccount, policy: str | Path = DEFAULT, parameters: Mapping[str, Any] | None = None
    ) -> PaperTrial:
        """Open an account at the paper venue, without fees, slippage and spread."""
        tried = try_policy(self.folder, policy, parameters)
        return PaperTrial(PaperAccount.open(account.build(tried), tried, self.folders.mktemp("paper")))


def try_policy(folder: Path, policy: str | Path, parameters: Mapping[str, Any] | None = None) -> TriedPolicy:
    """Load a policy by the name of a shipped one, or from a file relative to a folder; raises FileHasProblems."""
    shipped = SHIPPED / f"{policy}.yaml"
    file = shipped if Path(policy).name == str(policy) and shipped.is_file() else folder / policy
    refuse_floats(parameters or {}, "parameters")
    loaded = load_policy(file, parameters or {})
    return TriedPolicy(file, loaded, Rulebook.of(loaded.policy))


def _checked(notation: Notation) -> Notation:
    refuse_floats(notation, "account")
    return checked_account(notation)
