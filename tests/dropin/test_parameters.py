"""The parameters of the constructor: their published defaults, and the policy that they are set over."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from exitplan import ForcedPositionCleanup, LegacyPositionExitProtocol
from exitplan.schemas.policies import load_policy, shipped_policy
from tests.dropin.bot import BotBroker

PUBLISHED = {
    "max_positions": 8,
    "dust_pct_threshold": 0.01,
    "stale_order_minutes": 30,
    "gradual_unwind_pct": 0.25,
    "unwind_cycles": 4,
}


def defaults(made: type) -> dict[str, Any]:
    return {name: found.default for name, found in inspect.signature(made).parameters.items()}


def parameters(*given: Any, **chosen: Any) -> dict[str, Any]:
    """The parameters in force, as a run of the protocol works with them."""
    protocol = LegacyPositionExitProtocol(None, BotBroker(), *given, **chosen)
    return dict(protocol._loaded.document["parameters"])


def test_the_signature_shows_the_published_defaults() -> None:
    found = defaults(LegacyPositionExitProtocol)
    assert {name: found[name] for name in PUBLISHED} == PUBLISHED
    assert {name: str(found[name]) for name in PUBLISHED} == {name: str(value) for name, value in PUBLISHED.items()}
    assert found["data_dir"] == "./data"
    assert "max_positions: 'int | None' = 8, dust_pct_threshold" in str(inspect.signature(LegacyPositionExitProtocol))
    forced = defaults(ForcedPositionCleanup)
    assert (forced["dust_threshold_usd"], forced["max_positions"], forced["dry_run"]) == (1.0, 8, False)


def test_the_defaults_are_what_the_shipped_policies_say() -> None:
    for name in ("default", "forced-cleanup"):
        found = load_policy(shipped_policy(name)).document["parameters"]
        assert {key: float(found[key]) for key in PUBLISHED} == PUBLISHED
        assert float(found["dust_usd_threshold"]) == defaults(ForcedPositionCleanup)["dust_threshold_usd"]


@pytest.mark.parametrize("chosen", [{}, {"max_positions": None}, {"max_positions": 8}, {"max_positions": 5}])
def test_a_policy_keeps_what_is_not_set_over_it(tmp_path: Path, chosen: dict[str, Any]) -> None:
    path = tmp_path / "tight.yaml"
    mine = "parameters: {max_positions: 3, unwind_cycles: 5}\n"
    path.write_text(f"version: 1\nname: tight\nextends: {shipped_policy('default')}\n{mine}")
    found = parameters(data_dir=tmp_path, policy=path, **chosen)
    assert found["max_positions"] == (chosen.get("max_positions") or 3)
    assert found["unwind_cycles"] == 5


def test_what_is_given_is_set_by_position_too(tmp_path: Path) -> None:
    found = parameters(10, 0.02, 45, 0.5, 3, str(tmp_path))
    assert [str(found[name]) for name in PUBLISHED] == ["10", "0.02", "45", "0.5", "3"]
