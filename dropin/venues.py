"""A venue behind the methods that trading programs call: ``get_broker_integration``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.brokers.identity import identity_of
from exitplan.brokers.protocol import Broker, Clock, Done, Found, OrderReference, OrderReport, OrderRequest, Refused
from exitplan.brokers.registry import PAPER, open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.dropin.settings import load_chosen
from exitplan.dropin.sources import Setup, account_id, dashed, with_own_tracker
from exitplan.executor.accounts.account import (
    Account,
    AccountFile,
    AccountFiles,
    AccountRequest,
    open_account_file,
    read_account_files,
)
from exitplan.executor.accounts.env_accounts import account_at, implied_block
from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.accounts.project import project_data
from exitplan.executor.store.file_store import FileStore
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import AccountUnreadable, OutcomeUnknown, UsageError
from exitplan.ruleset.model.snapshot import OpenOrder, Position, Snapshot
from exitplan.ruleset.model.valuation import Belief, price_of, value_of
from exitplan.ruleset.model.values import EXACT, floor_to_step, is_derivative, time_text, unified_symbol


def _present() -> datetime:
    return datetime.now(UTC)


def get_broker_integration(
    broker_name: str,
    user_id: str | None = None,
    *,
    root: str | Path = ".",
    quote: str | None = None,
    clock: Clock = _present,
) -> VenueIntegration:
    """Open a venue behind the methods of the published protocol's brokers.

    The account is that of the command line's ``--broker``: of the account files at the venue, below ``root``, the one
    that carries the id (``platform`` without a ``user_id``), else the only one. Where none is there it is implied by
    the keys in the environment: COINBASE_API_KEY and COINBASE_API_SECRET for ``coinbase``, COINBASE_USER123_API_KEY and
    so on for a user, in ``quote`` or what the venue trades against mostly. Raises NoSuchAccount, UsageError for a venue
    that there is not, or where several accounts may be meant, CredentialsMissing, FileIsInvalid.
    """
    name, wanted = broker_name.casefold(), None if user_id is None else account_id(user_id)
    files = read_account_files(Path(root))
    file = account_at(name, wanted, files, naming="user_id")
    block = file.block if file is not None else _block(name, wanted, files, quote)
    integration = VenueIntegration(name, user_id, block, Path(root), clock, file)
    integration.account  # noqa: B018 - what is missing is told now, not at the first order
    return integration


def _block(venue: str, wanted: str | None, files: AccountFiles, quote: str | None) -> Mapping[str, Any]:
    if venue == PAPER and wanted is None and PLATFORM not in files.sound and files.problem_of(PLATFORM) is None:
        return {"id": PLATFORM, "venue": PAPER, "quote": quote or "USD"}
    return implied_block(venue, wanted or PLATFORM, files, quote)


@dataclass
class VenueIntegration:
    """One account at a venue, behind the methods of the published protocol's brokers.

    A protocol that is given one works with the venue directly: with ids and look-ups, not through these methods, which
    are for code that calls them itself. Amounts are floats, spot symbols ``BTC-USD``.
    """

    venue: str
    user_id: str | None
    block: Mapping[str, Any]
    root: Path
    clock: Clock
    file: AccountFile | None = None
    _account: Account | None = None

    @property
    def id(self) -> str:
        """The account's id."""
        return str(self.block["id"])

    @property
    def account(self) -> Account:
        """The account, opened once, under its own policy."""
        if self._account is None:
            self._account = self.open(self.user_id, Setup(None, {}, project_data(), self.clock))
        return self._account

    def open(self, user_id: str | None, setup: Setup) -> Account:
        """Open the account of a user, or this one, under a policy; raises as :func:`get_broker_integration` does."""
        if user_id not in {None, self.user_id, self.id}:
            other = get_broker_integration(self.venue, user_id, root=self.root, clock=self.clock)
            return other.open(user_id, setup)
        account = self._opened(setup)
        return with_own_tracker(account, self.user_id, setup)

    def _opened(self, setup: Setup) -> Account:
        request = AccountRequest(
            clock=setup.clock, policy=setup.policy, data=setup.data, overrides=setup.overrides, root=self.root
        )
        if self.file is not None:
            return self._shared(open_account_file(self.file, request))
        loaded = load_chosen(setup.policy, setup.overrides, high_exposure=setup.high_exposure)
        return Account(
            id=self.id,
            venue=self.venue,
            quote=str(self.block["quote"]),
            file=loaded.files[-1],
            loaded=loaded,
            rulebook=rulebook_of(loaded.policy),
            broker=open_block(self.block, self.root, self.clock) if self._account is None else self._account.broker,
            store=FileStore.of(setup.data, self.id),
            clock=setup.clock,
            overrides=setup.overrides,
            identity=identity_of(self.block, self.root),
        )

    def _shared(self, account: Account) -> Account:
        """Use one connection to the venue for every opening of the account."""
        return account if self._account is None else replace(account, broker=self._account.broker)

    # --- what the published protocol's brokers can do ---

    def get_open_positions(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """List what is held; a position whose price could not be read carries no ``current_price``.

        Raises AccountUnreadable.
        """
        snapshot = self._read(user_id)
        return [_position_dict(snapshot, position) for position in snapshot.positions]

    def get_open_orders(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """List the open orders; raises AccountUnreadable."""
        return [_order_dict(order) for order in self._read(user_id).open_orders]

    def get_account_balance(self) -> dict[str, float]:
        """Return ``total``, the value of all that is held, and ``available``, the money that is free.

        Raises AccountUnreadable.
        """
        snapshot = self._read(None)
        total = EXACT.add(snapshot.cash.free, snapshot.cash.locked)
        for position in snapshot.positions:
            value = value_of(snapshot, position, Belief())
            if value is not None and not is_derivative(position.symbol):
                total = EXACT.add(total, value if position.side == "long" else -value)
        return {"total": float(total), "available": float(snapshot.cash.free)}

    def get_current_price(self, symbol: str) -> float | None:
        """Return the price of a symbol; None where the venue has none.

        Raises AccountUnreadable where it cannot be asked, or is not believed.
        """
        snapshot, unified = self._read(None), unified_symbol(symbol)
        held = next((position for position in snapshot.positions if position.symbol == unified), None)
        price = price_of(snapshot, held or Position(unified, "long", Decimal(1)), Belief())
        if price.status in {"unavailable", "implausible"}:
            why = "could not be read" if price.status == "unavailable" else "is not plausible"
            raise AccountUnreadable(f"the price of {symbol} {why}")
        return None if price.mark is None else float(price.mark)

    def cancel_order(self, order_id: str) -> bool:
        """Cancel an open order; False where the venue refuses. Raises OutcomeUnknown where that is unknown."""
        order = next((resting for resting in self._read(None).open_orders if resting.id == str(order_id)), None)
        if order is None:
            return False
        (outcome,) = self._broker.cancel_orders([OrderReference(symbol=order.symbol, order_id=order.id)])
        if isinstance(outcome, Done):
            return True
        if isinstance(outcome, Refused):
            return False
        raise OutcomeUnknown(f"it is unknown whether order {order_id} was cancelled: {outcome.message}")

    def close_position(self, symbol: str, quantity: object = None, order_type: str = "market") -> bool:
        """Sell (or buy back) a quantity of a position at the market, or all of it, outside of any plan.

        False where the venue refuses, or nothing of it is held. Raises OutcomeUnknown where that is unknown, UsageError
        for an order that is not at the market, or a quantity that is none.
        """
        if order_type != "market":
            raise UsageError(f"close_position sells at the market; {order_type!r} orders are not for it")
        unified = unified_symbol(symbol)
        snapshot = self._read(None)
        held = next((position for position in snapshot.positions if position.symbol == unified), None)
        if held is None:
            return False
        wanted = abs(held.quantity) - held.locked if quantity is None else Decimal(str(quantity))
        if not wanted.is_finite() or wanted <= 0:
            raise UsageError(f"the quantity to close is {quantity!r}")
        market = snapshot.markets.get(unified)
        step = market.amount_step if market is not None else None
        return _sell(self._broker, held, floor_to_step(min(wanted, abs(held.quantity)), step))

    @property
    def _broker(self) -> Broker:
        return self.account.broker

    def _read(self, user_id: str | None) -> Snapshot:
        if user_id not in {None, self.user_id, self.id}:
            raise UsageError(
                f"this is the account {self.id}, not that of {user_id}",
                hint=f"open it with get_broker_integration({self.venue!r}, user_id={user_id!r})",
            )
        return self._broker.read_account()


def open_block(block: Mapping[str, Any], base: Path, clock: Clock) -> Broker:
    """Open the broker of an account block, its questions asked again where they fail."""
    return RetryingBroker(open_broker(block, base, clock), time.sleep)


def _sell(broker: Broker, held: Position, quantity: Decimal) -> bool:
    request = OrderRequest(
        client_order_id=None,
        symbol=held.symbol,
        side=held.exit_side,
        type="market",
        quantity=quantity,
        reduce_only=is_derivative(held.symbol),
        position_side=held.side,
    )
    (outcome,) = broker.place_orders([request])
    if isinstance(outcome, Refused):
        return False
    report = _latest(broker, outcome.report) if isinstance(outcome, Done) else None
    if report is None or report.status == "open":
        raise OutcomeUnknown(f"the outcome of the order for {held.symbol} is not known yet")
    return report.filled > 0


def _latest(broker: Broker, report: OrderReport) -> OrderReport:
    """Ask once more for an order that was open when it was taken."""
    if report.status != "open":
        return report
    answer = broker.look_up_order(OrderReference(symbol=report.symbol, order_id=report.order_id))
    return answer.report if isinstance(answer, Found) else report


def _position_dict(snapshot: Snapshot, position: Position) -> dict[str, Any]:
    price = price_of(snapshot, position, Belief())
    value = value_of(snapshot, position, Belief())
    shown: dict[str, Any] = {
        "symbol": dashed(position.symbol),
        "side": position.side,
        "quantity": float(position.quantity),
        "size_usd": None if value is None else float(value),
    }
    if price.status not in {"unavailable", "implausible"}:
        shown["current_price"] = None if price.mark is None else float(price.mark)
    if position.entry_price is not None:
        shown["entry_price"] = float(position.entry_price)
    if position.opened_at is not None:
        shown["opened_at"] = time_text(position.opened_at)
    return shown


def _order_dict(order: OpenOrder) -> dict[str, Any]:
    value = None if order.price is None else EXACT.multiply(order.remaining, order.price)
    return {
        "order_id": order.id,
        "symbol": dashed(order.symbol),
        "side": order.side,
        "type": order.type,
        "quantity": float(order.remaining),
        "price": None if order.price is None else float(order.price),
        "value": None if value is None else float(value),
        "created_at": None if order.created_at is None else time_text(order.created_at),
    }
