"""The runners there are, by name; an engine is imported only where it is asked for."""

from __future__ import annotations

from exitplan.fleet.runner.local import LocalRunner
from exitplan.fleet.runner.port import Runner
from exitplan.ruleset.errors import UsageError

LOCAL, DBOS = "local", "dbos"


def make_runner(name: str, url: str) -> Runner:
    """Make a runner for the fleet in this database; raises UsageError."""
    if name == LOCAL:
        return LocalRunner()
    if name != DBOS:
        raise UsageError(f"there is no runner {name}", hint=f"it is one of {LOCAL}, {DBOS}")
    try:
        from exitplan.fleet.runner.dbos_runner import DbosRunner  # noqa: PLC0415 - loads much
    except ModuleNotFoundError as problem:
        raise UsageError(
            f"--runner dbos needs {problem.name}", hint="pip install 'exitplan[fleet]', or --runner local"
        ) from None
    return DbosRunner(url)
