"""exitplan: bring trading accounts back to a clean, strategy-aligned state.

The command line is :mod:`cli`; ``python -m exitplan`` is the same as ``exitplan``. The names below are the Python API
of the published Legacy Position Exit Protocol; each is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from exitplan.ruleset.version import VERSION

if TYPE_CHECKING:
    from exitplan.dropin.cleanup import ForcedPositionCleanup
    from exitplan.dropin.names import AccountState, ExitStrategy, PositionCategory
    from exitplan.dropin.protocol import LegacyPositionExitProtocol
    from exitplan.dropin.tracker import PositionTracker
    from exitplan.dropin.venues import get_broker_integration

__all__ = [
    "VERSION",
    "AccountState",
    "ExitStrategy",
    "ForcedPositionCleanup",
    "LegacyPositionExitProtocol",
    "PositionCategory",
    "PositionTracker",
    "get_broker_integration",
]

_HOMES = {
    "AccountState": "exitplan.dropin.names",
    "ExitStrategy": "exitplan.dropin.names",
    "ForcedPositionCleanup": "exitplan.dropin.cleanup",
    "LegacyPositionExitProtocol": "exitplan.dropin.protocol",
    "PositionCategory": "exitplan.dropin.names",
    "PositionTracker": "exitplan.dropin.tracker",
    "get_broker_integration": "exitplan.dropin.venues",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
