"""The Legacy Position Exit Protocol under its published name and methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.duck_typed.broker import AdaptedBroker, equity_of
from exitplan.brokers.protocol import Clock
from exitplan.dropin.classify import Classified, classify
from exitplan.dropin.names import AccountState, PositionCategory
from exitplan.dropin.results import Finished, diagnostics_of, state_of
from exitplan.dropin.settings import (
    DEFAULT_POLICY,
    DUST_PCT,
    MAX_POSITIONS,
    STALE_MINUTES,
    UNWIND_CYCLES,
    UNWIND_PCT,
    policy_file,
    read_overrides,
)
from exitplan.dropin.sources import Setup, account_id, adapt, spelling_of
from exitplan.dropin.venues import VenueIntegration
from exitplan.executor.accounts.account import Account
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.gate import DEFAULT_MAX_AGE, recorded_state, trading_gate
from exitplan.executor.operation import Observer, Operation, Unobserved, operate
from exitplan.executor.store.state import state_to_document
from exitplan.executor.verify import verify_account
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.values import time_text, unified_symbol
from exitplan.ruleset.planning.plan import report_of
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.schemas.policies import load_policy

Result = dict[str, Any]


def _present() -> datetime:
    return datetime.now(UTC)


class _Phase1(Unobserved):
    """Notes the first phase's results as soon as there is a plan, also where nothing comes of it."""

    def __init__(self, results: Result) -> None:
        self.results = results

    def show_plan(self, account: Account, plan: Plan) -> None:  # noqa: ARG002 - as its protocol
        """Note how many positions were classified."""
        held = len(plan.positions)
        self.results["phase1_classification"] = {"total_positions": held, "classified": held}


