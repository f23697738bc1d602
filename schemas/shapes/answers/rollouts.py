"""The shapes of what ``exitplan fleet plan`` and ``exitplan fleet rollout`` print with ``--json``."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import OBJECT, answer, whole
from exitplan.schemas.shapes.common import Schema, amount, figure, listed, moment, name, one_of, record, sha256, text

_STANDINGS = {
    "running": "it goes on with each tick.",
    "paused": "a person has paused it.",
    "stopped": "it has stopped by itself.",
    "done": "all stages were held.",
    "aborted": "a person has ended it.",
}
_REASONS = {
    "no-snapshot": "none is kept.",
    "too-old": "it is too old.",
    "unreadable": "snapshot, state or policy cannot be used.",
    "engine-failed": "the rule engine failed.",
}


def _sold(about: str) -> Schema:
    properties = {
        "value": figure("What would be sold, in quote; of a plan that a guard refuses nothing."),
        "unvalued": whole("How many sales nobody can value."),
    }
    return record(properties, tuple(properties), about=about, extra=True)


def _account() -> Schema:
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": name("Its quote currency."),
        "old_sha256": sha256("The hash of its policy."),
        "new_sha256": sha256("The hash of the policy that it would get."),
        "sold_before": _sold("Under its policy."),
        "sold_after": _sold("Under the new one."),
        "positions": listed(OBJECT, "The positions that are treated otherwise, as `compare` has them."),
        "orders": listed(OBJECT, "The orders that only one of them cancels."),
        "actions": listed(OBJECT, "The actions that only one plan has, or that differ."),
        "refused_before": listed(text(), "The guards that refuse the plan under its policy."),
        "refused_after": listed(text(), "The guards that refuse it under the new one."),
        "state_before": text("How it stands under its policy."),
        "state_after": text("How it stands under the new one."),
    }
    return record(properties, tuple(properties), extra=True)


def fleet_plan_schema() -> Schema:
    """Describe what ``exitplan fleet plan --json`` prints."""
    act = {
        "kind": text("The kind of action."),
        "rule": text("The rule that it comes from."),
        "added": whole("How many only the new plans have."),
        "removed": whole("How many only the old ones have."),
        "altered": whole("How many differ in quantity or price."),
    }
    state = {
        "before": text("How accounts stand under their policies."),
        "after": text("And under the new one."),
        "accounts": whole("How many do."),
    }
    sold = record({"before": _sold("Now."), "after": _sold("Then.")}, ("before", "after"))
    unknown = {
        "account": name("The account."),
        "reason": one_of(_REASONS, "Why nobody can tell:"),
        "message": text("What was said of it."),
    }
    properties = {
        "policy": text("The new policy."),
        "policy_sha256": sha256("Its hash, as it is written."),
        "where": text("Which accounts; empty for all."),
        "max_age_seconds": whole("How old a snapshot may be."),
        "accounts": whole("How many accounts are meant."),
        "planned": whole("How many were planned under both policies."),
        "already": whole("How many have the policy already."),
        "changed": whole("For how many anything changes."),
        "changed_positions": whole("How many positions are treated otherwise."),
        "newly_refused": whole("How many plans a guard would refuse that it lets through now."),
        "unknown": {**OBJECT, "description": "Of how many nobody can tell, by why."},
        "actions": listed(record(act, tuple(act)), "What changes, by kind and rule."),
        "sold": {**OBJECT, "additionalProperties": sold, "description": "What would be sold, by quote."},
        "states": listed(record(state, tuple(state)), "How the planned accounts stand."),
        "refused_before": {**OBJECT, "description": "How many plans each guard refuses now."},
        "refused_after": {**OBJECT, "description": "And under the new policy."},
        "largest": listed(_account(), "The accounts where most changes, the first first."),
        "unknown_accounts": listed(record(unknown, tuple(unknown)), "Some of whom nobody can tell."),
    }
    return answer("fleet-plan", "Forecast", "What another policy would change in a fleet.", properties)


def _rollout() -> dict[str, Schema]:
    stage = {"share": amount("Its share.", optional=False), "accounts": whole("How many accounts it reaches.")}
    return {
        "rollout": whole("Its number."),
        "policy": text("The new policy."),
        "policy_sha256": sha256("Its hash, as it is written."),
        "where": text("Which accounts; empty for all."),
        "accounts": whole("How many accounts are in it."),
        "standing": one_of(_STANDINGS, "How it stands:"),
        "why": text("Why it stands so, or waits."),
        "stages": listed(record(stage, tuple(stage)), "Its stages."),
        "stage": whole("The number of the stage, from 0."),
        "hold_seconds": whole("How long a stage is held."),
        "held_seconds": whole("How long this one was held."),
        "max_failures": amount("The share of moved accounts that may fail anew.", optional=False),
        "started_at": moment("When it was started.", optional=False),
        "ended_at": moment("When it was done or aborted; null before."),
    }


def rollout_shape() -> Schema:
    """Describe a rollout in a list of them."""
    one = _rollout()
    return record(one, tuple(one), extra=True)


def fleet_rollout_schema() -> Schema:
    """Describe what the verbs of ``exitplan fleet rollout`` print with ``--json``."""
    noted = {
        "at": moment("When.", optional=False),
        "who": text("By whom; exitplan itself where no person decided."),
        "what": text("What was done."),
        "why": text("Why."),
    }
    failing = {"account": name("The account."), "troubles": listed(text(), "What is wrong that was not before.")}
    left = {"account": name("The account."), "why": text("Why.")}
    properties = {
        **_rollout(),
        "moved": whole("How many accounts got the new policy."),
        "put_back": whole("How many of them have the old one back."),
        "failing": whole("How many fail that did not before they moved."),
        "not_planned_yet": whole("How many were not planned since they moved."),
        "failing_accounts": listed(record(failing, tuple(failing)), "Some that fail."),
        "left_alone": whole("How many were left alone."),
        "left_alone_accounts": listed(record(left, tuple(left)), "Some that were left alone."),
        "log": listed(record(noted, tuple(noted)), "What was done with it, the oldest first."),
    }
    return answer("fleet-rollout", "Rollout", "How a rollout stands.", properties)


def fleet_rollouts_schema() -> Schema:
    """Describe what ``exitplan fleet rollout status --all --json`` prints."""
    properties = {"rollouts": listed(rollout_shape(), "All rollouts, the newest first.")}
    return answer("fleet-rollouts", "Rollouts", "The rollouts of a fleet.", properties)
