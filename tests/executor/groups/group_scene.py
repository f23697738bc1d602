"""Paper accounts of one group, in one data folder, each behind a wire of its own that breaks on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.events import Event
from exitplan.executor.groups.apply_group import GroupWatch, GroupWork, apply_group_plan, check_group_plan
from exitplan.executor.groups.results import GroupResult
from exitplan.executor.plan import observe_account, read_state
from exitplan.executor.store.file_store import files_below
from exitplan.executor.store.group_rows import GroupRow, open_group_run
from exitplan.executor.store.port import AccountStore
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import plan_group
from exitplan.ruleset.groups.group_policy import GroupPolicy, LegFailure, LegImbalance, OnLegFailure
from exitplan.ruleset.groups.holdings import Member
from exitplan.ruleset.groups.writing import read_group_plan, write_group_plan
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot
from exitplan.ruleset.planning.plan import write_plan
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from tests.builders import Amount, market, position, record, snapshot
from tests.executor.scene import Scene, StillClock, stage

SPOT, PERP = "BTC/USD", "BTC/USD:USD"
PRICE = 1000
CASH, HEDGE = "cash", "hedge"


def held(*positions: Position, **parts: Any) -> Snapshot:
    """An account in which a unit of everything is worth 1,000."""
    listed: dict[str, Market | None] = {one.symbol: market(PRICE) for one in positions}
    return snapshot(*positions, markets=listed, **parts)


def long_zombie(quantity: Amount = 1) -> Snapshot:
    """Spot that its account closes, since nobody knows what it was bought at."""
    return held(position(SPOT, quantity), tracked={SPOT: record(entry=None)})


def strategy_short(quantity: Amount = 1) -> Snapshot:
    """A short perpetual that its own account would keep."""
    return held(position(PERP, quantity, side="short", entry=PRICE), tracked={PERP: record()})


@dataclass
class GroupScene:
    """Accounts of a group with all that is around them."""

    root: Path
    clock: StillClock
    scenes: dict[str, Scene]
    policy: GroupPolicy
    heard: list[tuple[str, Event]] = field(default_factory=list)

    # --- doing ---

    def work(self) -> GroupWork:
        return GroupWork(self.policy, {name: scene.open() for name, scene in self.scenes.items()})

    def plan(self) -> GroupPlan:
        self.clock.advance(1)
        members = {name: member_of(scene.open()) for name, scene in self.scenes.items()}
        draft = plan_group(self.policy, members)
        plans = {
            name: write_plan(
                draft.givens[name],
                draft.drafts[name],
                {},
                address=scene.open().identity.address,
                key=scene.open().identity.key,
            )
            for name, scene in self.scenes.items()
        }
        made = write_group_plan(draft, plans)
        return read_group_plan(made.document)

    def apply(self, plan: GroupPlan | None = None, *, stop_after: int | None = None) -> GroupResult:
        """Apply a plan, or go on with what was begun; ``stop_after`` is how many times nobody asks to stop."""
        asked = iter(range(10**6))
        watch = GroupWatch(self._hear, lambda: stop_after is not None and next(asked) >= stop_after)
        return apply_group_plan(self.work(), plan, watch=watch, sleep=self.clock.sleep)

    def check(self, plan: GroupPlan) -> Mapping[str, ExitplanError]:
        return check_group_plan(self.work(), plan)

    def _hear(self, account: str, event: Event) -> None:
        self.heard.append((account, event))

    # --- looking ---

    def holding(self) -> dict[str, str]:
        return {CASH: self.scenes[CASH].held(SPOT), HEDGE: self.scenes[HEDGE].held(PERP, "short")}

    def net(self) -> Decimal:
        left = self.holding()
        return Decimal(left[CASH]) - Decimal(left[HEDGE])

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.data for _, event in self.heard if event.kind == kind]

    def sent(self) -> list[str]:
        """The accounts in the order in which their orders went out, from what was told."""
        return [account for account, event in self.heard if event.kind == "action_started"]

    def alerts(self) -> list[dict[str, Any]]:
        return [alert for scene in self.scenes.values() for alert in scene.alerts()]

    def legs_apart(self) -> list[str]:
        """How bad the alerts of pairs are, each account's."""
        return [alert["severity"] for alert in self.alerts() if alert["alert_type"] == "LEGS_APART"]

    def open_rows(self) -> dict[str, GroupRow]:
        return open_rows(scene.store for scene in self.scenes.values())


def open_rows(stores: Iterable[AccountStore]) -> dict[str, GroupRow]:
    """The plans of the group that are not over, by the accounts that take part."""
    rows: dict[str, GroupRow] = {}
    for store in stores:
        if not store.has_journal():
            continue
        with store.open_journal() as journal:
            row = open_group_run(journal)
        if row is not None:
            rows[store.account] = row
    return rows


def member_of(account: Account) -> Member:
    """Read an account as a group does before it plans."""
    state = read_state(account)
    seen = observe_account(account, state.progress)
    given = PlanInput(account.rulebook, seen.snapshot, seen.now, state.progress, seen=seen)
    return Member(given, draft_plan(given))


def group_stage(
    root: Path,
    accounts: Mapping[str, Snapshot] | None = None,
    *,
    bound: Amount = 250,
    seconds: int = 60,
    then: OnLegFailure = "reduce",
    attempts: int = 1,
    **changes: Any,
) -> GroupScene:
    """Set a scene: spot at ``cash``, its short perpetual at ``hedge``, unless other accounts are given."""
    clock = StillClock()
    scenes: dict[str, Scene] = {}
    for name, account in (accounts or {CASH: long_zombie(), HEDGE: strategy_short()}).items():
        folder = root / name
        folder.mkdir(parents=True)
        scene = stage(folder, account, account_id=name, **changes)
        scene.clock, scene.store_of = clock, files_below(root / "data")
        scenes[name] = scene
    policy = GroupPolicy("desk", "0" * 64, "USD", LegImbalance(Decimal(bound), seconds))
    return GroupScene(root, clock, scenes, replace(policy, on_leg_failure=LegFailure(then, attempts)))
