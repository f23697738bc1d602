"""What a new policy would change in a fleet, drawn for a person and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich.console import RenderableType

from exitplan.cli.rendering.compare import change_document
from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.fleet.rollout.forecast import UNKNOWN, AccountForecast, Forecast, Tally
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.values import plain
from exitplan.ruleset.planning.words import counted, duration, money
from exitplan.workbench.comparing.drafts import Sold

_HASH = 12


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A forecast, with the policy that it is about, which accounts, and how old their snapshots may be."""

    policy: Policy
    scope: str
    max_age: timedelta
    forecast: Forecast


def foreseen_parts(foreseen: Foreseen) -> Iterator[RenderableType]:
    """Draw a forecast, section by section; what does not change is left out."""
    tally, policy = foreseen.forecast.tally, foreseen.policy
    of = f" where {foreseen.scope}" if foreseen.scope else ""
    style = "bold yellow" if tally.is_change else "bold green"
    yield heading(f"{policy.name} {policy.sha256[:_HASH]}").append("\n").append_text(words(verdict(tally, of), style))
    if tally.added or tally.removed or tally.altered:
        yield section("Actions", "of all plans together", _actions_table(tally))
    if any(sold.before != sold.after for sold in tally.sold.values()):
        yield section("Sold", "by plans that no guard refuses", _sold_table(tally))
    moved = {pair: number for pair, number in tally.states.items() if pair[0] != pair[1]}
    if moved:
        table = rows("l", "r")
        for (before, after), number in sorted(moved.items()):
            table.add_row(words(f"{before} -> {after}"), words(counted(number, "account")))
        yield section("States", "how accounts stand, before anything is done", table)
    if tally.refused_before != tally.refused_after:
        yield section("Guards that refuse", "", _guards_table(tally))
    largest = list(foreseen.forecast.largest)
    if largest:
        yield section("Most changes", "--out FILE writes all of them", _largest_table(largest))
    if tally.unknown:
        note = f"snapshots older than {duration(foreseen.max_age.total_seconds())} are not planned from"
        yield section("Nobody can tell", note, _unknown_table(foreseen.forecast), style="bold yellow")


def verdict(tally: Tally, of: str = "") -> str:
    """Say in a sentence what changes."""
    said = f"{counted(tally.accounts, 'account')}{of}"
    if tally.already:
        said += f", {tally.already:,} under this policy already"
    changes = [f"{tally.changed:,} of {tally.planned:,} planned change"] if tally.changed else []
    if tally.newly_refused:
        changes[-1] += f", {tally.newly_refused:,} newly refused by a guard"
    if tally.unknown:
        others = "" if changes or not tally.planned else f"nothing changes for {tally.planned:,}, "
        changes.append(f"{others}of {tally.unknown.total():,} nobody can tell")
    return f"{said}: {'; '.join(changes) or 'nothing changes'}."


def _actions_table(tally: Tally) -> RenderableType:
    table = titled("action", "rule", "added", "removed", "altered", justify="llrrr")
    for kind, rule in sorted({*tally.added, *tally.removed, *tally.altered}):
        numbers = [one[kind, rule] for one in (tally.added, tally.removed, tally.altered)]
        table.add_row(words(kind), words(rule), *(words(f"{number:,}" if number else "") for number in numbers))
    return table


def _sold_table(tally: Tally) -> RenderableType:
    table = titled("", "before", "after", "difference", justify="lrrr")
    for quote, sold in sorted(tally.sold.items()):
        table.add_row(words(quote), words(_sold(sold.before)), words(_sold(sold.after)), words(money(sold.more)))
    return table


def _sold(sold: Sold) -> str:
    unvalued = f" and {counted(sold.unvalued, 'sale')} of unknown value" if sold.unvalued else ""
    return f"{money(sold.value)}{unvalued}"


