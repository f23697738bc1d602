"""Every verb on accounts finds them in a fleet's database, and keeps all that it knows there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from exitplan.executor.approvals.book import open_book, requests_of
from exitplan.executor.plan import plan_account
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.opening import open_fleet
from exitplan.fleet.place import open_fleet_account
from exitplan.fleet.platform_alerts import raise_for_fleet
from exitplan.fleet.runner import ticks
from tests.builders import NOW
from tests.cli.conftest import nothing, xp
from tests.cli.test_answer_schemas import ensure

__all__ = ["nothing"]


@pytest.fixture
def fleet(postgres_url: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project's two paper accounts, taken into a fleet."""
    assert xp("init").code == 0
    monkeypatch.setenv("EXITPLAN_DATA", postgres_url)
    assert xp("fleet", "init").code == 0
    assert xp("fleet", "import", "policies/accounts").code == 0
    return postgres_url


def test_the_protocol_runs_and_leaves_everything_in_the_database(fleet: str) -> None:
    assert "verified" in xp("gate").out
    assert "4 orders to cancel" in xp("plan", "--out", "plan.json").out
    assert xp("apply", "plan.json").code in {0, 2}
    assert "unwind" in xp("history", "1").out
    assert "NEEDS_CLEANUP" in xp("status").out
    assert "the account was NEEDS_CLEANUP when it was last verified" in xp("gate").out
    assert "ZOMBIE_ESCALATED" in xp("alerts").out
    assert "over-cap" in xp("report").out
    assert xp("fleet", "status", "--json").json["states"] == {"NEEDS_CLEANUP": 1, "not run yet": 1}
    assert xp("apply", "plan.json").code == 6
    assert [path.name for path in Path("data").iterdir()] == ["paper"]


@pytest.mark.usefixtures("fleet")
def test_the_plans_that_wait_of_all_accounts_are_listed_and_found_by_id() -> None:
    xp("fleet", "tick", "-p", "1")
    listed = xp("pending", "--json").json["requests"]
    assert {one["account"] for one in listed} == {"platform", "user123"}
    assert "These are the 1 oldest of 2; --limit shows more." in xp("pending", "--limit", "1").out
    first, second = (one["request"] for one in listed)
    assert "which one: " in xp("approve", "zz").err
    assert xp("approve", first[:6]).code == 0
    approved = xp("pending", first, "--json").json
    assert (approved["approvals"], [vote["vote"] for vote in approved["votes"]]) == (1, ["approve"])
    assert xp("reject", second, "--why", "not today").code == 0
    assert [one["request"] for one in xp("pending", "--json").json["requests"]] == [first]
    closed = xp("pending", "--closed", "--json").json["requests"]
    assert sorted(one["standing"] for one in closed) == ["rejected", "waiting"]
    xp("fleet", "remove", "platform", "user123")
    assert xp("pending", "--closed").out == "No plan waits.\n"


@pytest.mark.usefixtures("fleet")
def test_accounts_are_found_by_id_and_tag_and_all() -> None:
    assert xp("positions", "--account", "user123").code == 0
    assert [one["account"] for one in xp("verify", "--all", "--json").json["accounts"]] == ["platform", "user123"]
    tagged = xp("plan", "--tag", "desk-1", "--account", "platform", "--json").json["accounts"]
    assert [one["account"] for one in tagged] == ["platform", "user123"]
    assert "did you mean 'user123'?" in xp("plan", "--account", "user12").err
    assert "carries the tag 'desk'" in xp("plan", "--tag", "desk").err
    assert "name the account by its id" in xp("plan", "--account", "policies/accounts/demo.yaml").err
    xp("fleet", "remove", "platform")
    assert "user123 at paper" in xp("plan").out
    xp("fleet", "remove", "user123")
    assert "has no accounts" in xp("plan").err


@pytest.mark.usefixtures("fleet")
def test_parameters_and_another_policy_go_over_the_account_s_own() -> None:
    assert "the cap is 3" in xp("plan", "--max-positions", "3").out
    shown = xp("plan", "--account", "user123", "--policy", "policies/default.yaml").out
    assert "Policy   default" in shown
    assert "BTC/USD" in xp("explain", "BTC/USD", "--account", "user123", "--policy", "policies/default.yaml").out
    assert "# from   the fleet's account user123" in xp("policies", "show", "--account", "user123").out


@pytest.mark.usefixtures("fleet")
def test_halts_are_rows_that_every_machine_sees() -> None:
    assert "nothing is sent for any account" in xp("halt", "a venue is down").out
    assert "everything is halted by postgresql://" in xp("status").err
    assert xp("run").code == 5
    assert "'user123' is no reason but an account" in xp("halt", "user123").err
    xp("halt", "--account", "user123", "--why", "asked for")
    assert "still halts every account" in xp("resume", "--account", "user123").out
    assert xp("resume").out == "Resumed: orders are sent again for every account.\n"
    xp("halt", "--account", "user123")
    assert "Still halted on their own: user123." in xp("resume").out
    assert xp("run").code == 2


