"""The paper venue behind the Broker protocol."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from exitplan.brokers.paper.broker import PaperBroker, open_paper_account
from exitplan.brokers.paper.engine import Prices
from exitplan.brokers.protocol import Broker, Capabilities, ConvertRequest, Found, NotFound, Unknown
from exitplan.ruleset.model.snapshot import Conversion, Position
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from tests.brokers.accounts import NOW, by_client_id, by_id, d, done, limit, order, reason, snapshot


def broker(folder: Path, **options: object) -> PaperBroker:
    (folder / "platform.paper.json").write_text(json.dumps(snapshot_to_document(snapshot())))
    return open_paper_account({"id": "platform", "options": options}, folder, lambda: NOW)


def test_it_is_a_broker_that_moves_no_money(tmp_path: Path) -> None:
    paper: Broker = broker(tmp_path)
    assert paper.venue == "paper"
    assert paper.capabilities == Capabilities(
        client_order_ids="A",
        unique_client_order_ids="open",
        reduce_only=True,
        stop_market=True,
        stop_limit=True,
        convert=True,
        receive_window=0,
        live=False,
        writes_at_once=8,
        cancels_at_once=8,
        past_orders="account",
    )


def test_it_plays_a_venue_with_less(tmp_path: Path) -> None:
    played = broker(tmp_path, client_order_ids="B", stop_market=False, convert=False).capabilities
    assert (played.client_order_ids, played.stop_market, played.convert) == ("B", False, False)


def test_its_markets_have_the_fee_that_it_takes(tmp_path: Path) -> None:
    read = broker(tmp_path, taker_fee="0.004").read_account()
    assert {market.taker_fee for market in read.markets.values()} == {d("0.004")}
    assert "taker_fee" not in (tmp_path / "platform.paper.json").read_text()


def test_an_order_goes_from_placed_to_cancelled(tmp_path: Path) -> None:
    paper = broker(tmp_path)
    placed = done(paper.place_order(limit("sell", "1", "150", client_order_id="mine")))
    cancelled = done(paper.cancel_order(by_client_id("mine")))
    assert (placed.status, cancelled.status) == ("open", "cancelled")
    assert paper.look_up_order(by_id(placed)) == Found(cancelled)
    assert paper.read_account().open_orders == ()


def test_an_order_nobody_placed_is_not_found(tmp_path: Path) -> None:
    paper = broker(tmp_path)
    assert paper.look_up_order(by_client_id("nobody")) == NotFound()
    assert reason(paper.cancel_order(by_client_id("nobody"))) == "unknown-order"


def test_a_venue_without_client_ids_cannot_tell_by_them(tmp_path: Path) -> None:
    paper = broker(tmp_path, client_order_ids="C")
    report = done(paper.place_order(order(client_order_id="mine")))
    assert report.client_order_id is None
    assert isinstance(paper.look_up_order(by_client_id("mine")), Unknown)
    assert paper.look_up_order(by_id(report)) == Found(report)


def test_dust_is_converted(tmp_path: Path) -> None:
    paper = broker(tmp_path)
    request = ConvertRequest(client_order_id="dust", symbol="ETH/USD", quantity=d("5"))
    assert done(paper.convert_dust(request)).filled == d("5")
    assert paper.read_account().positions == ()
    assert isinstance(paper.look_up_order(by_client_id("dust")), Found)


def test_dust_is_not_converted_for_more_than_it_may_cost(tmp_path: Path) -> None:
    paper = broker(tmp_path, taker_fee="0.02")
    request = ConvertRequest(client_order_id="dust", symbol="ETH/USD", quantity=d("5"), max_cost_pct=d("0.019"))
    assert reason(paper.convert_dust(request)) == "other"
    assert done(paper.convert_dust(replace(request, max_cost_pct=d("0.02")))).filled == d("5")


def test_it_converts_for_the_fee_of_a_taker_what_has_a_price(tmp_path: Path) -> None:
    positions = [*snapshot().positions, Position("NEW/USD", "long", d("1"))]
    assert broker(tmp_path, taker_fee="0.02").read_conversions(positions) == {"ETH/USD": Conversion(d("0.02"))}
    assert broker(tmp_path, convert=False).read_conversions(positions) == {}


def test_it_has_no_history_to_tell_a_cost_basis_from(tmp_path: Path) -> None:
    assert broker(tmp_path).read_cost_basis(snapshot().positions) == {}


def test_orders_and_cancels_go_in_groups_each_with_its_own_outcome(tmp_path: Path) -> None:
    paper = broker(tmp_path)
    resting, refused = paper.place_orders([limit("sell", "1", "150"), order(quantity="0")])
    assert (done(resting).status, reason(refused)) == ("open", "invalid-quantity")
    cancelled, unknown = paper.cancel_orders([by_id(done(resting)), by_client_id("nobody")])
    assert (done(cancelled).status, reason(unknown)) == ("cancelled", "unknown-order")


def test_a_price_moved_fills_what_rests_and_stays(tmp_path: Path) -> None:
    paper = broker(tmp_path)
    done(paper.place_order(limit("sell", "1", "150")))
    (report,) = paper.move_price("ETH/USD", Prices(last=d("160")))
    assert report.status == "closed"
    assert paper.read_account().markets["ETH/USD"].last == d("160")


def test_a_price_of_an_unlisted_symbol_cannot_move(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        broker(tmp_path).move_price("LUNA/USD", Prices(last=d("1")))
