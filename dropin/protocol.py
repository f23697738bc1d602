"""The Legacy Position Exit Protocol under its published name and methods."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from exitplan.brokers.duck_typed.broker import AdaptedBroker
from exitplan.brokers.duck_typed.holdings import AskPrice
from exitplan.brokers.duck_typed.told_account import Balance, balance_of
from exitplan.brokers.protocol import Clock
from exitplan.dropin.accounts import ProtocolAccounts, Result
from exitplan.dropin.classify import Classified, classify
from exitplan.dropin.exposure import Monitored, exposure_report, find_exposed
from exitplan.dropin.names import AccountState, PositionCategory
from exitplan.dropin.results import Finished, diagnostics_of, state_of
from exitplan.dropin.settings import (
    DATA_DIR,
    DUST_PCT,
    MAX_POSITIONS,
    STALE_MINUTES,
    UNWIND_CYCLES,
    UNWIND_PCT,
    data_folder,
    policy_file,
    read_overrides,
)
from exitplan.dropin.sources import Setup, spelling_of
from exitplan.dropin.state_file import Exposure
from exitplan.dropin.venues import VenueIntegration
from exitplan.executor.accounts.account import Account
from exitplan.executor.gate import DEFAULT_MAX_AGE, trading_gate
from exitplan.executor.logs import PROTOCOL, Entry, note
from exitplan.executor.operation import Observer, Operation, Unobserved, operate
from exitplan.executor.verify import verify_account
from exitplan.ruleset.errors import AccountUnreadable, ExitplanError
from exitplan.ruleset.model.values import ZERO, time_text, unified_symbol
from exitplan.ruleset.planning.plan import report_of
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope


def _present() -> datetime:
    return datetime.now(UTC)


def _counted(exits: Mapping[str, bool]) -> dict[str, int]:
    done = sum(exits.values())
    return {"positions_processed": len(exits), "successful": done, "failed": len(exits) - done}


def _wants_exit(entry: object) -> bool:
    """Tell whether a classified position was to be sold, as far as its entry says."""
    kept = {PositionCategory.STRATEGY_ALIGNED.value, PositionCategory.DEFERRED.value}
    return not isinstance(entry, Mapping) or entry.get("category") not in kept


class _Phase1(Unobserved):
    """Notes the first phase's results as soon as there is a plan, also where nothing comes of it."""

    def __init__(self, results: Result) -> None:
        self.results = results

    def show_plan(self, account: Account, plan: Plan) -> None:  # noqa: ARG002 - as its protocol
        """Note how many positions were classified."""
        held = len(plan.positions)
        self.results["phase1_classification"] = {"total_positions": held, "classified": held}


