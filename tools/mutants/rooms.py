"""Which files are changed, and which tests are theirs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")

_EXECUTOR = ("tests/executor/",)
_RULES = ("tests/ruleset/", "tests/scenarios/")
_PAPER = tuple(
    f"tests/brokers/test_{name}.py"
    for name in (
        *("derivatives", "fills", "laws", "options", "paper_broker", "pricing", "real_accounts", "refusals"),
        "resting_orders",
    )
)
ROOMS: Mapping[str, tuple[str, ...]] = {
    **{
        f"executor/apply/{name}.py": _EXECUTOR
        for name in (
            *("apply", "judging", "manual_resolution", "orders", "quantities", "reconcile", "record", "recovery"),
            *("run", "staleness", "state_transitions"),
        )
    },
    **{f"executor/store/{name}.py": _EXECUTOR for name in ("halt", "journal", "lease", "state")},
    **{f"ruleset/planning/{name}.py": _RULES for name in ("checks", "exits", "order_sizes", "planner")},
    "ruleset/planning/guards.py": (*_RULES, "tests/executor/test_order_guards.py"),
    "ruleset/planning/unwind.py": (*_RULES, "tests/executor/test_pace.py", "tests/executor/test_unwinding.py"),
    "ruleset/planning/redecision.py": ("tests/ruleset/test_redecision.py", *_EXECUTOR),
    "brokers/paper/engine.py": _PAPER,
}
"""The files that are changed, and the tests of their rooms."""


def known_survivors() -> Mapping[str, str]:
    """Return why mutants stay, by their names."""
    return {entry["mutant"]: entry["why"] for entry in tomllib.loads(SURVIVORS.read_text()).get("stays", ())}
