"""``exitplan lots``: for people, as JSON, and as files for portfolio and tax tools, down to the byte."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from msgspec import structs

from exitplan.cli.rendering.lot_files.forms import FORMS, left_out
from exitplan.executor.lots.accounts import AccountLots, OpenLot, PositionLots
from exitplan.ruleset.model.cost_basis import Trade
from exitplan.ruleset.model.lot_matching import match_lots
from exitplan.ruleset.model.lots import Event, Method, Sighting, moves_of, terms_of
from exitplan.schemas.shapes.answers import ANSWERS
from tests.builders import NOW
from tests.cli.conftest import xp

d = Decimal
GOLDEN = Path(__file__).parent / "golden"
HOSTILE = '=HYPERLINK("x")\x1b[2J/USD'
PERPETUAL = "BTC/USD:BTC"


def at(hours: int) -> Any:
    return NOW + timedelta(hours=hours)


def trade(word: str, hours: int, fee: str | None = "0", coin: str | None = None) -> Trade:
    quantity, price = map(d, word[1:].split("@"))
    side: Any = "buy" if word[0] == "+" else "sell"
    return Trade(side, quantity, price, at(hours), None if fee is None else d(fee), coin, f"order-{hours}")


TRADES = (
    ("AAA/USD", trade("+3@100.5", 0, "0.3015", "USD")),
    ("AAA/USD", trade("+0.000001@120", 1, "0.00000000001", "AAA")),
    ("AAA/USD", trade("-2@1E+2", 2, "0.01", "BNB")),
    (HOSTILE, trade("+1e-8@40000", 3, "-0.0001", "USD")),
    (PERPETUAL, trade("+100@50000", 4, None)),
    (PERPETUAL, trade("-100@40000", 5, None)),
)


def position(symbol: str, asset: str, method: Method, *more: Event) -> PositionLots:
    moves = [
        move for name, one in TRADES if name == symbol for _, move in moves_of(name, one, frozenset({"USD", "BNB"}))
    ]
    book = match_lots([*moves, *more], method, terms=terms_of(symbol, d(1)))
    open_ = tuple(OpenLot(lot) for lot in book.open)
    return PositionLots(asset, "long", open_, book.realised, book.appeared, book.departed, has_history=True)


def account(method: Method = "FIFO") -> AccountLots:
    """An account with all that is awkward: a formula for a symbol, exponents, fees of all kinds, a deposit."""
    seen = Sighting(at=at(9), symbol="AAA/USD", quantity=d(4))
    positions = (
        position("AAA/USD", "AAA", method, seen),
        position(HOSTILE, HOSTILE.removesuffix("/USD"), method),
        position(PERPETUAL, PERPETUAL, method),
    )
    return AccountLots("desk-1", "kraken", "USD", method, None, at(10), positions, TRADES, True, True)


@pytest.mark.parametrize("name", FORMS)
def test_the_file_of_each_form_is_the_one_that_was_read_by_its_tool(name: str) -> None:
    assert FORMS[name].write([account()]).decode() == (GOLDEN / f"lots.{name}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["csv", "rotki", "koinly"])
def test_no_cell_is_a_formula_and_no_number_has_an_exponent(name: str) -> None:
    rows = list(csv.reader(FORMS[name].write([account()]).decode().splitlines()))
    cells = [cell for row in rows[1:] for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert not [cell for cell in cells if "E-" in cell or "\x1b" in cell]
    assert any("0.00000001" in cell for cell in cells)
    assert {len(row) for row in rows} == {len(rows[0])}


def test_what_a_form_does_not_hold_is_told() -> None:
    lots = account()
    assert list(left_out(FORMS["rotki"], lots)) == ["2 trades of derivatives left out: rotki takes none"]
    assert list(left_out(FORMS["csv"], replace(lots, unpriced=1))) == ["1 fill without a known price is no trade"]


@pytest.mark.parametrize(("name", "told"), [("koinly", 1), ("csv", 1), ("beancount", 1), ("rotki", 0)])
def test_a_contract_of_which_nobody_knows_what_it_realised_is_told_where_it_would_stand(name: str, told: int) -> None:
    known = account().positions[-1]
    (part,) = known.realised
    contract = replace(known, realised=(structs.replace(part, gain=None),))
    said = "the gain of 1 part that was sold is not known"
    assert list(left_out(FORMS[name], replace(account(), positions=(contract,)))).count(said) == told


def test_a_loss_of_a_derivative_is_a_realised_gain_that_was_sent() -> None:
    rows = list(csv.DictReader(FORMS["koinly"].write([account()]).decode().splitlines()))
    (row,) = [row for row in rows if row["Label"]]
    assert (row["Label"], row["Sent Amount"], row["Sent Currency"]) == ("realized gain", "0.0005", "BTC")


def test_a_ledger_names_each_commodity_once_though_they_look_alike() -> None:
    first = position("AAA/USD", "a=b", "FIFO")
    lots = replace(account(), positions=(first, replace(first, asset="A B"), replace(first, asset="1INCH")))
    text = FORMS["beancount"].write([lots]).decode()
    assert 'commodity A-B\n  name: "a=b"' in text
    assert 'commodity A-B-2\n  name: "A B"' in text
    assert 'commodity X1INCH\n  name: "1INCH"' in text


# --- the command ---


def test_what_was_realised_is_shown_and_fits_its_schema(folder: Path) -> None:
    xp("apply", "--auto-approve")
    document = xp("lots", "--json").json
    Draft7Validator(ANSWERS["lots"]()).validate(document)
    sold = {one["symbol"]: one for entry in document["positions"] for one in entry["sold"]}
    assert Decimal(sold["ADA/USD"]["gain"]) == Decimal(sold["ADA/USD"]["proceeds"]) - Decimal("396.5")
    assert sold["NEAR/USD"]["gain"] is None
    ran = xp("lots")
    assert ran.code == 0
    assert "platform at paper, by FIFO" in ran.out
    assert "No trade explains" in ran.out
    assert xp("lots", "--format", "json").json["totals"] == document["totals"]


def test_without_the_venue_the_same_is_realised_and_nothing_valued(folder: Path) -> None:
    xp("apply", "--auto-approve")
    asked, offline = xp("lots", "--json").json, xp("lots", "--offline", "--json").json
    assert offline["totals"][0]["gain"] == asked["totals"][0]["gain"]
    assert (offline["totals"][0]["unrealised"], asked["totals"][0]["unrealised"]) == (None, "78.5")
    assert "The venue was not asked" in " ".join(offline["notes"])


def test_what_a_lot_is_worth_is_in_the_currency_of_its_market_and_its_cost_in_its_own() -> None:
    lot = structs.replace(position("AAA/USD", "AAA", "FIFO").open[0].lot, currency="EUR")
    held = replace(position("AAA/USD", "AAA", "FIFO"), open=(OpenLot(lot, d(110), d(220), None, "USD"),), realised=())
    lots = replace(account(), positions=(held,))
    (row,) = csv.DictReader(FORMS["csv"].write([lots]).decode().splitlines())
    assert (row["cost_currency"], row["proceeds"], row["currency"], row["gain"]) == ("EUR", "220", "USD", "")
    (total,) = lots.totals
    assert (total.currency, total.unrealised) == ("EUR", None)


def test_several_accounts_are_a_row_each_and_one_file(folder: Path) -> None:
    xp("apply", "--auto-approve", "--account", "platform")
    ran = xp("lots", "--all")
    assert (ran.code, "user123" in ran.out) == (0, True)
    assert len(xp("lots", "--all", "--json").json["accounts"]) == 2
    assert xp("lots", "--all", "--format", "csv", "--out", "lots.csv").code == 0
    rows = list(csv.DictReader(Path("lots.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["account"] for row in rows} == {"platform", "user123"}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_written_to_stdout_or_to_a_file(folder: Path, name: str) -> None:
    xp("apply", "--auto-approve")
    ran = xp("lots", "--format", name)
    assert ran.code == 0
    assert xp("lots", "--format", name, "--out", "out.txt").code == 0
    assert len(Path("out.txt").read_text(encoding="utf-8").splitlines()) == len(ran.out.splitlines())


def test_an_account_that_cannot_be_read_makes_no_file(folder: Path) -> None:
    Path("policies/accounts/broken.yaml").write_text("version: 1\nnome: x\n", encoding="utf-8")
    ran = xp("lots", "--all", "--format", "csv", "--out", "lots.csv")
    assert (ran.code, Path("lots.csv").exists()) == (1, False)
    assert "nothing was written" in ran.err


def test_the_method_of_the_account_counts_and_that_of_the_line_goes_first(folder: Path) -> None:
    file = Path("policies/accounts/demo.yaml")
    file.write_text(file.read_text(encoding="utf-8").replace("  quote: USD\n", "  quote: USD\n  lots: HIFO\n"))
    assert xp("lots", "--json").json["method"] == "HIFO"
    assert xp("lots", "--json", "--method", "lifo").json["method"] == "LIFO"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("--method FIFI", 64, "did you mean 'FIFO'?"),
        ("--method x", 64, "there are FIFO, LIFO, HIFO, average"),
        ("--format koinli", 64, "did you mean 'koinly'?"),
        ("--format pdf", 64, "there are table, json, csv, rotki, koinly, beancount"),
        ("--format beancount --method average", 64, "beancount has no lots by average"),
        ("--out x.csv", 64, "--out goes with a file's format"),
        ("--format csv --out policies/default.yaml", 64, "is not written over"),
        ("--since 2999-01-01", 64, "in the future"),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, line: str, code: int, message: str) -> None:
    ran = xp("lots", *line.split())
    assert (ran.code, message in ran.err) == (code, True), ran.err


def test_a_method_that_there_is_not_is_an_error_with_its_place(folder: Path) -> None:
    file = Path("policies/accounts/demo.yaml")
    file.write_text(file.read_text(encoding="utf-8").replace("  quote: USD\n", "  quote: USD\n  lots: HIFI\n"))
    ran = xp("lots")
    assert ran.code == 65
    assert "HIFO" in ran.err
    assert "demo.yaml" in ran.err
