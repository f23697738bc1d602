"""Snapshots are read and hashed the same way whether their lists are taken in one step or entry by entry."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from exitplan.ruleset.model import snapshot_reading as reading
from exitplan.ruleset.model.hashing import digest_of
from exitplan.ruleset.model.market_data import MarketData
from exitplan.ruleset.model.snapshot import Snapshot, TrackerRecord
from exitplan.ruleset.model.snapshot_writing import snapshot_sha256, snapshot_to_document
from exitplan.ruleset.model.values import unified_symbol
from exitplan.schemas.validators import passes
from tests.builders import NOW, market, order, position, record, snapshot
from tests.ruleset.accounts_strategy import accounts

_DECIMALS: list[object] = ["0", "1", "+1", "0.00", "1.50", "1e3", "1E+3", "2E-8", "007", "9" * 40, f"0.{'1' * 40}"]
_TIMES = [
    *("2026-01-02T10:00:00Z", "2026-01-02t10:00:00z", "2026-01-02 10:00:00Z", "2026-01-02T10:00:00.5Z"),
    *("2026-01-02T10:00:00.123456789Z", "2026-01-02T10:00:00+02:00", "2026-01-02T10:00:00-00:00", None),
]  # fmt: skip
_SYMBOLS = ["A-B", "A/B", "A", "A-B-C", "A/B:B", "A-B/C"]
_WORDS = ["A", "manual", None]
_SIDES = ["long", "short", None]
_FLAGS = [True, False, None]
_STATUS = ["ok", "missing", "unavailable", None]
_ODD: dict[str, dict[str, list[Any]]] = {
    "positions": {
        "symbol": _SYMBOLS,
        "side": _SIDES,
        "opened_at": _TIMES,
        "asset": _WORDS,
        **dict.fromkeys(("quantity", "locked", "contract_size", "entry_price", "debt"), _DECIMALS),
    },
    "open_orders": {
        "symbol": _SYMBOLS,
        "position_side": _SIDES,
        "created_at": _TIMES,
        "client_order_id": _WORDS,
        **dict.fromkeys(("quantity", "filled", "price", "trigger_price"), _DECIMALS),
        **dict.fromkeys(("reduce_only", "holds_nothing"), _FLAGS),
    },
    "markets": {
        "price_status": _STATUS,
        "volatility_days": [30, None],
        **dict.fromkeys(("active", "inverse", "fee_is_listed"), _FLAGS),
        **dict.fromkeys(("max_amount", "max_notional", "market_max_amount", "taker_fee", "bid", "last"), _DECIMALS),
        **dict.fromkeys(("amount_step", "price_step", "min_amount", "min_notional", "volatility_1d"), _DECIMALS),
    },
    "tracker": {
        "position_source": _WORDS,
        "side": _SIDES,
        "first_entry_time": _TIMES,
        "extra": [*_WORDS, {}],
        "own key": _WORDS,
        "exit_logic": _FLAGS,
        **dict.fromkeys(("entry_price", "quantity", "stop_price"), _DECIMALS),
    },
}
"""What may be said otherwise than exitplan writes it, or wrongly, by the list that it is said in."""


def one_by_one(document: dict[str, Any]) -> Snapshot:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_are_unified", lambda _symbols: False)
        return reading.snapshot_from_document(document)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the document of an account in which some entries say something odd."""
    document = snapshot_to_document(draw(accounts(4)))
    for block, odd in _ODD.items():
        there: Any = document[block]
        entries = list(there.values() if isinstance(there, dict) else there)
        for entry in entries:
            for key in draw(st.lists(st.sampled_from(sorted(odd)), max_size=2)):
                entry[key] = draw(st.sampled_from(odd[key]))
            if draw(st.booleans()):
                entry.pop(draw(st.sampled_from(sorted(odd.keys() - {"symbol", "quantity"}))), None)
    for block in ("markets", "tracker"):
        if document[block] and draw(st.booleans()):
            name = draw(st.sampled_from(sorted(document[block])))
            document[block][name.replace("/", "-", 1)] = document[block].pop(name)
    return document


@given(spoilt())
def test_what_passes_its_schema_reads_the_same_in_one_step_and_one_by_one(document: dict[str, Any]) -> None:
    assume(passes("snapshot", document))
    note(repr(document))
    read = reading.snapshot_from_document(document)
    assert read == one_by_one(document)
    assert repr(snapshot_to_document(read)) == repr(snapshot_to_document(one_by_one(document)))
    assert all(unified_symbol(position.symbol) == position.symbol for position in read.positions)
    assert snapshot_sha256(read) == digest_of(snapshot_to_document(read))


@pytest.mark.parametrize(("block", "key"), [(block, key) for block, odd in _ODD.items() for key in odd])
def test_a_single_odd_value_reads_the_same_in_one_step_and_one_by_one(block: str, key: str) -> None:
    account = snapshot(position(), orders=(order(),), tracked={"AAA/USD": record()})
    for value in _ODD[block][key]:
        document = snapshot_to_document(account)
        entries: Any = document[block]
        (entries[0] if isinstance(entries, list) else entries["AAA/USD"])[key] = value
        assert passes("snapshot", document)
        read = reading.snapshot_from_document(document)
        assert read == one_by_one(document), value
        assert snapshot_sha256(read) == digest_of(snapshot_to_document(read)), value


@pytest.mark.parametrize(
    "odd",
    [
        snapshot(position(quantity="1E+3")),
        snapshot(position(quantity="1.50", debt="0.0")),
        snapshot(position(debt=2, locked="-0", entry="1e-30", asset="AAA")),
        snapshot(position(opened_at=NOW.astimezone(timezone(timedelta(hours=2))))),
        snapshot(position(opened_at=NOW.replace(microsecond=1000))),
        snapshot(markets={"AAA/USD": market(data=MarketData(volatility_1d=Decimal("0.1")), taker_fee="0.0010")}),
        snapshot(markets={"AAA/USD": market(data=MarketData()), "\u00e9/\U0001f600": market()}),
        snapshot(orders=(order(client='a"b\\', reduce_only=True, position_side="long"), order("\x7f", kind="\n"))),
        snapshot(tracked={"BBB/USD": record(side="long"), "AAA/USD": record("1.0", exit_logic=False)}),
        snapshot(tracked={"AAA/USD": TrackerRecord(extra={"z": [1, {"b": 1, "a": Decimal("1.5")}], "a": None})}),
        snapshot(tracked={"AAA/USD": TrackerRecord(extra={"z": 2**70}), "BBB/USD": record()}),
        snapshot(*(position(f"A{number}/USD") for number in range(1200))),
    ],
)
def test_a_hash_is_that_of_the_json_form(odd: Snapshot) -> None:
    assert snapshot_sha256(odd) == digest_of(snapshot_to_document(odd))
