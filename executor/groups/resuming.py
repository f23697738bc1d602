"""Find a group's plan that was not carried out to its end, and go on with it, or bring it to an end.

Before the leader's journal says that it goes, nothing was sent. After that every order that may have been sent is
resolved with its venue first, and no leg goes ahead once the plan has expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.apply import Prepared, read_for
from exitplan.executor.apply.judging import judge_plan
from exitplan.executor.apply.staleness import ensure_applicable, is_expired
from exitplan.executor.groups.participants import Held, Participant
from exitplan.executor.groups.preparing import Ready, ensure_all_signed
from exitplan.executor.groups.refusals import NotPrepared, of_each
from exitplan.executor.groups.saga import Past
from exitplan.executor.groups.slicing import ensure_cut_from
from exitplan.executor.store.group_rows import (
    GroupRow,
    GroupStep,
    group_run,
    group_steps,
    moving,
    open_group_run,
    out_of_balance,
)
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.groups.group_plan import GroupPlan
from exitplan.ruleset.groups.redecision import orders_of
from exitplan.ruleset.groups.writing import read_group_plan
from exitplan.ruleset.model.values import EXACT
from exitplan.ruleset.planning.plan import read_plan

_NOBODY_KNOWS = "How far apart its legs are, nobody knows: look at what the venues hold."


@dataclass(frozen=True, slots=True)
class Begun:
    """A group's plan that was begun: whole, as the leader's journal has it."""

    row: GroupRow
    plan: GroupPlan
    steps: tuple[GroupStep, ...]

    @property
    def prices(self) -> dict[str, Decimal]:
        """The prices of its pairs as it was begun."""
        return {name: Decimal(price) for name, price in self._going.get("prices", {}).items()}

    @property
    def left_out(self) -> Mapping[str, str]:
        """The bundles of which nothing is sent, and why."""
        told: Mapping[str, str] = self._going.get("left_out", {})
        return told

    @property
    def signatures(self) -> str:
        """The signatures that the plan was begun with."""
        return str(self._going.get("signatures", ""))

    @property
    def failed(self) -> frozenset[tuple[str, str, int]]:
        """The legs that have failed."""
        steps = [step.figures for step in self.steps if step.step == "leg_failed"]
        return frozenset((step["bundle"], step["account"], int(step["place"])) for step in steps)

    @property
    def apart(self) -> Mapping[str, GroupStep]:
        """The pairs that are out of balance, each with the step that says so."""
        return out_of_balance(self.steps)

    @property
    def _going(self) -> Mapping[str, Any]:
        return next((step.figures for step in self.steps if step.step == "going"), {})


@dataclass(frozen=True, slots=True)
class Over:
    """Why nothing more of a plan is sent, and what that comes to."""

    why: str
    code: ExitCode = ExitCode.DONE


def find_open(accounts: Mapping[str, Account]) -> GroupRow | None:
    """Look, without any lease, for a group's plan that one of the accounts takes part in and that has not ended."""
    for name in sorted(accounts):
        account = accounts[name]
        if not account.store.has_journal():
            account.store.ensure_journal()
            continue
        with account.store.open_journal() as journal:
            row = open_group_run(journal)
        if row is not None:
            return row
    return None


def begun_in(held: Mapping[str, Held]) -> Begun | GroupRow | None:
    """Return the plan that was begun in accounts whose leases are held; None where there is none.

    Where its leader's journal was put back from a backup that does not know it, only what another account knows of it
    is left. Raises NotPrepared where that journal is an older one, UsageError where not all of its accounts are held.
    """
    row = next((row for one in held.values() if (row := open_group_run(one.journal)) is not None), None)
    if row is None:
        return None
    _ensure_held(row, {row.leader}, held)
    leading = group_run(held[row.leader].journal, row.group_plan)
    if leading is None or leading.document is None:
        _ensure_newest({row.leader}, held)
        return row
    plan = read_group_plan(leading.document)
    _ensure_held(row, set(plan.accounts), held)
    return Begun(leading, plan, tuple(group_steps(held[row.leader].journal, row.group_plan)))


def _ensure_held(row: GroupRow, names: set[str], held: Mapping[str, Held]) -> None:
    missing = sorted(names - set(held))
    if missing:
        raise UsageError(
            f"the plan {row.group_plan} of the group {row.group_name} was not carried out to its end, and"
            f" {', '.join(missing)} is not in the group any more",
            hint=f"put it back into the group (group: {row.group_name}) until that plan has ended",
        )


def _ensure_newest(names: Iterable[str], held: Mapping[str, Held]) -> None:
    """Raise NotPrepared where a journal is an older one that nobody has put back with ``exitplan restore``.

    With the newest one in its place the plan can go on.
    """

    def ensure(name: str) -> None:
        account, journal = held[name].account, held[name].journal
        account.store.load_state(journal)
        account.store.ensure_newest_traded(account.identity, journal.mark())

    of_each(dict.fromkeys(names), ensure)


def what_ended(begun: Begun, held: Mapping[str, Held]) -> Over | None:
    """Say why nothing more may be sent: nothing was yet, all was, or a journal was put back; None where it goes on.

    Raises NotPrepared where a journal does not know the plan, since it is an older one.
    """
    standing = begun.row.standing
    if standing == "preparing":
        return Over("Nothing of it had been sent; it has ended.")
    if standing == "ending":
        return Over("Nothing of it was left to be sent; it has ended.")
    if standing == "ended":  # the leader ends last, unless it comes out of a backup
        return Over(f"{_put_back([begun.row.leader])} {_NOBODY_KNOWS}", ExitCode.UNKNOWN)
    rows = {name: group_run(held[name].journal, begun.row.group_plan) for name in begun.plan.accounts}
    _ensure_newest([name for name, row in rows.items() if row is None], held)
    put_back = [name for name, row in rows.items() if row is None or not row.is_open]
    return Over(_put_back(put_back), ExitCode.PENDING) if put_back else None


