"""People at work in a real browser, on paper and at a venue on loopback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.browser.house import CHROMIUM, House, house_at

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
SHOTS = os.environ.get("EXITPLAN_SCREENSHOTS")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, house_at(tmp_path_factory.mktemp("house"), patch) as made:
        yield made


@pytest.fixture(autouse=True)
def _is_quiet(house: House) -> Iterator[None]:
    """Nothing may go wrong in the browser unseen."""
    house.faults.clear()
    yield
    assert not house.faults


def make_plan(page: Page) -> None:
    page.get_by_role("button", name="Make a plan").or_(page.get_by_role("button", name="Plan anew")).click()
    page.wait_for_url(re.compile(r"/plans?(/|$)"))


def apply_plan(page: Page) -> None:
    page.get_by_role("button", name="Approve and apply").click()
    expect(page.locator("#result")).to_be_visible()


def shoot(page: Page, name: str) -> None:
    """Keep a picture for the docs, where they are asked for."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"dashboard-{name}.png")


def test_an_account_on_paper_is_cleaned_from_the_browser(house: House) -> None:
    with house.visit("anna", "/accounts/paper") as page:
        expect(page.get_by_text("Nothing is known of it yet")).to_be_visible()
        for cycle in range(4):
            make_plan(page)
            if cycle == 0:
                shoot(page, "plan")
            apply_plan(page)
            expect(page.locator("#result")).to_contain_text("Everything was done.")
            page.get_by_role("link", name="Back to the account").click()
        expect(page.get_by_text("CLEAN", exact=True).first).to_be_visible()
        page.get_by_role("link", name="History and costs").click()
        expect(
            page.get_by_role("img", name="Value by category").or_(page.locator("figure.plot svg").nth(1))
        ).to_be_visible()
        shoot(page, "history")
    assert house.runs("paper") == 4


def test_two_people_have_to_approve(house: House) -> None:
    with house.visit("anna", "/accounts/pair") as anna, house.visit("bob") as bob:
        make_plan(anna)
        anna.get_by_role("button", name="Approve").click()
        expect(anna.get_by_text("waits for 1 more")).to_be_visible()
        anna.get_by_role("button", name="Approve").last.click()  # her second word counts no more than the first
        expect(anna.get_by_text("waits for 1 more")).to_be_visible()
        bob.goto(anna.url)
        apply_plan(bob)
        bob.get_by_role("link", name="History and costs").click()
        expect(bob.get_by_role("cell", name="anna, bob")).to_be_visible()


def test_a_live_account_asks_for_its_id_and_a_closed_tab_finds_its_run(house: House) -> None:
    with house.visit("anna", "/accounts/live") as page:
        make_plan(page)
        plan = page.url
        page.get_by_label("Real money moves").fill("another")
        page.get_by_role("button", name="Approve and apply").click()
        expect(page.get_by_role("heading", name="Real money moves: type live to go on")).to_be_visible()
        house.faults.clear()  # the console tells of the status
        page.goto(plan)
        page.get_by_label("Real money moves").fill("live")
        page.get_by_role("button", name="Approve and apply").click()
        page.wait_for_url("**/applying/**")
        work = page.url
    with house.visit("vera", work.removeprefix(house.url)) as page:
        expect(page.locator("#result")).to_be_visible()
        expect(page.locator("#events")).to_contain_text("run ended")
        shoot(page, "applied")
    assert house.runs("live") == 1


def test_a_second_click_applies_nothing_twice(house: House) -> None:
    with house.visit("anna", "/accounts/live") as page:
        make_plan(page)
        page.get_by_label("Real money moves").fill("live")
        form = page.locator("form[action$='/approve']")
        action, csrf = form.get_attribute("action"), form.locator("[name=csrf]").input_value()
        fields: dict[str, str | float | bool] = {"csrf": csrf, "confirm": "live", "then": "apply"}
        origin = {"Origin": house.url}
        first, second = (page.request.post(f"{house.url}{action}", form=fields, headers=origin) for _ in range(2))
        assert first.url == second.url
        assert "/applying/" in first.url
        page.goto(first.url)
        expect(page.locator("#result")).to_be_visible()
    assert house.runs("live") == 2


def test_a_lost_connection_is_told_and_the_page_catches_up(house: House) -> None:
    with house.visit("anna", "/accounts/live") as page:
        make_plan(page)
        page.get_by_label("Real money moves").fill("live")
        page.get_by_role("button", name="Approve and apply").click()
        page.wait_for_url("**/applying/**")
        expect(page.locator("#events li").first).to_be_visible()
        page.context.set_offline(True)
        expect(page.get_by_text("The connection is lost. The run goes on")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("#result")).to_be_visible()
        expect(page.locator("#events")).to_contain_text("run ended")
        expect(page.get_by_text("The connection is lost")).to_have_count(0)
    house.faults.clear()  # the console tells of the network


def test_a_venue_that_is_away_is_told_and_nothing_waits(house: House) -> None:
    with house.visit("anna", "/accounts/away") as page:
        page.get_by_role("button", name="Make a plan").click()
        expect(page.get_by_role("heading", name="No plan of away was made: kraken could not be read")).to_be_visible()
        expect(page.get_by_text("Nothing was sent")).to_be_visible()
        page.get_by_role("link", name="All accounts").click()
        expect(page.get_by_role("row", name="away")).to_contain_text("not verified yet")
    house.faults.clear()  # the console tells of the status


