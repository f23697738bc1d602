"""Prepare a group's plan: everything is read anew and decided again in all its accounts, before anything is sent.

Whatever is missing in one of them, nothing is sent in any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from exitplan.brokers.rehearsal import NotChecked, RehearsesOrders
from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import Prepared, ensure_not_used, read_for
from exitplan.executor.apply.in_group import ensure_not_in_group_run
from exitplan.executor.apply.judging import Judged, judge_plan
from exitplan.executor.apply.orders import order_for
from exitplan.executor.apply.staleness import ensure_applicable, ensure_fresh, ensure_not_halted
from exitplan.executor.groups.participants import Held, Participant
from exitplan.executor.groups.refusals import GROUP, NotPrepared, of_each
from exitplan.executor.groups.slicing import actions_of, cut_leg, sliced, slices_needed
from exitplan.executor.plan import read_state
from exitplan.executor.signing.approval import ensure_signed
from exitplan.executor.standing import ensure_same_account
from exitplan.executor.store.journal import Journal
from exitplan.executor.store.state import State
from exitplan.ruleset.errors import ExitplanError, PlanIsStale, RefusedByGuard, RehearsalFailed
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.group_planner import GroupDraft
from exitplan.ruleset.groups.group_policy import GroupPolicy
from exitplan.ruleset.groups.holdings import Member
from exitplan.ruleset.groups.redecision import BundleJudgement, judge_bundles, orders_of, plan_group_again
from exitplan.ruleset.model.facts import Observation
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import EXACT, ZERO
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.group_orders import GroupOrders
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanInput, draft_plan
from exitplan.ruleset.planning.redecision import Standing


@dataclass(frozen=True, slots=True)
class Ready:
    """A group's plan of which all holds: its accounts, the prices of its pairs, and the bundles that are left out.

    ``prices`` are those of one unit of a pair's asset in the group's quote as they were read now; ``left_out`` says why
    nothing of a bundle is sent, ``unchecked`` by account and symbol why a venue could not check an order beforehand.
    ``signatures`` are those of the plan, for who goes on with it.
    """

    participants: Mapping[str, Participant]
    prices: Mapping[str, Decimal]
    left_out: Mapping[str, str] = field(default_factory=dict)
    unchecked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    signatures: str = ""


def prepare(plan: GroupPlan, policy: GroupPolicy, held: Mapping[str, Held]) -> Ready:
    """Read all accounts anew, under their leases, and decide everything again; raises NotPrepared."""
    with localcontext(EXACT):
        return _Preparation(plan, policy, {name: one.account for name, one in held.items()}, held).ready()


def check(plan: GroupPlan, policy: GroupPolicy, accounts: Mapping[str, Account], signatures: str | None) -> None:
    """Check whether a group's plan could be carried out now, changing nothing; raises NotPrepared.

    Of a plan that is in no file, ``signatures`` None, this says nothing of those that it would need.
    """
    ensure_static(plan, policy, accounts)
    if signatures is not None:
        ensure_all_signed(plan, accounts, signatures)
    with localcontext(EXACT):
        _Preparation(plan, policy, accounts, {}).ensure_ready()


def ensure_all_signed(plan: GroupPlan, accounts: Mapping[str, Account], signatures: str | None) -> None:
    """Raise NotPrepared unless a group's plan has the signatures that each of its accounts requires."""
    of_each(plan.accounts, lambda name: ensure_signed(accounts[name].signature_rule, name, plan, signatures))


def ensure_static(plan: GroupPlan, policy: GroupPolicy, accounts: Mapping[str, Account]) -> None:
    """Raise NotPrepared for what is known before anything is opened: whose plan it is, its guards, age and policies."""
    if plan.group.name != policy.name or plan.group.sha256 != policy.sha256:
        said = f"the policy of the group {policy.name} is not the one that the plan was made with"
        raise NotPrepared({GROUP: PlanIsStale(said, hint="make a new plan and look at it")})
    if set(plan.accounts) != set(accounts):
        said = f"the plan is about {', '.join(sorted(plan.accounts))}; the group is {', '.join(sorted(accounts))}"
        raise NotPrepared({GROUP: PlanIsStale(said, hint="make a new plan and look at it")})
    if plan.refusals:
        names = ", ".join(guard.name for guard in plan.refusals)
        raise NotPrepared({GROUP: RefusedByGuard(f"a guard over the group refuses the plan: {names}")})

    def ensure(name: str) -> None:
        account, own = accounts[name], plan.accounts[name]
        ensure_applicable(account, own, policy.sha256)
        ensure_not_halted(account)
        ensure_fresh(own, account.rulebook.policy, account.clock())

    of_each(accounts, ensure)


