"""Phase 4: the four checks of a clean account, on decisions, and the state they come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from exitplan.ruleset.language.parameters import ADOPTED_SOURCE
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.account_view import AccountView, Debt
from exitplan.ruleset.model.fact_registry import Category
from exitplan.ruleset.planning.actions import Exit
from exitplan.ruleset.planning.classify import Decision, is_crumb


class AccountState(StrEnum):
    """How an account stands."""

    CLEAN = "CLEAN"
    CLEANUP_IN_PROGRESS = "CLEANUP_IN_PROGRESS"
    NEEDS_CLEANUP = "NEEDS_CLEANUP"
    UNKNOWN = "UNKNOWN"


class Checks(Struct, frozen=True, gc=False):
    """The four checks of the protocol and what stands beside them; positions by key, orders by id.

    ``tolerated`` is dust that is blocked. ``deferred`` could not be judged, ``unjudged`` are orders of unknown age or
    kind: either makes the account UNKNOWN, as a ``surprise`` does, a balance nobody expected. ``implausible`` and
    ``debts`` want a person. ``unread`` is what nobody could ask the venue for, and makes it UNKNOWN too. ``unwinding``
    are the unregistered ones that an unwind is closing. ``reopening`` are orders that would open again what the plan
    closes, ``proceeds`` assets that it would be paid in.
    """

    counted: int
    max_positions: int
    zombies: tuple[str, ...]
    tolerated: tuple[str, ...]
    registered: int
    unregistered: tuple[str, ...]
    stale: tuple[str, ...]
    orders: int
    deferred: tuple[str, ...]
    unwinding: tuple[str, ...]
    unjudged: tuple[str, ...] = ()
    implausible: tuple[str, ...] = ()
    debts: tuple[str, ...] = ()
    reopening: tuple[str, ...] = ()
    proceeds: tuple[str, ...] = ()
    surprise: str | None = None
    unread: tuple[str, ...] = ()

    @property
    def state(self) -> AccountState:
        """The state that the checks come to."""
        if self.deferred or self.unjudged or self.unread or self.surprise is not None:
            return AccountState.UNKNOWN
        wants_a_person = bool(self.implausible or self.debts or self.reopening or self.proceeds)
        failing = self.counted > self.max_positions or self.zombies or self.unregistered or self.stale
        if not (failing or wants_a_person):
            return AccountState.CLEAN
        waiting = set(self.unregistered) - set(self.unwinding)
        above = self.counted - len(self.unwinding) > self.max_positions
        if self.zombies or self.stale or waiting or above or wants_a_person:
            return AccountState.NEEDS_CLEANUP
        return AccountState.CLEANUP_IN_PROGRESS


class Changes(Struct, frozen=True, gc=False):
    """What a plan would have changed when it is done: positions closed and adopted (by key), orders cancelled (by id).

    ``proceeds`` are assets that it would be paid in and that are no money.
    """

    closed: Collection[str] = ()
    adopted: Collection[str] = ()
    cancelled: Collection[str] = ()
    proceeds: Collection[str] = ()


class CheckInput(Struct, frozen=True, gc=False):
    """What the checks look at: the account and its decisions, what the cap counts and what each exit comes to.

    ``stale`` are order ids, ``unwinding`` the keys of positions with an unwind under way. ``surprise`` is what the
    balance guard says.
    """

    policy: Policy
    account: AccountView
    decisions: Sequence[Decision]
    counted: int
    exits: Callable[[Decision], Exit]
    stale: Sequence[str]
    unwinding: Collection[str]
    surprise: str | None = None

    def check(self, changes: Changes) -> Checks:
        """Run the checks on the account as it is, or as ``changes`` would leave it."""
        gone: list[Decision] = []
        tolerated: list[Decision] = []
        deferred: list[Decision] = []
        known: list[Decision] = []
        for decision in self.decisions:
            if decision.is_protected:
                continue
            if decision.key in changes.closed:
                gone.append(decision)
            elif decision.is_deferred:
                deferred.append(decision)
            else:
                (tolerated if self._is_tolerated(decision) else known).append(decision)
        unregistered = [decision for decision in known if not self._is_registered(decision, changes.adopted)]
        new = self._new_positions(changes)
        return Checks(
            counted=self.counted - len([one for one in gone if _was_counted(one)]) + len(new),
            max_positions=self.policy.max_positions,
            zombies=_keys([decision for decision in known if decision.is_zombie]),
            tolerated=_keys(tolerated),
            registered=len(known) - len(unregistered),
            unregistered=_keys(unregistered),
            stale=tuple([order for order in self.stale if order not in changes.cancelled]),
            orders=len({view.order.id for view in self.account.orders}.difference(changes.cancelled)),
            deferred=_keys([decision for decision in deferred if not decision.is_implausible]),
            unwinding=_keys(
                [decision for decision in unregistered if decision.key in self.unwinding and _is_unwound(decision)]
            ),
            unjudged=self._unjudged(changes),
            implausible=_keys([decision for decision in deferred if decision.is_implausible]),
            debts=tuple([debt.name for debt in self.account.debts if self._matters(debt)]),
            reopening=self._reopening(changes),
            proceeds=new,
            surprise=self.surprise,
            unread=self.account.snapshot.unread,
        )

    def _is_tolerated(self, decision: Decision) -> bool:
        """Check whether a judged position is dust that nobody takes now, or of a small value by one side alone."""
        if not self.policy.tolerate_untradeable_dust:
            return False
        if is_crumb(decision.view, self.policy):
            return True
        if not decision.is_zombie or decision.exit is None or not decision.exit.is_dust:
            return False
        blocked = self.exits(decision).blocked
        return blocked is not None and blocked.reason != "no-price-yet"

    def _is_registered(self, decision: Decision, adopted: Collection[str]) -> bool:
        """Check whether a strategy manages the position: tracked, and not called legacy by the policy.

        Adoption registers only where the policy counts what is adopted among its strategies.
        """
        if decision.key in adopted:
            return ADOPTED_SOURCE in self.policy.strategy_sources
        return bool(decision.view.facts["tracked"]) and decision.category is not Category.LEGACY_NON_COMPLIANT

    def _unjudged(self, changes: Changes) -> tuple[str, ...]:
        if not self.policy.orders:
            return ()
        judged = {*self.stale, *changes.cancelled}  # a policy's own rule may know more of an order than its kind
        return tuple(view.order.id for view in self.account.unjudged_orders if view.order.id not in judged)

    def _matters(self, debt: Debt) -> bool:
        return debt.value is None or debt.value >= self.policy.dust_usd_threshold

    def _reopening(self, changes: Changes) -> tuple[str, ...]:
        """List the orders that stay and would open again what the plan closes."""
        if not changes.closed:
            return ()
        closed = {
            (decision.view.asset, decision.view.position.side)
            for decision in self.decisions
            if decision.key in changes.closed
        }
        return tuple(
            view.order.id
            for view in self.account.orders
            if view.opens and (view.asset, view.side) in closed and view.order.id not in changes.cancelled
        )

    def _new_positions(self, changes: Changes) -> tuple[str, ...]:
        """List the assets that the plan is paid in and that are not held yet."""
        if not changes.proceeds:
            return ()
        held = {decision.view.asset for decision in self.decisions if decision.key not in changes.closed}
        return tuple(sorted(set(changes.proceeds) - held))


def _keys(decisions: Iterable[Decision]) -> tuple[str, ...]:
    return tuple([decision.key for decision in decisions])


def _is_unwound(decision: Decision) -> bool:
    """Check whether the policy still closes the position: progress may be left from one that did."""
    return decision.exit is not None and decision.exit.action in {"unwind", "close"}


def _was_counted(decision: Decision) -> bool:
    """Check whether a position that the plan closes was counted by the cap: its dust and zombie exits are not."""
    rule = decision.exit
    return rule is not None and not rule.is_dust and not rule.is_zombie
