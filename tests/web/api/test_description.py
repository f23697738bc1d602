"""schemathesis at a real server: what the description says holds, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from packaging.version import Version

from exitplan.executor.api import apply
from exitplan.executor.metrics.serving import Address
from exitplan.web.api.openapi import BASE, description
from exitplan.web.security.changing_users import made_token
from exitplan.web.security.roles import Role
from exitplan.web.serving import Wish, listening, place_of, serving
from tests.conftest import examples
from tests.web.visit import set_up

pytestmark = pytest.mark.skipif(
    Version(schemathesis.__version__) < Version("4.32"),
    reason="this schemathesis asks jsonschema-rs what it no longer answers; 4.32 does not, and wants one before 0.61",
)
SCHEMA = schemathesis.openapi.from_dict(description())
OPERATIONS = [cast("Any", result).ok() for result in SCHEMA.get_all_operations()]
FEW = settings(
    examples(4, 200), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], database=None
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Serve a project whose account has run once, and where a plan waits; gives where, and an admin's token."""
    root: Path = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch, listening(Address("127.0.0.1", 0)) as (listener, address):
        patch.setenv("EXITPLAN_CACHE_DIR", str(root / "cache"))
        desk = set_up(root)
        apply(desk.account())
        place = place_of(Wish(), address)
        desk = desk.changed(hosts=place.hosts)
        token = made_token(desk.users, "ada", "schemathesis", Role.ADMIN, desk.clock(), timedelta(days=1))
        with serving(desk.app, place, listener):
            yield {"base_url": place.url + BASE, "headers": {"Authorization": f"Bearer {token}"}}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_one_that_is_described(served: dict[str, Any], operation: Any, mode: str) -> None:
    strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

    @FEW
    @given(strategy)
    def holds(case: Any) -> None:
        case.call_and_validate(**served)

    holds()
