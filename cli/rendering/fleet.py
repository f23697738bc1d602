"""A fleet, drawn: its workers, shards, accounts, and what waits for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time, counted, duration

if TYPE_CHECKING:
    from exitplan.fleet.pausing import FailingAccounts
    from exitplan.fleet.registry import FleetAccount
    from exitplan.fleet.status import FleetStatus, TickStatus, WorkerStatus

_HASH = 12
_STANDINGS = {"active": "green", "drained": "yellow", "dead": "bold red", "draining": "yellow", "lost": "bold red"}


def accounts_table(accounts: Sequence[FleetAccount]) -> Table:
    """Draw accounts, one a row."""
    table = titled("account", "venue", "quote", "policy", "shard", "egress", "tags", "standing", justify="llllrlll")
    for account in accounts:
        table.add_row(
            words(account.id, "bold"),
            words(account.venue),
            words(account.quote),
            words(account.policy_sha256[:_HASH]),
            words("-" if account.shard is None else account.shard),
            words(account.egress or "-"),
            words(" ".join(account.tags) or "-"),
            _standing(account.standing),
        )
    return table


def dead_table(accounts: Sequence[FleetAccount]) -> Table:
    """Draw accounts that were set aside, with why."""
    table = titled("account", "venue", "shard", "tries", "why", justify="llrrl")
    for account in accounts:
        shard = "-" if account.shard is None else account.shard
        table.add_row(
            words(account.id, "bold"),
            words(account.venue),
            words(shard),
            words(account.tries),
            words(account.why or "?"),
        )
    return table


def account_document(account: FleetAccount) -> dict[str, Any]:
    """Return an account of the registry in its JSON form; what its block says of options is left out."""
    return {
        "account": account.id,
        "venue": account.venue,
        "quote": account.quote,
        "policy": account.policy_sha256,
        "tags": list(account.tags),
        "egress": account.egress,
        "shard": account.shard,
        "standing": account.standing,
        "tries": account.tries,
        "why": account.why,
    }


def status_parts(status: FleetStatus) -> list[RenderableType | None]:
    """Draw how a fleet stands."""
    return [
        _workers(status.workers),
        _lanes(status),
        _drains(status),
        _tick(status.tick),
        _rollouts(status),
        _limits(status),
        _failing(status.failing),
        _accounts(status),
    ]


def _workers(workers: Sequence[WorkerStatus]) -> RenderableType:
    if not workers:
        return heading("Workers", "none at work; start one with: exitplan fleet worker")
    table = titled("worker", "host", "egress", "processes", "shards", "seen", "standing", justify="lllrrll")
    for worker in workers:
        table.add_row(
            words(worker.worker, "bold"),
            words(f"{worker.host}:{worker.pid}"),
            words(worker.egress or "-"),
            words(worker.processes),
            words(worker.shards),
            words(f"{duration(worker.silent_for)} ago"),
            _standing(worker.standing),
        )
    lost = sum(worker.standing == "lost" for worker in workers)
    note = f"{len(workers) - lost:,} at work" + (f"; {lost:,} lost, killed or cut off" if lost else "")
    return Group(heading("Workers", note), table)


def _lanes(status: FleetStatus) -> RenderableType:
    table = titled("venue", "egress", "shards", "accounts", "drained", "dead", justify="llrrrr")
    for lane in status.lanes:
        table.add_row(
            words(lane.venue, "bold"),
            words(lane.egress or "-"),
            *(words(f"{count:,}") for count in (lane.shards, lane.accounts)),
            words(f"{lane.drained:,}", "yellow" if lane.drained else ""),
            words(f"{lane.dead:,}", "bold red" if lane.dead else ""),
        )
    total = sum(lane.accounts for lane in status.lanes)
    if not total:
        return heading("Shards", "no accounts yet; take some in with: exitplan fleet import")
    note = f"{counted(total, 'account')} under {counted(status.policies, 'policy', 'policies')}"
    return Group(heading("Shards", note), table)


def _drains(status: FleetStatus) -> RenderableType | None:
    if not status.drains:
        return None
    table = rows("l", "l", "l")
    for drain in status.drains:
        table.add_row(
            words(f"{drain.kind} {drain.name}", "yellow"),
            words(f"by {drain.drained_by}, {clock_time(drain.drained_at)}"),
            words(drain.why),
        )
    return section("Drained", "gets no new cycle until: exitplan fleet drain --undo", table)


def _tick(tick: TickStatus | None) -> RenderableType | None:
    if tick is None:
        return None
    ended = f"ended {clock_time(tick.ended_at)}" if tick.ended_at else "under way"
    note = f"begun {clock_time(tick.begun_at)}, {ended}; {tick.done:,} of {counted(tick.shards, 'shard')} done"
    title = f"Tick {tick.tick}"
    return section(title, note, _tick_figures(tick.figures)) if tick.done else heading(title, note)


def _tick_figures(figures: Mapping[str, float]) -> Table:
    kinds = {name.removeprefix("rounds."): count for name, count in figures.items() if name.startswith("rounds.")}
    said = ", ".join(f"{count:,.0f} {kind}" for kind, count in sorted(kinds.items(), key=lambda entry: -entry[1]))
    lost = figures.get("lost", 0)
    shown = {
        "accounts": f"{figures.get('accounts', 0):,.0f}",
        "rounds": said,
        "orders": f"{figures.get('orders', 0):,.0f}",
        "left to the next": f"{lost:,.0f}, which somebody else was at" if lost else "",
        "work": f"{figures.get('seconds', 0):,.1f} seconds, of all processes together",
    }
    table = rows("l", "l")
    for name, text in shown.items():
        if text:
            table.add_row(words(name), words(text))
    return table


def _rollouts(status: FleetStatus) -> RenderableType | None:
    if not status.rollouts:
        return None
    from exitplan.cli.rendering.rollout import rollouts_table  # noqa: PLC0415 - accounts are drawn without the driver

    return Group(heading("Rollouts", "exitplan fleet rollout status shows more"), rollouts_table(status.rollouts))


def _limits(status: FleetStatus) -> RenderableType | None:
    if not status.limits:
        return None
    table = titled("host", "counts by", "resting", "for", "lowest", "allowed", justify="lrrlrr")
    for limit in status.limits:
        table.add_row(
            words(limit.host, "bold"),
            words(f"{limit.buckets:,}"),
            words(f"{limit.resting:,}", "yellow" if limit.resting else ""),
            words(duration(limit.rest_seconds) if limit.resting else "-"),
            words(f"{limit.lowest:,.1f}"),
            words(f"{limit.granted:.0%}", "yellow" if limit.granted < 1 else ""),
        )
    return Group(heading("Limits", "what venues have left for keys and addresses"), table)


def _failing(failing: FailingAccounts) -> RenderableType | None:
    if not failing.count:
        return None
    table = titled("account", "in a row", "next try", "cause", justify="lrll")
    for one in failing.worst:
        after = "next tick" if one.pauses_until is None else f"after {clock_time(one.pauses_until)}"
        table.add_row(words(one.account, "bold"), words(f"{one.failures:,}"), words(after), words(one.cause))
    more = failing.count - len(failing.worst)
    pausing = f"; {failing.pausing:,} of them {'pauses' if failing.pausing == 1 else 'pause'} between tries"
    note = f"{failing.count:,}{pausing if failing.pausing else ''}{f'; {more:,} more are not shown' if more else ''}"
    return Group(heading("Rounds that fail", note), table)


def _accounts(status: FleetStatus) -> RenderableType | None:
    table = rows("l", "r", "l")
    for state, count in status.states.items():
        table.add_row(words(state.replace("_", " ")), words(f"{count:,}"), "")
    for name, count, hint in (
        ("in no shard", status.unplaced, "exitplan fleet rebalance"),
        ("plans that wait", status.waiting, "exitplan pending"),
        ("incidents", status.incidents, "exitplan incidents"),
        ("halts", status.halted, "exitplan resume, or exitplan resume --account ID"),
    ):
        if count:
            table.add_row(words(name), words(f"{count:,}"), words(hint, "dim"))
    return section("Accounts", "by their last run", table) if table.row_count else None


def _standing(word: str) -> Text:
    return words(word, _STANDINGS.get(word, ""))


def status_document(status: FleetStatus) -> dict[str, Any]:
    """Return how a fleet stands in its JSON form."""
    from exitplan.cli.rendering.rollout import rollout_document  # noqa: PLC0415 - as above

    tick = status.tick
    return {
        "workers": [
            {**asdict(worker), "started_at": time_text(worker.started_at), "silent_for": round(worker.silent_for, 3)}
            for worker in status.workers
        ],
        "lanes": [asdict(lane) for lane in status.lanes],
        "drains": [{**asdict(drain), "drained_at": time_text(drain.drained_at)} for drain in status.drains],
        "policies": status.policies,
        "unplaced": status.unplaced,
        "tick": None
        if tick is None
        else {
            **asdict(tick),
            "begun_at": time_text(tick.begun_at),
            "ended_at": None if tick.ended_at is None else time_text(tick.ended_at),
            "figures": dict(tick.figures),
        },
        "rollouts": [rollout_document(rollout) for rollout in status.rollouts],
        "limits": [asdict(limit) for limit in status.limits],
        "states": dict(status.states),
        "waiting": status.waiting,
        "halted": status.halted,
        "incidents": status.incidents,
        "failing": {
            "accounts": status.failing.count,
            "pausing": status.failing.pausing,
            "worst": [
                {**asdict(one), "pauses_until": None if one.pauses_until is None else time_text(one.pauses_until)}
                for one in status.failing.worst
            ],
        },
    }
