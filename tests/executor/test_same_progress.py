"""A plan goes on from the progress that it knew of each position that it touches."""

from __future__ import annotations

import pytest

from exitplan.executor.apply.staleness import ensure_same_progress
from exitplan.ruleset.errors import PlanIsStale
from exitplan.ruleset.model.assets import AssetNames
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import ago, failed, position, record, snapshot, typed_plan_of, unwound
from tests.executor.scene import WIDE

PERP = "AAA/USD:USD"
HELD = snapshot(position("AAA/USD", 75))
GROWN = snapshot(position("AAA/USD", 200))
REACHED = snapshot(position("AAA/USD", 50))
"""Of an unwind of 100 the second cycle leaves 56.25: it counts with no order."""
ZOMBIE = snapshot(position("AAA/USD", 100), tracked={"AAA/USD": record(entry=None)})
BOTH = snapshot(position(PERP, 75, entry=100), position(PERP, 75, side="short", entry=100))
NOTHING = Progress()
ONCE = unwound(1, "0.75", 100)


def goes_on(account: Snapshot, knew: Progress, now: Progress) -> bool:
    """Check whether a plan that was made with some progress goes on from another."""
    plan = typed_plan_of(account, knew, guards=WIDE, unwind_interval_minutes=0)
    assert plan.actions or plan.steps
    try:
        ensure_same_progress(plan, now, AssetNames())
    except PlanIsStale:
        return False
    return True


@pytest.mark.parametrize(
    ("account", "knew", "now", "same"),
    [
        (HELD, NOTHING, NOTHING, True),
        (HELD, NOTHING, ONCE, False),
        (HELD, ONCE, ONCE, True),
        (HELD, ONCE, NOTHING, False),
        (HELD, ONCE, unwound(2, "0.5625", 100), False),
        (HELD, ONCE, unwound(1, "0.75", 100, started=ago(59)), False),
        (HELD, ONCE, unwound(1, "0.75", 101), False),
        (HELD, ONCE, unwound(1, "0.75", 120, added=20), True),  # it grew, and is the same unwind
        (HELD, unwound(1, "0.75", 120, added=20), unwound(1, "0.75", 130, added=20), False),
        (HELD, ONCE, unwound(1, "0.75", 100, "BBB/USD"), False),
        (HELD, NOTHING, unwound(1, "0.75", 100, "BBB/USD"), True),
        (HELD, failed(AAA=1), failed(AAA=1), True),
        (HELD, failed(AAA=1), failed(AAA=2), False),
        (HELD, NOTHING, failed(BBB=1), True),
        (GROWN, ONCE, ONCE, True),
        (HELD, unwound(1, "0.75", 120, added=20), unwound(1, "0.75", 120, added=20), True),
        (REACHED, ONCE, ONCE, True),
        (REACHED, ONCE, unwound(2, "0.5625", 100), True),  # another plan has counted the cycle
        (REACHED, ONCE, unwound(3, "0.42", 100), True),
        (REACHED, ONCE, unwound(0, 1, 100), False),
        (REACHED, ONCE, NOTHING, False),
        (REACHED, ONCE, unwound(2, "0.5625", 100, started=ago(59)), False),
        (ZOMBIE, NOTHING, NOTHING, True),
        (ZOMBIE, NOTHING, failed(AAA=1), False),
        (ZOMBIE, ONCE, ONCE, True),
        (BOTH, unwound(1, "0.75", 100, f"{PERP}#short"), unwound(1, "0.75", 100, f"{PERP}#short"), True),
        (BOTH, unwound(1, "0.75", 100, f"{PERP}#short"), unwound(1, "0.75", 100, PERP), False),
        (BOTH, unwound(1, "0.75", 100, PERP), unwound(1, "0.75", 100, PERP), True),
    ],
)
def test_a_plan_goes_on_from_the_progress_that_it_knew(
    account: Snapshot, knew: Progress, now: Progress, same: bool
) -> None:
    assert goes_on(account, knew, now) is same
