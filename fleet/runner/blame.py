"""What becomes of accounts that kill whoever works on them: counted in the registry, then set aside and told."""

from __future__ import annotations

from exitplan.fleet.registry import MOST_TRIES, Registry


class RegistryBlame:
    """Counts in the registry, which raises an alert of an account that is set aside."""

    def __init__(self, registry: Registry) -> None:
        """Use this registry."""
        self._registry = registry

    def count_try(self, account: str, why: str, death: str) -> bool:
        """Count that a process died or hung with an account in hand; returns whether it is set aside now."""
        return self._registry.count_try(account, why, death) >= MOST_TRIES

    def clear_tries(self, account: str) -> None:
        """Forget the tries: the account went through alone."""
        self._registry.clear_tries([account])
