"""The dashboard over the database of a fleet: the same pages and acts, and a page of the fleet itself."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from exitplan.cli.commands.serve import users_path
from exitplan.cli.top.reading import look_at_all, look_at_one
from exitplan.executor.escalation.climbing import Tended
from exitplan.executor.escalation.incidents import open_incidents
from exitplan.executor.escalation.shown import Shown, shown_incidents
from exitplan.executor.store.halt import Halt
from exitplan.executor.store.postgres.connection import StoreConnection
from exitplan.fleet.draining import drain
from exitplan.fleet.importing import import_accounts, read_accounts, texts_of
from exitplan.fleet.opening import init_fleet, open_fleet
from exitplan.fleet.place import FleetPlace
from exitplan.fleet.removing import remove_accounts
from exitplan.fleet.rollout.deciding import Person, abort, advance, pause, unpause
from exitplan.fleet.rollout.selection import Where
from exitplan.fleet.rollout.stages import Clocks, Pace
from exitplan.fleet.rollout.starting import Wanted, start_rollout
from exitplan.fleet.rollout.targets import Targets
from exitplan.fleet.rollout.tending import tend_rollout
from exitplan.fleet.runner import ticks
from exitplan.fleet.runner.presence import Identity, beat, come, go
from exitplan.schemas.policies import shipped_policy
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


def test_the_incidents_of_a_fleet_are_those_of_each_account_in_one_question(
    fleet: tuple[Desk, FleetPlace], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, place = fleet
    olga = desk.browser("olga")
    olga.post("/accounts/second/plan")
    (incident,) = desk.program("olga").get("/incidents").json()["incidents"]
    olga.post(f"/accounts/second/incidents/{incident['id']}/take", {"why": "I look", "hours": "1"})

    def each(*, ended: bool) -> list[Shown]:
        files = place.files().sound
        now = desk.clock()
        found = (shown_incidents(file, place.store_of(name), now, ended=ended) for name, file in files.items())
        return [one for those in found for one in those]

    assert desk.given.incidents() == (each(ended=False), [])
    assert each(ended=False)[0].incident.ack is not None
    with open_incidents(place.store_of("second")) as book:
        ended = replace(book.open()[0], ended_at=desk.clock(), ended_how="clean")
        book.put(Tended((ended,), ()), book.open(), desk.clock())
    assert desk.given.incidents(ended=True) == (each(ended=True), [])
    assert [one.account for one in each(ended=True)] == ["second"]
    sessions, session = list[str](), place.database.session

    def noted(account: str) -> AbstractContextManager[StoreConnection]:
        sessions.append(account)
        return session(account)

    monkeypatch.setattr(place.database, "session", noted)
    for path in ("/incidents", "/incidents?ended=true", "/requests?closed=true"):
        assert desk.program("vera").get(path).status_code == 200
    assert set(sessions) == {""}  # no account was opened


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


def test_workers_are_shown_as_they_stand(fleet: tuple[Desk, FleetPlace]) -> None:
    desk, place = fleet
    alive, lost, ending, gone = (Identity.mine([egress] if egress else []) for egress in ("", "eu-1", "", ""))
    for number, who in enumerate((alive, lost, ending, gone), 1):
        come(place.database, who, number)
    drain(place.registry, "worker", ending.worker, "", "olga")
    go(place.database, gone)
    with place.registry.transaction() as connection:
        connection.execute(
            "UPDATE exitplan.workers SET seen_at = seen_at - interval '90 s' WHERE worker = %s", (lost.worker,)
        )
    rows = rows_of(desk.browser("vera").get("/fleet").text, "workers")
    assert rows.keys() == {alive.worker, lost.worker, ending.worker}
    assert [rows[who.worker][0] for who in (alive, lost, ending)] == ["active", "lost", "draining"]
    assert rows[lost.worker][2:4] == ["eu-1", "2"]
    assert rows[lost.worker][5].startswith("1 minute")
    assert beat(place.database, lost) == "active"  # it was only slow
    assert rows_of(desk.browser("vera").get("/fleet").text, "workers")[lost.worker][0] == "active"


def test_a_rollout_is_shown_at_its_stage_paused_stopped_and_no_more_when_it_is_over(
    fleet: tuple[Desk, FleetPlace], tmp_path: Path
) -> None:
    desk, place = fleet
    vera, new = desk.browser("vera"), tmp_path / "new.yaml"
    new.write_text(f"version: 1\nname: new\nextends: {shipped_policy('default')}\nparameters: {{max_positions: 3}}\n")
    pace = Pace((Decimal("0.3"), Decimal("0.6"), Decimal(1)), timedelta(minutes=30), Decimal("0.5"))
    person = Person("olga", desk.clock(), "the <b>venue</b> rests")

    def shown() -> str:
        said = vera.get("/fleet").text.partition('id="rollouts"')[2]
        return " ".join(re.sub(r"<[^>]+>", " ", said).split())

    with place.registry.transaction() as connection:
        start_rollout(connection, Wanted(Targets(new, exactly=False), Where.parse(""), pace, "olga"), desk.clock())
    assert "running stage 1 of 3, 1 of 3 accounts" in shown()
    with place.registry.transaction() as connection:
        advance(connection, person)
        pause(connection, person)
    assert "paused stage 2 of 3, 2 of 3 accounts" in shown()
    assert "the &lt;b&gt;venue&lt;/b&gt; rests" in shown()
    with place.registry.transaction() as connection:
        unpause(connection, person)
    place.registry.set_aside("main", "its process died twice")
    place.registry.set_aside("second", "its process died twice")
    place.registry.set_aside("third", "its process died twice")
    later = desk.clock() + timedelta(minutes=5)
    assert tend_rollout(place.registry, later, read_clocks=lambda _, now: Clocks(now, now))
    assert "stopped stage 2 of 3" in shown()
    with place.registry.transaction() as connection:
        abort(connection, person, roll_back=True)
    assert "No policy is being rolled out." in shown()


def rows_of(page: str, section: str) -> dict[str, list[str]]:
    """Return the rows of a table of a page: by the first cell the texts of the others."""
    body = page.partition(f'id="{section}"')[2].partition("</section>")[0].partition("<tbody>")[2]
    rows: dict[str, list[str]] = {}
    for row in body.split("</tr>")[:-1]:
        cells = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.split(r"</t[hd]>", row)[:-1]]
        rows[cells[0]] = cells[1:]
    return rows
