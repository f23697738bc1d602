"""What pytest loads: where exitplan has something to do is decided here, and only then is any of it imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from exitplan.workbench.plugin.accounts import AccountMaker, PaperMaker, Planner
    from exitplan.workbench.plugin.items import PolicyTests

_ENDING = ".test.yaml"
_POLICY = re.compile(r"^(\{\s*)?['\"]?policy['\"]?\s*:", re.MULTILINE)
_CASES = re.compile(r"(^|,\s*)['\"]?(cases|tables)['\"]?\s*:", re.MULTILINE)
_SCHEMA = "cases.schema.json"
_SYRUPY = "syrupy"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PolicyTests | None:
    """Collect ``*.test.yaml`` that holds policy tests; those of other tools are left to them."""
    if not file_path.name.endswith(_ENDING) or not is_ours(file_path):
        return None
    from exitplan.workbench.plugin.items import PolicyTests  # noqa: PLC0415 - only where there are such files

    return PolicyTests.from_parent(parent, path=file_path)


def is_ours(path: Path) -> bool:
    """Check whether a file names our schema, or has a policy and cases; one that is wrong further down is ours too."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return _SCHEMA in text or (_POLICY.search(text) is not None and _CASES.search(text) is not None)


def pytest_configure(config: pytest.Config) -> None:
    """Let syrupy write plans as ours, where it is there: registered last, so that this fixture stands over its own."""
    if config.pluginmanager.hasplugin(_SYRUPY):
        config.pluginmanager.register(_Snapshots(), "exitplan-snapshots")


class _Snapshots:
    """The fixture ``snapshot`` of syrupy, which also knows plans."""

    @pytest.fixture
    def snapshot(self, snapshot: Any) -> Any:  # noqa: ANN401 - syrupy is not imported for it
        """Compare with what was written before; of a plan only what does not differ from run to run."""
        from syrupy.extensions.amber import AmberSnapshotExtension  # noqa: PLC0415 - only where it is used

        from exitplan.workbench.plugin.snapshots import PlanSnapshots  # noqa: PLC0415 - as above

        is_usual = snapshot.extension_class is AmberSnapshotExtension
        return snapshot.use_extension(PlanSnapshots) if is_usual else snapshot


@pytest.fixture
def account(request: pytest.FixtureRequest) -> AccountMaker:
    """Make an account in the words of policy tests: ``account(cash=5000, positions={"BTC": "0.05 @ 60000"})``."""
    from exitplan.workbench.plugin.accounts import AccountMaker  # noqa: PLC0415 - only where it is used

    return AccountMaker(request.path.parent)


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> Planner:
    """Plan for an account: ``plan(account(...), "default")``; the policy is a file, or a shipped one by name."""
    from exitplan.workbench.plugin.accounts import Planner  # noqa: PLC0415 - only where it is used

    return Planner(request.path.parent)


@pytest.fixture
def paper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PaperMaker:
    """Open an account at the paper venue, to plan and apply cycle by cycle: ``paper(account(...), "default")``."""
    from exitplan.workbench.plugin.accounts import PaperMaker  # noqa: PLC0415 - only where it is used

    return PaperMaker(request.path.parent, tmp_path_factory)
