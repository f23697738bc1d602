"""What a terminal would obey in a venue's reply gets no further than the client."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.failures import explain
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.live.reply_text import without_controls
from exitplan.brokers.venues import dialect_of
from tests.builders import NOW

OBEYED = ["\x1b[2J", "\x9b31m", "\x90q\x9c", "\u202egnp", "\u2066a\u2069", "\u200f", "\x00", "\x7f", "\ufeff", "\ud800"]


def is_harmless(text: str) -> bool:
    return all(letter == " " or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in text)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("said", OBEYED)
def test_no_text_of_a_reply_holds_what_a_terminal_obeys(said: str, ascii_only: bool) -> None:
    body = json.dumps({"symbol": f"A{said}B", f"key{said}": [said, "\\u001b"]}, ensure_ascii=ascii_only)
    reply = json.loads(without_controls(body), strict=False)
    assert all(is_harmless(text) for text in (*reply, *reply.values()) if isinstance(text, str))
    assert is_harmless(reply[list(reply)[1]][0])
    assert reply[list(reply)[1]][1] == "\\u001b"


@given(st.text().filter(is_harmless))
def test_any_other_text_stays_as_it_is(text: str) -> None:
    for body in (json.dumps([text]), json.dumps([text], ensure_ascii=False)):
        assert json.loads(without_controls(body)) == [text]


@pytest.mark.parametrize("said", OBEYED)
def test_an_error_is_told_without_it(said: str) -> None:
    assert is_harmless(explain(ValueError(f"kraken {said} says"), Redactor(None)))


@pytest.mark.parametrize(
    "venue", ["kraken", "coinbase", "binance", "bybit", "okx", "kucoin", "gate", "alpaca", "bitfinex"]
)
@pytest.mark.parametrize("said", OBEYED)
def test_every_client_takes_it_out_before_it_reads_a_reply(venue: str, said: str) -> None:
    exchange = open_exchange(dialect_of(venue), Connection(venue=venue, clock=lambda: NOW))
    told: str = exchange.on_rest_response(200, "OK", "https://venue/time", "GET", {}, json.dumps([said]), {}, None)
    (text,) = json.loads(told)
    assert is_harmless(text)
