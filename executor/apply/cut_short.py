"""A run that its data folder cuts short: what is told of what was sent, and what may be in flight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from exitplan.executor.apply.run import Run
from exitplan.executor.store.port import StoreError
from exitplan.ruleset.errors import DataFolderUnusable, ExitplanError, OutcomeUnknown

_BROKEN = (StoreError, OSError, DataFolderUnusable)
_RIGHT = "repair the data folder"


@contextmanager
def telling_where_it_was_cut(run: Run) -> Iterator[None]:
    """Word what breaks of the data folder in the middle of a run by what it means for the orders.

    Raises OutcomeUnknown where the journal does not know the outcome of an order, else DataFolderUnusable.
    """
    try:
        yield
    except _BROKEN as problem:
        with suppress(*_BROKEN, ExitplanError):  # the journal may be sound, and what broke another file
            run.record_all()
        raise _worded(run, problem) from problem


def _worded(run: Run, problem: Exception) -> ExitplanError:
    why = _said(problem)
    if run.has_ended:
        said = f"the run has ended and is in the journal, but not every file beside it was written: {why}"
        return DataFolderUnusable(said, hint=_RIGHT)
    unclear = run.in_flight | {name for name, outcome in run.outcomes.items() if outcome.status == "needs_human"}
    again = f"{getattr(problem, 'hint', None) or _RIGHT}; then apply the plan again"
    if unclear:
        orders = "1 order" if len(unclear) == 1 else f"{len(unclear)} orders"
        said = f"the run was cut short: {why}; the journal does not know the outcome of {orders}"
        return OutcomeUnknown(said, hint=f"{again}: it asks the venue about them first")
    if not run.has_sent:
        return DataFolderUnusable(f"the run was cut short: {why}", hint=f"nothing was sent; {again}")
    done = sum(outcome.status == "done" for outcome in run.outcomes.values())
    said = f"the run was cut short when {done} of {len(run.plan.actions)} actions were done: {why}"
    return DataFolderUnusable(said, hint=f"nothing is in flight; {again}")


def _said(problem: Exception) -> str:
    if isinstance(problem, StoreError):
        return f"the journal can no longer be used: {problem}"
    if isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        return f"{where}{problem.strerror or problem}"
    return str(problem)
