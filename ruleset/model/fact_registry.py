"""The facts that rules may ask, as one registry: name, type and meaning.

Schemas, documentation, editors' completion and the checks of conditions all read this table; ``model.facts``
computes the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct

FactType = Literal["number", "text", "bool"]
Unit = Literal["share", "minutes", "money", "count"]
"""What a number counts."""
UNITS: Mapping[Unit, str] = {
    "share": "fraction: 0.01 is 1 %",
    "minutes": "minutes",
    "money": "the account's quote currency",
    "count": "how often",
}
FactValue = int | str | bool
"""A fact's value: a number in millionths, a text, or a truth value."""
Facts = Mapping[str, FactValue]
"""The facts of one position or order; what cannot be known is not in it."""


class Category(StrEnum):
    """What phase 1 says of a position."""

    STRATEGY_ALIGNED = "STRATEGY_ALIGNED"
    LEGACY_NON_COMPLIANT = "LEGACY_NON_COMPLIANT"
    ZOMBIE_LEGACY = "ZOMBIE_LEGACY"
    DEFERRED = "DEFERRED"


class Fact(Struct, frozen=True, gc=False):
    """One thing a rule may ask.

    ``values`` lists a text fact's possible values where they are few; ``unit`` is what a number counts, where there is
    one. ``absent`` says where the fact cannot be known; without it, it always is.
    """

    name: str
    type: FactType
    meaning: str
    values: tuple[str, ...] = ()
    exits_only: bool = False
    unit: Unit | None = None
    absent: str = ""

    @property
    def description(self) -> str:
        """The meaning, and where the fact is absent."""
        return f"{self.meaning} Absent {self.absent}." if self.absent else self.meaning


def _table(*facts: Fact) -> dict[str, Fact]:
    return {fact.name: fact for fact in facts}


