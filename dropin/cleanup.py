"""The forced cleanup: all dust closed and the cap enforced at once, by the shipped policy ``forced-cleanup``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.protocol import Clock
from exitplan.dropin.results import Finished
from exitplan.dropin.settings import DUST_USD, MAX_POSITIONS, policy_file, read_overrides
from exitplan.dropin.sources import Setup, account_id, adapt
from exitplan.dropin.venues import VenueIntegration
from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.operation import Operation, Unobserved, operate
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.planning.actions import CLOSING
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.policies import load_policy

POLICY = "forced-cleanup"
_CAP_RULE = "over-cap"


def _present() -> datetime:
    return datetime.now(UTC)


class _Initial(Unobserved):
    """Notes how many positions there were as soon as there is a plan, also where nothing comes of it."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures

    def show_plan(self, account: Account, plan: Plan) -> None:  # noqa: ARG002 - as its protocol
        """Note how many positions there were."""
        self.figures["initial_positions"] = len(plan.positions)


class ForcedPositionCleanup:
    """Close all dust and enforce the cap at once; what no strategy manages, within the cap, stays.

    Through the same plan, guards and journal as everything else. ``broker_integration`` is as for
    LegacyPositionExitProtocol; without one the accounts are those of the account files below the working folder.
    Parameters that are left out, or None, are the policy's. With ``dry_run`` nothing is sent.
    """

    def __init__(  # noqa: PLR0913 - the published constructor and where the account is
        self,
        dust_threshold_usd: float | Decimal | str | None = DUST_USD,
        max_positions: int | None = MAX_POSITIONS,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as published
        *,
        broker_integration: object = None,
        position_tracker: object = None,
        data_dir: str | Path = "./data",
        policy: str | Path = POLICY,
        clock: Clock = _present,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.overrides = read_overrides(dust_usd_threshold=dust_threshold_usd, max_positions=max_positions)
        self.broker = broker_integration
        self.dry_run = dry_run
        self._sleep = sleep
        self._setup = Setup(policy_file(policy), self.overrides, Path(data_dir), clock, position_tracker)

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
            operation = Operation(dry_run=self.dry_run, to_clean=True)
            outcome = operate(account, operation, observer=_Initial(figures), sleep=self._sleep)
            figures.update(_figures(account, Finished(outcome)))
        except ExitplanError as error:
            figures["error"] = str(error)
        return figures

    def _account(self, user_id: str | None) -> Account:
        setup = self._setup
        if isinstance(self.broker, VenueIntegration):
            return self.broker.open(user_id, setup)
        if self.broker is not None:
            return adapt(self.broker, user_id, setup, load_policy(setup.policy or policy_file(POLICY), setup.overrides))
        return open_account(
            AccountRequest(
                clock=setup.clock,
                account=user_id,
                policy=setup.policy,
                data=setup.data,
                overrides=setup.overrides,
            )
        )


def _figures(account: Account, finished: Finished) -> dict[str, Any]:
    closes = [action for action in finished.plan.actions if action.kind in CLOSING]
    done = Counter(action.rule == _CAP_RULE for action in closes if action.id in finished.done)
    held = len(finished.plan.positions)
    if finished.outcome.result is None:
        left: int | None = held - done.total()
    else:
        left = _held(account)
    is_resolved = finished.is_resolved and left is not None
    return {
        "dust_closed": done[False],
        "cap_closed": done[True],
        "final_positions": left,
        "status": "error" if not is_resolved else "cleaned" if closes else "clean",
    }


def _held(account: Account) -> int | None:
    try:
        return len(account.broker.read_account().positions)
    except ExitplanError:
        return None
