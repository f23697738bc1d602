"""exitplan: bring trading accounts back to a clean, strategy-aligned state.

The command line is :mod:`cli`; ``python -m exitplan`` is the same as ``exitplan``. The names below are the Python API
of the published Legacy Position Exit Protocol; each is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ruleset.version import VERSION

if TYPE_CHECKING:
    from dropin.cleanup import ForcedPositionCleanup
    from dropin.names import AccountState, ExitStrategy, PositionCategory
    from dropin.protocol import LegacyPositionExitProtocol
    from dropin.tracker import PositionTracker
    from dropin.venues import get_broker_integration

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
    "AccountState": "dropin.names",
    "ExitStrategy": "dropin.names",
    "ForcedPositionCleanup": "dropin.cleanup",
    "LegacyPositionExitProtocol": "dropin.protocol",
    "PositionCategory": "dropin.names",
    "PositionTracker": "dropin.tracker",
    "get_broker_integration": "dropin.venues",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