def _rehearse(account: Account, first: Sequence[Action], seen: Snapshot) -> dict[str, str]:
    """Have orders checked where the account's venue can, and return why not, by symbol; raises RehearsalFailed."""
    broker, policy = account.broker, account.rulebook.policy
    if not first or not isinstance(broker, RehearsesOrders):
        return {}
    orders = [order_for(action, action.quantity, broker.capabilities, seen, policy) for action in first]
    answers = zip(first, broker.rehearse_orders(orders), strict=True)
    problems = {action.symbol: answer for action, answer in answers if answer is not None}
    for symbol, answer in problems.items():
        if not isinstance(answer, NotChecked):
            raise RehearsalFailed(
                f"{symbol}: its venue was asked to check an order, and did not take it: {answer.message}",
                hint="nothing was sent; see what the venue says against it, and plan again",
            )
    return {symbol: answer.why for symbol, answer in problems.items() if isinstance(answer, NotChecked)}


@dataclass(frozen=True, slots=True)
class _Look:
    """An account as it was read just now."""

    state: State
    seen: Observation


@dataclass(frozen=True, slots=True)
class _Preparation:
    """A preparation under way; without leases it only looks."""

    plan: GroupPlan
    policy: GroupPolicy
    accounts: Mapping[str, Account]
    held: Mapping[str, Held]

    def ensure_ready(self) -> None:
        looks, fresh, left_out = self.looked_at()
        self._rehearsed(self._sliced(fresh, self._prices(fresh), left_out), looks, left_out)

    def ready(self) -> Ready:
        looks, fresh, left_out = self.looked_at()
        prices = self._prices(fresh)
        plans = self._sliced(fresh, prices, left_out)

        def participant(name: str) -> Participant:
            group = fresh.givens[name].group
            judged = self._judged(name, looks[name], group, plans[name])
            prepared = Prepared(looks[name].state, judged, {}, is_resumed=False)
            return Participant(self.held[name], plans[name], prepared, orders_of(self.plan, name))

        participants = of_each(self.accounts, participant)
        return Ready(participants, prices, left_out, self._rehearsed(plans, looks, left_out))

    def _rehearsed(
        self, plans: Mapping[str, Plan], looks: Mapping[str, _Look], left_out: Mapping[str, str]
    ) -> dict[str, dict[str, str]]:
        """Have the first order of each leg checked by its venue, and return which could not be; raises NotPrepared."""
        legs = [
            leg for bundle in self.plan.bundles if bundle.is_pair and bundle.id not in left_out for leg in bundle.legs
        ]

        def rehearse(name: str) -> dict[str, str]:
            first = [actions_of(leg, plans[name])[0] for leg in legs if leg.account == name]
            return _rehearse(self.accounts[name], first, looks[name].seen.snapshot)

        answers = of_each(self.accounts, rehearse)
        return {name: unchecked for name, unchecked in answers.items() if unchecked}

    def looked_at(self) -> tuple[dict[str, _Look], GroupDraft, dict[str, str]]:
        """Read all accounts, plan the group anew and decide again; gives the bundles that are left out, and why."""
        looks = of_each(self.accounts, self._look)
        members = {name: self._member(name, look) for name, look in looks.items()}
        try:
            fresh = plan_group_again(self.policy, members, self.plan)
        except ExitplanError as error:
            raise NotPrepared({GROUP: error}) from error
        refused = [guard for guard in fresh.guards if not guard.ok]
        if refused:
            names = ", ".join(guard.name for guard in refused)
            raise NotPrepared(
                {GROUP: RefusedByGuard(f"a guard over the group refuses it with what is held now: {names}")}
            )

        def judged(name: str) -> Judged:
            found = self._judged(name, looks[name], fresh.givens[name].group, self.plan.accounts[name])
            found.ensure_allowed(is_begun=False)
            return found

        judgements = {name: found.judgements for name, found in of_each(self.accounts, judged).items()}
        return looks, fresh, self._left_out(judge_bundles(self.plan, fresh, judgements))

    def _look(self, name: str) -> _Look:
        account, plan = self.accounts[name], self.plan.accounts[name]
        if name not in self.held:
            return self._glance(account, name)
        held = self.held[name]
        ensure_not_used(held.journal, plan)
        ensure_not_in_group_run(account, held.journal)
        state, _, _ = held.application(plan).settle_earlier(held.reconciler)
        return _Look(*read_for(account, plan, held.journal, state))

    def _glance(self, account: Account, name: str) -> _Look:
        """Read an account without its lease, changing nothing."""
        plan = self.plan.accounts[name]

        def read(journal: Journal | None, state: State) -> _Look:
            ensure_same_account(account, state)
            return _Look(*read_for(account, plan, journal, state))

        if not account.store.has_journal():
            return read(None, read_state(account))
        with account.store.open_journal() as journal:
            ensure_not_used(journal, plan)
            ensure_not_in_group_run(account, journal)
            return read(journal, account.store.load_state(journal))

    def _member(self, name: str, look: _Look) -> Member:
        seen = look.seen
        given = PlanInput(self.accounts[name].rulebook, seen.snapshot, seen.now, look.state.progress, seen=seen)
        return Member(given, draft_plan(given))

    def _judged(self, name: str, look: _Look, group: GroupOrders, plan: Plan) -> Judged:
        return judge_plan(plan, self.accounts[name].rulebook, look.seen, look.state.progress, {}, group)

    def _left_out(self, verdicts: Mapping[str, BundleJudgement]) -> dict[str, str]:
        """Return the bundles of which nothing is sent; raises NotPrepared where a pair is not as it was planned."""
        left_out: dict[str, str] = {}
        stale: list[str] = []
        for bundle in self.plan.bundles:
            verdict = verdicts[bundle.id]
            if verdict.standing is Standing.WANTED:
                continue
            left_out[bundle.id] = f"{verdict.standing}: {verdict.why}"
            if verdict.standing is not Standing.DONE:
                stale += [f"{bundle.asset}: {verdict.why}"] if bundle.is_pair else []
        is_all = bool(self.plan.bundles) and len(left_out) == len(self.plan.bundles)
        is_done = all(verdicts[name].standing is Standing.DONE for name in left_out)
        if stale or (is_all and not self._has_more() and not is_done):
            told = "\n  ".join(stale or list(left_out.values()))
            said = f"the accounts are not those that the plan was made for:\n  {told}"
            raise NotPrepared({GROUP: PlanIsStale(said, hint="make a new plan and look at it")})
        return left_out

    def _has_more(self) -> bool:
        return any(not action.reduces for plan in self.plan.accounts.values() for action in plan.actions)

    def _prices(self, fresh: GroupDraft) -> dict[str, Decimal]:
        """Return what one unit of each pair's asset costs now, at the highest of its marks."""
        known = {position.name: position.price for position in fresh.positions}
        prices: dict[str, Decimal] = {}
        for bundle in self.plan.bundles:
            marks = [price for leg in bundle.legs if (price := known.get((leg.account, leg.key))) is not None]
            if bundle.is_pair and len(marks) < len(bundle.legs):
                said = f"{bundle.asset}: not all of its legs have a price, so nobody knows how far they are apart"
                raise NotPrepared({GROUP: PlanIsStale(said, hint="wait for prices, or make a new plan")})
            prices[bundle.id] = max(marks, default=ZERO)
        return prices

    def _sliced(self, fresh: GroupDraft, prices: Mapping[str, Decimal], left_out: Mapping[str, str]) -> dict[str, Plan]:
        """Return the plans of the accounts with the orders of their pairs cut into slices."""
        cuts: dict[str, dict[str, Sequence[Decimal]]] = {name: {} for name in self.accounts}
        views = {position.name: position.view for position in fresh.positions}
        bound = self.policy.max_leg_imbalance.value
        try:
            for bundle in self.plan.bundles:
                if bundle.id in left_out or not bundle.is_pair:
                    continue
                count = slices_needed(bundle, bound, prices[bundle.id])
                for leg in bundle.legs:
                    actions = actions_of(leg, self.plan.accounts[leg.account])
                    cuts[leg.account] |= cut_leg(leg, actions, count, views[leg.account, leg.key])
        except RefusedByGuard as error:
            raise NotPrepared({GROUP: error}) from error
        return {name: sliced(plan, cuts[name]) for name, plan in self.plan.accounts.items()}
