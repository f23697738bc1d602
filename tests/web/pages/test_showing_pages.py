"""Pages of a project that is new, one that has a past, and one that is broken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from exitplan.web.security.roles import Role
from tests.web.visit import Desk, set_up

HOSTILE = '<script>alert("x")</script>\u202e'
DEMO = {"options": {"file": "../data/paper/main.json", "start_from": "demo"}}


@pytest.fixture
def demo(tmp_path: Path) -> Desk:
    return set_up(tmp_path, **DEMO)


def test_a_new_account_says_what_to_do(desk: Desk) -> None:
    assert "Nothing is known of it yet" in desk.browser("olga").get("/accounts/main").text
    assert "No run yet" in desk.browser("olga").get("/accounts/main/runs").text
    assert "No incident is open" in desk.browser("olga").get("/incidents").text


def test_a_project_without_accounts_says_so(desk: Desk) -> None:
    (desk.root / "accounts" / "main.yaml").unlink()
    assert "There are no accounts yet" in desk.browser("vera").get("/").text


def test_a_broken_account_file_is_shown_with_what_is_wrong(desk: Desk) -> None:
    (desk.root / "accounts" / "bad.yaml").write_text("version: 1\nname: bad\nextends: nowhere.yaml\n")
    browser = desk.browser("vera")
    assert "nowhere.yaml" in browser.get("/").text
    assert "nowhere.yaml" in browser.get("/policies").text


def test_a_broken_journal_is_told_and_hides_nothing_else(demo: Desk) -> None:
    browser = demo.browser("anna")
    browser.post("/accounts/main/plan")
    (demo.root / "data/users/main/journal.db").write_bytes(b"no journal" * 500)
    answer = browser.get("/")
    assert "cannot be read" in answer.text
    assert "journal" in browser.get("/accounts/main").text


@pytest.mark.parametrize(
    "path", ["/accounts/%2e%2e", "/accounts/%2e%2e%2fsecret", "/accounts/other", "/accounts/other/runs"]
)
def test_what_is_no_account_is_not_found(desk: Desk, path: str) -> None:
    assert desk.browser("vera").get(path).status_code == 404


def test_a_plan_waits_for_people_and_is_found_again(demo: Desk) -> None:
    browser = demo.browser("olga")
    place = browser.post("/accounts/main/plan").headers["location"]
    page = browser.get(place).text
    assert "olga had it made in the dashboard" in page
    assert "unwind 650" in page
    assert "You are operator" in page
    assert "plan waits" in browser.get("/").text
    assert browser.post("/accounts/main/plan").headers["location"] == place  # the same plan, the same question


def test_reasons_are_text_and_nothing_else(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    assert browser.post(f"{place}/reject", {"why": HOSTILE}).status_code == 303
    page = browser.get(place).text
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;?" in page
    assert "<script>alert" not in page


def test_a_rejection_needs_a_reason(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    assert browser.post(f"{place}/reject", {"why": "  "}).status_code == 400


def test_an_operator_approves_nothing(demo: Desk) -> None:
    browser = demo.browser("olga")
    place = browser.post("/accounts/main/plan").headers["location"]
    for act in ("approve", "reject", "narrow", "apply"):
        assert browser.post(f"{place}/{act}", {"why": "x"}).status_code == 403
    assert Role.OPERATOR < Role.APPROVER


def test_a_plan_that_nobody_approved_is_not_applied(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    answer = browser.post(f"{place}/apply")
    assert answer.status_code == 409
    assert "1 more must approve" in answer.text


def test_what_is_left_out_is_not_planned(demo: Desk) -> None:
    browser = demo.browser("anna")
    place = browser.post("/accounts/main/plan").headers["location"]
    narrower = browser.post(f"{place}/narrow", {"keep": "NEAR/USD"}).headers["location"]
    page = browser.get(narrower).text
    assert "1 to close" in page
    assert "A later plan took its place" in browser.get(place).text


def test_of_what_guards_refuse_something_is_left_out(demo: Desk) -> None:
    policy = demo.root / "accounts/main.yaml"
    policy.write_text(policy.read_text() + "guards: {max_actions: 3}\n")
    browser = demo.browser("olga")
    assert browser.post("/accounts/main/plan").headers["location"] == "/accounts/main/plan"
    page = browser.get("/accounts/main/plan").text
    assert "refused by its guards" in page
    assert "A narrower one may pass" in page
    narrower = browser.post("/accounts/main/plan", {"keep": "NEAR/USD"}).headers["location"]
    assert "waits for 1 more" in browser.get(narrower).text


def test_a_form_leads_to_no_other_site(demo: Desk) -> None:
    browser = demo.browser("olga")
    for place in ("https://elsewhere", "//elsewhere", "/\\elsewhere"):
        assert browser.post("/halt", {"from": place}).headers["location"] == "/"


def test_a_position_is_explained_rule_by_rule(demo: Desk) -> None:
    browser = demo.browser("olga")
    browser.post("/accounts/main/plan")
    page = browser.get("/accounts/main/positions/ADA/USD").text
    assert "What would change it" in page
    assert "cycle 1 of 4" in page


def test_a_merged_policy_tells_where_each_value_is_from(desk: Desk) -> None:
    page = desk.browser("vera").get("/accounts/main/policy").text
    assert "max_positions" in page
    assert "default.yaml:" in page


def test_an_account_page_is_quick(demo: Desk) -> None:
    browser = demo.browser("olga")
    browser.post("/accounts/main/plan")
    took = []
    for _ in range(3):
        begun = time.process_time()
        browser.get("/accounts/main")
        took.append(time.process_time() - begun)
    assert min(took) < 0.1


def test_a_halt_says_who_however_long_the_reason_is(desk: Desk) -> None:
    browser = desk.browser("olga")
    for halted in ("/halt", "/accounts/main/halt"):
        browser.post(halted, {"why": "ä" * 10_000})
    assert "in the dashboard (olga, " in browser.get("/").text
    assert "in the dashboard (olga, " in (desk.given.data / "users/main/HALT").read_text()
    assert (desk.given.data / "users/main/HALT").stat().st_size < 1000