def _guards_table(tally: Tally) -> RenderableType:
    table = rows("l", "l")
    for guard in sorted({*tally.refused_before, *tally.refused_after}):
        before, after = tally.refused_before[guard], tally.refused_after[guard]
        table.add_row(words(guard), words(f"{before:,} -> {counted(after, 'account')}"))
    return table


def _largest_table(largest: list[AccountForecast]) -> RenderableType:
    table = titled("account", "venue", "actions", "positions", "sold", "state", "refused by", justify="llrrrll")
    for one in largest:
        change = one.change
        (before, after), (was, becomes) = change.sold, change.states
        table.add_row(
            words(change.account, "bold"),
            words(one.venue),
            words(len(change.actions)),
            words(len(change.positions)),
            words(f"{money(before.value)} -> {money(after.value, change.quote)}"),
            words(was.value if was is becomes else f"{was.value} -> {becomes.value}"),
            words(", ".join(change.guards[1]) or "-", "red" if change.is_newly_refused else ""),
        )
    return table


def _unknown_table(forecast: Forecast) -> RenderableType:
    table = rows("r", "l", "l")
    for reason, number in sorted(forecast.tally.unknown.items()):
        named = [one for one in forecast.unknown if one.reason == reason]
        such = ", ".join(one.account for one in named[:5])
        said = next((f" ({one.message})" for one in named if one.message), "")
        table.add_row(
            words(f"{number:,}"), words(UNKNOWN[reason]), words(f"such as {such}{said}" if such else "", "dim")
        )
    return table


# --- JSON ---


def foreseen_document(foreseen: Foreseen) -> dict[str, Any]:
    """Return a forecast in its JSON form."""
    forecast = foreseen.forecast
    tally = forecast.tally
    return {
        "policy": foreseen.policy.name,
        "policy_sha256": foreseen.policy.sha256,
        "where": foreseen.scope,
        "max_age_seconds": int(foreseen.max_age.total_seconds()),
        "accounts": tally.accounts,
        "planned": tally.planned,
        "already": tally.already,
        "changed": tally.changed,
        "changed_positions": tally.positions,
        "newly_refused": tally.newly_refused,
        "unknown": {reason: tally.unknown[reason] for reason in UNKNOWN},
        "actions": [
            {"kind": kind, "rule": rule, "added": added, "removed": removed, "altered": altered}
            for (kind, rule), added, removed, altered in _actions(tally)
        ],
        "sold": {
            quote: {"before": _sold_document(sold.before), "after": _sold_document(sold.after)}
            for quote, sold in sorted(tally.sold.items())
        },
        "states": [
            {"before": before, "after": after, "accounts": number}
            for (before, after), number in sorted(tally.states.items())
        ],
        "refused_before": _sorted(tally.refused_before),
        "refused_after": _sorted(tally.refused_after),
        "largest": [account_document(one) for one in forecast.largest],
        "unknown_accounts": [
            {"account": one.account, "reason": one.reason, "message": one.message} for one in forecast.unknown
        ],
    }


def account_document(one: AccountForecast) -> dict[str, Any]:
    """Return what changes for one account in its JSON form, which is also a line of ``--out``."""
    before, after = one.change.sold
    return {
        "venue": one.venue,
        "quote": one.change.quote,
        "old_sha256": one.old,
        "new_sha256": one.new,
        "sold_before": _sold_document(before),
        "sold_after": _sold_document(after),
        **change_document(one.change),
    }


def _actions(tally: Tally) -> Iterator[tuple[tuple[str, str], int, int, int]]:
    for key in sorted({*tally.added, *tally.removed, *tally.altered}):
        yield key, tally.added[key], tally.removed[key], tally.altered[key]


def _sold_document(sold: Sold) -> Mapping[str, Any]:
    return {"value": plain(sold.value), "unvalued": sold.unvalued}


def _sorted(numbers: Counter[str]) -> dict[str, int]:
    return dict(sorted(numbers.items()))