class LegacyPositionExitProtocol:
    """Bring an account back to a clean, strategy-aligned state, under a policy, by a plan, through the executor.

    ``broker_integration`` is any object with the published broker methods, or what ``get_broker_integration`` gives.
    ``position_tracker`` is the platform account's; a user's lies in the user's folder, as the platform's does where
    None is given. A parameter that is given is set over the policy, also one that equals its default; one that is left
    out, or None, is the policy's. The defaults are what the shipped policy says.
    ``policy`` is a file, or a name such as ``conservative``; without one the account's own, else ``default``. With
    ``dry_run`` nothing is sent, and every method tells what it would have done.

    Errors are those of ``exitplan.ruleset.errors``: AccountUnreadable where the broker does not answer, RefusedByGuard
    where a guard of the policy refuses what would be done.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the published constructor
        self,
        position_tracker: object = None,
        broker_integration: Any = None,  # noqa: ANN401 - what has the six methods
        max_positions: int | None = MAX_POSITIONS,
        dust_pct_threshold: float | Decimal | str | None = DUST_PCT,
        stale_order_minutes: float | Decimal | str | None = STALE_MINUTES,
        gradual_unwind_pct: float | Decimal | str | None = UNWIND_PCT,
        unwind_cycles: int | None = UNWIND_CYCLES,
        data_dir: str | Path = "./data",
        *,
        policy: str | Path | None = None,
        dry_run: bool = False,
        clock: Clock = _present,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        overrides = read_overrides(
            max_positions=max_positions,
            dust_pct_threshold=dust_pct_threshold,
            stale_order_minutes=stale_order_minutes,
            gradual_unwind_pct=gradual_unwind_pct,
            unwind_cycles=unwind_cycles,
        )
        self.position_tracker = position_tracker
        self.broker = broker_integration
        self.data_dir = Path(data_dir)
        self.dry_run = dry_run
        self._sleep = sleep
        chosen = None if policy is None else policy_file(policy)
        self._setup = Setup(chosen, overrides, self.data_dir, clock, position_tracker)
        self._loaded = load_policy(chosen or policy_file(DEFAULT_POLICY), overrides)
        self._opened: dict[str | None, Account] = {}
        self._account(None)

    @property
    def policy(self) -> Policy:
        """The policy of the platform account, with the parameters set over it."""
        return self._account(None).loaded.policy

    @property
    def max_positions(self) -> int:
        """The cap in force."""
        return self.policy.max_positions

    @property
    def state(self) -> Result:
        """What is remembered of the platform account, as in its state file."""
        return self.state_of()

    def state_of(self, user_id: str | None = None) -> Result:
        """Return what is remembered of an account, as in its state file; raises FileIsInvalid where it was edited."""
        return state_to_document(recorded_state(self._folder(user_id)))

    # --- phase 1 ---

    def classify_position(self, position: Mapping[str, Any], account_balance: object) -> PositionCategory:
        """Classify one position by itself, in an account of this equity; the cap does not count."""
        (classified,) = self._classified([position], account_balance, capped=False)
        return classified.category

    def classify_all_positions(
        self, positions: Sequence[Mapping[str, Any]], account_balance: object
    ) -> dict[str, Result]:
        """Classify positions as all of an account of this equity: category, exit strategy and position, by symbol.

        Positions without a symbol are told as ``UNKNOWN``, ``UNKNOWN.2`` and so on. Nothing is written.
        """
        at = time_text(self._setup.clock())
        pairs = zip(self._classified(positions, account_balance, capped=True), positions, strict=True)
        return {
            classified.name: {
                "category": classified.category.value,
                "position": position,
                "exit_strategy": classified.strategy.value,
                "classified_at": at,
            }
            for classified, position in pairs
        }

    # --- phases 2 and 3 ---

    def cancel_stale_orders(self, user_id: str | None = None) -> tuple[int, float]:
        """Cancel the stale orders of an account; gives how many, and what they held."""
        return self._carry_out(self._account(user_id), PlanScope(phase=2)).cancelled()

    def execute_controlled_exits(
        self, classified: Mapping[str, Any], account_balance: object, user_id: str | None = None
    ) -> dict[str, bool]:
        """Run the exits of the symbols named, in the account as it is now, and tell which were done.

        ``account_balance`` is the equity; at a venue of exitplan's the venue's own counts. What was classified is not
        taken on trust: the account is read and classified anew. A symbol without an exit is left out.
        """
        if not classified:
            return {}
        account = self._account(user_id, equity_of(account_balance))
        scope = PlanScope(targets=tuple(unified_symbol(str(name)) for name in classified), phase=3)
        exits = self._carry_out(account, scope).exits(spelling_of(account.broker))
        named = {unified_symbol(str(name)): str(name) for name in classified}
        ended = {named.get(unified_symbol(name)): done for name, done in exits.items()}
        return {name: done for name, done in ended.items() if name is not None}

    # --- phase 4 ---

    def verify_clean_state(self, user_id: str | None = None) -> tuple[AccountState, Result]:
        """Check an account; what could not be read NEEDS_CLEANUP, with the reason under ``error``."""
        at = time_text(self._setup.clock())
        try:
            account = self._account(user_id)
            checks = report_of(verify_account(account))
        except ExitplanError as error:
            return AccountState.NEEDS_CLEANUP, diagnostics_of(None, at, str, str(error))
        return state_of(checks), diagnostics_of(checks, at, spelling_of(account.broker))

    def should_enable_trading(self, user_id: str | None = None, max_age: timedelta = DEFAULT_MAX_AGE) -> bool:
        """Check whether the last verification found the account CLEAN and is no older than this; asks nobody."""
        try:
            identity = self._account(user_id).identity
        except ExitplanError:
            return False
        return trading_gate(self._folder(user_id), max_age, self._setup.clock(), identity=identity).open

    # --- all of it ---

    def run_full_protocol(self, user_id: str | None = None) -> Result:
        """Classify, cancel, exit and verify by one plan; ``success`` is true where the account is CLEAN in the end.

        What goes wrong on the way is told under ``error``, and then ``success`` is false.
        """
        results: Result = {"started_at": time_text(self._setup.clock()), "user_id": user_id}
        try:
            self._run(results, user_id)
        except ExitplanError as error:
            results["error"] = str(error)
            results["success"] = False
        results["completed_at"] = time_text(self._setup.clock())
        return results

    def _run(self, results: Result, user_id: str | None) -> None:
        account = self._account(user_id)
        spelling = spelling_of(account.broker)
        finished = self._carry_out(account, PlanScope(), observer=_Phase1(results), to_clean=True)
        cancelled, freed = finished.cancelled()
        results["phase2_order_cleanup"] = {"orders_cancelled": cancelled, "capital_freed_usd": freed}
        exits = finished.exits(spelling)
        done = sum(exits.values())
        results["phase3_controlled_exits"] = {
            "positions_processed": len(exits),
            "successful": done,
            "failed": len(exits) - done,
        }
        checks = finished.checks
        diagnostics = diagnostics_of(checks, time_text(self._setup.clock()), spelling)
        state = state_of(checks)
        results["phase4_verification"] = {"account_state": state.value, "diagnostics": diagnostics}
        results["success"] = state is AccountState.CLEAN and finished.is_resolved
        if "error" in diagnostics:
            results["error"] = diagnostics["error"]

    # --- how ---

    def _carry_out(
        self, account: Account, scope: PlanScope, *, observer: Observer | None = None, to_clean: bool = False
    ) -> Finished:
        """Plan and apply, unless nothing is to be sent; raises RefusedByGuard where a guard refuses the plan."""
        operation = Operation(scope=scope, dry_run=self.dry_run, to_clean=to_clean)
        return Finished(operate(account, operation, observer=observer or Unobserved(), sleep=self._sleep))

    def _classified(self, positions: Sequence[Mapping[str, Any]], balance: object, *, capped: bool) -> list[Classified]:
        account = self._account(None)
        return classify(account, positions, equity_of(balance), self._ask_price(account), capped=capped)

    def _ask_price(self, account: Account) -> Callable[[str], object]:
        broker = account.broker
        return broker.ask_price if isinstance(broker, AdaptedBroker) else self.broker.get_current_price

    def _account(self, user_id: str | None, equity: Decimal | None = None) -> Account:
        if isinstance(self.broker, VenueIntegration):
            if user_id not in self._opened:
                self._opened[user_id] = self.broker.open(user_id, self._setup)
            return self._opened[user_id]
        return adapt(self.broker, user_id, self._setup, self._loaded, equity)

    def _folder(self, user_id: str | None) -> DataFolder:
        return DataFolder.of(self.data_dir, self._account_id(user_id))

    def _account_id(self, user_id: str | None) -> str:
        if isinstance(self.broker, VenueIntegration) and user_id in {None, self.broker.user_id, self.broker.id}:
            return self.broker.id
        return account_id(user_id)
