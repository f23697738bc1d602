"""An address that is sent as it is written is one in which requests would change nothing."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.exceptions import InvalidURL

from exitplan.brokers.live.session import _PLAIN_ADDRESS


@given(st.from_regex(_PLAIN_ADDRESS, fullmatch=True))
def test_requests_changes_nothing_in_a_plain_address(address: str) -> None:
    request = PreparedRequest()
    try:
        request.prepare_url(address, None)
    except InvalidURL:  # a port that is none, say; no venue's address comes from outside
        assume(False)
    assert request.url == address


@pytest.mark.parametrize(
    "address",
    [
        "https://api.coinbase.com/api/v3/brokerage/orders/historical/batch?limit=100&order_status=OPEN",
        "https://api.kraken.com/0/public/Ticker",
        "http://127.0.0.1:8080/api/v3/brokerage/accounts?limit=250",
    ],
)
def test_addresses_of_venues_are_plain(address: str) -> None:
    assert _PLAIN_ADDRESS.fullmatch(address)


@pytest.mark.parametrize(
    "address", ["https://a.b/c/../d", "https://a.b/c?d=e%20f", "https://u:p@a.b/c", "https://A.b/c"]
)
def test_what_requests_looks_into_is_left_to_it(address: str) -> None:
    assert not _PLAIN_ADDRESS.fullmatch(address)
