"""Incidents on the command line: listed, acknowledged, and told of by other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import xp
from tests.cli.test_answer_schemas import ensure

LADDER = """
escalation:
  - id: unclean
    on: not_clean
    after: {minutes: 0}
    steps:
      - {channels: [desk]}
      - {after: 30m, channels: [phone], severity: CRITICAL}
"""


@pytest.fixture
def incident(folder: Path) -> str:
    """Work in a project whose account is not CLEAN, and return the incident about that."""
    with (folder / "policies/default.yaml").open("a", encoding="utf-8") as policy:
        policy.write(LADDER)
    assert xp("verify").code != 0
    (entry,) = xp("incidents", "--json").json["incidents"]
    return str(entry["id"])


def test_nothing_is_open_where_no_policy_has_a_ladder(folder: Path) -> None:
    assert folder.is_dir()
    xp("verify")
    assert xp("incidents").out == "No incident is open.\n"
    assert xp("incidents", "--ended").out == "No incident has ended.\n"
    assert "incident" not in xp("status").out


def test_an_incident_is_listed_with_what_comes_next_and_who_has_it(incident: str) -> None:
    answer = xp("incidents", "--json")
    ensure("incidents", answer.json)
    (entry,) = answer.json["incidents"]
    assert (entry["about"], entry["subject"], entry["step"], entry["steps"]) == ("not_clean", "platform", 1, 2)
    assert entry["next_at"] > entry["told_at"]
    shown = xp("incidents").out
    assert all(word in shown for word in (incident, "NEEDS_CLEANUP", "1 of 2", "nobody", "exitplan ack"))


def test_status_and_verify_tell_of_open_incidents(incident: str) -> None:
    line = "1 open incident, 1 not acknowledged: see exitplan incidents"
    assert line in xp("status").out
    assert line in xp("verify").out
    for kind in ("status", "verify"):
        document = xp(kind, "--json").json
        ensure(kind, document)
        assert document["incidents"] == [incident]


def test_an_acknowledged_incident_says_by_whom_and_why(incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_USER", "alice")
    shown = xp("ack", incident, "--for", "4h", "--why", "the venue is informed")
    assert (shown.code, shown.out.partition(",")[0]) == (0, f"Acknowledged {incident} (platform) as alice")
    (entry,) = xp("incidents", "--json").json["incidents"]
    taken = entry["acknowledged"]
    assert (taken["by"], taken["why"], entry["next_at"]) == ("alice", "the venue is informed", taken["until"])
    assert "1 open incident, 0 not acknowledged" in xp("status").out
    assert "goes on" in xp("ack", incident, "--undo").out
    assert xp("incidents", "--json").json["incidents"][0]["acknowledged"] is None
    xp("ack", incident, "--why", "\x1b[31mon it", "--json")
    assert xp("incidents", "--json").json["incidents"][0]["next_at"] is None
    assert "\x1b" not in xp("incidents").out


def test_the_beginning_of_an_id_is_enough_and_all_accounts_are_listed(folder: Path, incident: str) -> None:
    accounts = folder / "policies" / "accounts"
    (accounts / "demo.yaml").write_text((accounts / "demo.yaml").read_text().replace("id: platform", "id: other"))
    with (folder / "policies" / "conservative.yaml").open("a", encoding="utf-8") as policy:
        policy.write(LADDER)
    xp("verify", "--account", "user123")
    (other,) = xp("incidents", "--json").json["incidents"]
    assert (other["account"], other["id"] != incident) == ("user123", True)
    assert f"Acknowledged {other['id']} (user123)" in xp("ack", other["id"][:9], "--why", "looked at").out


def test_what_cannot_be_acknowledged_is_a_usage_error(incident: str) -> None:
    told = {
        "": "an acknowledgement needs a reason",
        "--why x --for soon": "--for takes a duration, found 'soon'",
        "--undo --for 4h": "--undo and --for cannot be used together",
        "--undo": "nobody has acknowledged the incident",
    }
    for line, said in told.items():
        shown = xp("ack", incident, *line.split())
        assert (shown.code, said in shown.err) == (64, True)


def test_a_mistyped_incident_is_told_with_the_nearest_one(incident: str) -> None:
    assert f"did you mean '{incident}'?" in xp("ack", f"{incident}0", "--why", "x").err
    assert "none is open" in xp("ack", incident, "--why", "x", "--account", "user123").err


def test_an_incident_that_is_over_is_listed_as_that(folder: Path, incident: str) -> None:
    policy = folder / "policies/default.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace(LADDER, ""), encoding="utf-8")
    xp("verify")
    assert xp("incidents").out == "No incident is open.\n"
    assert "longer has this" in xp("incidents", "--ended").out
    assert "has ended" in xp("ack", incident, "--why", "x").err
    kinds = [alert["alert_type"] for alert in xp("alerts", "--json").json["alerts"]]
    assert kinds == ["ESCALATION", "ESCALATION_ENDED"]


def test_validate_warns_of_channels_that_are_not_there(folder: Path) -> None:
    with (folder / "policies/default.yaml").open("a", encoding="utf-8") as policy:
        policy.write(LADDER)
    assert "there is no alerts.yaml: nobody gets a message" in xp("validate", "policies/default.yaml").out
    (folder / "alerts.yaml").write_text(json.dumps({"version": 1, "channels": {"desks": {}, "phone": {}}}))
    shown = xp("validate", "policies/default.yaml", "policies/accounts/demo.yaml")
    assert shown.code == 0
    assert shown.out.count("alerts.yaml has no channel 'desk'; did you mean 'desks'?") == 1
    assert "'phone'" not in shown.out


def test_a_damaged_journal_hides_no_incident_of_another_account(folder: Path, incident: str) -> None:
    other = folder / "data/users/user123/journal.db"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"this is no journal" * 100)
    shown = xp("incidents", "--all")
    assert (shown.code, incident in shown.out, "user123" in shown.err) == (65, True, True)
    assert xp("ack", incident, "--why", "on it").code == 0
    assert "damaged" in xp("ack", "unclean-x", "--why", "on it").err
