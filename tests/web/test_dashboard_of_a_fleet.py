"""The dashboard over the database of a fleet: the same pages and acts, and a page of the fleet itself."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from exitplan.cli.commands.serve import users_path
from exitplan.cli.top.reading import look_at_all, look_at_one
from exitplan.executor.store.halt import Halt
from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.removing import remove_accounts
from exitplan.fleet.runner import ticks
from exitplan.web.acts.desk import Desk as WebDesk
from exitplan.web.fleet_accounts import FleetAccounts
from exitplan.web.observed import Observed
from exitplan.web.pages.accounts import account_row
from exitplan.web.pages.overview import Overview
from tests.web.visit import Desk, set_up

PAPER = {"options": {"file": "../paper.json", "start_from": "demo"}}
LADDER = {"id": "unclean", "on": "not_clean", "after": {"minutes": 0}, "steps": [{"channels": ["desk"]}]}


def three_accounts(root: Path) -> Desk:
    """Make a project of three paper accounts, one under a ladder of its own."""
    made = set_up(root, **PAPER)
    text = yaml.safe_load((root / "accounts/main.yaml").read_text())
    for name, more in (("second", {"escalation": [LADDER]}), ("third", {})):
        block = {**text["account"], "id": name, "tags": ["desk-1"]}
        block["options"] = {**block["options"], "file": f"../{name}.json"}
        (root / f"accounts/{name}.yaml").write_text(yaml.safe_dump({**text, "name": name, "account": block, **more}))
    return made


@pytest.fixture
def fleet(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Desk, FleetPlace]]:
    """The dashboard of a fleet of three accounts, whose files are gone."""
    made = three_accounts(tmp_path)
    init_fleet(postgres_url)
    with open_fleet(postgres_url) as place:
        import_accounts(place.registry, read_accounts(texts_of([tmp_path / "accounts"])).drafts)
        shutil.rmtree(tmp_path / "accounts")
        yield made.changed(fleet=place, store_of=place.store_of, accounts=FleetAccounts(place)), place


def test_a_plan_is_made_approved_and_applied_in_the_database(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    anna = desk.browser("anna")
    waits = anna.post("/accounts/main/plan").headers["location"]
    assert "anna had it made in the dashboard" in anna.get(waits).text
    (found,), _ = place.requests()
    assert found.request.id in waits
    assert "plan waits" in anna.get("/").text
    work = anna.post(f"{waits}/approve", {"then": "apply"}).headers["location"]
    anna.get(f"{work}/events")  # until it is over
    assert "The account is" in anna.get(work).text
    for path in ("", "/runs", "/runs/1", "/policy", "/positions/ADA/USD"):
        assert anna.get(f"/accounts/main{path}").status_code == 200, path
    assert "ESCALATED" in anna.get("/accounts/main").text.upper()
    program = desk.program("anna")
    assert program.get("/accounts/main/history").json()["runs"][0]["run"] == 1
    assert program.get("/accounts/main/alerts").json()["alerts"]
    assert {one["account"] for one in program.get("/accounts").json()["accounts"]} == {"main", "second", "third"}
    assert not (desk.given.data / "users").exists()


def test_the_list_says_of_a_fleet_what_it_says_of_each_account(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    olga = desk.browser("olga")
    for name in ("main", "second"):
        olga.post(f"/accounts/{name}/plan")
    (incident,) = desk.program("olga").get("/incidents").json()["incidents"]
    olga.post(f"/accounts/second/incidents/{incident['id']}/take", {"why": "I look", "hours": "1"})
    olga.post("/accounts/third/halt", {"why": "asked for"})
    desk.clock.advance(60)
    with place.store_of("third").lease(desk.clock()):
        overview = WebDesk(desk.given).overview
        seen = {row.id: row for row in overview.now().rows}
        for name in ("main", "second", "third"):
            file = desk.given.accounts.find(name)
            assert file is not None
            assert seen[name] == account_row(file, place.store_of(name), desk.clock()), name
    assert (seen["second"].taken, seen["main"].request is not None, seen["third"].under_way) == (1, True, True)
    remove_accounts(place.registry, ["main"])
    desk.given.accounts._next_look = 0  # type: ignore[attr-defined]
    overview.look()
    assert "main" not in {row.id for row in overview.now().rows}


def test_search_and_an_account_that_is_not_there(fleet: tuple[Desk, FleetPlace]) -> None:
    vera = fleet[0].browser("vera")
    assert "second" not in vera.get("/?q=main").text
    assert "third" in vera.get("/?q=desk-1").text
    answer = vera.get("/accounts/secnd")
    assert answer.status_code == 404
    assert "Did you mean &#39;second&#39;" in answer.text


def test_halts_are_rows_and_name_who_is_logged_in_once(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    olga = desk.browser("olga")
    olga.post("/halt", {"why": "fire drill"})
    assert place.halts() == [Halt(str(place), "fire drill, in the dashboard (olga, 2026-02-18T22:00:00Z)")]
    assert "Every account is halted." in olga.get("/fleet").text
    olga.post("/resume")
    assert place.halts() == []


def test_the_fleet_has_a_page(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    vera = desk.browser("vera")
    assert "None was begun yet" in vera.get("/fleet").text
    place.registry.set_aside("third", "its process <b>died</b> twice")
    ticks.begin(place.database, 60, "")
    page = vera.get("/fleet").text
    for said in ("3 accounts under", "its process &lt;b&gt;died&lt;/b&gt; twice", "0 of 1 shards done", "No worker is"):
        assert said in page
    assert 'href="/fleet"' in vera.get("/").text


def test_users_of_a_fleet_are_in_a_file_of_the_project(
    fleet: tuple[Desk, FleetPlace], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, place = fleet
    monkeypatch.setenv("EXITPLAN_HOME", str(desk.root))
    assert users_path(None, place) == desk.root / "data" / "users.json"
    assert users_path(Path("ours.json"), place) == Path("ours.json")


def test_without_a_fleet_there_is_no_such_page(desk: Desk) -> None:
    vera = desk.browser("vera")
    assert vera.get("/fleet").status_code == 404
    assert 'href="/fleet"' not in vera.get("/").text


def test_a_halt_on_files_names_who_is_logged_in_once(desk: Desk) -> None:
    desk.browser("olga").post("/accounts/main/halt", {"why": "asked for"})
    halt = desk.given.store_of("main").find_halt()
    assert halt is not None
    assert halt.text == "asked for, in the dashboard (olga, 2026-02-18T22:00:00Z)"


def test_a_venue_that_is_away_is_a_clear_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWAY_API_KEY", "key")
    monkeypatch.setenv("AWAY_API_SECRET", "c2VjcmV0")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        desk = set_up(tmp_path, venue="kraken", credentials="env:AWAY", base_url=url)
        anna = desk.browser("anna")
        answer = anna.post("/accounts/main/plan")
    assert answer.status_code == 502
    assert "No plan of main was made: kraken could not be read" in answer.text
    assert "can it be reached from here?</p>" in answer.text
    assert not desk.given.store_of("main").has_journal()


def test_the_terminal_shows_the_accounts_of_a_fleet_too(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    desk.browser("anna").post("/accounts/main/plan")
    observed = Observed.of(desk.root, desk.root, desk.clock, place)
    listed = look_at_all(observed, Overview(observed))
    assert (listed.seen.rows[0].id, listed.seen.rows[0].attention.name) == ("main", "WAITS")
    assert {row.id for row in listed.seen.rows} == {"main", "second", "third"}
    look = look_at_one(observed, "main")
    assert look.waiting is not None
    assert look.positions
    place.halt("lunch", desk.clock())
    assert (look_at_all(observed, Overview(observed)).halt or "").startswith("lunch")
