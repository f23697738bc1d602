"""The accounts of a protocol: opened as they are asked for, with what is remembered of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from exitplan.brokers.duck_typed.told_account import Balance
from exitplan.brokers.duck_typed.values import amount_of
from exitplan.dropin.settings import (
    Parameter,
    changed_overrides,
    load_chosen,
    whole_or_float,
)
from exitplan.dropin.sources import Adapting, Setup, account_id, adapt, dashed
from exitplan.dropin.state_file import Exposure, frozen, published_document, read_published, write_published
from exitplan.dropin.venues import VenueIntegration
from exitplan.executor.accept_balance import accept_balance
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.manual_resolution import resolve_by_hand, unresolved_orders
from exitplan.executor.store.file_store import FileStore
from exitplan.executor.store.history import account_status, past_runs, retry
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.policy import Policy

Result = dict[str, Any]
T = TypeVar("T")


class ProtocolAccounts:
    """The accounts behind one broker, under one policy, with the parameters set over it.

    Each parameter can be read and assigned; what is assigned is in force for every account from then on.
    """

    max_positions = Parameter("max_positions", int)
    dust_pct_threshold = Parameter("dust_pct_threshold", float)
    stale_order_minutes = Parameter("stale_order_minutes", whole_or_float)
    gradual_unwind_pct = Parameter("gradual_unwind_pct", float)
    unwind_cycles = Parameter("unwind_cycles", int)

    def __init__(self, setup: Setup, broker: Any, *, dry_run: bool, sleep: Callable[[float], None]) -> None:  # noqa: ANN401
        self.broker = broker
        self.dry_run = dry_run
        self._sleep = sleep
        self._names: dict[str, str] = {}
        self._exposures: dict[str | None, Exposure] = {}
        self._use(setup)
        if isinstance(broker, VenueIntegration):
            self._account(None)  # what is missing is told now, not at the first order

    def _use(self, setup: Setup) -> None:
        """Work with other settings from now on."""
        self._loaded = load_chosen(setup.policy, setup.overrides, high_exposure=setup.high_exposure)
        self._setup = setup
        self._opened: dict[str | None, Account] = {}

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute that there is; raises AttributeError for any other, which would change nothing."""
        if not name.startswith("_") and name not in {"broker", "dry_run"} and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} to set")
        super().__setattr__(name, value)

    def set_parameter(self, name: str, value: object) -> None:
        """Set a parameter over the policy, as the constructor does; None is the policy's own again."""
        self._use(replace(self._setup, overrides=changed_overrides(self._setup.overrides, name, value)))

    @property
    def position_tracker(self) -> object:
        """The position tracker that was given."""
        return self._setup.tracker

    @position_tracker.setter
    def position_tracker(self, tracker: object) -> None:
        self._use(replace(self._setup, tracker=tracker))

    @property
    def monitor_high_exposure(self) -> bool:
        """Whether coins of high exposure are monitored and, by the drop-in's policy, never aligned."""
        return self._setup.high_exposure

    @monitor_high_exposure.setter
    def monitor_high_exposure(self, wanted: bool) -> None:
        self._use(replace(self._setup, high_exposure=wanted))

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return self._setup.data

    @data_dir.setter
    def data_dir(self, folder: str | Path) -> None:
        self._use(replace(self._setup, data=Path(folder)))

    @property
    def state_file(self) -> Path:
        """The platform account's state file."""
        return self._store(None).folder.state

    @property
    def policy(self) -> Policy:
        """The policy of the platform account, with the parameters set over it."""
        is_at_venue = isinstance(self.broker, VenueIntegration)
        return self._account(None).loaded.policy if is_at_venue else self._loaded.policy

    @property
    def state(self) -> Result:
        """What is remembered of the platform account, in the published shape; it is only read."""
        return self.state_of()

    def state_of(self, user_id: str | None = None) -> Result:
        """Return what is remembered of an account, in the published shape.

        Raises FileIsInvalid where its file was edited by hand.
        """
        store, exposure = self._store(user_id), self._exposures.get(user_id, Exposure())
        earlier = read_published(store.folder)
        document: Result = frozen(published_document(store.read_state(), self._spelled, exposure, earlier))
        return document

    # --- afterwards ---

    def retry(self, symbol: str, user_id: str | None = None) -> bool:
        """Let a failed or escalated exit be tried again; False where there is nothing to clear.

        Raises AccountIsLocked.
        """
        return self._changed(user_id, lambda account: retry(account, symbol)) is not None

    def unresolved(self, user_id: str | None = None) -> dict[str, Result]:
        """List the orders whose outcome nobody knows, by client order id."""
        account = self._account(user_id)
        return {
            name: {"kind": action.kind, "symbol": self._spelled(action.symbol), "quantity": action.quantity}
            for name, action in unresolved_orders(account).items()
        }

    def resolve(self, client_order_id: str, filled: float | Decimal | str, user_id: str | None = None) -> None:
        """Record the outcome of an order as a person found it at the venue; ``filled`` is 0 if it never traded.

        Raises UsageError for an order that is not unresolved or a quantity that cannot have been filled.
        """
        quantity = amount_of(filled)
        if quantity is None:
            raise UsageError(f"filled is {filled!r}; a quantity is expected")
        self._changed(user_id, lambda account: resolve_by_hand(account, client_order_id, quantity))

    def accept_balance(self, user_id: str | None = None) -> None:
        """Say that what the account holds now is right, although it is not what the last run left."""
        self._changed(user_id, accept_balance)

    def status(self, user_id: str | None = None) -> Result:
        """Return what is remembered of an account, exactly, as ``exitplan status --json`` does."""
        return account_status(self._account(user_id)).document

    def history(self, user_id: str | None = None, limit: int = 20) -> list[Result]:
        """List past runs, the newest first, as ``exitplan history --json`` does."""
        return past_runs(self._account(user_id))[:limit]

    def _changed(self, user_id: str | None, change: Callable[[Account], T]) -> T:
        account = self._account(user_id)
        answer = change(account)
        self._write_state(account, user_id)
        return answer

    # --- how ---

    def _spelled(self, symbol: str) -> str:
        """Spell a symbol as the broker does."""
        return self._names.get(symbol) or dashed(symbol)

    def _write_state(self, account: Account, user_id: str | None) -> None:
        """Write the state file as its readers know it."""
        exposure = self._exposures.get(user_id, Exposure())
        write_published(account.folder, account.id, account.clock(), self._spelled, exposure)

    def _account(
        self, user_id: str | None, balance: Balance | None = None, *, orders_matter_alone: bool = False
    ) -> Account:
        if isinstance(self.broker, VenueIntegration):
            if user_id not in self._opened:
                self._opened[user_id] = self.broker.open(user_id, self._setup)
            return self._opened[user_id]
        how = Adapting(balance=balance, orders_matter_alone=orders_matter_alone, names=self._names)
        return adapt(self.broker, user_id, self._setup, self._loaded, how)

    def _store(self, user_id: str | None) -> FileStore:
        return FileStore.of(self.data_dir, self._account_id(user_id))

    def _account_id(self, user_id: str | None) -> str:
        if isinstance(self.broker, VenueIntegration) and user_id in {None, self.broker.user_id, self.broker.id}:
            return self.broker.id
        return account_id(user_id)
