"""A project with a paper account, and browsers and programs that visit its dashboard, without a network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exitplan.executor.accounts.account import Account, AccountRequest, open_account
from exitplan.executor.approvals.book import open_book
from exitplan.executor.escalation.ladder import incidents_in, tended_after
from exitplan.executor.people import actor
from exitplan.executor.plan import plan_account
from exitplan.executor.store.file_store import files_below
from exitplan.executor.verify import verify_account
from exitplan.schemas.policies import shipped_policy
from exitplan.web.acts.works import Work
from exitplan.web.app import ROWS, make_app
from exitplan.web.given import Given
from exitplan.web.known_accounts import KnownAccounts
from exitplan.web.refusals import Refused
from exitplan.web.rendering import render
from exitplan.web.routes import Row
from exitplan.web.security.changing_users import made_token
from exitplan.web.security.passwords import hash_password
from exitplan.web.security.roles import Role
from exitplan.web.security.users_file import User, UsersFile
from tests.executor.scene import StillClock

HOST = "127.0.0.1:8800"
PASSWORD = "correct horse battery"  # noqa: S105 - of people who do not exist
PEOPLE = {"vera": Role.VIEWER, "olga": Role.OPERATOR, "anna": Role.APPROVER, "bob": Role.APPROVER, "ada": Role.ADMIN}
"""A person for each role, and two who may approve."""


@cache
def password_hash() -> str:
    """Hash the password of all once: it takes long by design."""
    return hash_password(PASSWORD)


@dataclass
class Browser:
    """What keeps cookies and sends them back, as a browser does."""

    app: Starlette
    address: str = "127.0.0.1"
    host: str = HOST
    scheme: str = "http"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send a form; the mark of the page that was seen last goes with it, unless another is given."""
        return self.ask("POST", path, data={"csrf": self.csrf, **(fields or {})}, **more)

    def log_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        self.get("/login")
        answer = self.post("/login", {"name": name, "password": password, **fields})
        if answer.status_code == httpx.codes.SEE_OTHER and name.casefold() in PEOPLE:
            self.get("/test/look")  # for the mark
        return answer

    csrf: str = ""

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True, client=(self.address, 50_000))
        base = f"{self.scheme}://{self.host}"
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=self.cookies) as client:
            answer = await client.request(method, path, **more)
            self.cookies = client.cookies
        if mark := re.search(r'name="csrf" value="(\w+)"', answer.text):
            self.csrf = mark[1]
        return answer


@dataclass
class Desk:
    """A project with a dashboard."""

    root: Path
    clock: StillClock
    given: Given
    done: list[str] = field(default_factory=list)
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        self.app = make_app(self.given, (*ROWS, *self._rows()))

    def _rows(self) -> Iterator[Row]:
        """Give a page to look at, one that says what it is given, and for each role something to do."""
        yield Row("/test/look", "GET", _look, Role.VIEWER)
        for role in Role:
            yield Row(f"/test/{role.word}", "POST", self._do, role, changes=True)

    def _do(self, request: Request) -> Response:
        self.done.append(f"{request.url.path.rpartition('/')[2]} by {actor({})}")
        return RedirectResponse("/test/look", 303)

    def browser(self, name: str | None = None, **more: Any) -> Browser:
        """Open a browser, in which somebody is logged in where a name is given."""
        browser = Browser(self.app, **more)
        if name is not None:
            assert browser.log_in(name).status_code == httpx.codes.SEE_OTHER
        return browser

    def program(self, name: str, role: Role = Role.VIEWER, days: int = 1) -> Program:
        """Make a token of somebody, and a program that shows it."""
        token = made_token(self.users, name, "test", role, self.clock(), timedelta(days=days))
        return Program(self.app, token)

    def changed(self, **changes: Any) -> Desk:
        """Start the dashboard anew, given something else."""
        return Desk(self.root, self.clock, replace(self.given, **changes))

    @property
    def users(self) -> UsersFile:
        assert self.given.users is not None
        return self.given.users

    def account(self) -> Account:
        return open_account(AccountRequest(self.clock, "main", data=self.given.data, root=self.root))

    def ask(self, people: int = 1) -> str:
        """Let a plan of the account wait for people; gives the id of the request."""
        account = self.account()
        with open_book(account.store) as book:
            return book.ask(plan_account(account).plan, ["a person has to look"], people, self.clock()).request.id

    def trouble(self) -> str:
        """Let an incident be opened about the account; gives its id."""
        file = self.root / "accounts" / "main.yaml"
        ladder = {"id": "unclean", "on": "not_clean", "after": {"minutes": 0}, "steps": [{"channels": ["desk"]}]}
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "escalation": [ladder]}))
        account = self.account()
        with tended_after(account):
            verify_account(account)
        return incidents_in(account.store)[0].id


def _look(request: Request) -> Response:
    return render(request, "error.html", problem=Refused(request.query_params.get("say", "a page")))


@dataclass
class Program:
    """What asks the API with a token."""

    app: Starlette
    token: str

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        return self.ask("POST", path, json=body or {})

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return Browser(self.app).ask(method, f"/api/v1{path}", headers=headers, **more)


def over(work: Work) -> None:
    """Wait until a run has ended."""
    for _ in range(1000):
        if work.is_over:
            return
        time.sleep(0.01)
    raise AssertionError("the run does not end")


def set_up(root: Path, **account: Any) -> Desk:
    """Make a project with one paper account, and people who may use its dashboard."""
    clock = StillClock()
    folder = root / "accounts"
    folder.mkdir(parents=True)
    block = {
        "id": "main",
        "venue": "paper",
        "quote": "USD",
        "options": {"file": "../paper.json", "start_from": "demo"},
        **account,
    }
    policy = {"version": 1, "name": "main", "extends": str(shipped_policy("default")), "account": block}
    (folder / "main.yaml").write_text(yaml.safe_dump(policy))
    users = UsersFile(root / "data" / "users.json")
    users.change(lambda _: {name: User(name, role, password_hash(), clock()) for name, role in PEOPLE.items()})
    given = Given(
        root=root,
        data=root / "data",
        store_of=files_below(root / "data"),
        clock=clock,
        users=users,
        hosts=frozenset({HOST}),
        accounts=KnownAccounts(root),
    )
    return Desk(root, clock, given)