def test_a_plan_that_waits_is_approved_in_the_database(fleet: str) -> None:
    with open_fleet(fleet) as place:
        now = datetime.now(UTC)
        store = PostgresStore(place.database, "platform")
        account = open_fleet_account(place.registry, store, place.registry.account("platform"), lambda: now)
        plan = plan_account(account).plan
        with open_book(store) as book:
            book.ask(plan, ("it is not automatic",), 1, now)
        (asked,) = requests_of(store)
    assert asked.id in xp("pending").out
    assert "A worker of the fleet applies it" in xp("approve", asked.id).out
    assert xp("approve", asked.id, "--apply").code in {0, 2}
    assert xp("pending").out == "No plan waits.\n"


def test_alerts_of_all_are_also_those_about_the_fleet_as_a_whole(fleet: str) -> None:
    xp("fleet", "remove", "platform")
    with open_fleet(fleet) as place:
        for number in range(3):
            PostgresStore(place.database, "user123").raise_alert("EXIT_FAILED", NOW, {"symbol": f"S{number}"})
        with place.registry.transaction() as connection:
            raise_for_fleet(connection, "TICK_SKIPPED", NOW, {"tick": 5, "running": 4, "left": 2})
        log = place.all_alerts()
        assert len(list(log.new())) == 4
        with psycopg.connect(fleet) as late, psycopg.connect(fleet) as early:
            raise_for_fleet(late, "TICK_SKIPPED", NOW, {"tick": 7})
            raise_for_fleet(early, "TICK_SKIPPED", NOW, {"tick": 8})
            early.commit()
            assert [alert["tick"] for alert in log.new()] == [8]
            late.commit()
        assert [alert["tick"] for alert in log.new()] == [7]
        assert list(log.new()) == []
    assert [one["user_id"] for one in xp("alerts", "--all", "--json").json["alerts"]] == ["user123"] * 3 + [
        "platform"
    ] * 3
    assert [one["tick"] for one in xp("alerts", "--all", "--json", "--limit", "2").json["alerts"]] == [7, 8]
    assert "TICK_SKIPPED" in xp("alerts", "--all", "--kind", "tick_skipped").out
    assert "TICK_SKIPPED" not in xp("alerts", "--account", "user123").out


def test_the_doctor_says_how_the_database_and_what_is_in_it_stands(fleet: str) -> None:
    shown = xp("doctor")
    assert shown.code == 0
    for said in ("UTF8", "tables of version fleet", "synchronous_commit = on", "agree to a second", "none is at work"):
        assert said in shown.out
    assert "none was begun yet" in shown.out
    with open_fleet(fleet) as place:
        place.registry.set_aside("user123", "its process was killed by SIGSEGV twice")
        ticks.begin(place.database, 60, "")
        assert ticks.take(place.database, "w", ("",)) is not None
        ticks.begin(place.database, 120, "")
        held = place.store_of("platform").lease(NOW)
        with held:
            shown = xp("doctor", "--account", "platform", "--json")
    assert shown.code == 1
    ensure("doctor", shown.json)
    told = {check["check"]: check["text"] for check in shown.json["checks"] if check["about"] == "fleet"}
    assert told["set aside"] == "user123: its process was killed by SIGSEGV twice"
    assert told["leases"] == "held: of shards 1, of accounts 1"
    assert told["tick"].endswith("is at work, 1 of 1 shards are not done; skipped since: 1")
    assert {check["text"] for check in shown.json["checks"] if check["about"] == "platform"} >= {"no run was made yet"}


def test_a_unit_is_printed_for_workers_of_the_fleet(fleet: str, tmp_path: Path) -> None:
    unit = xp("install-service", "--fleet", "--egress", "eu-1").out
    assert f"-C {tmp_path} fleet worker --egress eu-1 --every 5m\n" in unit
    assert f"EXITPLAN_DATA={fleet.replace('%', '%%')}" in unit
    assert "# The password of the database: ~/.pgpass" in unit
    cron = xp("install-service", "--fleet", "--cron", "--every", "15m").out
    assert cron.startswith("*/15 * * * * env ")
    assert cron.endswith("fleet tick\n")
    assert "fleet tick" in xp("install-service", "--fleet", "--timer").out
    assert "add --fleet, for a worker" in xp("install-service").err
    assert "leave out --account" in xp("install-service", "--fleet", "--account", "platform").err
    assert "data is a folder: a fleet is kept in Postgres" in xp("install-service", "--fleet", "--data", "data").err


def test_the_metrics_are_those_of_the_fleet(fleet: str) -> None:
    assert 'exitplan_fleet_accounts{standing="active"} 2.0' in xp("metrics").out
    assert "are about all of its accounts together" in xp("metrics", "--account", "platform").err


@pytest.mark.usefixtures("fleet")
def test_a_tracker_is_taken_over_changed_and_forgotten_in_the_database() -> None:
    Path("positions.json").write_text('{"positions": {"XYZ/USD": {"entry_price": 3.10}}}', encoding="utf-8")
    take = ("state", "take-tracker", "positions.json", "--account", "platform")
    assert "Took over 1 records of positions.json into the tracker of platform in postgresql://" in xp(*take).out
    assert xp("adopt", "ETH/USD", "--entry-price", "2000").code == 0
    assert "has records already" in xp(*take).err
    assert xp("forget", "XYZ/USD").out == "Forgot XYZ/USD of platform: to a plan it is registered by nobody now.\n"
    assert "has no record of XYZ/USD" in xp("forget", "XYZ/USD").err
    assert "registered by nobody" in xp("forget", "ETH/USD").out