def test_a_halted_account_is_not_traded(house: House) -> None:
    with house.visit("olga", "/accounts/stopped") as olga, house.visit("anna") as anna:
        olga.get_by_text("Halt", exact=True).click()
        olga.get_by_label("Stop sending orders for stopped").fill("<b>venue is late</b>")
        olga.get_by_role("button", name="Halt stopped").click()
        expect(olga.get_by_text("<b>venue is late</b>, in the dashboard (olga, ")).to_be_visible()
        anna.goto(f"{house.url}/accounts/stopped")
        make_plan(anna)
        anna.get_by_role("button", name="Approve and apply").click()
        expect(anna.get_by_role("heading", name="The account stopped is halted")).to_be_visible()
        house.faults.clear()
        olga.get_by_role("button", name="Resume").click()
        expect(olga.get_by_text("venue is late")).to_have_count(0)
        anna.goto(f"{house.url}/accounts/stopped")
        anna.get_by_role("link", name="Plan is approved: apply it").click()
        anna.get_by_role("button", name="Apply now").click()
        expect(anna.locator("#result")).to_be_visible()


def test_everything_is_halted_from_any_page(house: House) -> None:
    with house.visit("olga", "/policies") as page:
        page.get_by_text("Halt all", exact=True).click()
        page.get_by_label("Stop sending orders for every account").fill("fire drill")
        page.get_by_role("button", name="Halt all accounts").click()
        expect(page.get_by_text("Every account is halted.")).to_be_visible()
        assert page.url.endswith("/policies")
        page.get_by_text("Halted", exact=True).click()
        page.get_by_role("button", name="Resume all accounts").click()
        expect(page.get_by_text("Every account is halted.")).to_have_count(0)


def test_a_plan_that_is_too_old_is_not_applied(house: House) -> None:
    with house.visit("anna", "/accounts/late") as page:
        make_plan(page)
        house.clock.ahead += timedelta(minutes=20)
        page.get_by_role("button", name="Approve and apply").click()
        expect(page.get_by_role("heading", name="The plan expired")).to_be_visible()
        house.faults.clear()
        page.go_back()
        page.reload()
        expect(page.get_by_text("This plan has expired.")).to_be_visible()
        expect(page.get_by_role("button", name="Apply now")).to_have_count(0)
        page.get_by_role("button", name="Make the plan anew").click()
        page.wait_for_url(re.compile(r"/plans/"))
        apply_plan(page)


def test_a_plan_is_narrowed_and_rejected_with_a_reason(house: House) -> None:
    with house.visit("bob", "/accounts/late") as page:
        make_plan(page)
        page.get_by_text("Narrow", exact=True).click()
        page.get_by_label("ADA/USD").uncheck()
        page.get_by_role("button", name="Make the narrower plan").click()
        expect(page.get_by_text("without ADA/USD")).to_be_visible()
        expect(page.locator(".shrinks").get_by_text("ADA/USD")).to_have_count(0)
        page.get_by_text("Reject", exact=True).first.click()
        page.get_by_label("Your reason").fill('not before <img src=x onerror="alert(1)"> Monday')
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text('not before <img src=x onerror="alert(1)"> Monday').first).to_be_visible()


def test_a_position_is_explained(house: House) -> None:
    with house.visit("olga", "/accounts/late") as page:
        make_plan(page)
        page.get_by_role("link", name="DOT/USD").first.click()
        expect(page.get_by_role("heading", name="Classification")).to_be_visible()
        expect(page.get_by_text("decides").first).to_be_visible()


def test_a_viewer_finds_no_button_that_changes_anything(house: House) -> None:
    with house.visit("vera", "/accounts/paper") as page:
        assert {button.inner_text() for button in page.get_by_role("button").all()} <= {"Log out", "Find"}


def test_a_page_is_used_with_keys_alone(house: House) -> None:
    with house.visit("anna") as page:
        page.keyboard.press("/")
        page.keyboard.type("pair")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=pair*")
        expect(page.get_by_role("rowheader")).to_have_count(1)
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()


SHOWN = {"/": "accounts", "/accounts/late": "account"}
"""Of which pages there are pictures in the docs."""
PAGES = ("/", "/incidents", "/policies", "/accounts/late", "/accounts/late/policy", "/accounts/late/runs")
MORE = ("/accounts/late/runs/1", "/accounts/late/positions/DOT/USD", "/?q=nothing-fits")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(house: House, scheme: str) -> None:
    with house.visit("anna", color_scheme=scheme) as page:
        page.goto(f"{house.url}/accounts/late")
        make_plan(page)
        if not house.runs("late"):  # where no other test has applied one yet
            apply_plan(page)
            page.get_by_role("link", name="Back to the account").click()
            make_plan(page)
        plan = page.url.removeprefix(house.url)
        for path in (*PAGES, *MORE, plan) if scheme == "light" else ("/", "/accounts/late", plan):
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(house.url + path)
            found = Axe().run(page)
            assert not found.violations_count, f"{path}: {found.generate_report()}"
            if path in SHOWN:
                shoot(page, f"{SHOWN[path]}-{scheme}")
            page.set_viewport_size({"width": 375, "height": 760})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            if path == "/":
                shoot(page, f"phone-{scheme}")


def test_the_log_in_page_is_clean_too(house: House) -> None:
    with house.browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{house.url}/login")
        assert not Axe().run(page).violations_count
