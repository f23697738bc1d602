"""``exitplan top``: the list, one account, its keys, and what hostile text does, which is nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from exitplan.cli.arguments import present
from exitplan.cli.top.app import Top
from exitplan.cli.top.reading import ListLook
from exitplan.cli.top.screens import AccountScreen, AccountsScreen
from exitplan.cli.top.texts import ABOUT, COLUMNS, columns_for
from exitplan.web.observed import Observed
from exitplan.web.pages.accounts import AccountRow, sort_rows
from exitplan.web.pages.overview import Seen
from tests.builders import NOW
from tests.cli.conftest import xp

Steps = Callable[[Pilot[None]], Awaitable[None]]
HOSTILE = "x[red]y[/nope]\x1b[2J"
PATIENCE = 15.0


def observed() -> Observed:
    return Observed.of(Path(), Path("data"), present)


def shown(app: Top) -> str:
    """Return what is on the screen as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[None], text: str) -> str:
    """Wait until something is on the screen."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        await pilot.pause(0.05)
        if text in shown(pilot.app):  # type: ignore[arg-type] # it is ours
            break
    return shown(pilot.app)  # type: ignore[arg-type]


def watch(steps: Steps, size: tuple[int, int] = (120, 40)) -> None:
    async def run() -> None:
        app = Top(observed())
        async with app.run_test(size=size) as pilot:
            await steps(pilot)

    asyncio.run(run())


def many(count: int) -> ListLook:
    rows = [AccountRow(f"account-{number:05}", "paper", "USD", equity=Decimal(number)) for number in range(count)]
    rows[7] = replace(rows[7], incidents=1)
    rows[8] = replace(rows[8], id=HOSTILE, problem=f"broken {HOSTILE}")
    return ListLook(Seen(tuple(sort_rows(rows)), NOW, is_whole=True), NOW)


def with_rows(steps: Callable[[Pilot[None], AccountsScreen], Awaitable[None]], look: ListLook, **more: Any) -> None:
    """Watch a list that is given instead of read."""

    async def do(pilot: Pilot[None]) -> None:
        await until(pilot, "accounts")
        screen = pilot.app.screen
        assert isinstance(screen, AccountsScreen)
        while screen.is_reading:
            await pilot.pause(0.02)
        screen.is_reading = True  # so that it never looks again
        await pilot.pause()
        screen.show(look)
        await pilot.pause()
        await steps(pilot, screen)

    watch(do, **more)


def test_accounts_come_with_those_first_that_need_somebody_and_one_is_opened(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")

    async def steps(pilot: Pilot[None]) -> None:
        listed = await until(pilot, "needs cleanup")
        assert listed.index("platform ") < listed.index("user123")
        assert "1 exit given up" in listed
        await pilot.press("enter")
        account = await until(pilot, "Last runs")
        assert "platform at paper" in account
        assert "ADA/USD of 2,600  ■□□□  1 of 4, 75.0 % left" in account
        assert "BTC/USD" in account
        assert "LUNA/USD: the venue lists no such symbol" in account
        await pilot.press("escape")
        assert "2 accounts" in await until(pilot, "2 accounts")

    watch(steps)


def test_positions_are_searched_and_escape_ends_the_search_before_the_screen(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, "needs cleanup")
        await pilot.press("enter")
        await until(pilot, "20 positions")
        await pilot.press("slash", *"zombie")
        found = await until(pilot, "of 20 positions")
        assert "LUNA/USD" in found
        assert "BTC/USD" not in found
        await pilot.press("escape")
        assert "BTC/USD" in await until(pilot, " 20 positions")
        assert type(pilot.app.screen) is AccountScreen
        await pilot.press("escape")
        assert "2 accounts" in await until(pilot, "2 accounts")

    watch(steps)


def test_what_changes_is_seen_without_a_key(folder: Path) -> None:
    async def steps(pilot: Pilot[None]) -> None:
        assert "2 not verified yet" in await until(pilot, "2 not verified yet")
        await asyncio.to_thread(xp, "verify", "--account", "platform")
        await asyncio.to_thread(xp, "halt", "--reason", "[bold]lunch")
        told = await until(pilot, "All accounts are halted")
        assert "All accounts are halted: [bold]lunch" in told
        assert "1 halted" in told or "2 halted" in await until(pilot, "2 halted")

    watch(steps)


def test_an_account_that_cannot_be_read_says_why(folder: Path) -> None:
    Path("policies/accounts/broken.yaml").write_text("version: 1\nnome: x\n", encoding="utf-8")

    async def steps(pilot: Pilot[None]) -> None:
        assert "1 cannot be read" in await until(pilot, "cannot be read")
        await pilot.press("enter")
        assert "cannot be read: " in await until(pilot, "cannot be read: ")

    watch(steps)


def test_ten_thousand_accounts_are_pages_that_turn_at_once(folder: Path) -> None:
    async def steps(pilot: Pilot[None], screen: AccountsScreen) -> None:
        for number in range(2, 5):
            await pilot.press("n")
            assert f"page {number} of 100" in shown(pilot.app)  # type: ignore[arg-type]
        began = time.process_time()
        screen.draw()
        assert time.process_time() - began < 1  # it takes a tenth of that
        assert screen.query_one(DataTable).row_count == 100
        await pilot.press("p")
        assert "page 3 of 100" in shown(pilot.app)  # type: ignore[arg-type]
        await pilot.press("slash", *"09999")
        assert "account-09999" in await until(pilot, "1 of 10,000 accounts")

    with_rows(steps, many(10_000))


def test_the_filter_goes_through_the_states_that_there_are(folder: Path) -> None:
    async def steps(pilot: Pilot[None], screen: AccountsScreen) -> None:
        seen = []
        for _ in range(4):
            await pilot.press("f")
            await pilot.pause()
            seen.append((screen.wanted, screen.page.fitting))
        assert seen == [("UNREADABLE", 1), ("INCIDENT", 1), ("NEVER_VERIFIED", 98), ("", 100)]

    with_rows(steps, many(100))


def test_the_cursor_stays_with_its_account_when_others_move(folder: Path) -> None:
    async def steps(pilot: Pilot[None], screen: AccountsScreen) -> None:
        await pilot.press("down", "down", "down")
        chosen = screen._chosen()
        look = many(20)
        first = replace(look.seen.rows[-1], incidents=5)
        rows = tuple(sort_rows([*look.seen.rows[:-1], first]))
        screen.show(replace(look, seen=replace(look.seen, rows=rows)))
        await pilot.pause()
        assert screen._chosen() == chosen

    with_rows(steps, many(20))


def test_hostile_names_are_neither_markup_nor_obeyed(folder: Path) -> None:
    async def steps(pilot: Pilot[None], screen: AccountsScreen) -> None:
        text = shown(pilot.app)  # type: ignore[arg-type]
        assert "x[red]y[/nope]?[2J" in text.replace("…", "")
        assert "\x1b" not in text
        await pilot.press("enter")
        assert "x[red]y[/nope]?[2J" in await until(pilot, "cannot be read: ")

    with_rows(steps, many(20), size=(140, 30))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
def test_columns_fit_the_terminal_and_the_state_is_always_there(width: int) -> None:
    shown_columns = columns_for(width)
    names = [column.heading for column in shown_columns]
    assert {"account", "state"} <= set(names)
    assert names == [column.heading for column in (*COLUMNS, ABOUT) if column.heading in names]
    assert width < 42 or sum(column.width + 2 for column in shown_columns) <= width


def test_a_small_terminal_shows_positions_too(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, "needs cleanup")
        await pilot.press("enter")
        assert "BTC/USD" in await until(pilot, "BTC/USD")

    watch(steps, size=(44, 14))


def test_q_and_ctrl_c_end_it(folder: Path) -> None:
    for key in ("q", "ctrl+c"):

        async def steps(pilot: Pilot[None], key: str = key) -> None:
            await until(pilot, "accounts")
            await pilot.press(key)
            await pilot.pause()
            assert not pilot.app.is_running

        watch(steps)


def test_nothing_is_written_by_looking(folder: Path) -> None:
    before = sorted(str(path) for path in Path().rglob("*"))

    async def steps(pilot: Pilot[None]) -> None:
        await until(pilot, "2 accounts")
        await pilot.press("enter")
        await until(pilot, "No plan is known yet")

    watch(steps)
    assert sorted(str(path) for path in Path().rglob("*")) == before


def test_no_color_is_kept_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert Top(observed()).no_color


def test_without_a_terminal_it_says_so(folder: Path) -> None:
    ran = xp("top")
    assert ran.code == 64
    assert "top needs a terminal" in ran.err
    assert os.environ.get("NO_COLOR") is None


def test_without_the_extra_it_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    ran = xp("top")
    assert ran.code == 64
    assert "pip install 'exitplan[tui]'" in ran.err


@pytest.mark.parametrize("size", [(100, 30), (60, 20)])
def test_the_list_as_it_stands_on_the_screen(folder: Path, size: tuple[int, int], snapshot: Any) -> None:
    async def steps(pilot: Pilot[None], screen: AccountsScreen) -> None:
        lines = [line for line in shown(pilot.app).splitlines() if line.strip()]  # type: ignore[arg-type]
        assert lines == snapshot

    with_rows(steps, many(12), size=size)
