"""What Coinbase answers, in its own JSON."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.brokers.venues.recorded import Replies

_V3 = "/api/v3/brokerage"
ACCOUNTS, ORDERS = f"GET {_V3}/accounts", f"GET {_V3}/orders/historical/batch"
WALLET, POSITIONS = f"GET {_V3}/cfm/balance_summary", f"GET {_V3}/cfm/positions"


@cache
def secret() -> str:
    """Return a private key that was made up for these tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def amount(value: str, currency: str = "USD") -> dict[str, str]:
    return {"value": value, "currency": currency}


def account(currency: str, free: str, held: str = "0", **changed: Any) -> dict[str, Any]:
    return {
        "uuid": f"account-{currency}",
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": amount(free, currency),
        "default": True,
        "active": True,
        "created_at": "2026-01-02T00:00:00Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency == "USD" else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": amount(held, currency),
        "retail_portfolio_id": "portfolio-1",
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
        **changed,
    }


def accounts(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"accounts": list(entries), "has_next": False, "cursor": "", "size": len(entries)}


def order(kind: str, fields: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "order_id": "order-1",
        "product_id": "SOL-USD",
        "order_configuration": {kind: fields},
        "side": "SELL",
        "client_order_id": "11111-000000-000000",
        "status": "OPEN",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "created_time": "2026-01-02T00:00:00Z",
        "completion_percentage": "0",
        "filled_size": "0",
        "average_filled_price": "0",
        "number_of_fills": "0",
        "filled_value": "0",
        "pending_cancel": False,
        "size_in_quote": False,
        "total_fees": "0",
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "LIMIT",
        "product_type": "SPOT",
        "retail_portfolio_id": "portfolio-1",
        **changed,
    }


def orders(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"orders": list(entries), "sequence": "0", "has_next": False, "cursor": ""}


def product(name: str, price: str, **changed: Any) -> dict[str, Any]:
    base, quote = name.split("-", maxsplit=1)[0], "USD"
    return {
        "product_id": name,
        "price": price,
        "base_increment": "0.0001",
        "quote_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "10000000",
        "base_min_size": "0.0001",
        "base_max_size": "100000",
        "is_disabled": False,
        "status": "online",
        "trading_disabled": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "price_increment": "0.01",
        "display_name": name,
        "product_venue": "CBE",
        **changed,
    }


def future(name: str, price: str, display: str, expiry: str) -> dict[str, Any]:
    details = {
        "venue": "cde",
        "contract_code": name.split("-", maxsplit=1)[0],
        "contract_expiry": expiry,
        "contract_size": "0.01",
        "contract_root_unit": "BTC",
        "contract_expiry_type": "EXPIRING",
        "contract_display_name": display,
    }
    told = {"base_increment": "1", "base_min_size": "1", "base_currency_id": "", "price_increment": "5"}
    changed = {**told, "display_name": display, "product_type": "FUTURE", "product_venue": "FCM"}
    return product(name, price, **changed, future_product_details=details)


SPOT = [product("SOL-USD", "140"), product("BTC-USD", "60000")]
FUTURES = [
    future("BIT-26APR30-CDE", "71145", "BTC 26 APR 30", "2030-04-26T15:00:00Z"),
    future("BIP-20DEC30-CDE", "70000", "BTC PERP", "2030-12-20T16:00:00Z"),
]


def position(name: str, side: str, contracts: str, **changed: Any) -> dict[str, Any]:
    return {
        "product_id": name,
        "expiration_time": "2030-04-26T15:00:00Z",
        "side": side,
        "number_of_contracts": contracts,
        "current_price": amount("71145"),
        "avg_entry_price": amount("70980"),
        "unrealized_pnl": amount("33"),
        "daily_realized_pnl": amount("0"),
        **changed,
    }


def summary(**changed: str) -> dict[str, Any]:
    """Return the wallet of futures: 68.67 in it, and 431.31 dollars of spot that it may draw on."""
    told = {
        "futures_buying_power": "3737.92",
        "total_usd_balance": "499.98",
        "cbi_usd_balance": "431.31",
        "cfm_usd_balance": "68.67",
        "total_open_orders_hold_amount": "0",
        "unrealized_pnl": "-2.35",
        "initial_margin": "20",
        "available_margin": "48.67",
        **changed,
    }
    return {"balance_summary": {name: amount(value) for name, value in told.items()}}


def replies() -> Replies:
    """An account with SOL, BTC, dollars, some of all on hold, a wallet of futures, and no orders or positions."""
    books = [
        {"product_id": entry["product_id"], "bids": [{"price": price, "size": "1"}], "asks": [{"price": price}]}
        for entry in (*SPOT, *FUTURES)
        for price in [entry["price"]]
    ]
    return Replies(
        {
            "GET /v2/currencies": {"data": [{"id": "USD", "name": "USD", "min_size": "0.01"}]},
            "GET /v2/currencies/crypto": {
                "data": [{"asset_id": code, "code": code, "name": code, "type": "crypto"} for code in ("SOL", "BTC")]
            },
            "GET /v2/exchange-rates": {"data": {"currency": "USD", "rates": {"SOL": "1", "BTC": "1"}}},
            f"GET {_V3}/transaction_summary": {"fee_tier": {"taker_fee_rate": "0.01", "maker_fee_rate": "0.01"}},
            f"GET {_V3}/market/products": {"products": [*SPOT, *FUTURES]},
            f"GET {_V3}/market/products?product_type=SPOT": {"products": SPOT},
            f"GET {_V3}/market/products?product_type=FUTURE": {"products": FUTURES},
            f"GET {_V3}/best_bid_ask": {"pricebooks": books},
            ACCOUNTS: accounts(account("SOL", "3", "0.5"), account("BTC", "0.4"), account("USD", "431.31")),
            ORDERS: orders(),
            WALLET: summary(),
            POSITIONS: {"positions": []},
        }
    )
