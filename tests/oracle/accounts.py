"""Random accounts that meet every paragraph of the contract, several at once; a seed always makes the same account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

NOW = datetime(2026, 2, 18, 22, tzinfo=UTC)
ASSETS = ("AAA", "BBB", "CCC", "BTC", "XBT", "OLD", "NEW", "EUR", "ETH")
QUOTES = ("USD", "USD", "USD", "EUR", "CHF", "BTC")
DERIVATIVES = ("AAA/USD:USD", "BTC/USD:USD", "BTC/USD:BTC", "ETH/EUR:EUR")

SIGNS = {"long": "", "short": "#short"}
SETTINGS: dict[str, tuple[float, tuple[Any, ...]]] = {
    "max_positions": (0.9, (0, 1, 2, 3, 4, 6)),
    "max_position_pct": (0.1, (Decimal("0.2"),)),
    "dust_usd_threshold": (0.1, (5, 100, 0)),
    "max_price_gap": (0.1, (Decimal("0.02"), Decimal("0.3"))),
    "unwind_cycles": (0.2, (3, 5)),
    "unwind_interval_minutes": (0.1, (0, 60)),
    "gradual_unwind_pct": (0.1, (Decimal("0.5"), Decimal("0.1"), 1)),
    "blind_exit_minutes": (0.1, (0, 5)),
    "stale_order_minutes": (0.1, (0, 5, 500)),
    "aliases": (0.3, ({"OLD": "NEW"}, {"OLD": "MID", "MID": "NEW"}, {"AAA": "BBB"})),
    "cap": (0.3, ({"scope": "legacy"}, {"count_untradeable": True}, {"rank_by": ["oldest", "pnl_pct"]})),
    "cash": (
        0.25,
        ({"keep": ["USD", "EUR"]}, {"keep": ["USD", "GBP", "BBB"]}, {"keep": ["CHF"]}, *[{"convert": True}] * 6),
    ),
    "guards": (
        0.25,
        (
            {"price_collar_pct": Decimal("0.02")},
            {"max_spread_pct": Decimal("0.05")},
            {"max_order_value": 400},
            {"max_actions": 3},
            {"max_run_pct": Decimal("0.05")},
            {"max_zombie_pct": Decimal("0.2")},
            {"max_equity_change_pct": Decimal("0.1")},
        ),
    ),
}
"""Changes to the policy: how often each is made, and to what."""


@dataclass(frozen=True)
class Account:
    """What a plan is made of; ``policy`` are changes to ``policies/default.yaml``."""

    snapshot: dict[str, Any]
    policy: dict[str, Any]
    state: dict[str, Any]
    now: datetime


class Maker:
    """Makes the pieces of one random account."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - the same account for the same seed, not a secret
        self.is_calm = self.chance(0.6)

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def digits(self, low: str, high: str, places: int) -> str:
        """Return a number between two, with this many places at most."""
        unit = Decimal(10) ** -places
        return str(self.random.randint(int(Decimal(low) / unit), int(Decimal(high) / unit)) * unit)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def fault(self, probability: float) -> bool:
        """Decide whether something is wrong: seldom in a calm account, so that the rest of it is planned."""
        return self.chance(probability / 10 if self.is_calm else probability)

    def ago(self, *minutes: float | None) -> str | None:
        chosen = self.one_of(minutes)
        return None if chosen is None else (NOW - timedelta(minutes=chosen)).isoformat().replace("+00:00", "Z")

    def account(self) -> Account:
        symbols = self.symbols()
        positions = self.positions(symbols)
        orders = [self.order(f"o{n}", symbols) for n in range(self.one_of((0, 0, 1, 2, 3, 5)))]
        if self.chance(0.2):
            symbols += self.one_of((["EUR/USD"], ["USD/EUR"], ["USD/GBP", "GBP/USD"], ["USD/CHF"]))
        markets = {symbol: self.market(symbol) for symbol in symbols if not self.fault(0.08)}
        snapshot = {
            "format_version": 1,
            "account": "platform",
            "venue": "paper",
            "quote": "USD",
            "taken_at": "2026-02-18T22:00:00Z",
            "cash": self.cash(),
            "positions": positions,
            "open_orders": orders,
            "markets": markets,
            "tracker": {symbol: self.record() for symbol in symbols if self.chance(0.6)},
            "rates": {currency: rate for currency, rate in self.rates().items() if not self.fault(0.2)},
            "other_cash": self.other_cash(),
        }
        state = self.state(symbols)
        for position in positions:
            if self.chance(0.2):
                state["unwind_progress"][position["symbol"] + SIGNS[position["side"]]] = self.growth(position)
        if self.chance(0.2):
            state["last_balance"] = self.balance(snapshot)
        return Account(snapshot, self.policy(symbols), state, NOW)

    def symbols(self) -> list[str]:
        spot = [f"{self.one_of(ASSETS)}/{self.one_of(QUOTES)}" for _ in range(self.random.randint(1, 7))]
        if self.chance(0.3):
            asset = self.one_of(("AAA", "BTC"))
            spot += [f"{asset}/USD", f"{asset}/EUR"]
        derivatives = [self.one_of(DERIVATIVES) for _ in range(self.one_of((0, 0, 1, 2)))]
        named = {symbol for symbol in spot if symbol.partition("/")[0] != symbol.partition("/")[2]}
        return sorted(named | set(derivatives)) or ["AAA/USD"]

    # --- the account ------------------------------------------------------------------------------------------------

    def positions(self, symbols: list[str]) -> list[dict[str, Any]]:
        held = []
        for symbol in symbols:
            if self.chance(0.2):
                continue
            sides = ["long"]
            if ":" in symbol:
                sides = self.one_of((["long"], ["short"], ["long", "short"]))
            elif self.chance(0.06):
                sides = ["short"]
            held += [self.position(symbol, side) for side in sides]
        self.random.shuffle(held)
        return held

    def position(self, symbol: str, side: str) -> dict[str, Any]:
        quantity = self.one_of(
            ("10", "10", "5", "7.5", "1.2345", "0.5", "3.339", "0.004", "12", "100", "0.0000001", "5.626")
        )
        if self.chance(0.3):
            quantity = self.digits("0.001", self.one_of(("1", "30", "3000")), self.one_of((0, 1, 3, 8)))
        if self.fault(0.05):
            quantity = self.one_of(("0", "-5", "-0.001"))
        locked = self.one_of(("0", "0", "0", "0", quantity, "1", "0.1", "8", "4"))
        entry: dict[str, Any] = {"symbol": symbol, "side": side, "quantity": quantity, "locked": locked}
        if ":" in symbol:
            entry["contract_size"] = self.one_of(("1", "10", "0.01", None))
        entry["entry_price"] = self.one_of((None, None, "100", "80", "120", "0"))
        entry["opened_at"] = self.ago(None, None, 10, 100, 5000)
        if ":" not in symbol and self.chance(0.06):
            entry["debt"] = self.one_of(("1", "0.004", "3", "20"))
        if ":" not in symbol and self.chance(0.05):
            entry["asset"] = self.one_of(("AAA", "BTC", "ZZZ"))
        return entry

    def cash(self) -> dict[str, Any]:
        cash = {
            "free": self.one_of(("10000", "10000", "100000", "500", "0", "1", "-200")),
            "locked": self.one_of(("0", "52")),
        }
        if self.chance(0.1):
            cash["debt"] = self.one_of(("0.5", "300", "20000"))
        return cash

    def other_cash(self) -> dict[str, Any]:
        held = {}
        for currency in ("EUR", "CHF", "GBP", "QQQ"):
            if self.chance(0.15):
                held[currency] = {"free": self.one_of(("100", "0", "5.5")), "locked": self.one_of(("0", "7"))}
                if self.chance(0.2):
                    held[currency]["debt"] = self.one_of(("0.1", "40"))
        return held

    def rates(self) -> dict[str, str]:
        return {"EUR": "1.08", "CHF": "1.1", "BTC": "100", "GBP": "1.3"}

    def market(self, symbol: str) -> dict[str, Any]:
        market: dict[str, Any] = {
            "active": not self.fault(0.1),
            "amount_step": self.one_of(("0.001", "0.001", "0.003", "1", "0.25", "0.00000001", None)),
            "price_step": self.one_of(("0.01", "0.01", "1", "25", None)),
            "min_amount": self.one_of(("0.001", "0.001", "1", "2.6", "0.5", None, "10")),
            "min_notional": self.one_of(("1", "1", "5", "260", "333.33", None)),
            **self.prices(),
        }
        if self.fault(0.12):
            market["price_status"] = self.one_of(("ok", "missing", "unavailable", "implausible"))
        if symbol.endswith(":BTC") or (":" in symbol and self.chance(0.2)):
            market["inverse"] = True
        for name in ("max_amount", "market_max_amount"):
            if self.chance(0.1):
                market[name] = self.one_of(("4", "0.7", "2.5", "0", "100"))
        if self.chance(0.06):
            market["max_notional"] = self.one_of(("150", "333", "0"))
        return market

    def prices(self) -> dict[str, str | None]:
        books: tuple[tuple[str | None, str | None, str | None], ...] = (
            *((("99", "101", "100"),) * 6),
            *(((None, None, "100"),) * 6),
            ("99", "101", None),
            ("99", "101", "20"),
            ("99", "101", "89.1"),
            ("99", "101", "89"),
            ("99", "101", "111.2"),
            ("60", "100", "100"),
            ("50", "100", "80"),
            ("0.1", "100", "100"),
            ("115", "100", "105"),
            ("110", "100", "105"),
            ("0", "101", "100"),
            ("99", "0", "100"),
            ("0", "0", "100"),
            ("0", "0", "0"),
            ("0", "101", None),
            ("99", None, None),
            (None, "101", None),
            (None, None, None),
            ("-1", "101", "0"),
            (None, None, "-3"),
            ("99", "101", "-3"),
            ("-1", "-1", "100"),
            ("0.01", "0.02", "0.01"),
            ("0.01", "0.05", "0.02"),
            ("1", "26", "13"),
            ("0.0001", "0.0009", "0.0002"),
        )
        book = self.one_of(books if self.fault(1) else books[:14])
        if self.fault(0.3):
            high = self.one_of(("0.1", "200"))
            book = tuple(self.one_of((None, "0", *[self.digits("0.0001", high, 4)] * 4)) for _ in range(3))
        return dict(zip(("bid", "ask", "last"), book, strict=True))

    def record(self) -> dict[str, Any]:
        record = {
            "entry_price": self.one_of(("100", "80", "150", None, "0")),
            "quantity": self.one_of(("10", "5", "1", None)),
            "position_source": self.one_of(("nija_strategy", "nija_strategy", "nija_strategy", "by_hand", None)),
            "strategy": self.one_of(("APEX_v7.1", None)),
            "first_entry_time": self.ago(None, 40, 4000),
            "stop_price": self.one_of(("50", None)),
        }
        if self.chance(0.15):
            record["exit_logic"] = self.one_of((True, False))
        if self.chance(0.2):
            record["side"] = self.one_of(("long", "short"))
        return record

    def order(self, name: str, symbols: list[str]) -> dict[str, Any]:
        other = f"{self.one_of(ASSETS[:5])}/{self.one_of(('USD', 'EUR', 'GBP', 'BTC', 'XBT', 'AAA'))}"
        symbol = self.one_of(symbols) if self.chance(0.75) or len(set(other.split("/"))) == 1 else other
        kind = self.one_of(("limit", "limit", "stop", "stop_limit", "market"))
        order: dict[str, Any] = {
            "id": name,
            "symbol": symbol,
            "side": self.one_of(("buy", "sell")),
            "type": kind,
            "price": self.one_of(("200", "50", "0.5")) if kind in {"limit", "stop_limit"} else None,
            "trigger_price": self.one_of(("80", "90"))
            if kind.startswith("stop")
            else self.one_of((None, None, "0", "80")),
            "quantity": self.one_of(("1", "2", "0.3", "10", "6.5")),
            "filled": self.one_of(("0", "0", "0.05")),
            "created_at": self.ago(5, 10, 29.9, 30, 31, 120, 120, 5000, -0.5, -1),
        }
        if self.fault(0.3):
            order["created_at"] = self.ago(None, -2, -1440)
        if self.chance(0.2):
            order["reduce_only"] = True
        if ":" in symbol and self.chance(0.4):
            order["position_side"] = self.one_of(("long", "short"))
        return order

    # --- the policy and what earlier runs left ----------------------------------------------------------------------

    def policy(self, symbols: list[str]) -> dict[str, Any]:
        policy = {name: self.one_of(values) for name, (often, values) in SETTINGS.items() if self.chance(often)}
        if self.chance(0.15):
            policy["protect"] = [self.protection(symbols) for _ in range(self.one_of((1, 1, 2)))]
        return policy

    def protection(self, symbols: list[str]) -> dict[str, Any]:
        symbol = self.one_of(symbols)
        entry = {"asset": symbol.partition("/")[0]} if self.chance(0.5) else {"symbol": symbol}
        if self.chance(0.3):
            entry["until"] = self.one_of(("2027-01-01T00:00:00Z", "2026-02-18T22:00:00Z", "2026-02-18T21:59:59Z"))
        return {**entry, "reason": "mine"}

    def state(self, symbols: list[str]) -> dict[str, Any]:
        state: dict[str, Any] = {"unwind_progress": {}}
        keys = [symbol + mark for symbol in symbols for mark in ("", "#short")]
        for key in keys:
            if self.chance(0.3):
                state["unwind_progress"][key] = self.unwind()
            if self.chance(0.08):
                state.setdefault("failed_exits", {})[key] = self.one_of((0, 1, 2))
            if self.chance(0.3):
                note = {"since": self.ago(5, 29.9, 30, 31, 500, -10), "last_price": self.one_of((None, "90", "100"))}
                state.setdefault("price_missing", {})[key] = note
        return state

    def balance(self, snapshot: dict[str, Any]) -> dict[str, Any]:
        held = {position["symbol"].partition("/")[0]: position["quantity"] for position in snapshot["positions"]}
        held["USD"] = snapshot["cash"]["free"]
        kept = {asset: quantity for asset, quantity in held.items() if not self.chance(0.2)}
        for asset in ("AAA", "QQQ", "EUR", "USD"):
            if self.chance(0.15):
                kept[asset] = self.one_of(("100", "7", "20000"))
        return {"at": "2026-02-18T20:00:00Z", "held": kept, "equity": self.one_of(("10000", "0", "500"))}

    def growth(self, position: dict[str, Any]) -> dict[str, Any]:
        """Make the progress of an unwind whose position stands near its target, or has grown since."""
        progress = {**self.unwind(), "last_cycle_at": self.ago(None, 10, 2)}
        left = Decimal(self.one_of(("1", "0.999", "1.0005", "1.004", "1.009", "1.012", "1.03")))
        initial = abs(Decimal(position["quantity"])) / Decimal(progress["remaining_pct"]) / left
        return {**progress, "initial_quantity": str(round(initial, 8)), "cycle": self.one_of((0, 1, 2))}

    def unwind(self) -> dict[str, Any]:
        cycle = self.one_of((0, 1, 1, 2, 3, 4))
        progress = {
            "cycle": cycle,
            "remaining_pct": str(Decimal("0.75") ** cycle),
            "initial_quantity": self.one_of(("10", "10", "13.333", "5", "10.05", "7.5", "12", "5.6")),
            "started_at": "2026-02-15T22:00:00Z",
            "last_cycle_at": self.ago(None, 2, 5, 4.9, 1440, -3),
        }
        if self.chance(0.2):
            progress["added"] = self.one_of(("0.05", "0.09", "0.2"))
        return progress


def random_account(seed: int) -> Account:
    """Make the account of a seed."""
    return Maker(seed).account()
