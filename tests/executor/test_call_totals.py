"""Calls to venues are counted over the life of a project, under few names, and nothing depends on it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.call_log import Call, LoggedCall, log_call
from exitplan.executor.metrics.call_totals import (
    MOST_ENDPOINTS,
    CallFigure,
    CallTotals,
    call_totals,
    counting_calls,
)
from exitplan.executor.metrics.endpoints import endpoint_of

BALANCE = "POST /0/private/Balance"


def calls_in(data: Path) -> dict[tuple[str, str], float]:
    """What another process reads: calls by endpoint and outcome."""
    figures = CallTotals(data / "calls.db").read()
    return {(one.endpoint, one.label): value for one, value in figures.items() if one.name == "calls"}


def test_calls_of_several_commands_are_added_up(tmp_path: Path) -> None:
    for outcome in ("ok", "ok", "RequestTimeout"):
        with counting_calls(tmp_path):
            log_call("kraken", BALANCE, 0.2, outcome)
    assert calls_in(tmp_path) == {(BALANCE, "ok"): 2, (BALANCE, "RequestTimeout"): 1}


def test_a_command_without_calls_makes_no_file(tmp_path: Path) -> None:
    with counting_calls(tmp_path / "data"):
        pass
    assert not (tmp_path / "data").exists()


def test_calls_of_a_command_that_fails_are_counted(tmp_path: Path) -> None:
    with pytest.raises(KeyError), counting_calls(tmp_path), LoggedCall("kraken", BALANCE):
        raise KeyError
    assert calls_in(tmp_path) == {(BALANCE, "KeyError"): 1}


def test_who_reads_while_a_command_is_at_work_sees_its_calls(tmp_path: Path) -> None:
    with counting_calls(tmp_path):
        log_call("kraken", BALANCE, 0.2, "ok")
        assert call_totals(tmp_path).read()[CallFigure("calls", "kraken", BALANCE, "ok")] == 1
        assert calls_in(tmp_path) == {(BALANCE, "ok"): 1}
    assert calls_in(tmp_path) == {(BALANCE, "ok"): 1}


def test_latency_and_waits_are_told_by_endpoint(tmp_path: Path) -> None:
    totals = CallTotals(tmp_path / "calls.db")
    for seconds, waited in ((0.01, 0.0), (0.3, 2.0), (60.0, 1.5)):
        totals.count(Call("kraken", BALANCE, seconds, "ok", waited=waited))
    known = {(one.name, one.label): value for one, value in totals.read().items()}
    assert (known["bucket", "0"], known["bucket", "4"], known["bucket", "9"]) == (1, 1, 1)
    assert (known["waits", ""], known["waited", ""], known["seconds", ""]) == (2, 3.5, 60.31)


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    with counting_calls(tmp_path / "data"):
        log_call("kraken", BALANCE, 0.2, "ok")
    os.umask(before)
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "data", tmp_path / "data/calls.db")] == [0, 0]


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_bytes(b"garbage" * 1000)
    with counting_calls(tmp_path):
        log_call("kraken", BALANCE, 0.2, "ok")
    assert calls_in(tmp_path) == {(BALANCE, "ok"): 1}


def test_where_another_process_keeps_the_file_calls_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exitplan.executor.metrics.call_totals._PATIENCE", 0.0)
    totals = CallTotals(tmp_path / "calls.db")
    totals.count(Call("kraken", BALANCE, 0.2, "ok"))
    other = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert totals.read()[CallFigure("calls", "kraken", BALANCE, "ok")] == 1
    other.close()
    totals.save()
    assert calls_in(tmp_path) == {(BALANCE, "ok"): 1}


def test_where_no_file_can_be_made_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with counting_calls(tmp_path / "data"):
        log_call("kraken", BALANCE, 0.2, "ok")
    assert call_totals(tmp_path / "data").read()[CallFigure("calls", "kraken", BALANCE, "ok")] == 1


def test_endpoints_of_a_venue_are_bounded(tmp_path: Path) -> None:
    totals = CallTotals(tmp_path / "calls.db")
    for number in range(MOST_ENDPOINTS + 50):
        totals.count(Call("odd", f"GET /{'a' * (number % 30 + 1)}/{'b' * (number // 30 + 1)}", 0.1, "ok"))
    endpoints = {one.endpoint for one in totals.read()}
    assert len(endpoints) == MOST_ENDPOINTS + 1
    assert totals.read()[CallFigure("calls", "odd", "other", "ok")] == 50


@pytest.mark.parametrize(
    ("call", "endpoint"),
    [
        ("POST /0/private/Balance", "POST /0/private/Balance"),
        ("GET /api/v3/brokerage/orders/historical/8f3a91c2-77", "GET /api/v3/brokerage/orders/historical/:id"),
        ("GET /api/v3/brokerage/products/BTC-USD/ticker", "GET /api/v3/brokerage/products/:symbol/ticker"),
        ("DELETE /v2/positions/AAPL", "DELETE /v2/positions/:symbol"),
        ("GET /v1beta3/crypto/us/latest/quotes", "GET /v1beta3/crypto/us/latest/quotes"),
        ("DELETE /api/v4/spot/orders/12345", "DELETE /api/v4/spot/orders/:id"),
        ("GET /api/v4/futures/usdt/positions/BTC_USDT", "GET /api/v4/futures/usdt/positions/:symbol"),
        ("get_current_price", "get_current_price"),
    ],
)
def test_what_differs_from_order_to_order_is_left_out(call: str, endpoint: str) -> None:
    assert endpoint_of(call) == endpoint


@given(st.uuids(), st.integers(1, 10**12))
def test_no_id_makes_a_series_of_its_own(name: object, number: int) -> None:
    assert endpoint_of(f"GET /orders/{name}") == "GET /orders/:id"
    assert endpoint_of(f"GET /orders/{number}") == "GET /orders/:id"
