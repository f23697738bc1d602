"""What becomes of accounts that kill whoever works on them: counted in the registry, then set aside and told."""

from __future__ import annotations

from datetime import UTC, datetime

from exitplan.executor.store.postgres.database import Database
from exitplan.executor.store.postgres.postgres_store import PostgresStore
from exitplan.fleet.registry import MOST_TRIES, Registry


class RegistryBlame:
    """Counts in the registry, and raises an alert of the account."""

    def __init__(self, registry: Registry, database: Database) -> None:
        """Use the registry in a database."""
        self._registry, self._database = registry, database

    def count_try(self, account: str, why: str) -> bool:
        """Count that a process died or hung with an account in hand; returns whether it is set aside now."""
        tries = self._registry.count_try(account, why)
        if tries < MOST_TRIES:
            return False
        store = PostgresStore(self._database, account)
        store.raise_alert("ACCOUNT_SET_ASIDE", datetime.now(UTC), {"reason": why, "tries": tries})
        return True

    def clear_tries(self, account: str) -> None:
        """Forget the tries: the account went through alone."""
        self._registry.clear_tries([account])
