"""How long two policies take to compare: proved over all positions, and on recorded accounts."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from bench.tables import aligned
from exitplan.ruleset.model.values import plain
from exitplan.schemas.policies import SHIPPED, load_policy, shipped_policy
from exitplan.workbench.comparing.recordings import compare_recordings
from exitplan.workbench.comparing.treatments import compare_policies

SNAPSHOTS = 1_000
_POLICY_SECONDS, _SNAPSHOT_SECONDS = 0.3, 10.0
_DEMO = SHIPPED.parent / "brokers/paper/demo-account.json"


def compare_table(rounds: int = 3, snapshots: int = SNAPSHOTS) -> str:
    """Measure CPU, the best of some rounds, and compare with the aims; accounts are shared by all cores."""
    old = load_policy(shipped_policy("default")).policy
    new = load_policy(shipped_policy("default"), {"dust_usd_threshold": 5}).policy
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.json" for number in range(snapshots)]
        for number, file in enumerate(files):
            file.write_text(json.dumps(_recorded(number)), encoding="utf-8")
        measured = [
            ("12 rules, proved equal", _best(rounds, lambda: compare_policies(old, old)), _POLICY_SECONDS),
            ("12 rules, 10 kinds with regions", _best(rounds, lambda: compare_policies(old, new)), _POLICY_SECONDS),
            (
                f"{snapshots:,} accounts of 20 positions, both plans",
                _best(
                    1,
                    lambda: compare_recordings(old, new, files),
                ),
                _SNAPSHOT_SECONDS * (os.cpu_count() or 1) * snapshots / SNAPSHOTS,
            ),
        ]
    rows = [[name, f"{took:.2f}", f"{aim:g}", "yes" if took <= aim else "no"] for name, took, aim in measured]
    return aligned(["compare", "CPU s", "aim", "reached"], rows)


def _recorded(number: int) -> object:
    """Return the demo account with other quantities, so that no two are the same."""
    document = json.loads(_DEMO.read_text(encoding="utf-8"))
    for position in document["positions"]:
        position["quantity"] = plain(Decimal(position["quantity"]) * (1 + Decimal(number) / SNAPSHOTS))
    return document


def _cpu() -> float:
    """Return the CPU seconds of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _best(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        before = _cpu()
        work()
        times.append(_cpu() - before)
    return min(times)
