"""What is known of a plan before it is written."""

from __future__ import annotations

from hypothesis import given

from exitplan.executor.plan import Planned
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from tests.ruleset.accounts_strategy import real_cases


@given(case=real_cases())
def test_what_a_plan_comes_to_is_known_before_it_is_written(case: tuple[Rulebook, Snapshot, Progress]) -> None:
    book, account, progress = case
    what = PlanInput(book, account, account.taken_at, progress)
    planned = Planned(draft_plan(what), what)
    known = planned.has_changes, [guard.name for guard in planned.refusals], planned.draft.checks.state
    assert "plan" not in vars(planned)
    plan = planned.plan
    assert known == (plan.has_changes, [guard.name for guard in plan.refusals], plan.checks.state)
    assert planned.draft.blocked == plan.blocked
