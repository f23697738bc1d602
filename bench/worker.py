"""Measure one thing in its own process, so its peak memory includes nothing else.

``python -m bench.worker engine NAME SIZE`` and ``python -m bench.worker plan KIND SIZE`` print one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import orjson

from bench.engines import ENGINES
from bench.portfolio import facts_of, portfolio
from bench.rules import bench_policy, twelve_rules
from exitplan.executor.plan import Planned, plan_snapshot
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.plan_text import plan_bytes, plan_pieces
from exitplan.ruleset.planning.planner import PlanInput, draft_plan

_STATUS = Path("/proc/self/status")
_ENOUGH_SECONDS = 4.0
_MOST_RUNS = 15
_TOO_LONG_SECONDS = 20.0
_TRIAL = 500

Answer = TypeVar("Answer")
Result = dict[str, int | float | str]


def best_time(run: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return the answer and the shortest CPU time in seconds of several runs, at least two."""
    best, spent, runs = float("inf"), 0.0, 0
    while True:
        before = time.process_time()
        answer = run()
        took = time.process_time() - before
        best, spent, runs = min(best, took), spent + took, runs + 1
        if runs >= 2 and (spent > _ENOUGH_SECONDS or runs >= _MOST_RUNS):
            return answer, best


def peak_mb() -> float:
    """Return the peak memory of this process so far, in MB."""
    # The kernel tells it of this program alone; what getrusage gives begins with the size of the one that started it.
    for line in _STATUS.read_text().splitlines() if _STATUS.exists() else []:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_engine(name: str, size: int) -> Result:
    """Time one engine on an account; if that would take too long, on a smaller one, given by ``size``."""
    rules, engine = twelve_rules(), ENGINES[name]
    facts = list(facts_of(size, bench_policy()))
    if size > _TRIAL:
        _, trial = best_time(engine.prepare(rules, facts[:_TRIAL]))
        if trial / _TRIAL * size > _TOO_LONG_SECONDS:
            facts = facts[: size // 10]  # the least that is compared
    ask = engine.prepare(rules, facts)
    before = peak_mb()
    answers, seconds = best_time(ask)
    return {
        "size": len(facts),
        "us": seconds / len(facts) * 1e6,
        "added_mb": peak_mb() - before,
        "peak_mb": peak_mb(),
        "answers": _digest(answers),
        "answers_of_a_tenth": _digest(answers[: size // 10]),
    }


def _digest(answers: list[int]) -> str:
    return hashlib.sha256(json.dumps(answers).encode()).hexdigest()


def measure_plan(kind: str, size: int) -> Result:
    """Time the way from a snapshot to the bytes of its plan: of a ``mixed`` account, or of one far ``over`` its cap.

    Of a ``file`` it is the way from the file of a mixed account to that of its plan.
    """
    if kind == "file":
        return _measure_files(size)
    snapshot = portfolio(size, outages=kind == "mixed")
    policy = bench_policy(max_positions=10_000 if kind == "mixed" else 8)
    given = PlanInput(Rulebook.of(policy), snapshot, snapshot.taken_at)
    before = peak_mb()
    written, seconds = best_time(lambda: plan_bytes(make_plan(given)))
    added, peak = peak_mb() - before, peak_mb()
    draft, drafting = best_time(lambda: draft_plan(given))
    return {
        "size": size,
        "us": seconds / size * 1e6,
        "draft_us": drafting / size * 1e6,
        "actions": len(draft.actions),
        "added_mb": added,
        "peak_mb": peak,
        "plan_mb": len(written) / 1e6,
    }


def _measure_files(size: int) -> Result:
    policy = bench_policy(max_positions=10_000)
    with tempfile.TemporaryDirectory() as folder:
        recorded, written = Path(folder) / "snapshot.json", Path(folder) / "plan.json"
        # In a process of its own: what it takes to make an account is no part of the peak.
        command = [sys.executable, "-m", "bench.worker", "record", str(recorded), str(size)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - itself
        before = peak_mb()
        planned, seconds = best_time(lambda: _plan_file(policy, recorded, written))
        return {
            "size": size,
            "us": seconds / size * 1e6,
            "actions": len(planned.draft.actions),
            "added_mb": peak_mb() - before,
            "peak_mb": peak_mb(),
            "plan_mb": written.stat().st_size / 1e6,
        }


def _plan_file(policy: Policy, recorded: Path, written: Path) -> Planned:
    planned = plan_snapshot(policy, recorded)
    with written.open("wb") as file:
        file.writelines(plan_pieces(planned.plan))
    return planned


def record(file: str, size: int) -> Result:
    """Write a mixed account as a snapshot file."""
    document = snapshot_to_document(portfolio(size))
    return {"bytes": Path(file).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))}


if __name__ == "__main__":
    measure = {"engine": measure_engine, "plan": measure_plan, "record": record}[sys.argv[1]]
    print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
