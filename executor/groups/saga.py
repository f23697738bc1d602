"""Carry out a group's plan: pair by pair, slice by slice, and bring to an end what could not be done.

Every order goes by the order protocol of its account, one at a time for each pair, so that no more than one slice can
be in doubt. What is decided stands in the leader's journal before it is acted on. Nothing is sent that is not in the
approved plan: a leg that fails is made up for by what is left of the others, or it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from exitplan.executor.apply.cut_short import telling_where_it_was_cut
from exitplan.executor.apply.events import ActionOutcome, ApplyResult, Event, Stop
from exitplan.executor.apply.staleness import is_expired
from exitplan.executor.groups.course import Course, Progress, Slice, progress_of
from exitplan.executor.groups.participants import Participant
from exitplan.executor.groups.preparing import Ready
from exitplan.executor.groups.results import BundleEnd, BundleOutcome, GroupResult
from exitplan.executor.groups.slicing import slices_of
from exitplan.executor.store.group_rows import GroupRow, Standing, balancing, beginning, moving
from exitplan.executor.store.journal import Beside
from exitplan.executor.store.journal_values import RESOLVED, Intent, Resolution
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import Bundle, GroupPlan
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.actions import Action
from exitplan.ruleset.planning.redecision import Standing as Judged

Stopped = Callable[[], bool]
_STAYS_OPEN = frozenset({ExitCode.REFUSED, ExitCode.CANCELLED, ExitCode.UNKNOWN})
_WAITS = frozenset({Stop.HALTED, Stop.VENUE_RESTS, Stop.CLOCK_IS_OFF})
"""What passes: a leg that it stops is as good as before once the plan goes on."""
_NOT_FILLED = "its orders were not filled to the end"
_OUT_OF_BOUND = "no more of it can be sent within max_leg_imbalance"
_NOT_SENT = "not sent: the pair that it is part of was not carried out to its end"


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a plan that was begun before.

    ``since`` is since when which pair is out of balance; ``failed`` are legs by bundle, account and place. Where it
    ``is_winding``, only that balance is brought back. Of accounts that are ``unable`` nothing more can be sent.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)
    failed: frozenset[tuple[str, str, int]] = frozenset()
    is_winding: bool = False
    unable: frozenset[str] = frozenset()


@dataclass
class Saga:
    """A group's plan under way, with its accounts that are ready; ``past`` is None where it is new."""

    plan: GroupPlan
    ready: Ready
    hear: Callable[[Event], None]
    stopped: Stopped
    past: Past | None = None
    since: dict[str, datetime] = field(default_factory=dict)
    looked: datetime | None = None
    is_stuck: bool = False
    overdue: set[str] = field(default_factory=set)
    ends: dict[str, BundleOutcome] = field(default_factory=dict)

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Its accounts, by their ids."""
        return self.ready.participants

    @property
    def leader(self) -> Participant:
        """The account whose journal has the whole plan: the first by its id."""
        return self.participants[min(self.participants)]

    # --- from the beginning to the end ---

    def carry_out(self) -> GroupResult:
        """Begin, or go on with what was begun, and come to an end; what of it stays open goes on the next time."""
        with localcontext(EXACT):
            self._begin()
            pairs = [self._progress(bundle) for bundle in self.plan.bundles if self._is_carried_out(bundle)]
            self._do_all(pairs)
            return self._finish()

    def _begin(self) -> None:
        if self.past is None:
            self._begin_all()
        else:
            self.since = dict(self.past.since)
            for one in self.participants.values():
                one.begin(tries=self._tries)
                if one.id in self.past.unable:
                    one.going.stop = Stop.EXPIRED
            if self.past.is_winding:
                self._note(moving(*self._step("winding", "winding")))
        unchecked = {name: dict(why) for name, why in self.ready.unchecked.items()}
        self._tell(
            "group_started", accounts=sorted(self.participants), resumed=self.past is not None, unchecked=unchecked
        )

    def _begin_all(self) -> None:
        """Journal every account's part, the leader's first; only then that it goes."""
        leader, now = self.leader, self._now()
        for name in sorted(self.participants):
            one = self.participants[name]
            standing: Standing = "preparing" if one is leader else "joined"
            document = self.plan.document if one is leader else None
            ids = (self.plan.group_plan_id, self.plan.group.name, one.plan.plan_id, leader.id)
            one.begin(beginning(GroupRow(*ids, standing, now, document=document)), tries=self._tries)
        prices = {name: plain(price) for name, price in self.ready.prices.items()}
        left_out, signatures = dict(self.ready.left_out), self.ready.signatures
        self._note(moving(*self._step("going", "going"), prices=prices, left_out=left_out, signatures=signatures))

    def _do_all(self, pairs: Sequence[Progress]) -> None:
        """Do the cancels of every account, then the pairs, then all the rest."""
        for one in self.participants.values():
            with telling_where_it_was_cut(one.going):
                one.going.cancel(self._others(one))
        for progress in pairs:
            self._do_pair(progress)
        for one in self.participants.values():
            self._do_rest(one)

    def _do_rest(self, one: Participant) -> None:
        if self._has_to_stop(one) or self._is_winding:
            return
        one.going.outlives_plan = False
        with telling_where_it_was_cut(one.going):
            if one.going.do(self._others(one)):
                one.going.count_cycles()

    def _has_to_stop(self, one: Participant) -> bool:
        if one.going.stop is None and not self.is_stuck and self.stopped():
            one.going.stop = Stop.ASKED
        return one.going.stop is not None or self.is_stuck

    @property
    def _standing(self) -> Standing:
        return "winding" if self._is_winding else "going"

    @property
    def _is_winding(self) -> bool:
        return self.past is not None and self.past.is_winding

    def _others(self, one: Participant) -> list[Action]:
        """Return what an account does beside pairs and cancels."""
        apart = {
            (leg.account, name)
            for bundle in self.plan.bundles
            if bundle.is_pair or bundle.id in self.ready.left_out
            for leg in bundle.legs
            for name in leg.actions
        }
        return [
            action
            for action in one.plan.actions
            if action.kind != "cancel_order" and (one.id, action.id.partition("/")[0]) not in apart
        ]

    # --- one pair ---

    def _is_carried_out(self, bundle: Bundle) -> bool:
        if bundle.id in self.ready.left_out and bundle.is_pair:
            end = BundleEnd.NOT_BEGUN
            self.ends[bundle.id] = BundleOutcome(bundle.id, bundle.asset, end, reason=self.ready.left_out[bundle.id])
        return bundle.is_pair and bundle.id not in self.ready.left_out

    def _progress(self, bundle: Bundle) -> Progress:
        """Return how far a pair has come, by the journals."""
        plans = {name: one.plan for name, one in self.participants.items()}
        progress = progress_of(bundle, list(slices_of(bundle, plans)), self.ready.prices[bundle.id])
        for one in progress.slices:
            intent = self.participants[one.account].going.intents[one.action]
            if intent.status == "done":
                one.status, one.filled = "done", min(intent.filled or Decimal(0), one.quantity)
            elif intent.status in {"refused", "skipped"}:
                self._fail_leg(progress, one)
        if self.past is not None:
            for bundle_id, account, place in self.past.failed:
                if bundle_id == bundle.id:
                    progress.fail(account, place, self._after_failure)
            if self.past.is_winding:
                progress.narrow(Course.RESTORING)
        return progress

    def _fail_leg(self, progress: Progress, one: Slice) -> None:
        one.status = "failed"
        progress.fail(one.account, one.place, self._after_failure)

    @property
    def _is_expired(self) -> bool:
        """Check whether any of the accounts' plans has expired: then no leg goes ahead any more."""
        now = self._now()
        return any(is_expired(one.plan, one.held.account.rulebook.policy, now) for one in self.participants.values())

    def _do_pair(self, progress: Progress) -> None:
        bundle = next(bundle for bundle in self.plan.bundles if bundle.id == progress.bundle)
        why = None if progress.is_begun else self._why_not(bundle)
        try:
            if why is None:
                self._tell("bundle_started", bundle=bundle.id, asset=bundle.asset, slices=len(progress.left))
                why = self._send_slices(progress)
        except ExitplanError as error:  # a data folder, or a database, that cannot be written any more
            if progress.is_begun:
                self._alert(progress, str(error))
            raise
        self._end_pair(progress, bundle, why)

    def _why_not(self, bundle: Bundle) -> str | None:
        """Return why nothing of a pair is begun; None where each of its legs can go."""
        if self.is_stuck:
            return "the outcome of an order of the group is unknown"
        if self.stopped():
            return "somebody asked to stop"
        if self._is_winding or self._is_expired:
            return "the plan has expired"
        for leg in bundle.legs:
            one = self.participants[leg.account]
            if one.going.stop is not None:
                return f"{leg.account} cannot go on: {one.going.stop.value}"
            first = next(action for action in one.plan.actions if action.id.partition("/")[0] in leg.actions)
            judgement = one.judged.judgements.get(first.id)
            if judgement is None or judgement.standing is not Judged.WANTED:
                said = "settled before" if judgement is None else f"{judgement.standing}: {judgement.why}"
                return f"{leg.symbol} at {leg.account}: {said}"
        return None

    def _send_slices(self, progress: Progress) -> str | None:
        """Send slices until there is none to send; returns why the pair did not go to its end."""
        why: str | None = None
        while True:
            ended = "somebody asked to stop" if self.stopped() else "the plan has expired" if self._is_expired else None
            if ended is not None:
                progress.narrow(Course.RESTORING)
                why = why or ended
            why = self._look_at_clock(progress) or why
            one = progress.next_slice(self.plan.group.max_leg_imbalance.value)
            if one is None:
                return why
            self._note_apart(progress, one)
            why = self._send(progress, one) or why
            self._note_together(progress)

    def _look_at_clock(self, progress: Progress) -> str | None:
        """Count a pair that is out of balance for too long as one of which a leg failed: no leg goes ahead any more.

        A clock that went back says nothing of how long it was, so that it was too long is assumed.
        """
        now = self._now()
        went_back = self.looked is not None and now < self.looked
        self.looked, since = now, self.since.get(progress.bundle)
        if since is None or not progress.is_apart:
            return None
        seconds, most = (now - since).total_seconds(), self.plan.group.max_leg_imbalance.seconds
        if 0 <= seconds <= most and not went_back:
            return None
        progress.narrow(self._after_failure if self._after_failure is not Course.STOPPED else Course.REDUCING)
        why = f"its legs were apart for more than {most} s" if seconds > most else "the clock went back meanwhile"
        if progress.bundle not in self.overdue:
            self.overdue.add(progress.bundle)
            self._alert(progress, why)
        return why

    def _note_apart(self, progress: Progress, one: Slice) -> None:
        """Note that a slice is about to take the legs apart, before it goes."""
        if progress.bundle in self.since:
            return
        one.status = "unknown"
        is_apart, imbalance = progress.is_apart, progress.imbalance
        one.status = "waiting"
        if is_apart:
            now = self.since[progress.bundle] = self._now()
            figures = {"bundle": progress.bundle, "imbalance": plain(imbalance)}
            self._note(balancing(self.plan.group_plan_id, "unbalanced", now, **figures))
            self._tell("legs_apart", **figures)

    def _note_together(self, progress: Progress) -> None:
        if progress.bundle not in self.since or progress.is_apart:
            return
        del self.since[progress.bundle]
        self._note(balancing(self.plan.group_plan_id, "balanced", self._now(), bundle=progress.bundle))
        self._tell("legs_together", bundle=progress.bundle)

    def _send(self, progress: Progress, one: Slice) -> str | None:
        """Send a slice by its account's order protocol and take in what came of it; returns why it failed."""
        run = self.participants[one.account].going
        action = next(action for action in run.plan.actions if action.id == one.action)
        one.status = "unknown"  # whatever breaks from here on, it may be filled
        with telling_where_it_was_cut(run):
            run.do([action])
        outcome = run.outcomes.get(action.id)
        filled = None if outcome is None or outcome.resolution is None else outcome.resolution.filled
        if outcome is not None and outcome.status == "done":
            one.status, one.filled = "done", min(filled or Decimal(0), one.quantity)
            return None
        if outcome is not None and outcome.status == "needs_human":
            self.is_stuck = True
            progress.narrow(Course.STOPPED)
            return f"{action.symbol} at {one.account}: the outcome of an order is unknown"
        return self._failed(progress, one, action, outcome)

    def _failed(self, progress: Progress, one: Slice, action: Action, outcome: ActionOutcome | None) -> str:
        run = self.participants[one.account].going
        self._fail_leg(progress, one)
        said = outcome.reason if outcome is not None else None
        said = said or (f"the run stopped: {run.stop.value}" if run.stop is not None else "it was not sent")
        why = f"{action.symbol} at {one.account}: {said}"
        figures: dict[str, Any] = {"bundle": progress.bundle, "account": one.account, "place": one.place}
        if outcome is not None or run.stop not in _WAITS:
            self._note(moving(*self._step(self._standing, "leg_failed"), **figures, why=why))
        self._tell("leg_failed", **figures, symbol=action.symbol, course=progress.course.value, message=why)
        return why

    def _end_pair(self, progress: Progress, bundle: Bundle, why: str | None) -> None:
        end = _end_of(progress)
        if end is not BundleEnd.DONE and why is None:
            why = _NOT_FILLED if not progress.left else _OUT_OF_BOUND
        outcome = BundleOutcome(bundle.id, bundle.asset, end, progress.imbalance, why)
        self.ends[bundle.id] = outcome
        self._tell("bundle_ended", **outcome.to_document())
        if end in {BundleEnd.APART, BundleEnd.UNKNOWN} or (end is BundleEnd.PARTLY and not self.stopped()):
            self._alert(progress, why or "", None if progress.is_apart else "WARNING")

    # --- the end ---

    def _finish(self) -> GroupResult:
        """Verify every account and end its part, the leader's last; or leave all open, to be gone on with."""
        stays_open = self.is_stuck or any(one.going.exit_code in _STAYS_OPEN for one in self.participants.values())
        if not stays_open and self.stopped() and any(end.end is not BundleEnd.DONE for end in self.ends.values()):
            stays_open = True
        if not stays_open:
            self._note(moving(*self._step("ending", "ending")))
        results = {name: self._finish_one(name, is_used=not stays_open) for name in self._leader_last()}
        code = ExitCode.worst([*(result.exit_code for result in results.values()), self._code(is_open=stays_open)])
        ends = tuple(self.ends[bundle.id] for bundle in self.plan.bundles if bundle.id in self.ends)
        self._tell("group_finished", exit_code=code, is_open=stays_open)
        group = self.plan.group.name
        return GroupResult(group, self.plan.group_plan_id, code, {}, ends, results, is_open=stays_open)

    def _code(self, *, is_open: bool) -> ExitCode:
        ends = {end.end for end in self.ends.values()}
        if BundleEnd.UNKNOWN in ends:
            return ExitCode.UNKNOWN
        has_failed = BundleEnd.APART in ends or (BundleEnd.PARTLY in ends and not is_open)
        stopped = ExitCode.CANCELLED if is_open and self.stopped() else ExitCode.DONE
        return ExitCode.ACTION_FAILED if has_failed else stopped

    def _finish_one(self, name: str, *, is_used: bool) -> ApplyResult:
        one = self.participants[name]
        run = one.going
        if is_used:
            for action in run.plan.actions:
                run.outcomes.setdefault(action.id, _came_of(action, run.intents[action.id]))
        elif run.stop is None and self.stopped():
            run.stop = Stop.ASKED
        ended = moving(*self._step("ended", "ended")) if one is self.leader else _ended(self.plan, self._now())
        application = one.held.application(run.plan)
        with telling_where_it_was_cut(run):
            return application.finish(run, is_used=is_used, beside=ended if is_used else None)

    def _leader_last(self) -> list[str]:
        return [*(name for name in sorted(self.participants) if name != self.leader.id), self.leader.id]

    # --- what is told ---

    def _alert(self, progress: Progress, why: str, severity: str | None = None) -> None:
        """Raise the alert in every account of the pair: whoever looks at one of them has to know."""
        bundle = next(bundle for bundle in self.plan.bundles if bundle.id == progress.bundle)
        now = self._now()
        figures: dict[str, Any] = {
            "group": self.plan.group.name,
            "group_plan": self.plan.group_plan_id,
            "bundle": bundle.id,
            "asset": bundle.asset,
            "imbalance": plain(progress.imbalance),
            "quote": self.plan.group.quote,
            "reason": why,
        }
        if (since := self.since.get(progress.bundle)) is not None:
            figures["seconds"] = int((now - since).total_seconds())
        for name in sorted({leg.account for leg in bundle.legs}):
            account = self.participants[name].held.account
            with suppress(ExitplanError):  # the others are to be told all the same
                self.participants[name].going.tell(
                    "alert", account.store.raise_alert("LEGS_APART", now, figures, severity)
                )

    def _note(self, write: Beside) -> None:
        with telling_where_it_was_cut(self.leader.going):
            self.leader.held.journal.write_beside(write)

    def _step(self, standing: Standing, step: str) -> tuple[str, Standing, str, datetime]:
        return self.plan.group_plan_id, standing, step, self._now()

    def _tell(self, kind: str, **data: Any) -> None:  # noqa: ANN401 - figures of any kind
        self.hear(Event(kind, self._now(), {"group_plan_id": self.plan.group_plan_id, **data}))

    def _now(self) -> datetime:
        return self.leader.held.account.clock()

    @property
    def _after_failure(self) -> Course:
        return Course.after_failure(self.plan.group.on_leg_failure.then)

    @property
    def _tries(self) -> int:
        return self.plan.group.on_leg_failure.attempts


def _came_of(action: Action, intent: Intent) -> ActionOutcome:
    """Return what came of an action that this run did not come to."""
    if intent.status not in RESOLVED:
        return ActionOutcome(action, "skipped", message=_NOT_SENT)
    settled = Resolution(intent.status, intent.filled or Decimal(0), intent.order_id, intent.message)
    return ActionOutcome(action, intent.status, settled, "done by an earlier run")


def _ended(plan: GroupPlan, now: datetime) -> Beside:
    return moving(plan.group_plan_id, "ended", "ended", now)


def _end_of(progress: Progress) -> BundleEnd:
    if any(one.status == "unknown" for one in progress.slices):
        return BundleEnd.UNKNOWN
    if progress.is_complete:
        return BundleEnd.DONE
    if progress.is_apart:
        return BundleEnd.APART
    return BundleEnd.PARTLY if progress.is_begun else BundleEnd.NOT_BEGUN
