"""The shapes of what the verbs of ``exitplan fleet`` print with ``--json``."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import OBJECT, answer, whole
from exitplan.schemas.shapes.answers.rollouts import rollout_shape
from exitplan.schemas.shapes.common import Schema, flag, keyed, listed, moment, name, one_of, record, sha256, text

_WORKER_STANDINGS = {
    "active": "",
    "draining": "it takes no new shard",
    "lost": "it was not heard of for 15 seconds: it was killed, or is cut off; others take its shards",
}
_STANDINGS = {
    "active": "it gets cycles.",
    "drained": "somebody wants it to get none.",
    "dead": "it was set aside after a process died or hung twice with it in hand.",
}
_SECONDS: Schema = {"type": "number", "description": "How many seconds ago it was seen."}


def _account() -> Schema:
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": name("Its quote currency."),
        "policy": sha256("The hash of the policy that it is under."),
        "tags": listed(text(), "The words to find it by."),
        "egress": text("The egress that its requests leave by; empty for any."),
        "shard": {"type": ["integer", "null"], "description": "Its shard; null if it is in none yet."},
        "standing": one_of(_STANDINGS, "Whether it gets cycles:"),
        "tries": whole("How often a process has died or hung with it in hand."),
        "why": text("Why it is drained or dead; null otherwise.", optional=True),
    }
    return record(properties, tuple(properties), extra=True)


def fleet_accounts_schema() -> Schema:
    """Describe what ``exitplan fleet accounts --json`` prints."""
    properties = {"accounts": listed(_account(), "The accounts, by id.")}
    return answer("fleet-accounts", "Accounts of a fleet", "The accounts of a fleet.", properties)


def fleet_dead_schema() -> Schema:
    """Describe what ``exitplan fleet dead --json`` prints."""
    properties = {
        "revived": listed(text(), "The accounts that have cycles again."),
        "dead": listed(_account(), "The accounts that are set aside."),
    }
    return answer("fleet-dead", "Accounts set aside", "The accounts of a fleet that were set aside.", properties)


def fleet_import_schema() -> Schema:
    """Describe what ``exitplan fleet import --json`` prints."""
    properties = {
        "imported": flag("Whether the registry has taken them in.", optional=False),
        "added": whole("How many accounts are new."),
        "changed": whole("How many differed from what was there."),
        "unchanged": whole("How many did not."),
        "policies": whole("How many different policies they are under."),
        "shards_opened": whole("How many shards were opened for them."),
        "problems": listed(OBJECT, "What is wrong in the files, each like an `error`."),
        "warnings": listed(text(), "What is worth a look."),
    }
    return answer("fleet-import", "Import", "What importing account files came to.", properties)


def fleet_moves_schema() -> Schema:
    """Describe what ``exitplan fleet rebalance --json`` prints."""
    properties = {
        "dry_run": flag("Whether nothing was moved.", optional=False),
        "moved": whole("How many accounts go to another shard."),
        "opened": whole("How many shards are opened."),
        "shards": whole("How many shards have accounts to work on."),
    }
    return answer("fleet-moves", "Rebalanced shards", "What rebalancing the shards came to.", properties)


def fleet_prune_schema() -> Schema:
    """Describe what ``exitplan fleet prune --json`` prints."""
    properties = {
        "dry_run": flag("Whether nothing was changed.", optional=False),
        "before": moment("Only what ended before then is removed.", optional=False),
        "accounts": whole("How many accounts runs were removed of."),
        "runs": whole("How many runs were removed."),
        "orders": whole("How many orders were removed, each attempt by itself."),
        "bytes": whole("About how much their documents were."),
        "alerts": whole("How many alerts were removed."),
        "rollouts": whole("How many rollouts were removed."),
        "in_use": whole("How many accounts were in use, and stay as they are."),
        "problems": listed(OBJECT, "Accounts whose journals could not be pruned, each with why like an `error`."),
    }
    return answer("fleet-prune", "Pruned fleet", "What was removed from the database of a fleet.", properties)


def _failing() -> Schema:
    properties = {
        "account": name("The account."),
        "failures": whole("How many of its rounds have failed in a row."),
        "cause": text("Why, without the figures in the words."),
        "pauses_until": moment("Until when it is not tried; null if it is tried at the next tick."),
    }
    return record(properties, tuple(properties), extra=True)


def fleet_status_schema() -> Schema:
    """Describe what ``exitplan fleet status --json`` prints."""
    counts: Schema = {"type": "integer", "minimum": 0}
    tick = {
        **record(
            {
                "tick": whole("Its number."),
                "begun_at": moment("When it began.", optional=False),
                "ended_at": moment("When it ended; null while it is under way."),
                "shards": whole("How many shards were begun in it."),
                "done": whole("How many of them are done."),
                "figures": keyed({"type": "number"}, "Sums of the figures of its shards, by name.", "^.*$"),
            },
            ("tick", "begun_at", "ended_at", "shards", "done", "figures"),
            extra=True,
        ),
        "type": ["object", "null"],
        "description": "The last tick; null if there was none.",
    }
    properties = {
        "workers": listed(_worker(), "The workers that have not left."),
        "lanes": listed(_lane(), "The shards, by what they have in common."),
        "drains": listed(_drain(), "Shards and venues that get no new cycle."),
        "policies": whole("How many different policies accounts are under."),
        "unplaced": whole("How many accounts are in no shard."),
        "tick": tick,
        "rollouts": listed(rollout_shape(), "The rollouts that are not over, the newest first."),
        "limits": listed(_limit(), "What venues have left for keys and addresses, by host."),
        "states": keyed(counts, "How many accounts stand how, by their last run or verification.", "^.*$"),
        "waiting": whole("How many plans wait for a person."),
        "halted": whole("How many halts are in force."),
        "incidents": whole("How many incidents are open."),
        "failing": record(
            {
                "accounts": whole("How many accounts there are whose rounds fail."),
                "pausing": whole("How many of them pause between tries now."),
                "worst": listed(_failing(), "Those that have failed most often in a row, ten at most."),
            },
            ("accounts", "pausing", "worst"),
            extra=True,
        ),
    }
    return answer("fleet-status", "Status of a fleet", "How a fleet stands.", properties)


def fleet_tick_schema() -> Schema:
    """Describe what ``exitplan fleet tick --json`` prints."""
    failure = record({"account": name("The account."), "cause": text("Why its round failed.")}, ("account", "cause"))
    properties = {
        "tick": whole("Its number: the second at which it began."),
        "begun_at": moment("When it began.", optional=False),
        "ended_at": moment("When it ended; null where shards are left."),
        "seconds": {"type": "number", "minimum": 0, "description": "How long it took."},
        "shards": whole("How many shards were begun in it."),
        "done": whole("How many of them are done."),
        "workers": listed(text(), "The workers that took some."),
        "unserved": keyed({"type": "integer"}, "Shards that no worker may take, by their egress.", "^.*$"),
        "figures": keyed(
            {}, "Sums of the figures of its shards: accounts, rounds by kind, accounts by state, orders.", "^.*$"
        ),
        "set_aside": listed(text(), "The accounts that were set aside in it."),
        "problems": listed(text(), "What kept shards from being worked on."),
        "failures": listed(failure, "Some of the accounts whose round failed."),
    }
    return answer("fleet-tick", "A tick", "What a tick of a fleet came to.", properties)


def _limit() -> Schema:
    number: Schema = {"type": "number"}
    properties = {
        "host": name("The host of the venue."),
        "buckets": whole("How many keys or addresses it counts by."),
        "resting": whole("How many of them rest, since the venue has said so."),
        "rest_seconds": {**number, "description": "For how many seconds the longest of them does."},
        "lowest": {**number, "description": "How many tokens the one with the fewest has left; below 0 if promised."},
        "granted": {**number, "description": "The least part of our figures that the venue allows, up to 1."},
    }
    return record(properties, tuple(properties), extra=True)


def _worker() -> Schema:
    properties = {
        "worker": name("Its name."),
        "host": text("Its machine."),
        "pid": whole("Its process."),
        "egress": text("The egress whose shards it takes; empty for those without one."),
        "processes": whole("How many shards it works on at once."),
        "standing": one_of(_WORKER_STANDINGS, "Whether it takes shards."),
        "started_at": moment("When it started.", optional=False),
        "silent_for": _SECONDS,
        "shards": whole("How many shards it has in hand."),
    }
    return record(properties, tuple(properties), extra=True)


def _lane() -> Schema:
    properties = {
        "venue": name("The venue."),
        "egress": text("The egress; empty for any."),
        "shards": whole("How many shards."),
        "accounts": whole("How many accounts."),
        "drained": whole("How many of them are drained."),
        "dead": whole("How many of them are set aside."),
    }
    return record(properties, tuple(properties), extra=True)


def _drain() -> Schema:
    properties = {
        "kind": one_of({"shard": "", "venue": ""}, "What is drained."),
        "name": text("Which one."),
        "why": text("Why; empty where nobody said."),
        "drained_by": text("Who said so."),
        "drained_at": moment("When.", optional=False),
    }
    return record(properties, tuple(properties), extra=True)
