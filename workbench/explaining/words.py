"""What an explanation says in words, whoever draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitplan.ruleset.model.records import read_record
from exitplan.ruleset.planning.actions import Action, Blocked
from exitplan.ruleset.planning.words import blocked_text, clock_time, counted, exact, money, percent


def cap_text(cap: Mapping[str, Any]) -> str:
    """Say what the cap does with a position."""
    said = f"{counted(cap['counted'], 'position')} counted, {cap['max_positions']:,} allowed"
    if cap["waits"]:
        return f"{said}; it waits while the venue cannot be asked for a price"
    if not cap["excess"]:
        return f"{said}; nothing is chosen"
    order = ", then ".join(name for name in cap["rank_by"])
    who = "legacy positions first, then aligned ones" if cap["scope"] == "all" else "legacy positions only"
    mine = "this one is chosen" if cap["over_cap"] else "this one is not"
    return f"{said}; {cap['chosen']:,} chosen ({who}, each by {order}); {mine}"


def outcomes_note(outcomes: Mapping[str, Any]) -> str:
    """Say what the figures of schedules are made of, and what they leave out."""
    said = ["Impact is the share of what selling at once has"]
    if outcomes["volatility"] is None:
        said.append("the deviation is unknown, as the volatility is")
    else:
        source = "" if outcomes["volatility_is_known"] else ", the reference, for none could be read"
        said.append(f"a day moves {percent(outcomes['volatility'])}{source}")
        said.append(f"cycles are {outcomes['cycle_minutes']} minutes apart")
    if outcomes["not_counted"]:
        said.append(f"not counted, as unknown: {', '.join(outcomes['not_counted'])}")
    return f"{'; '.join(said)}."


def planned_lines(position: Mapping[str, Any]) -> list[str]:
    """Say what the plan does with a position."""
    said = []
    if position["protected"]:
        entry = position["protection"] or {}
        until = f" until {clock_time(entry['until'])}" if entry.get("until") else ""
        said.append(f"protected{until}: {entry.get('reason') or 'no reason given'}; it is never touched")
    for action in position["actions"]:
        value = "" if action["kind"] in {"cancel_order", "adopt"} else f", ~ {money(action['est_value'])}"
        fee = read_record(Action, action).est_fee
        costs = "" if fee is None else f", fee ~ {money(fee)}"
        what = f"{action['kind'].replace('_', ' ')} {action['side']} {exact(action['quantity'])}"
        said.append(f"{what}{value}{costs}: {action['because']}")
    for blocked in position["blocked"]:
        alert = "; an alert is raised" if blocked["escalate"] else ""
        said.append(f"{blocked['rule']} is blocked: {blocked_text(read_record(Blocked, blocked))}{alert}")
    step = position["unwind"] or {}
    if step.get("counts"):
        said.append(f"cycle {step['cycle']} of {step['cycles']} counts; nothing is sent")
    return said or ["nothing is done with it"]
