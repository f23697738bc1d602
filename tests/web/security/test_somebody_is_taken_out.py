"""Whoever is taken out, or may approve no more, has approved nothing that is still to be done."""

from __future__ import annotations

import pytest

from exitplan.web.security.roles import Role
from tests.cli.conftest import xp
from tests.web.visit import Desk


@pytest.fixture(autouse=True)
def _here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.root)


@pytest.mark.parametrize("line", [["remove", "ANNA"], ["role", "ANNA", "operator"]], ids=lambda line: line[0])
def test_the_approvals_of_who_is_taken_out_count_no_more(desk: Desk, line: list[str]) -> None:
    waits, bob = desk.ask(people=2), desk.program("bob", Role.APPROVER)
    desk.browser("anna").post(f"/accounts/main/plans/{waits}/approve")
    told = bob.post(f"/requests/{waits}/approve").json()
    assert told["approvals"] == 2
    ran = xp("users", *line)
    assert ran.code == 0, ran.err
    assert f"The approval of {waits} (main)" in " ".join(ran.out.split())
    told = bob.get(f"/requests/{waits}").json()
    assert (told["approvals"], [vote["vote"] for vote in told["votes"]]) == (1, ["approve", "approve", "withdraw"])
    answer = bob.post(f"/requests/{waits}/apply", {"plan_id": told["plan_id"]})
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "PlanIsUnusable")
    page = desk.browser("bob").get(f"/accounts/main/plans/{waits}").text
    assert "approves no more" in page
    assert "approves no more" in xp("pending", waits).out


def test_who_may_still_approve_keeps_the_approval(desk: Desk) -> None:
    waits = desk.ask()
    desk.program("anna", Role.APPROVER).post(f"/requests/{waits}/approve")
    assert xp("users", "role", "anna", "admin").code == 0
    assert desk.program("bob").get(f"/requests/{waits}").json()["approvals"] == 1


def test_where_it_is_not_certain_that_none_counts_it_is_said(desk: Desk) -> None:
    desk.ask()
    journal = desk.given.data / "journal.sqlite3"
    (found,) = [path for path in desk.given.data.rglob("*") if path.suffix in {".db", ".sqlite", ".sqlite3"}] or [
        journal
    ]
    found.write_bytes(b"no database at all, however it is looked at" * 100)
    ran = xp("users", "remove", "anna")
    assert ran.code == 1
    assert "whether anna has approved plans of 1 more is not known" in " ".join(ran.err.split())
    assert desk.users.find("anna") is None  # taken out all the same
