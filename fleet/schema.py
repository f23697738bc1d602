"""The tables of a fleet, in the schema ``exitplan`` of its database, beside those of the accounts' journals.

They say which accounts there are, under which policy, in which shard, and who works on them. What was planned, sent and
answered is in the journals and nowhere else: losing these tables loses no order.
"""

from __future__ import annotations

from exitplan.fleet.pausing import PAUSES
from exitplan.fleet.rollout.tables import ROLLOUTS

PART = "fleet"
"""The name under which ``exitplan.versions`` holds the version of these tables."""

_REGISTRY = """
CREATE TABLE exitplan.policies (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    document BYTEA NOT NULL,  -- the merged policy as JSON
    added_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE exitplan.shards (
    shard INTEGER PRIMARY KEY,
    venue TEXT NOT NULL,
    egress TEXT NOT NULL
);
CREATE TABLE exitplan.accounts (
    account TEXT PRIMARY KEY,
    venue TEXT NOT NULL,
    quote TEXT NOT NULL,
    block JSONB NOT NULL,  -- the account block: credentials by reference, paths absolute
    heads JSONB NOT NULL DEFAULT '{}',  -- name and description of its file
    policy TEXT NOT NULL REFERENCES exitplan.policies,
    own_guards TEXT[] NOT NULL DEFAULT '{}',  -- guards that its own file sets: they stay under another policy
    tags TEXT[] NOT NULL DEFAULT '{}',
    egress TEXT NOT NULL DEFAULT '',
    shard INTEGER REFERENCES exitplan.shards,
    standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'drained', 'dead')),
    tries INTEGER NOT NULL DEFAULT 0,
    why TEXT,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    added_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX accounts_spelled_once ON exitplan.accounts (lower(account));
CREATE INDEX accounts_by_shard ON exitplan.accounts (shard, account);
CREATE INDEX accounts_by_policy ON exitplan.accounts (policy);
CREATE INDEX accounts_set_aside ON exitplan.accounts (account) WHERE standing <> 'active';
CREATE TABLE exitplan.drains (  -- shards and venues that get no new cycle; one account or worker says so itself
    kind TEXT NOT NULL CHECK (kind IN ('shard', 'venue')),
    name TEXT NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    drained_by TEXT NOT NULL,
    drained_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);
CREATE TABLE exitplan.workers (
    worker TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    egress TEXT NOT NULL DEFAULT '',
    processes INTEGER NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'draining', 'gone'))
);
CREATE TABLE exitplan.ticks (
    tick BIGINT PRIMARY KEY,
    begun_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ,
    why TEXT
);
CREATE TABLE exitplan.cycles (
    tick BIGINT NOT NULL REFERENCES exitplan.ticks,
    shard INTEGER NOT NULL,
    worker TEXT,  -- who works on it, or did; none has begun where there is none
    begun_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    figures JSONB,
    PRIMARY KEY (tick, shard)
);
CREATE INDEX cycles_left ON exitplan.cycles (tick, shard) WHERE ended_at IS NULL;
CREATE TABLE exitplan.snapshots (
    account TEXT PRIMARY KEY,
    taken_at TIMESTAMPTZ NOT NULL,
    digest BYTEA,  -- of positions and orders: a snapshot of the same ones is kept only once in a while
    document BYTEA NOT NULL  -- the snapshot as JSON, packed by zlib
);
CREATE TABLE exitplan.round_troubles (  -- accounts whose rounds fail or are kept from their work
    account TEXT PRIMARY KEY,
    causes TEXT[] NOT NULL,  -- of failures that were told since it last went well
    kept_since TIMESTAMPTZ
);
"""

BUCKETS = """
CREATE TABLE exitplan.buckets (  -- what a venue has left for a key, or an egress (docs/fleet-limits.md)
    scope TEXT PRIMARY KEY,
    level DOUBLE PRECISION NOT NULL,  -- tokens; below 0 where some are promised
    granted DOUBLE PRECISION NOT NULL DEFAULT 1,  -- the part of our figures that the venue allows
    quota DOUBLE PRECISION NOT NULL DEFAULT 'Infinity',  -- tokens that are left until quota_until
    quota_until DOUBLE PRECISION NOT NULL DEFAULT 0,  -- times are seconds since 1970, by the clock of the database
    rest_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    era BIGINT NOT NULL DEFAULT 0,  -- counts the rests
    at DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 50);
"""

_OUTBOX = """
CREATE TABLE exitplan.outbox_started ("only" INTEGER PRIMARY KEY CHECK ("only" = 1), since BIGINT NOT NULL);
CREATE INDEX alerts_to_deliver ON exitplan.alerts (tx, number);
CREATE INDEX alerts_by_time ON exitplan.alerts USING brin (at);  -- a rollout looks for those since it began
CREATE TABLE exitplan.outbox_cursors (  -- one, of all accounts: transaction and number of the last alert taken in
    account TEXT PRIMARY KEY, position BIGINT NOT NULL, inode BIGINT NOT NULL, newest BIGINT NOT NULL
);
CREATE TABLE exitplan.outbox_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, channel TEXT NOT NULL, repeat_key TEXT, alert BYTEA NOT NULL,
    is_named INTEGER NOT NULL, raised_at BIGINT NOT NULL, last_at BIGINT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    is_repeat INTEGER NOT NULL DEFAULT 0, held TEXT, until BIGINT, UNIQUE (channel, repeat_key)
);
CREATE TABLE exitplan.outbox_known_ids (
    channel TEXT NOT NULL, alert_id TEXT NOT NULL, taken_at BIGINT NOT NULL, PRIMARY KEY (channel, alert_id)
);
CREATE TABLE exitplan.outbox_channels (
    name TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, next_try BIGINT NOT NULL DEFAULT 0, problem TEXT,
    failed_since BIGINT, sent_at BIGINT, is_told INTEGER NOT NULL DEFAULT 0, claimed_until BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE exitplan.outbox_messages (channel TEXT NOT NULL, sent_at BIGINT NOT NULL);
CREATE INDEX outbox_messages_of_channel ON exitplan.outbox_messages (channel, sent_at);
"""

_DEATHS = """
ALTER TABLE exitplan.accounts ADD COLUMN death TEXT;  -- the last that was counted: one told twice counts once
"""

UPGRADES = (_REGISTRY, _OUTBOX, BUCKETS, ROLLOUTS, _DEATHS, PAUSES)
"""What leads from each version of these tables to the next, beginning with none."""
