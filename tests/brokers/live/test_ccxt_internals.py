"""What we rely on inside ccxt beyond its unified calls: the reason for its upper bound in pyproject.toml."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import ccxt
import pytest

from exitplan.brokers.live.checked import CheckedClient
from exitplan.brokers.live.tokens import TokenSigner
from exitplan.brokers.venues import KNOWN, dialect_of
from exitplan.brokers.venues.key_rights import TELLING

ROOT = Path(__file__).parents[3]

OVERRIDDEN = {
    "close": "self clean_instance_data",
    "fetch": "self url method headers body",
    "fetch2": "self path api method params config",
    "handle_errors": "self statusCode statusText url method responseHeaders responseBody response requestHeaders "
    "requestBody",
    "handle_option_integer_and_params": "self params methodName optionName defaultValue",
    "incrementing_nonce": "self",
    "jwt": "request secret algorithm is_rsa opts",
    "microseconds": "",
    "milliseconds": "",
    "on_rest_response": "self code reason url method response_headers response_body request_headers request_body",
    "safe_order": "self order market",
    "safe_ticker": "self ticker market",
    "seconds": "",
    "sign": "self path api method params",
    "throttle": "self cost",
    "throw_exactly_matched_exception": "self exact string message",
}
"""What our classes put themselves before, with ccxt's own parameters."""

ATTRIBUTES = {"hostname", "logger", "markets", "number", "options", "precisionMode", "rateLimit", "timeout", "urls"}
"""What is read or set on a client."""


@pytest.mark.parametrize("name", sorted(OVERRIDDEN))
def test_what_is_overridden_is_there_with_these_parameters(name: str) -> None:
    method = getattr(ccxt.Exchange, name)
    assert " ".join(inspect.signature(method).parameters) == OVERRIDDEN[name]


def test_nothing_else_is_overridden() -> None:
    ours = {
        name
        for before in (CheckedClient, TokenSigner)
        for name, value in vars(before).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert ours - OURS == OVERRIDDEN.keys()


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_an_attribute_that_is_read_is_there(name: str) -> None:
    assert hasattr(ccxt.kraken(), name)


@pytest.mark.parametrize("venue", sorted(KNOWN))
def test_every_method_that_a_dialect_calls_is_there(venue: str) -> None:
    exchange = getattr(ccxt, venue)()
    for name in _called(ROOT / "brokers" / "venues" / f"{venue}.py"):
        assert hasattr(exchange, name), f"ccxt's {venue} has no {name}"


@pytest.mark.parametrize("venue", sorted(TELLING))
def test_the_method_that_tells_the_rights_of_a_key_is_there(venue: str) -> None:
    (name,) = _called_in(inspect.getsource(TELLING[venue]))
    assert hasattr(getattr(ccxt, venue)(), name), f"ccxt's {venue} has no {name}"


def test_every_method_that_all_venues_share_is_there() -> None:
    for path in sorted((ROOT / "brokers" / "live").glob("*.py")):
        for name in _called(path):
            assert hasattr(ccxt.kraken(), name), f"ccxt has no {name} ({path.name})"


def test_the_bound_is_the_series_that_these_tests_ran_with() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    major, minor, _ = ccxt.__version__.split(".")
    assert f'"ccxt>={ccxt.__version__},<{major}.{int(minor) + 1}"' in text


OURS = {"bucket", "clock", "clock_problem", "dialect", "offset", "pause", "told_offset", "turn", "writes"}
"""What we put on a client ourselves."""


def _called(path: Path) -> set[str]:
    return _called_in(path.read_text(encoding="utf-8"))


def _called_in(source: str) -> set[str]:
    """Name what a piece of code reads off something called ``exchange``."""
    tree = ast.parse(source)
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in {"exchange", "self.exchange", "self._exchange"}
    } - OURS


@pytest.mark.parametrize("venue", KNOWN)
def test_the_address_of_a_venue_is_the_one_that_ccxt_has(venue: str) -> None:
    exchange = getattr(ccxt, venue)()
    told = str(exchange.urls["api"]).replace("{hostname}", exchange.hostname or "")
    assert f"'{dialect_of(venue).traits.address}" in told
