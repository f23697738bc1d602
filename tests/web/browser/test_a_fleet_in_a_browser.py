"""The page of a fleet in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from exitplan.executor.metrics.serving import Address
from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.runner import ticks
from exitplan.web.serving import Wish, application, listening, place_of, serving
from tests.web.browser.house import CHROMIUM
from tests.web.visit import PASSWORD, set_up

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


def test_axe_finds_nothing_on_the_page_of_a_fleet_and_it_fits_a_phone(postgres_url: str, tmp_path: Path) -> None:
    data = set_up(tmp_path).given.data
    init_fleet(postgres_url)
    with open_fleet(postgres_url) as fleet, listening(Address("127.0.0.1", 0)) as (listener, bound):
        import_accounts(fleet.registry, read_accounts(texts_of([tmp_path / "accounts"])).drafts)
        fleet.registry.set_aside("main", "its process died twice")
        ticks.begin(fleet.database, 60, "")
        place = place_of(Wish(), bound)
        app = application(Wish(), place, data / "users.json", data, tmp_path, lambda: datetime.now(UTC), fleet)
        with sync_playwright() as playwright, serving(app, place, listener):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"{place.url}/login")
            page.get_by_label("Name").fill("vera")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("link", name="Fleet").click()
            expect(page.get_by_text("its process died twice")).to_be_visible()
            found = Axe().run(page)
            assert not found.violations_count, found.generate_report()
            page.set_viewport_size({"width": 375, "height": 760})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            browser.close()