POSITION_FACTS: Mapping[str, Fact] = _table(
    Fact("symbol", "text", "The unified symbol, such as ETH/USD or BTC/USDT:USDT."),
    Fact("asset", "text", "What is held: the base currency under its usual name (XBT is BTC), a derivative's symbol."),
    Fact("side", "text", "The side of the position.", ("long", "short")),
    Fact("venue", "text", "The venue the account is at."),
    Fact("market_known", "bool", "The venue lists the symbol."),
    Fact("market_active", "bool", "The venue lists the symbol and the listing trades."),
    Fact(
        "price_status",
        "text",
        "ok: there is a price. missing: the venue answered that there is none, or no market is known. "
        "unavailable: the question failed, or the rate into the account's currency is not known. "
        "implausible: the prices contradict each other.",
        ("ok", "missing", "unavailable", "implausible"),
    ),
    Fact(
        "price_basis",
        "text",
        "Where the mark price comes from: last, mid (of bid and ask), or one_side (the one that an exit would hit).",
        ("last", "mid", "one_side"),
        absent="without a price",
    ),
    Fact(
        "price_missing_minutes",
        "number",
        "Minutes since the venue answers without a price; 0 where there is one.",
        unit="minutes",
    ),
    Fact(
        "value_usd",
        "number",
        "abs(quantity) x contract_size x mark price, in the account's quote currency.",
        unit="money",
        absent="without a price",
    ),
    Fact(
        "account_pct",
        "number",
        "value_usd / managed equity as a fraction (0.01 is 1 %); for a position that is left out of it, "
        "value / (managed equity + value).",
        unit="share",
        absent="without either, where managed equity is not above 0, and while a debt or a derivative that it counts "
        "has no believed price",
    ),
    Fact(
        "equity_complete",
        "bool",
        "Every position that managed equity counts, other cash and every debt has a believed price or rate.",
    ),
    Fact("tracked", "bool", "The position tracker has a record of the asset, on this side."),
    Fact("tracked_quantity", "number", "The quantity in the tracker record.", absent="where the record has none"),
    Fact(
        "untracked_pct",
        "number",
        "The share of what is held above the record's quantity, as a fraction; else 0.",
        unit="share",
        absent="where tracked_quantity is",
    ),
    Fact(
        "has_entry_price",
        "bool",
        "An entry price above 0 is known from the tracker, else from the venue or its trade history.",
    ),
    Fact(
        "position_source",
        "text",
        "Who opened the position, from the tracker record.",
        absent="where the record does not say",
    ),
    Fact(
        "strategy",
        "text",
        "The strategy that manages the position, from the tracker record.",
        absent="where the record does not say",
    ),
    Fact("opened_by_strategy", "bool", "Tracked, and position_source is one of the policy's strategy_sources."),
    Fact(
        "has_exit_logic",
        "bool",
        "The tracker record's exit_logic where it has one, else opened_by_strategy or a stop_price in the record.",
    ),
    Fact(
        "pnl_pct",
        "number",
        "(mark - entry) / entry as a fraction, sign turned for a short.",
        unit="share",
        absent="without a price or an entry price",
    ),
    Fact(
        "age_minutes",
        "number",
        "Minutes since opened_at, else since the tracker record's first_entry_time.",
        unit="minutes",
        absent="without either",
    ),
    Fact(
        "api_mismatch",
        "bool",
        "The venue's own numbers contradict each other: quantity not a positive number, locked above quantity, "
        "a negative price and no mark.",
    ),
    Fact(
        "sellable",
        "bool",
        "The market is known and active, and the quantity rounded down to amount_step is above zero and reaches "
        "min_amount and, where its value is known, min_notional.",
    ),
    Fact(
        "volatility_1d",
        "number",
        "How much the market moves in a day: the root of the mean squared daily log returns of the last closed UTC "
        "days, as a fraction. Read only where a rule's result hangs on it, or the position would be unwound by it.",
        unit="share",
        absent="where nothing hangs on it, and where the venue's candles do not tell",
    ),
    Fact("over_cap", "bool", "Chosen by the cap."),
    Fact("unwind_cycle", "number", "Unwind cycles done so far.", unit="count"),
    Fact("failed_exits", "number", "Exits that failed since the last success.", unit="count"),
    Fact("protected", "bool", "Its asset is named in the policy's protect list by an entry that has not expired."),
    Fact(
        "health_score",
        "number",
        "1 less the chance of a bad end that the policy's health model gives it: from 0 to 1.",
        unit="share",
        absent="without a health model or a price, where the market does not trade, and where the model wants a "
        "feature that is not known",
    ),
    Fact("category", "text", "The result of phase 1.", tuple(category.value for category in Category), exits_only=True),
)
"""What rules of ``classification`` and ``exits`` may ask of a position."""

CLASSIFICATION_FACTS: Mapping[str, Fact] = {name: fact for name, fact in POSITION_FACTS.items() if not fact.exits_only}
"""What rules of ``classification`` may ask: all but the category that they decide."""

ORDER_FACTS: Mapping[str, Fact] = _table(
    Fact("symbol", "text", "The unified symbol."),
    Fact("side", "text", "The side of the order.", ("buy", "sell")),
    Fact(
        "type",
        "text",
        "The kind of order; anything with a trigger price is a stop or a stop_limit.",
        ("limit", "market", "stop", "stop_limit"),
    ),
    Fact(
        "age_minutes",
        "number",
        "Minutes since the order was created.",
        unit="minutes",
        absent="where the venue does not say, or says a time in the future",
    ),
    Fact(
        "value_usd",
        "number",
        "What remains x price, in the account's quote currency.",
        unit="money",
        absent="without a price or a rate",
    ),
    Fact("ours", "bool", "The order carries one of exitplan's client order ids."),
    Fact("reduce_only", "bool", "The order may only reduce a position."),
    Fact(
        "position_held",
        "bool",
        "A position, or cash, of its asset is there for it to close, or an opening order that will bring it rests.",
    ),
    Fact("opens", "bool", "Filled, it would open a position or add to one."),
    Fact("protected", "bool", "Its base asset is protected: it is left alone."),
)
"""What rules of ``orders`` may ask of an open order."""
