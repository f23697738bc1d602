"""The performer of a fleet: accounts of the registry get their rounds, and those that cannot be opened are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator
from rich.console import Console

from exitplan.cli.rendering.fleet import status_document, status_parts
from exitplan.executor.escalation.ladder import incidents_in
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.account_files import account_texts
from exitplan.fleet.importing import import_accounts, read_accounts
from exitplan.fleet.opening import open_fleet
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.runner.performing import Means, ShardTask
from exitplan.fleet.runner.shards import Shards
from exitplan.fleet.status import fleet_status
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.shapes.answers import ANSWERS
from tests.fleet.database import registry_at

POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"
LADDER = "escalation: [{id: clean, on: not_clean, after: {minutes: 1}, steps: [{channels: [desk]}]}]"
PAPER = "{id: good, venue: paper, quote: USD, options: {start_from: demo}}"
LIVE = "{id: keyless, venue: kraken, quote: USD, credentials: 'env:NOBODY'}"


@pytest.fixture
def fleet(postgres_url: str, tmp_path: Path) -> Iterator[FleetPlace]:
    """A fleet of two accounts; of one nobody has the keys."""
    for name, block in (("good", PAPER), ("keyless", LIVE)):
        text = f"version: 1\nextends: {POLICY}\n{LADDER}\naccount: {block}\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with registry_at(postgres_url) as registry:
        import_accounts(registry, read_accounts(account_texts(tmp_path)).drafts)
    with open_fleet(postgres_url) as place:
        yield place


def cycle(url: str, fleet: FleetPlace, account: str) -> dict[str, Any]:
    shard = fleet.registry.account(account).shard
    assert shard is not None
    # The lease of the shard is its worker's, who is not here.
    with fleet.database.connection() as connection:
        connection.execute(
            "INSERT INTO exitplan.leases VALUES (%s, 't', '', '', 0, '', 1, now(), now() + interval '1 minute')"
            " ON CONFLICT DO NOTHING",
            (f"shard:{shard}",),
        )
    task = ShardTask(60, shard, "w", 1)
    with closing(Shards(Means(url))) as performer:
        return dict(performer.perform(task, performer.accounts(task), lambda _: None, lambda: False))


def alerts(fleet: FleetPlace, account: str) -> list[str]:
    with fleet.database.connection() as connection:
        asked = "SELECT document FROM exitplan.alerts WHERE account = %s ORDER BY number"
        return [orjson.loads(row[0])["alert_type"] for row in connection.execute(asked, (account,))]


def test_an_account_that_cannot_be_opened_is_told_once_as_by_the_watcher(postgres_url: str, fleet: FleetPlace) -> None:
    for _ in range(2):
        figures = cycle(postgres_url, fleet, "keyless")
        assert (figures["accounts"], figures["kinds"], figures["exit_code"]) == (1, {"failed": 1}, 3)
        assert "NOBODY" in figures["failures"][0][1]
    assert alerts(fleet, "keyless") == ["ROUND_FAILED"]
    with fleet.database.connection() as connection:  # by which a rollout tells that it failed before it moved
        assert connection.execute("SELECT account FROM exitplan.round_troubles").fetchall() == [("keyless",)]
    assert cycle(postgres_url, fleet, "good")["kinds"] != {"failed": 1}


def test_incidents_of_an_account_that_cannot_be_opened_are_tended(postgres_url: str, fleet: FleetPlace) -> None:
    store = PostgresStore(fleet.database, "keyless")
    store.change_state(lambda state: replace(state, account_state=AccountState.UNKNOWN), datetime.now(UTC))
    cycle(postgres_url, fleet, "keyless")
    with fleet.database.connection() as connection:
        connection.execute("UPDATE exitplan.troubles SET first_seen = '2026-01-01T00:00:00Z'")
    cycle(postgres_url, fleet, "keyless")
    assert [one.kind for one in incidents_in(store)] == ["not_clean"]
    assert sorted(alerts(fleet, "keyless")) == ["ESCALATION", "ROUND_FAILED"]


def count_failures_of(fleet: FleetPlace, failures: int, *, minutes_ago: float) -> None:
    with fleet.database.connection() as connection:
        connection.execute(
            "UPDATE exitplan.round_troubles SET failures = %s, failed_at = now() - make_interval(secs => %s)",
            (failures, minutes_ago * 60),
        )
        connection.execute("UPDATE exitplan.accounts SET changed_at = now() - interval '1 day'")


@pytest.mark.parametrize(
    ("failures", "minutes_ago", "is_tried"),
    [(2, 0, True), (3, 0.9, False), (3, 1.1, True), (5, 3.9, False), (5, 4.1, True), (500, 14, False), (500, 16, True)],
)
def test_an_account_that_fails_again_and_again_is_tried_less_and_less_often_up_to_a_limit(
    postgres_url: str, fleet: FleetPlace, failures: int, minutes_ago: float, is_tried: bool
) -> None:
    assert cycle(postgres_url, fleet, "keyless")["kinds"] == {"failed": 1}
    count_failures_of(fleet, failures, minutes_ago=minutes_ago)
    figures = cycle(postgres_url, fleet, "keyless")
    assert figures["kinds"] == ({"failed": 1} if is_tried else {"paused": 1})
    assert (figures["accounts"], figures["exit_code"]) == (1, 3)  # it is wrong, whether it is tried or not


def test_failures_in_a_row_are_counted_and_shown(postgres_url: str, fleet: FleetPlace) -> None:
    for _ in range(3):
        cycle(postgres_url, fleet, "keyless")
    failing = fleet_status(fleet.registry).failing
    assert (failing.count, [(one.account, one.failures) for one in failing.worst]) == (1, [("keyless", 3)])
    count_failures_of(fleet, 4, minutes_ago=0)
    status = fleet_status(fleet.registry)
    assert (status.failing.pausing, status.failing.worst[0].pauses_until is not None) == (1, True)
    Draft7Validator(ANSWERS["fleet-status"]()).validate({"format_version": 1, **status_document(status)})
    shown = Console(width=120, record=True)
    shown.print(*filter(None, status_parts(status)))
    assert "1; 1 of them pauses between tries" in shown.export_text()


def test_incidents_of_an_account_that_pauses_are_tended(postgres_url: str, fleet: FleetPlace) -> None:
    store = PostgresStore(fleet.database, "keyless")
    store.change_state(lambda state: replace(state, account_state=AccountState.UNKNOWN), datetime.now(UTC))
    cycle(postgres_url, fleet, "keyless")
    count_failures_of(fleet, 9, minutes_ago=0)
    with fleet.database.connection() as connection:
        connection.execute("UPDATE exitplan.troubles SET first_seen = '2026-01-01T00:00:00Z'")
    assert cycle(postgres_url, fleet, "keyless")["kinds"] == {"paused": 1}
    assert [one.kind for one in incidents_in(store)] == ["not_clean"]
