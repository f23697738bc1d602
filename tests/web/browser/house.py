"""A project with accounts on paper and on loopback, its dashboard on a real port, and people with browsers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from exitplan.executor.metrics.serving import Address
from exitplan.executor.store.file_store import FileStore
from exitplan.schemas.policies import shipped_policy
from exitplan.web.security.users_file import User, UsersFile
from exitplan.web.serving import Wish, application, listening, place_of, serving
from tests.cli.live import use_credentials, wait_for_no_limits
from tests.venues.builders import demo_account
from tests.venues.server import serving as serving_venue
from tests.venues.venue import utc_now
from tests.web.visit import PASSWORD, PEOPLE, password_hash

CHROMIUM = shutil.which("chromium")
KEEP = [
    {"asset": "LUNA", "reason": "delisted <script>alert(1)</script>"},
    {"asset": "VOUCHER", "reason": "unsolicited airdrop"},
]
LATENCY = 0.02
"""Seconds that the venue takes for each answer, so that a run can be looked at while it goes on."""


@dataclass
class Moving:
    """The time, which a test may move on."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class House:
    """The dashboard, and the browser that people use, each with windows of their own."""

    url: str
    root: Path
    clock: Moving
    browser: Browser
    faults: list[str] = field(default_factory=list)
    _cookies: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def visit(self, name: str, path: str = "/", **manners: Any) -> Iterator[Page]:
        """Open a window in which somebody is logged in; what its console says is a fault."""
        known = {"storage_state": self._cookies[name]} if name in self._cookies else {}
        viewport = {"width": 1280, "height": 900}
        with self.browser.new_context(**{"viewport": viewport, **known, **manners}) as context:
            page = context.new_page()
            page.set_default_timeout(15_000)
            page.on("pageerror", lambda error: self.faults.append(str(error)))
            page.on("console", self._hear)
            if not known:
                self._log_in(page, name)
                self._cookies[name] = context.storage_state()
            page.goto(self.url + path)
            yield page

    def _log_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.url}/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.url}/")

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.faults.append(said.text)

    def store(self, account: str) -> FileStore:
        return FileStore.of(self.root / "data", account)

    def runs(self, account: str) -> int:
        with self.store(account).open_journal() as journal:
            return len(journal.runs())


@contextmanager
def house_at(root: Path, patch: pytest.MonkeyPatch) -> Iterator[House]:
    """Build it, with a live account at a venue on loopback."""
    patch.setenv("EXITPLAN_CACHE_DIR", str(root / "cache"))
    wait_for_no_limits(patch)
    with ExitStack() as stack:
        venue = stack.enter_context(serving_venue("kraken", demo_account(utc_now(), "USD"), latency=LATENCY))
        use_credentials(venue.credentials, patch)
        live = {"credentials": "env:LOOPBACK", "base_url": venue.base_url}
        for name in ("paper", "pair", "late", "stopped"):
            options = {"file": f"../data/paper/{name}.json", "start_from": "demo"}
            more = {"approval": {"mode": "manual", "people": 2}} if name == "pair" else {}
            _add(root, name, {"venue": "paper", "options": options}, **more)
        _add(root, "live", {"venue": "kraken", **live})
        users, clock = UsersFile(root / "data" / "users.json"), Moving()
        users.change(lambda _: {name: User(name, role, password_hash(), clock()) for name, role in PEOPLE.items()})
        listener, bound = stack.enter_context(listening(Address("127.0.0.1", 0)))
        place = place_of(Wish(), bound)
        app = application(Wish(), place, users.path, root / "data", root, clock)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stack.callback(browser.close)
        stack.enter_context(serving(app, place, listener))
        yield House(place.url, root, clock, browser)


def _add(root: Path, name: str, account: dict[str, Any], **policy: Any) -> None:
    folder = root / "accounts"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": 1,
        "name": name,
        "extends": str(shipped_policy("default")),
        "parameters": {"unwind_interval_minutes": 0},
        "guards": {"max_run_pct": 1},
        "protect": KEEP,
        "account": {"id": name, "quote": "USD", **account},
        **policy,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
