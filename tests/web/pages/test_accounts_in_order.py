"""The list of accounts: who needs somebody first, what search finds, and how fast thousands are shown."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from exitplan.executor.verify import verify_account
from exitplan.ruleset.planning.checks import AccountState
from exitplan.web.pages.accounts import PER_PAGE, AccountRow, Attention, account_page, sort_rows
from exitplan.web.pages.overview import Overview, Seen
from tests.web.visit import Desk

ROW = AccountRow("main", "paper", "USD", tags=("desk-1",), state=AccountState.CLEAN)
NEEDY = [
    replace(ROW, id="broken", problem="bad YAML"),
    replace(ROW, id="burning", incidents=1, request="r1", halt="fire"),
    replace(ROW, id="unknown", state=AccountState.UNKNOWN),
    replace(ROW, id="asking", request="r1", missing=1, halt="fire"),
    replace(ROW, id="halted", halt="fire"),
    replace(ROW, id="cut", open_plans=1),
    replace(ROW, id="dirty", state=AccountState.NEEDS_CLEANUP),
    replace(ROW, id="busy", state=AccountState.CLEANUP_IN_PROGRESS, open_plans=1, under_way=True),
    replace(ROW, id="new", state=None),
    ROW,
]


def test_those_that_need_somebody_come_first() -> None:
    assert sort_rows(reversed(NEEDY)) == NEEDY
    assert [row.attention for row in NEEDY] == list(Attention)


def test_of_two_alike_the_one_with_more_money_comes_first() -> None:
    poor, rich = replace(ROW, equity=Decimal(1)), replace(ROW, id="rich", equity=Decimal(2))
    assert sort_rows([poor, rich]) == [rich, poor]


def test_a_search_takes_every_word() -> None:
    assert [row.id for row in account_page(NEEDY, "DESK-1 halt").rows] == ["halted"]
    assert account_page(NEEDY, "nobody").rows == []


def test_counts_are_of_what_fits_the_search() -> None:
    page = account_page(NEEDY, "paper", "HALTED")
    assert (page.fitting, page.total, len(page.counts)) == (1, len(NEEDY), len(Attention))


def test_a_page_beyond_the_last_is_the_last() -> None:
    many = [replace(ROW, id=f"a{number}") for number in range(PER_PAGE + 1)]
    page = account_page(many, number=99)
    assert (page.number, page.pages, len(page.rows)) == (2, 2, 1)


def test_the_cap_is_shown_with_what_it_counts_and_not_with_all_that_is_held(desk: Desk) -> None:
    verify_account(desk.account())
    page = " ".join(desk.browser("vera").get("/").text.split())
    assert "<span>20 <small>cap 12 of 8</small></span>" in page


def test_ten_thousand_accounts_are_shown_in_a_tenth_of_a_second(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sort_rows(replace(NEEDY[number % 10], id=f"account-{number:05}") for number in range(10_000))
    browser = desk.browser("vera")
    seen = Seen(tuple(rows), desk.clock(), is_whole=True)
    monkeypatch.setattr(Overview, "now", lambda _: seen)
    took = []
    for path in ("/", "/?q=account-0999", "/?show=CLEAN&page=3", "/"):
        begun = time.process_time()
        assert browser.get(path).status_code == 200
        took.append(time.process_time() - begun)
    assert min(took) < 0.1
