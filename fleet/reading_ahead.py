"""Read the accounts of a shard at their venue side by side, some ahead of the one that is planned."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import cast

from exitplan.brokers.call_log import as_caller
from exitplan.brokers.protocol import Broker
from exitplan.executor.accounts.account import Account
from exitplan.ruleset.model.snapshot import Snapshot


class ReadAhead:
    """A broker whose account is being read already; whatever is asked after that goes to the broker itself."""

    def __init__(self, broker: Broker, reading: Future[Snapshot]) -> None:
        """Give the reading to whoever reads first."""
        self._broker = broker
        self._reading: Future[Snapshot] | None = reading

    def read_account(self) -> Snapshot:
        """Return what was read ahead, once; raises what the reading did."""
        reading, self._reading = self._reading, None
        return self._broker.read_account() if reading is None else reading.result()

    def __getattr__(self, name: str) -> object:
        """Leave everything else to the broker."""
        return getattr(self._broker, name)


def reading_ahead(
    accounts: Sequence[Account], is_wanted: Callable[[Account], bool], threads: ThreadPoolExecutor, ahead: int
) -> Iterator[Account]:
    """Yield accounts whose reading is on its way, ``ahead`` of them at a time; those not wanted are not read."""
    waiting: deque[Account] = deque()
    for account in accounts:
        waiting.append(_begun(account, threads) if is_wanted(account) else account)
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def _begun(account: Account, threads: ThreadPoolExecutor) -> Account:
    reading = threads.submit(as_caller(account.broker.read_account))
    return replace(account, broker=cast("Broker", ReadAhead(account.broker, reading)))
