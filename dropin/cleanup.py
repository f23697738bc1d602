"""The forced cleanup: dust closed and the cap enforced at once, by the shipped policy ``forced-cleanup``."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

from exitplan.brokers.duck_typed.broker import AdaptedBroker
from exitplan.brokers.duck_typed.methods import has_method
from exitplan.brokers.duck_typed.told_account import Balance
from exitplan.brokers.protocol import Clock
from exitplan.dropin.cancelling import CancelMode, environment_flag
from exitplan.dropin.closing import (
    EXCHANGE_MIN_CLOSE_USD,
    LEAST_CLOSE,
    CleanupType,
    Money,
    found_of,
    is_position_closable,
    ranked,
)
from exitplan.dropin.figures import DUST_RULE, NAMED_RULE, Initial, closed, figures_of
from exitplan.dropin.results import Finished
from exitplan.dropin.settings import (
    DATA_DIR,
    DUST_USD,
    MAX_POSITIONS,
    Overrides,
    Parameter,
    changed_overrides,
    data_folder,
    policy_file,
    read_overrides,
)
from exitplan.dropin.sources import Adapting, Setup, account_id, adapt
from exitplan.dropin.venues import VenueIntegration
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.accounts.env_accounts import ensure_account_id
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.logs import PROTOCOL, note
from exitplan.executor.operation import Observer, Operation, Unobserved, operate
from exitplan.executor.store.alerts import raise_alert
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.values import ZERO, unified_symbol
from exitplan.ruleset.planning.actions import CLOSING, Phase
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.schemas.policies import LoadedPolicy, load_policy, policy_from_document

__all__ = ["EXCHANGE_MIN_CLOSE_USD", "CleanupType", "ForcedPositionCleanup", "is_position_closable"]

POLICY = "forced-cleanup"
LEAST_REST = timedelta(seconds=120)
"""The least time between two cycles of one cleanup."""
_FIGURES = ("initial_positions", "dust_closed", "cap_closed", "final_positions")
_NAMED: Mapping[str, Any] = {
    "version": 1,
    "name": "forced-cleanup-of-the-named",
    "exits": [
        {"id": NAMED_RULE, "rule": 2, "when": {"market_known": True}, "action": "close", "before": "dust"},
    ],
}
"""Over the policy: every position is closed, and the scope of the plan names which."""


def _present() -> datetime:
    return datetime.now(UTC)


class ForcedPositionCleanup:
    """Close all dust and enforce the cap at once, the smallest first; what else an account holds stays.

    Through the same plan, guards and journal as everything else. ``broker_integration`` is as for
    LegacyPositionExitProtocol; without one the accounts are those of the account files below the working folder. The
    methods that take a broker work on that one, in the account that its ``account_id`` names.
    Parameters that are left out, or None, are the policy's. With ``dry_run`` nothing is sent.

    A close always cancels the orders in its way. ``cancel_open_orders``, ``startup_only`` and ``cancel_conditions``
    say, as published, whether a program may count on it for all orders of a position; they hold nothing back.
    """

    dust_threshold_usd = Parameter("dust_usd_threshold", float)
    max_positions = Parameter("max_positions", int)

    def __init__(  # noqa: PLR0913 - the published constructor and where the account is
        self,
        dust_threshold_usd: float | Decimal | str | None = DUST_USD,
        max_positions: int | None = MAX_POSITIONS,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as published
        cancel_open_orders: bool = False,  # noqa: FBT001, FBT002 - as published
        startup_only: bool = False,  # noqa: FBT001, FBT002 - as published
        cancel_conditions: str | None = None,
        kill_all_on_startup: bool = False,  # noqa: FBT001, FBT002 - as published
        *,
        broker_integration: object = None,
        position_tracker: object = None,
        data_dir: str | Path = DATA_DIR,
        policy: str | Path = POLICY,
        clock: Clock = _present,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        overrides = read_overrides(dust_usd_threshold=dust_threshold_usd, max_positions=max_positions)
        self.broker = broker_integration
        self.dry_run = dry_run
        self.kill_all_on_startup = kill_all_on_startup or environment_flag("STARTUP_KILL_ALL_POSITIONS")
        self.has_run_startup = False
        self.current_positions: list[Any] = []
        self.open_positions_count = 0
        mode = CancelMode.of(cancel_conditions, wanted=cancel_open_orders, startup_only=startup_only)
        self.cancel_open_orders = mode.wanted
        self.startup_only = mode.startup_only
        self.cancel_conditions = mode.conditions
        self._sleep = sleep
        self._last_cycle: datetime | None = None
        self._cycle_lock = Lock()
        self._use(Setup(policy_file(policy), overrides, data_folder(data_dir), clock, position_tracker))

    def _use(self, setup: Setup) -> None:
        self._setup = setup
        self._loaded = load_policy(setup.policy or policy_file(POLICY), setup.overrides)
        # What no exchange takes is like dust: it is not sold, and takes no place below the cap.
        least = max(self.policy.dust_usd_threshold, LEAST_CLOSE)
        self._at_brokers: Overrides = {**setup.overrides, "dust_usd_threshold": least}

    @property
    def overrides(self) -> Mapping[str, Decimal | int]:
        """The parameters that are set over the policy."""
        return self._setup.overrides

    @property
    def policy(self) -> Policy:
        """The policy, with the parameters set over it."""
        return self._loaded.policy

    def set_parameter(self, name: str, value: object) -> None:
        """Set a parameter over the policy, as the constructor does; None is the policy's own again."""
        self._use(replace(self._setup, overrides=changed_overrides(self._setup.overrides, name, value)))

    # --- one account, of an account file or of the broker that the cleanup was made with ---

    def cleanup_positions(self, user_id: str | None = None) -> dict[str, Any]:
        """Clean up one account; gives its figures, and what went wrong under ``error``.

        ``status`` is ``clean`` where there was nothing to do, ``cleaned``, or ``error``. Positions of which nobody can
        tell any more count as None.
        """
        figures: dict[str, Any] = {
            "account_id": account_id(user_id),
            "initial_positions": None,
            "dust_closed": 0,
            "cap_closed": 0,
            "final_positions": None,
            "status": "error",
        }
        try:
            account = self._account(user_id)
            finished = self._carry_out(account, PlanScope(phase=Phase.EXIT), Initial(figures))
            figures.update(figures_of(account, finished))
        except ExitplanError as error:
            figures["error"] = str(error)
        return figures

    # --- which positions: decided by the same rules, of positions that a caller hands over ---

    def identify_dust_positions(self, positions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Find the positions worth less than ``dust_threshold_usd``; one without a value is none of them."""
        least = self.policy.dust_usd_threshold
        reason = f"dust, below {least:.2f} USD"
        return [
            found_of(position, CleanupType.DUST, reason)
            for position in positions
            if 0 < Money.of(position).value < least
        ]

    def identify_cap_excess_positions(self, positions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Find the positions above the cap: the smallest, then the worst, then the oldest; all that are given count."""
        most = self.policy.max_positions
        reason = f"above the cap: {len(positions)} of {most}"
        excess = max(len(positions) - most, 0)
        return [found_of(position, CleanupType.CAP_EXCEEDED, reason) for position in ranked(positions)[:excess]]

    # --- with a broker ---

    def execute_cleanup(
        self,
        positions_to_close: Sequence[Mapping[str, Any]],
        broker: object,
        account_id: str = "platform",
        is_startup: bool = False,  # noqa: FBT001, FBT002, ARG002 - as published; a close clears its way at any time
    ) -> tuple[int, int, int]:
        """Close the positions that are named; gives how many were closed, failed, and could not be sold at all.

        What is closed is all that the account holds of each now. What is worth less than EXCHANGE_MIN_CLOSE_USD, is
        protected, or not held any more, is not sold.
        """
        names = dict.fromkeys(unified_symbol(str(position["symbol"])) for position in positions_to_close)
        if not names:
            return 0, 0, 0
        try:
            account = self._adapted(broker, account_id, self._named())
            finished = self._carry_out(account, PlanScope(targets=tuple(names), phase=Phase.EXIT))
        except ExitplanError as error:
            note(PROTOCOL, "cleanup_failed", account=account_id, message=str(error))
            return 0, len(names), 0
        tried = {action.symbol for action in finished.plan.actions if action.kind in CLOSING}
        done = closed(finished, {NAMED_RULE})
        return len(done), len(tried - done), len(names) - len(tried)

    def cleanup_single_account(
        self,
        broker: object,
        account_id: str = "platform",
        is_startup: bool = False,  # noqa: FBT001, FBT002 - as published
    ) -> dict[str, Any]:
        """Close the dust of one account and what is above its cap; gives its figures.

        ``status`` is ``clean`` where nothing is held, ``cleaned``, ``kill_all_complete``, or ``error`` with what went
        wrong under ``error``; then the figures that nobody knows are 0.
        """
        kills = is_startup and self.kill_all_on_startup and not self.has_run_startup
        figures: dict[str, Any] = {
            "account_id": account_id,
            "initial_positions": 0,
            "dust_closed": 0,
            "cap_closed": 0,
            "final_positions": 0,
            "status": "error",
        }
        try:
            account = self._adapted(broker, account_id, self._named() if kills else self._of_brokers())
            finished = self._carry_out(account, PlanScope(phase=Phase.EXIT), Initial(figures))
            figures.update(figures_of(account, finished))
        except ExitplanError as error:
            figures["error"] = str(error)
            return figures
        self.has_run_startup = self.has_run_startup or is_startup
        if figures["status"] == "error" or figures["final_positions"] is None:
            return {**figures, "final_positions": figures["final_positions"] or 0, "status": "error"}
        if isinstance(account.broker, AdaptedBroker):
            self.current_positions = list(account.broker.told_positions)
        self.open_positions_count = figures["final_positions"]
        figures["status"] = "clean" if not figures["initial_positions"] else "cleaned"
        if kills:
            gone = len(closed(finished, {NAMED_RULE}))
            figures.update(dust_closed=gone, skipped_dust=len(finished.plan.blocked), status="kill_all_complete")
        note(PROTOCOL, "cleanup_finished", account=account_id, status=figures["status"])
        return figures

    def run_cleanup_cycle(
        self,
        broker: object,
        account_id: str = "platform",
        is_startup: bool = False,  # noqa: FBT001, FBT002 - as published
    ) -> dict[str, Any] | None:
        """Clean up one account, unless a cycle began less than LEAST_REST ago; then it is None."""
        now = self._setup.clock()
        with self._cycle_lock:
            if self._last_cycle is not None and now - self._last_cycle < LEAST_REST:
                return None
            self._last_cycle = now
        return self.cleanup_single_account(broker, account_id, is_startup)

    # --- many accounts ---

    def cleanup_all_accounts(
        self,
        multi_account_manager: Any,  # noqa: ANN401 - what has platform_brokers and user_brokers
        is_startup: bool = False,  # noqa: FBT001, FBT002 - as published
    ) -> dict[str, Any]:
        """Clean up the platform's brokers, then every user's, whose cap counts over all brokers of the user."""
        results = [
            self.cleanup_single_account(broker, f"platform_{_name_of(kind)}", is_startup)
            for kind, broker in _connected(multi_account_manager.platform_brokers)
        ]
        for user_id, brokers in multi_account_manager.user_brokers.items():
            results.extend(self._cleanup_user_all_brokers(user_id, brokers, is_startup))
        total = Counter[str]()
        for result in results:
            total.update({name: result[name] for name in _FIGURES})
        return {
            "accounts_processed": len(results),
            "initial_total": total["initial_positions"],
            "dust_closed": total["dust_closed"],
            "cap_closed": total["cap_closed"],
            "final_total": total["final_positions"],
            "reduction": total["initial_positions"] - total["final_positions"],
            "details": results,
        }

    def _cleanup_user_all_brokers(
        self,
        user_id: str,
        user_broker_dict: Mapping[Any, Any],
        is_startup: bool = False,  # noqa: FBT001, FBT002 - as published
    ) -> list[dict[str, Any]]:
        """Close a user's dust at every broker, then the smallest of all that is left above the cap.

        A broker that is not connected, or cannot be read, hides positions: what is above the cap without them is above
        it with them, so that is closed, and no more.
        """
        brokers = _connected(user_broker_dict)
        found = [_OneBroker(broker, f"user_{user_id}_{_name_of(kind)}") for kind, broker in brokers]
        for one in found:
            self._close_dust(one)
        total = sum(one.figures["initial_positions"] for one in found)
        held = [position for one in found for position in one.left]
        excess = ranked(held)[: max(len(held) - self.max_positions, 0)]
        if excess:
            self._log_cap_violation_alert(user_id, len(held), self.max_positions)
        for one in found:
            self._close_excess(one, [position for position in excess if any(position is kept for kept in one.left)])
            one.figures.update(user_id=user_id, user_total_initial=total)
        self.has_run_startup = self.has_run_startup or is_startup
        return [one.figures for one in found]

    def _close_dust(self, one: _OneBroker) -> None:
        """Close the dust at one broker, and keep what is left of it that could be sold."""
        try:
            account = self._adapted(one.broker, one.account, self._of_brokers())
            scope = PlanScope(phase=Phase.EXIT, rules=(DUST_RULE,))
            finished = self._carry_out(account, scope, Initial(one.figures))
            one.figures.update(figures_of(account, finished))
        except ExitplanError as error:
            one.figures["error"] = str(error)
            return
        if one.figures["status"] == "error" or one.figures["final_positions"] is None:
            one.figures.update(error="what became of the dust is not known", status="error", final_positions=0)
            return
        one.figures["status"] = "cleaned"
        least = self._at_brokers["dust_usd_threshold"]
        told = account.broker.told_positions if isinstance(account.broker, AdaptedBroker) else ()
        one.left = [position for position in told if Money.of(position).value >= least]

    def _close_excess(self, one: _OneBroker, positions: Sequence[Mapping[str, Any]]) -> None:
        if not positions:
            return
        closed, failed, _ = self.execute_cleanup(positions, one.broker, one.account)
        one.figures["cap_closed"] = closed
        one.figures["final_positions"] -= closed
        if failed:
            one.figures["status"] = "error"

    def _log_cap_violation_alert(self, user_id: str, current_count: int, max_positions: int) -> None:
        """Alert that a user holds too much, over all brokers."""
        figures = {"current_count": current_count, "max_positions": max_positions}
        figures["excess_count"] = current_count - max_positions
        if self.dry_run:
            note(PROTOCOL, "POSITION_CAP_VIOLATION", level=logging.CRITICAL, account=user_id, **figures)
            return
        alerts = DataFolder.of(self._setup.data, account_id(user_id)).alerts
        raise_alert(alerts, "POSITION_CAP_VIOLATION", user_id, self._setup.clock(), figures)

    def _should_cancel_open_orders(
        self,
        position_data: Mapping[str, Any],
        is_startup: bool = False,  # noqa: FBT001, FBT002 - as published
    ) -> bool:
        """Tell whether the published options ask for the orders of a position to be cancelled."""
        mode = CancelMode(self.cancel_open_orders, self.startup_only, self.cancel_conditions)
        return mode.asks_for(position_data, is_startup=is_startup, has_run=self.has_run_startup)

    # --- how ---

    def _carry_out(self, account: Account, scope: PlanScope, observer: Observer | None = None) -> Finished:
        operation = Operation(scope=scope, dry_run=self.dry_run, to_clean=True)
        return Finished(operate(account, operation, observer=observer or Unobserved(), sleep=self._sleep))

    def _account(self, user_id: str | None) -> Account:
        setup = self._setup
        if isinstance(self.broker, VenueIntegration):
            return self.broker.open(user_id, setup)
        if self.broker is not None:
            return adapt(self.broker, user_id, setup, self._loaded)
        return open_account(
            AccountRequest(
                clock=setup.clock,
                account=user_id,
                policy=setup.policy,
                data=setup.data,
                overrides=setup.overrides,
            )
        )

    def _adapted(self, broker: object, account: str, loaded: LoadedPolicy) -> Account:
        """Put a broker behind an account; what is worth less than EXCHANGE_MIN_CLOSE_USD cannot be sold there.

        Raises UsageError for an id that no account could have, and for a venue of exitplan's.
        """
        if isinstance(broker, VenueIntegration):
            raise UsageError(
                f"{broker.venue} is opened by the cleanup itself",
                hint="ForcedPositionCleanup(broker_integration=...).cleanup_positions()",
            )
        ensure_account_id(account)
        # Nothing here is a share of the account: a broker that tells no balance can be cleaned up all the same.
        balance = None if has_method(broker, "get_account_balance") else Balance(ZERO, ZERO)
        how = Adapting(account=account, balance=balance, min_notional=LEAST_CLOSE)
        return adapt(broker, None, self._setup, loaded, how)

    def _of_brokers(self) -> LoadedPolicy:
        """Return the policy for brokers that do not tell what the least is that they take."""
        return load_policy(self._setup.policy or policy_file(POLICY), self._at_brokers)

    def _named(self) -> LoadedPolicy:
        """Return the policy under which every position is closed that the scope of a plan names."""
        file = self._setup.policy or policy_file(POLICY)
        return policy_from_document({**_NAMED, "extends": file.name}, self._at_brokers, base=file.parent)


@dataclass
class _OneBroker:
    """One broker of a user, what is left there after its dust is closed, and its figures."""

    broker: object
    account: str
    left: list[Mapping[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with figures of an account that nobody has read."""
        self.figures = {"account_id": self.account, **dict.fromkeys(_FIGURES, 0), "status": "error"}


def _connected(brokers: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    return [(kind, broker) for kind, broker in brokers.items() if broker and getattr(broker, "connected", True)]


def _name_of(kind: object) -> str:
    """Return the name of a kind of broker: the value of an enumeration, or a text."""
    return str(getattr(kind, "value", kind))