def _put_back(names: Sequence[str]) -> str:
    whose = f"{'journal' if len(names) == 1 else 'journals'} of {', '.join(names)}"
    return f"It has ended, and nothing more of it is sent: the {whose} came out of a backup. Plan the group anew."


def end_without_leader(row: GroupRow, held: Mapping[str, Held]) -> Over:
    """End a plan that its leader's journal does not know, in all that do; returns what is known of it then.

    Raises OutcomeUnknown where what may have been sent cannot be resolved.
    """
    _end_in([name for name in sorted(held) if name != row.leader], row.group_plan, held)
    return Over(f"{_put_back([row.leader])} {_NOBODY_KNOWS}", ExitCode.UNKNOWN)


def end_without_sending(begun: Begun, held: Mapping[str, Held], over: Over) -> None:
    """End a plan in all journals that have it, the leader's last, once what may have been sent is resolved.

    Raises OutcomeUnknown where that cannot be.
    """
    leader = begun.row.leader
    died, put_back = "its process died before it had ended", "a journal was put back while the plan was carried out"
    for step in begun.apart.values():
        _tell_apart(begun, step, held, put_back if over.code else died)
    others = [name for name in sorted(begun.plan.accounts) if name != leader]
    _end_in([*others, leader], begun.row.group_plan, held)


def _end_in(names: Iterable[str], group_plan: str, held: Mapping[str, Held]) -> None:
    for name in names:
        one = held[name]
        row = group_run(one.journal, group_plan)
        if row is None or not row.is_open:
            continue
        one.application(read_plan(one.journal.plan_document(row.plan_id))).settle_earlier(one.reconciler)
        now = one.account.clock()
        one.journal.end_plan(row.plan_id, now, moving(group_plan, "ended", "ended", now))


def made_ready(begun: Begun, held: Mapping[str, Held], signatures: str = "") -> tuple[Ready, Past]:
    """Resolve what was sent, read all accounts anew and judge what is left of the plan; raises NotPrepared.

    The signatures that it was begun with have to hold still, or together with those that are given now. Where that
    cannot be done although a pair has been out of balance for too long, an alert says so.
    """
    try:
        accounts = {name: held[name].account for name in begun.plan.accounts}
        ensure_all_signed(begun.plan, accounts, f"{begun.signatures}\n{signatures}")
        with localcontext(EXACT):
            return _made_ready(begun, {name: held[name] for name in begun.plan.accounts})
    except NotPrepared as refused:
        _tell_overdue(begun, held, refused)
        raise


def _made_ready(begun: Begun, held: Mapping[str, Held]) -> tuple[Ready, Past]:
    participants = of_each(held, lambda name: _participant(begun, held[name]))
    unable = frozenset(name for name, one in participants.items() if not _is_able(begun, one))
    is_over = any(
        is_expired(one.plan, one.held.account.rulebook.policy, one.held.account.clock())
        for one in participants.values()
    )
    is_winding = begun.row.standing == "winding" or is_over or bool(unable)
    past = Past({name: step.at for name, step in begun.apart.items()}, begun.failed, is_winding, unable)
    return Ready(participants, begun.prices, begun.left_out, signatures=begun.signatures), past


def _participant(begun: Begun, one: Held) -> Participant:
    account, journal = one.account, one.journal
    row = group_run(journal, begun.row.group_plan)
    assert row is not None  # noqa: S101 - where a journal does not know the plan, it is over
    plan = read_plan(journal.plan_document(row.plan_id))
    ensure_cut_from(begun.plan.accounts[account.id], plan)
    state, intents, is_resumed = one.application(plan).settle_earlier(one.reconciler)
    orders = orders_of(begun.plan, account.id)
    state, seen = read_for(account, plan, journal, state)
    judged = judge_plan(plan, account.rulebook, seen, state.progress, intents, orders)
    return Participant(one, plan, Prepared(state, judged, intents, is_resumed), orders)


def _is_able(begun: Begun, one: Participant) -> bool:
    """Check whether an account can go on: its policy is still the plan's, and no guard is in the way."""
    try:
        ensure_applicable(one.held.account, one.plan, begun.plan.group.sha256)
    except ExitplanError:
        return False
    return True


def _tell_overdue(begun: Begun, held: Mapping[str, Held], refused: NotPrepared) -> None:
    now, most = held[begun.row.leader].account.clock(), begun.plan.group.max_leg_imbalance.seconds
    for step in begun.apart.values():
        if not 0 <= (now - step.at).total_seconds() <= most:
            _tell_apart(begun, step, held, str(refused))


def _tell_apart(begun: Begun, step: GroupStep, held: Mapping[str, Held], why: str) -> None:
    """Raise the alert of a pair that was out of balance when its process died, as the leader's journal knows it."""
    leader, group = held[begun.row.leader].account, begun.plan.group
    bundle = next(bundle for bundle in begun.plan.bundles if bundle.id == step.figures["bundle"])
    now = leader.clock()
    figures: dict[str, Any] = {
        "group": group.name,
        "group_plan": begun.row.group_plan,
        "bundle": bundle.id,
        "asset": bundle.asset,
        "imbalance": step.figures["imbalance"],
        "quote": group.quote,
        "reason": why,
        "seconds": int((now - step.at).total_seconds()),
    }
    leader.store.raise_alert("LEGS_APART", now, figures)
