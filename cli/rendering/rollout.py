"""A rollout, drawn for a person and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.fleet.rollout.book import Rollout
from exitplan.fleet.rollout.stages import Standing
from exitplan.fleet.rollout.status import RolloutStatus
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.words import clock_time, counted, duration, percent

_HASH = 12
_STYLES = {
    Standing.RUNNING: "bold",
    Standing.PAUSED: "bold yellow",
    Standing.STOPPED: "bold red",
    Standing.DONE: "bold green",
    Standing.ABORTED: "bold",
}


def rollout_parts(status: RolloutStatus) -> Iterator[RenderableType]:
    """Draw how a rollout stands."""
    rollout = status.rollout
    of = f", {rollout.scope}" if rollout.scope else ""
    title = f"Rollout {rollout.number}: {rollout.name} {rollout.policy[:_HASH]}"
    said = words(f"{rollout.standing.value}{_why(rollout)}", _STYLES[rollout.standing])
    yield heading(title, f"{counted(rollout.accounts, 'account')}{of}").append("\n").append_text(said)
    table = rows("l", "l")
    for name, text in _facts(status):
        table.add_row(words(name), words(text))
    yield table
    if status.failing:
        troubled = rows("l", "l")
        for member in status.failing:
            troubled.add_row(words(member.account, "bold"), words(", ".join(sorted(member.new_troubles)), "red"))
        yield section("Failing since they moved", "", troubled)
    if status.left_alone:
        alone = rows("l", "l")
        for account, why in status.left_alone:
            alone.add_row(words(account, "bold"), words(why))
        yield section("Left alone", counted(status.left_number, "account"), alone)
    log = rows("l", "l", "l")
    for noted in status.log:
        log.add_row(
            words(clock_time(noted.at), "dim"),
            words(noted.who),
            words(": ".join(filter(None, [noted.what, noted.why]))),
        )
    yield section("Log", "", log)


def _why(rollout: Rollout) -> str:
    return f": {rollout.why}" if rollout.why else ""


def _facts(status: RolloutStatus) -> Iterator[tuple[str, str]]:
    rollout, counts = status.rollout, status.counts
    stages = ", ".join(
        f"[{percent(share)}]" if number == rollout.stage else percent(share)
        for number, share in enumerate(rollout.pace.stages)
    )
    yield "stages", f"{stages}: {counted(rollout.reach, 'account')}"
    if rollout.standing is Standing.RUNNING:
        left = duration(status.remaining.total_seconds())
        yield "hold", f"{left} of {duration(rollout.pace.hold.total_seconds())} left" if status.remaining else "over"
    back = f", {status.put_back:,} put back" if status.put_back else ""
    yield "moved", f"{counted(status.moved, 'account')}{back}"
    if not rollout.standing.is_over:
        yield "failing", f"{counts.failing:,} that did not before; {percent(rollout.pace.max_failures)} may"
        yield "not planned yet", f"{counts.unseen:,}"


def rollouts_table(rollouts: Sequence[Rollout]) -> RenderableType:
    """Draw rollouts, one a row, the newest first."""
    table = titled("rollout", "policy", "accounts", "stage", "standing", "started", justify="rlrrll")
    for one in rollouts:
        table.add_row(
            words(one.number, "bold"),
            words(f"{one.name} {one.policy[:_HASH]}"),
            words(f"{one.accounts:,}"),
            words(percent(one.pace.stages[one.stage])),
            words(f"{one.standing.value}{_why(one)}", _STYLES[one.standing]),
            words(clock_time(one.started_at)),
        )
    return table


def rollout_document(rollout: Rollout) -> dict[str, Any]:
    """Return a rollout in its JSON form."""
    return {
        "rollout": rollout.number,
        "policy": rollout.name,
        "policy_sha256": rollout.policy,
        "where": rollout.scope,
        "accounts": rollout.accounts,
        "standing": rollout.standing.value,
        "why": rollout.why,
        "stages": [
            {"share": plain(share), "accounts": rollout.reach_of(number)}
            for number, share in enumerate(rollout.pace.stages)
        ],
        "stage": rollout.stage,
        "hold_seconds": int(rollout.pace.hold.total_seconds()),
        "held_seconds": int(rollout.held.total_seconds()),
        "max_failures": plain(rollout.pace.max_failures),
        "started_at": time_text(rollout.started_at),
        "ended_at": None if rollout.ended_at is None else time_text(rollout.ended_at),
    }


def status_document(status: RolloutStatus) -> dict[str, Any]:
    """Return how a rollout stands in its JSON form."""
    return {
        **rollout_document(status.rollout),
        "moved": status.moved,
        "put_back": status.put_back,
        "failing": status.counts.failing,
        "not_planned_yet": status.counts.unseen,
        "failing_accounts": [
            {"account": member.account, "troubles": sorted(member.new_troubles)} for member in status.failing
        ],
        "left_alone": status.left_number,
        "left_alone_accounts": [{"account": account, "why": why} for account, why in status.left_alone],
        "log": [
            {"at": time_text(noted.at), "who": noted.who, "what": noted.what, "why": noted.why} for noted in status.log
        ],
    }
