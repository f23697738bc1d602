"""The options of a paper account, and what is said of wrong ones."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exitplan.brokers.paper.options import PaperOptions, options_to_document, read_options
from exitplan.ruleset.errors import FileIsInvalid


def test_without_options_a_typical_venue_is_played() -> None:
    assert read_options({"taker_fee": None}) == PaperOptions()


def test_numbers_are_taken_as_text_whole_and_decimal() -> None:
    options = read_options({"taker_fee": "0.0026", "maker_fee": Decimal("0.0016"), "spread": 0})
    assert (options.taker_fee, options.maker_fee, options.spread) == (Decimal("0.0026"), Decimal("0.0016"), Decimal(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"takr_fee": "0.1"}, "did you mean 'taker_fee'"),
        ({"zzz": 1}, "a paper account has file, start_from"),
        ({"taker_fee": "1"}, "a fraction from 0 to below 1"),
        ({"taker_fee": "-0.1"}, "a fraction from 0 to below 1"),
        ({"spread": "a lot"}, "not a decimal number"),
        ({"spread": True}, "a decimal number is wanted"),
        ({"spread": 0.5}, "a decimal number is wanted"),
        ({"slippage": Decimal("NaN")}, "a finite number"),
        ({"depth": 0}, "a number above 0"),
        ({"depth": {"ETH/USD": "-1"}}, "a number above 0"),
        ({"depth": {5: "1"}}, "a text is wanted"),
        ({"file": ""}, "a text is wanted"),
        ({"client_order_ids": "D"}, "one of A, B, C"),
        ({"unique_client_order_ids": "never"}, "one of open, ever"),
        ({"convert": "yes"}, "true or false"),
        ({"impact": "0.1"}, "{model, share, value} is wanted"),
        ({"impact": {"model": "cubic", "share": "0.1", "value": 1}}, "one of linear, square_root"),
        ({"impact": {"model": "linear", "share": "1", "value": 1}}, "a fraction from 0 to below 1"),
        ({"impact": {"model": "linear", "share": "0.1", "value": 0}}, "a number above 0"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(FileIsInvalid, match=message):
        read_options(options)


def test_options_are_written_as_they_are_read() -> None:
    options = read_options({"depth": {"ETH/USD": "2"}, "impact": {"model": "linear", "share": "0.1", "value": "1000"}})
    assert read_options(options_to_document(options)) == options


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(FileIsInvalid) as failure:
        read_options({"taker_fee": "2", "convert": 1, "spred": "0"})
    assert len(str(failure.value).splitlines()) == 3
