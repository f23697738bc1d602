"""exitplan: bring trading accounts back to a clean, strategy-aligned state.

The Python API is :func:`load_policy`, :func:`plan`, :func:`open_account`, :func:`apply` and :func:`verify`, with the
errors in :mod:`exitplan.errors`. Beside them stand the names of the published Legacy Position Exit Protocol. Each name
is loaded when it is first asked for. The command line is :mod:`exitplan.cli`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from exitplan.ruleset.version import VERSION

if TYPE_CHECKING:
    from exitplan import errors
    from exitplan.dropin.cleanup import ForcedPositionCleanup
    from exitplan.dropin.closing import EXCHANGE_MIN_CLOSE_USD, CleanupType, is_position_closable
    from exitplan.dropin.names import AccountState, ExitStrategy, PositionCategory
    from exitplan.dropin.protocol import LegacyPositionExitProtocol
    from exitplan.dropin.tracker import PositionTracker
    from exitplan.dropin.venues import get_broker_integration
    from exitplan.executor.accounts.account import Account
    from exitplan.executor.api import apply, load_policy, open_account, plan, verify
    from exitplan.executor.operation import Outcome
    from exitplan.ruleset.exit_codes import ExitCode
    from exitplan.ruleset.model.snapshot import Snapshot
    from exitplan.ruleset.planning.actions import Action
    from exitplan.ruleset.planning.plan_types import Plan
    from exitplan.ruleset.planning.planner import PlanScope

__all__ = [
    "EXCHANGE_MIN_CLOSE_USD",
    "VERSION",
    "Account",
    "AccountState",
    "Action",
    "CleanupType",
    "ExitCode",
    "ExitStrategy",
    "ForcedPositionCleanup",
    "LegacyPositionExitProtocol",
    "Outcome",
    "Plan",
    "PlanScope",
    "PositionCategory",
    "PositionTracker",
    "Snapshot",
    "apply",
    "errors",
    "get_broker_integration",
    "is_position_closable",
    "load_policy",
    "open_account",
    "plan",
    "verify",
]

_HOMES = {
    "EXCHANGE_MIN_CLOSE_USD": "exitplan.dropin.closing",
    "CleanupType": "exitplan.dropin.closing",
    "is_position_closable": "exitplan.dropin.closing",
    "Account": "exitplan.executor.accounts.account",
    "AccountState": "exitplan.dropin.names",
    "Action": "exitplan.ruleset.planning.actions",
    "ExitCode": "exitplan.ruleset.exit_codes",
    "ExitStrategy": "exitplan.dropin.names",
    "ForcedPositionCleanup": "exitplan.dropin.cleanup",
    "LegacyPositionExitProtocol": "exitplan.dropin.protocol",
    "Outcome": "exitplan.executor.operation",
    "Plan": "exitplan.ruleset.planning.plan_types",
    "PlanScope": "exitplan.ruleset.planning.planner",
    "PositionCategory": "exitplan.dropin.names",
    "PositionTracker": "exitplan.dropin.tracker",
    "Snapshot": "exitplan.ruleset.model.snapshot",
    "apply": "exitplan.executor.api",
    "get_broker_integration": "exitplan.dropin.venues",
    "load_policy": "exitplan.executor.api",
    "open_account": "exitplan.executor.api",
    "plan": "exitplan.executor.api",
    "verify": "exitplan.executor.api",
}


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("exitplan.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "errors"])
