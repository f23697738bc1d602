"""What is played: an account, where it is, and the manners of its venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitplan.ruleset.model.snapshot import Snapshot
from tests.executor.scene import Scene, stage

if TYPE_CHECKING:
    from tests.model.world import ModelWorld


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played; ``build`` sets its scene in an empty folder.

    Of one that ``is_live`` the data folder may be put back from a copy that is older than the last run; one that
    ``may_halt`` may be halted by a person. A venue that ``asks_beside`` does not say in its reply what an order filled.
    """

    build: Callable[[Path, Setting], ModelWorld]
    account: Callable[[], Snapshot]
    base: str = "default"
    venue: str = "paper"
    at_once: int = 1
    asks_beside: bool = False
    is_live: bool = False
    may_halt: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def staged(root: Path, setting: Setting, account: Snapshot) -> Scene:
    """Set a scene whose unwinds do not go on to a second cycle while the checker looks."""
    return stage(
        root,
        account,
        base=setting.base,
        parameters={"unwind_interval_minutes": 600, "max_positions": 3},
        options=dict(setting.options),
    )
