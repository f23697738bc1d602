"""The shape of a snapshot, of the tracker's file, and of an alert."""

from __future__ import annotations

from exitplan.ruleset.language.parameters import SEVERITIES
from exitplan.schemas.shapes.common import (
    Schema,
    amount,
    flag,
    format_version,
    keyed,
    listed,
    local_moment,
    moment,
    name,
    one_of,
    record,
    schema,
    symbol,
    text,
)

_SIDES = {"long": "", "short": ""}
_EXAMPLE = {
    "format_version": 1,
    "account": "platform",
    "venue": "paper",
    "quote": "USD",
    "taken_at": "2026-02-18T22:00:00Z",
    "cash": {"free": "948.00", "locked": "52.00"},
    "positions": [{"symbol": "ETH/USD", "quantity": "0.5"}],
    "open_orders": [],
    "markets": {"ETH/USD": {"last": "2500"}},
}


def snapshot_schema() -> Schema:
    """Describe a snapshot: an account at one instant."""
    properties = {
        "format_version": format_version(),
        "account": name("The id of the account."),
        "venue": name("The venue the account is at."),
        "quote": name("The currency that values and equity are in."),
        "taken_at": moment("When the account was read.", optional=False),
        "cash": _cash("Money in the account's quote currency."),
        "other_cash": _optional(keyed(_cash("Money in another currency."), "Money in other currencies, by currency.")),
        "positions": listed(_position(), "What the account holds. Symbol and side identify a position."),
        "open_orders": listed(_open_order(), "The orders that rest at the venue."),
        "markets": _optional(keyed(_market(), "The venue's listings by symbol; what is not here has no known market.")),
        "tracker": _optional(keyed(tracker_record(numbers=False), "What the position tracker knows, by symbol.")),
        "rates": _optional(keyed(_rate(), "Units of the account's quote currency for one unit of another currency.")),
        "conversions": _optional(keyed(_conversion(), "The terms of conversions that were asked for, by symbol.")),
        "share_of": amount("What account_pct is a share of; absent means managed equity."),
        "unread": _optional(listed(text(), "What could not be asked: it is not known to be empty.")),
        "paper": {"type": ["object", "null"], "description": "The paper venue's own notes; nothing else reads them."},
    }
    required = ("format_version", "account", "venue", "quote", "taken_at", "cash", "positions", "open_orders")
    about = "An account at one instant. Amounts are text, times are UTC. Optional keys may be absent or null."
    return schema("snapshot", "Snapshot", about, {**record(properties, required), "examples": [_EXAMPLE]})


def tracker_schema() -> Schema:
    """Describe the position tracker's file."""
    properties = {
        "positions": keyed(tracker_record(numbers=True), "The tracked positions by symbol."),
        "last_updated": local_moment("When the tracker was last written; without a zone in local time."),
    }
    about = "What strategies have opened, by symbol; exitplan reads it and keeps what it does not know."
    return schema("tracker", "Position tracker", about, record(properties, ("positions",), extra=True))


def alert_schema() -> Schema:
    """Describe an alert: one line of the alert file."""
    properties = {
        "timestamp": moment("When the alert was raised.", optional=False),
        "alert_type": text("What happened, such as POSITION_CAP_VIOLATION.", pattern="^[A-Z][A-Z0-9_]*$"),
        "severity": one_of(dict.fromkeys(SEVERITIES, ""), "How bad it is."),
        "user_id": name("The account; platform for the platform account."),
    }
    further = {
        "alert_id": text("An alert with this id is delivered once to each channel, even if several lines have it."),
        "channels": listed(text(), "The channels that get it, whatever their routes in alerts.yaml."),
    }
    about = "One alert, a JSON object a line, with the figures of the case beside the keys named here."
    return schema("alert", "Alert", about, record({**properties, **further}, tuple(properties), extra=True))


def tracker_record(*, numbers: bool) -> Schema:
    """Describe what the tracker knows of one symbol.

    With ``numbers``, as in the tracker's own file, amounts may be JSON numbers and a time without a zone is local.
    """
    opened = (
        local_moment("When it was opened; without a zone in local time.") if numbers else moment("When it was opened.")
    )
    properties = {
        "entry_price": amount("What was paid for one unit.", number=numbers),
        "quantity": amount("How much was bought.", number=numbers),
        "position_source": text("Who opened the position.", optional=True),
        "strategy": text("The strategy that manages it.", optional=True),
        "first_entry_time": opened,
        "stop_price": amount("Where the strategy would sell.", number=numbers),
        "exit_logic": flag("Whether the strategy has a way out of it."),
        "side": one_of(_SIDES, "The side it registers; absent means the only side held.", optional=True),
    }
    return record(properties, extra=True)


def _optional(shape: Schema) -> Schema:
    return {**shape, "type": [shape["type"], "null"]}


