"""The reference has an entry for everything that comes in kinds, and says of facts what the prover demands of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pytest

from docs.generate import generated_files
from exitplan.executor.metrics.registry import LABELS, METRICS
from exitplan.executor.store.alert_kinds import ALERT_KINDS
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.language.conditions import OPERATORS
from exitplan.ruleset.language.parameters import DUST, EXIT_ACTIONS, GUARDS, PARAMETERS
from exitplan.ruleset.language.reasons import WORDS
from exitplan.ruleset.model.fact_registry import ORDER_FACTS, POSITION_FACTS, FactValue
from exitplan.ruleset.planning.actions import ACTION_KINDS, BLOCKED_REASONS
from exitplan.ruleset.planning.warnings import WARNING_KINDS
from exitplan.schemas.policies import load_policy, shipped_policy
from exitplan.workbench.lint import CHECKS
from exitplan.workbench.proving.cells import OTHER, Cell, cut
from exitplan.workbench.proving.solver import Solver
from exitplan.workbench.proving.theory import CAP, DEPENDENCIES, Dependency, Facts

PAGES = generated_files()
KINDS: dict[str, Collection[str]] = {
    "reference/facts": [*POSITION_FACTS, *ORDER_FACTS],
    "reference/operators": [str(name) for name in OPERATORS],
    "reference/parameters": [*PARAMETERS, *GUARDS, *DUST, *EXIT_ACTIONS, *ACTION_KINDS],
    "reference/reasons": [*BLOCKED_REASONS, *(f"{{{word}}}" for word in WORDS)],
    "reference/warnings": WARNING_KINDS,
    "reference/alerts": ALERT_KINDS,
    "reference/metrics": [*METRICS, *LABELS],
    "reference/exit-codes": [str(code.value) for code in ExitCode],
}


@pytest.mark.parametrize("name", KINDS)
def test_everything_of_a_kind_has_a_row(name: str) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", PAGES[f"docs/{name}.md"], re.MULTILINE)
    assert set(KINDS[name]) <= set(rows)


def test_every_code_of_lint_has_a_section() -> None:
    for code in CHECKS:
        assert f"\n## {code.value} " in PAGES["docs/lint.md"]


def test_facts_say_their_unit_and_where_they_are_absent() -> None:
    page = PAGES["docs/reference/facts.md"]
    assert "| `pnl_pct` | number | fraction: 0.01 is 1 % |" in page
    assert "| without a price or an entry price |" in page


class Watched(Facts):
    """Facts that note which of them are asked for."""

    asked: set[str]

    def where(self, name: str, test: Callable[[Cell], bool]) -> int:
        if hasattr(self, "asked"):
            self.asked.add(name)
        return super().where(name, test)

    def equals(self, name: str, value: FactValue) -> int:
        self.asked.add(name)
        return super().equals(name, value)


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda one: " ".join(one.facts))
def test_what_the_page_says_of_facts_is_about_those_that_the_prover_is_told_of(dependency: Dependency) -> None:
    policy = load_policy(shipped_policy("published")).policy  # one that names symbols
    facts = Watched(Solver(), {**cut([policy]), "asset": (Cell("BTC"), Cell(OTHER))})
    facts.asked = set()
    dependency.demand(facts, policy)
    assert facts.asked == set(dependency.facts)
    assert f"| {dependency.meaning} |" in PAGES["docs/reference/facts.md"]


def test_facts_of_dependencies_are_facts() -> None:
    assert set(CAP[0]) <= set(POSITION_FACTS)
    assert {name for one in DEPENDENCIES for name in one.facts} <= set(POSITION_FACTS)