class LegacyPositionExitProtocol(ProtocolAccounts):
    """Bring an account back to a clean, strategy-aligned state, under a policy, by a plan, through the executor.

    ``broker_integration`` is any object with the published broker methods, or what ``get_broker_integration`` gives.
    ``position_tracker`` registers the platform account's positions, and a user's that is asked for; without one each
    account has the file in its folder. A parameter that is given is set over the policy, also one that equals its
    default; one that is left out, or None, is the policy's. Each can be read and assigned as an attribute.
    ``policy`` is a file, or a name such as ``conservative``; without one the account's own, else ``published``. With
    ``dry_run`` nothing is sent, and every method tells what it would have done.

    Errors are those of ``exitplan.ruleset.errors``: AccountUnreadable where the broker does not answer, RefusedByGuard
    where a guard of the policy refuses what would be done.
    """

    HIGH_EXPOSURE_ASSETS: ClassVar[list[str]] = [
        *("PEPE-USD", "PEPE-USDT", "LUNA-USD", "LUNA-USDT", "LUNA2-USD", "SHIB-USD", "SHIB-USDT"),
        *("DOGE-USD", "DOGE-USDT", "FLOKI-USD", "FLOKI-USDT"),
    ]
    """The coins that are monitored; the policy names those that are never aligned."""

    def __init__(  # noqa: PLR0913, PLR0917 - the published constructor
        self,
        position_tracker: object = None,
        broker_integration: Any = None,  # noqa: ANN401 - what has the published methods
        max_positions: int | None = MAX_POSITIONS,
        dust_pct_threshold: float | Decimal | str | None = DUST_PCT,
        stale_order_minutes: float | Decimal | str | None = STALE_MINUTES,
        gradual_unwind_pct: float | Decimal | str | None = UNWIND_PCT,
        unwind_cycles: int | None = UNWIND_CYCLES,
        data_dir: str | Path = DATA_DIR,
        monitor_high_exposure: bool = True,  # noqa: FBT001, FBT002 - as published
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
        chosen = None if policy is None else policy_file(policy)
        setup = Setup(chosen, overrides, data_folder(data_dir), clock, position_tracker, monitor_high_exposure)
        super().__init__(setup, broker_integration, dry_run=dry_run, sleep=sleep)

    # --- phase 1 ---

    def classify_position(self, position: Mapping[str, Any], account_balance: object) -> PositionCategory:
        """Classify one position by itself, in an account of this equity; the cap does not count."""
        (classified,) = self._classified([position], account_balance, capped=False)
        level = logging.DEBUG if classified.category is PositionCategory.STRATEGY_ALIGNED else logging.INFO
        figures = {"symbol": classified.name, "category": classified.category.value, "rule": classified.rule}
        note(PROTOCOL, "position_classified", level=level, **figures)
        return classified.category

    def classify_all_positions(
        self, positions: Sequence[Mapping[str, Any]], account_balance: object
    ) -> dict[str, Result]:
        """Classify positions as all of an account of this equity: category, exit strategy and position, by symbol.

        Positions without a symbol are told as ``UNKNOWN``, ``UNKNOWN.2`` and so on. Nothing is written.
        """
        at = time_text(self._setup.clock())
        told = self._classified(positions, account_balance, capped=True)
        counts = Counter(classified.category.value for classified in told)
        self._note(self._account(None), "phase1_classification", total_positions=len(told), **counts)
        pairs = zip(told, positions, strict=True)
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
        """Cancel the stale orders of an account; gives how many, and what they held.

        Positions that cannot be read are no obstacle: limit orders are judged without them, stops are left.
        """
        account = self._account(user_id, orders_matter_alone=True)
        cancelled, freed = self._carry_out(account, PlanScope(phase=2)).cancelled()
        self._note(account, "phase2_order_cleanup", orders_cancelled=cancelled, capital_freed_usd=freed)
        self._write_state(account, user_id)
        return cancelled, freed

    def execute_controlled_exits(
        self, classified: Mapping[str, Any], account_balance: object, user_id: str | None = None
    ) -> dict[str, bool]:
        """Run the exits of the symbols named, in the account as it is now, and tell which were done.

        ``account_balance`` is the equity; at a venue of exitplan's the venue's own counts. What was classified is not
        taken on trust: the account is read and classified anew. A symbol without an exit is left out. Where the account
        cannot be read nothing is sold, and every exit that was asked for has failed.
        """
        if not classified:
            return {}
        account = self._account(user_id, balance_of(account_balance))
        scope = PlanScope(targets=tuple(unified_symbol(str(name)) for name in classified), phase=3)
        try:
            exits = self._carry_out(account, scope).exits(spelling_of(account.broker))
        except AccountUnreadable as error:
            note(PROTOCOL, "account_unreadable", level=logging.ERROR, account=account.id, message=str(error))
            return {str(name): False for name, entry in classified.items() if _wants_exit(entry)}
        self._note(account, "phase3_controlled_exits", **_counted(exits))
        self._write_state(account, user_id)
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
            return AccountState.NEEDS_CLEANUP, diagnostics_of(None, at, str, str(error), most=self.policy.max_positions)
        self._note(account, "phase4_verification", account_state=state_of(checks).value)
        self._write_state(account, user_id)
        return state_of(checks), diagnostics_of(checks, at, spelling_of(account.broker))

    def should_enable_trading(self, user_id: str | None = None, max_age: timedelta = DEFAULT_MAX_AGE) -> bool:
        """Check whether the last verification found the account CLEAN and is no older than this; asks nobody.

        A verification under another policy, or other parameters, than are in force now counts for nothing.
        """
        try:
            account = self._account(user_id)
        except ExitplanError:
            return False
        now, policy = self._setup.clock(), account.loaded.policy.sha256
        return trading_gate(self._store(user_id), max_age, now, policy, account.identity).open

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
        results["phase3_controlled_exits"] = _counted(exits)
        results["high_exposure_monitoring"] = self._monitored(account, user_id, finished)
        checks = finished.checks
        diagnostics = diagnostics_of(checks, time_text(self._setup.clock()), spelling, most=self.policy.max_positions)
        state = state_of(checks)
        results["phase4_verification"] = {"account_state": state.value, "diagnostics": diagnostics}
        results["success"] = state is AccountState.CLEAN and finished.is_resolved
        if "error" in diagnostics:
            results["error"] = diagnostics["error"]
        for phase, figures in list(results.items()):
            if phase.startswith("phase"):
                shown = {name: figure for name, figure in figures.items() if name != "diagnostics"}
                self._note(account, phase, **shown)
        self._write_state(account, user_id)

    # --- coins of high exposure ---

    def monitor_high_exposure_assets(self, positions: Sequence[Mapping[str, Any]], account_balance: object) -> Result:
        """Tell how much of an account coins of high exposure are, and raise the alerts; nothing is sold for it."""
        if not self.monitor_high_exposure:
            return {"enabled": False}
        exposed = find_exposed(positions, self.HIGH_EXPOSURE_ASSETS)
        return self._exposure(None, exposed, balance_of(account_balance).share_of)

    def _monitored(self, account: Account, user_id: str | None, finished: Finished) -> Result:
        """Monitor what a run has left of the positions that it planned with."""
        if not self.monitor_high_exposure:
            return {"enabled": False}
        spelling = spelling_of(account.broker)
        left = [{"symbol": spelling(symbol), "size_usd": value} for symbol, value in finished.left().items()]
        exposed = find_exposed(left, self.HIGH_EXPOSURE_ASSETS)
        return self._exposure(user_id, exposed, finished.plan.snapshot.equity or ZERO)

    def _exposure(self, user_id: str | None, exposed: Sequence[Monitored], balance: Decimal) -> Result:
        now, beside = self._setup.clock(), {"type", "severity", "timestamp"}
        report = exposure_report(exposed, balance, self.policy.dust_pct_threshold, time_text(now))
        self._exposures[user_id] = Exposure([coin.symbol for coin in exposed], report["alerts"])
        if not self.dry_run:
            for alert in report["alerts"]:
                figures = {name: figure for name, figure in alert.items() if name not in beside}
                self._store(user_id).raise_alert(alert["type"], now, figures)
        return report

    # --- how ---

    @staticmethod
    def _note(account: Account, event: str, **figures: float | str | None) -> None:
        PROTOCOL.info(Entry(event, {"account": account.id, **figures}))

    def _carry_out(
        self, account: Account, scope: PlanScope, *, observer: Observer | None = None, to_clean: bool = False
    ) -> Finished:
        """Plan and apply, unless nothing is to be sent; raises RefusedByGuard where a guard refuses the plan."""
        operation = Operation(scope=scope, dry_run=self.dry_run, to_clean=to_clean)
        return Finished(operate(account, operation, observer=observer or Unobserved(), sleep=self._sleep))

    def _classified(self, positions: Sequence[Mapping[str, Any]], balance: object, *, capped: bool) -> list[Classified]:
        account = self._account(None)
        measure = balance_of(balance)
        if isinstance(self.broker, VenueIntegration):  # its balance is exitplan's own: shares are of all of it
            measure = Balance(measure.total, measure.total)
        return classify(account, positions, measure, self._ask_price(account), capped=capped)

    def _ask_price(self, account: Account) -> AskPrice:
        broker = account.broker
        if isinstance(broker, AdaptedBroker):
            return broker.ask_price
        price: AskPrice = self.broker.get_current_price
        return price