def _cash(about: str) -> Schema:
    properties = {
        "free": amount("What may be spent.", optional=False),
        "locked": amount("What open orders hold; absent means none."),
        "debt": amount("What is owed of it; absent means nothing.", negative=False),
    }
    return record(properties, ("free",), about=about)


def _position() -> Schema:
    properties = {
        "symbol": symbol(),
        "side": one_of(_SIDES, "Absent means long.", optional=True, default="long"),
        "quantity": amount("Base units (spot) or contracts.", optional=False),
        "locked": amount("The part of it that open orders hold; absent means none."),
        "contract_size": amount("Base units a contract, above 0; absent means 1, as for spot.", negative=False),
        "entry_price": amount("The venue's entry price."),
        "opened_at": moment("When it was opened."),
        "asset": name("What is held; absent means the symbol's base currency.", optional=True),
        "debt": amount("What is owed of it, in base units; absent means nothing.", negative=False),
    }
    return record(properties, ("symbol", "quantity"))


def _open_order() -> Schema:
    properties = {
        "id": name("The venue's id of the order."),
        "client_order_id": name("The id it was sent with.", optional=True),
        "symbol": symbol(),
        "side": one_of({"buy": "", "sell": ""}, "The side of the order."),
        "type": name("The kind of order.", examples=["limit", "market", "stop", "stop_limit"]),
        "price": amount("The limit price."),
        "trigger_price": amount("The price that wakes it; 0 or absent means none."),
        "quantity": amount("What was asked.", optional=False, negative=False),
        "filled": amount("What has been filled of it; absent means nothing.", negative=False),
        "created_at": moment("When it was placed."),
        "reduce_only": flag("Whether it may only reduce a position."),
        "position_side": one_of(_SIDES, "The position it belongs to, where both sides may be held.", optional=True),
        "holds_nothing": flag("Whether no balance is locked for it, as for a stop at some venues."),
    }
    return record(properties, ("id", "symbol", "side", "type", "quantity"))


def _market() -> Schema:
    statuses = {
        "ok": "There is a price.",
        "missing": "The venue answered that there is none.",
        "unavailable": "The question failed.",
        "implausible": "The prices contradict each other.",
    }
    properties = {
        "active": flag("Whether the listing trades; absent means yes."),
        "amount_step": amount("The step of quantities; absent means no rounding.", negative=False),
        "price_step": amount("The step of prices.", negative=False),
        "min_amount": amount("The smallest quantity of an order; absent means none.", negative=False),
        "min_notional": amount("The smallest value of an order, in the market's own quote.", negative=False),
        "max_amount": amount("The largest quantity of an order; 0 or absent means none.", negative=False),
        "max_notional": amount("The largest value of an order, in the market's own quote.", negative=False),
        "market_max_amount": amount("The largest quantity of a market order.", negative=False),
        "taker_fee": amount("The share that the venue takes of a market order; absent: not known.", negative=False),
        "fee_is_listed": flag("Whether taker_fee is the venue's list price instead of the account's own rate."),
        "bid": amount("The best bid; 0 says that there is none, absent that nobody asked."),
        "ask": amount("The best ask; likewise."),
        "last": amount("The last price; 0 is none."),
        "price_status": one_of(statuses, "What became of the question for prices.", optional=True),
        "inverse": flag("Whether a contract is worth contract_size in quote."),
        **_market_data(),
    }
    return record(properties)


def _market_data() -> dict[str, Schema]:
    """Describe what is read of a market only where a rule or the way of unwinding asks for it."""
    days = "Of how many closed UTC days volatility_1d is."
    return {
        "volatility_1d": amount(
            "The root of the mean squared daily log returns of the last closed days, a fraction of at most 10; "
            "absent: nobody asked, or the venue could not tell.",
            negative=False,
        ),
        "volatility_days": {"type": ["integer", "null"], "minimum": 1, "description": days},
        "volume_1d": amount("What was traded in the last closed UTC day, in the position's units.", negative=False),
        "volume_1h": amount("What was traded in the last closed hour, in the position's units.", negative=False),
        "bid_depth": amount("The bids that rest within depth_within of the mid, likewise.", negative=False),
        "ask_depth": amount("The asks that rest within depth_within of the mid, likewise.", negative=False),
        "depth_within": amount("How far from the mid the book was counted, a fraction.", negative=False),
    }


def _conversion() -> Schema:
    properties = {
        "cost_pct": amount("The fraction of the mark value that the conversion takes.", optional=False),
        "min_quantity": amount("The smallest quantity, in base units; absent means none.", negative=False),
        "max_quantity": amount("The largest quantity, in base units; absent means none.", negative=False),
    }
    about = "On which terms the venue converts this base currency into the account's quote currency."
    return record(properties, ("cost_pct",), about=about)


def _rate() -> Schema:
    return amount("Units of the quote currency for one unit, above 0.", optional=False, negative=False)
