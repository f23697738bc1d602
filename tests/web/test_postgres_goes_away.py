"""The server of the database goes away under a dashboard: it says so, comes back by itself, and does nothing twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from threading import Event, Thread

import httpx
import psycopg
import pytest

from exitplan.executor.metrics.serving import Address
from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.place import FleetPlace
from exitplan.web.acts.works import Work
from exitplan.web.fleet_accounts import FleetAccounts
from exitplan.web.security.roles import Role
from exitplan.web.serving import Wish, listening, place_of, serving
from tests.postgres.server import temporary_server
from tests.web.visit import Browser, Desk, over, set_up
from tools.postgres import NoPostgres, Server

READ = ("/accounts/main", "/accounts/main/runs", "/accounts/main/policy", "/incidents?account=main", "/fleet")
TOLD = ("/accounts/main", "/requests", "/incidents", "/accounts/main/history")


@dataclass
class House:
    """The dashboard of a fleet of one account, and the server that its database is on."""

    desk: Desk
    fleet: FleetPlace
    server: Server


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = set_up(tmp_path, options={"file": "../paper.json", "start_from": "demo"})
    try:
        with temporary_server() as server:
            init_fleet(server.url())
            with open_fleet(server.url()) as place:
                import_accounts(place.registry, read_accounts(texts_of([tmp_path / "accounts"])).drafts)
                shutil.rmtree(tmp_path / "accounts")
                desk = made.changed(fleet=place, store_of=place.store_of, accounts=FleetAccounts(place))
                yield House(desk, place, server)
    except NoPostgres as problem:
        pytest.skip(str(problem))


@contextmanager
def cutting(house: House) -> Iterator[None]:
    """End every connection of the dashboard again and again."""
    is_over = Event()

    def cut() -> None:
        with psycopg.connect(house.server.url(), autocommit=True, application_name="cutter") as connection:
            while not is_over.wait(0.005):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'exitplan'"
                )

    cutter = Thread(target=cut)
    cutter.start()
    try:
        yield
    finally:
        is_over.set()
        cutter.join()


def test_pages_say_that_the_database_is_away_and_come_back_with_it(house: House) -> None:
    anna, program = house.desk.browser("anna"), house.desk.program("anna")
    assert "main" in anna.get("/").text
    house.server.stop()
    for path in READ:
        answer = anna.get(path)
        assert answer.status_code == 503, path
        assert "cannot be used" in answer.text
        assert (answer.headers["retry-after"], 'http-equiv="refresh"' in answer.text) == ("5", True)
    for path in TOLD:
        told = program.get(path)
        assert (told.status_code, told.json()["error"]["type"]) == (503, "DataFolderUnusable"), path
    sent = anna.post("/accounts/main/plan")
    assert sent.status_code == 503
    assert 'http-equiv="refresh"' not in sent.text  # nobody wants to send a form twice
    house.desk.app.state.desk.overview._look_now()
    listed = anna.get("/")
    assert listed.status_code == 200
    assert "The accounts cannot be looked at since." in listed.text
    assert "/accounts/main" in listed.text
    house.server.start()
    for path in READ:
        assert anna.get(path).status_code == 200, path
    for path in TOLD:
        assert program.get(path).status_code == 200, path
    house.desk.app.state.desk.overview._look_now()
    assert "cannot be looked at" not in anna.get("/").text


def test_a_list_of_which_nothing_is_known_yet_is_an_error_page_that_loads_itself_anew(house: House) -> None:
    vera = house.desk.browser("vera")
    house.server.stop()
    answer = vera.get("/")
    assert answer.status_code == 503
    assert 'http-equiv="refresh"' in answer.text
    house.server.start()
    house.desk.app.state.desk.overview._look_now()
    assert vera.get("/").status_code == 200


def test_a_server_that_hangs_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    vera = house.desk.browser("vera")
    assert vera.get("/accounts/main").status_code == 200
    for connection in house.fleet.database._idle:
        connection.patience = 1.0
    monkeypatch.setattr(house.fleet.database, "lease_seconds", 1.0)
    house.server.pause()
    begun = time.monotonic()
    try:
        assert vera.get("/accounts/main").status_code == 503
    finally:
        house.server.resume()
    assert time.monotonic() - begun < 15
    assert vera.get("/accounts/main").status_code == 200


def test_what_is_approved_while_connections_are_cut_counts_once(house: House) -> None:
    desk = house.desk
    name = desk.browser("anna").post("/accounts/main/plan").headers["location"].rpartition("/")[2]
    anna, bob = desk.program("anna", Role.APPROVER), desk.program("bob", Role.APPROVER)
    with cutting(house):
        statuses = [anna.post(f"/requests/{name}/approve").status_code for _ in range(30)]
    assert set(statuses) <= {200, 503}
    assert 503 in statuses  # else nothing was cut
    (found,), _ = house.fleet.requests(name)
    by_anna = [vote for vote in found.request.votes if vote.person == "anna"]
    assert len(by_anna) >= statuses.count(200)  # what was confirmed is kept
    told = bob.post(f"/requests/{name}/approve").json()
    assert told["approvals"] == (2 if by_anna else 1)
    assert bob.get("/accounts/main/history").json()["runs"] == []


def test_a_run_whose_database_goes_away_ends_its_stream_and_the_next_one_goes_on(house: House) -> None:
    desk = house.desk
    with listening(Address("127.0.0.1", 0)) as (listener, address):
        place = place_of(Wish(), address)
        desk = desk.changed(hosts=place.hosts)
        with serving(desk.app, place, listener), httpx.Client(base_url=place.url, timeout=60) as client:
            anna = desk.browser("anna", host=f"127.0.0.1:{address.port}")
            waits = anna.post("/accounts/main/plan").headers["location"]
            address_of_work = anna.post(f"{waits}/approve", {"then": "apply"}).headers["location"]
            work: Work = desk.app.state.desk.works.find(address_of_work.rpartition("/")[2])
            while not work.events and not work.is_over:
                time.sleep(0.001)
            house.server.kill()
            with client.stream("GET", f"{address_of_work}/events", cookies=dict(anna.cookies)) as stream:
                said = stream.read().decode()
            assert stream.status_code == 200
            assert "event: over" in said  # it hangs no browser up
            assert said.count("event: line") == len(work.events)
            over(work)
            house.server.start()
            seen = anna.get(address_of_work)
            assert seen.status_code == 200
            assert work.result_text in unescape(seen.text)
            wait_for_lease(house)
            finish(anna, desk)
    with house.fleet.store_of("main").open_journal() as journal:
        fills = [(fill.plan_id, fill.action_id) for fill in journal.fills_since(datetime(2000, 1, 1, tzinfo=UTC))]
        assert len(fills) == len(set(fills))
        assert journal.open_plan_ids() == []


def wait_for_lease(house: House) -> None:
    for _ in range(600):
        if house.fleet.store_of("main").seems_held() is None:
            return
        time.sleep(0.1)
    raise AssertionError("the lease of the run that was cut off does not end")


def finish(anna: Browser, desk: Desk) -> None:
    """Have plans made and applied until nothing is to be done now."""
    for _ in range(3):
        waits = anna.post("/accounts/main/plan").headers["location"]
        if "/plans/" not in waits:
            return
        done = anna.post(f"{waits}/approve", {"then": "apply"}).headers["location"]
        over(desk.app.state.desk.works.find(done.rpartition("/")[2]))
