"""Work that the clock of a busy machine cannot tell: how many functions are called for a position.

The counts are the same in every run, however busy the machine, so a test can hold them to a limit. It is a multiple of
the floor: writing the same account as a document, which takes each of its values once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import orjson

from bench.portfolio import portfolio
from bench.rules import bench_policy
from bench.tables import aligned, figure
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.planner import PlanInput
from exitplan.schemas.documents import load_document

FLOOR = "snapshot to document"
FEW, MANY = 100, 400


def count_calls(run: Callable[[], object]) -> int:
    """Count the functions, of Python and of C, that are called while something runs."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


def count_work(few: int = FEW, many: int = MANY) -> dict[str, float]:
    """Count the calls that a further position takes in each step, between an account of ``few`` and one of ``many``."""
    for step in _STEPS.values():
        step(1)  # what is loaded, compiled or kept the first time is not work of the second
    return {name: (step(many) - step(few)) / (many - few) for name, step in _STEPS.items()}


def work_table(work: Mapping[str, float]) -> str:
    """Write the counts and their ratios to the floor."""
    rows = [[name, figure(calls), f"{calls / work[FLOOR]:.2f}"] for name, calls in work.items()]
    return aligned(["calls per position", "calls", "x floor"], rows)


def _writing(size: int) -> int:
    snapshot = portfolio(size)
    return count_calls(lambda: snapshot_to_document(snapshot))


def _reading(size: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "snapshot.json"
        file.write_bytes(orjson.dumps(snapshot_to_document(portfolio(size)), option=orjson.OPT_INDENT_2))
        return count_calls(lambda: snapshot_from_document(load_document(file, "snapshot")))


def _planning(snapshot: Snapshot, *, max_positions: int) -> int:
    given = PlanInput(Rulebook.of(bench_policy(max_positions=max_positions)), snapshot, snapshot.taken_at)
    return count_calls(lambda: plan_bytes(make_plan(given)))


_STEPS: Mapping[str, Callable[[int], int]] = {
    FLOOR: _writing,
    "file to snapshot": _reading,
    "mixed account to plan": lambda size: _planning(portfolio(size), max_positions=10_000),
    "far over the cap to plan": lambda size: _planning(portfolio(size, outages=False), max_positions=8),
}
