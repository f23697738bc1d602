"""The tables of rollouts, a part of those of the fleet."""

from __future__ import annotations

ROLLOUTS = """
CREATE TABLE exitplan.rollouts (
    rollout BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy TEXT NOT NULL,  -- the hash of the new policy as it is written
    name TEXT NOT NULL,
    scope TEXT NOT NULL,  -- which accounts, as it was typed; empty for all
    stages NUMERIC[] NOT NULL,  -- shares of the accounts
    hold INTERVAL NOT NULL,
    max_failures NUMERIC NOT NULL,
    accounts INTEGER NOT NULL,
    stage INTEGER NOT NULL DEFAULT 0,
    standing TEXT NOT NULL CHECK (standing IN ('running', 'paused', 'stopped', 'done', 'aborted')),
    why TEXT NOT NULL DEFAULT '',
    held INTERVAL NOT NULL DEFAULT '0',  -- how long the stage has been held, as far as clocks are believed
    looked_at TIMESTAMPTZ NOT NULL,  -- the last look, by the clock of who looked
    looked_at_here TIMESTAMPTZ NOT NULL,  -- and by that of the database
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ
);
CREATE TABLE exitplan.rollout_accounts (
    rollout BIGINT NOT NULL REFERENCES exitplan.rollouts ON DELETE CASCADE,
    account TEXT NOT NULL,
    place INTEGER NOT NULL,  -- in which order they move, from 0
    old TEXT NOT NULL REFERENCES exitplan.policies,
    new TEXT NOT NULL REFERENCES exitplan.policies,
    moved_at TIMESTAMPTZ,
    troubles TEXT[] NOT NULL DEFAULT '{}',  -- what was wrong before it moved, or was accepted since
    left_alone TEXT,  -- why it was not moved, or not put back
    put_back_at TIMESTAMPTZ,
    PRIMARY KEY (rollout, account)
);
CREATE INDEX rollout_accounts_in_order ON exitplan.rollout_accounts (rollout, place);
CREATE TABLE exitplan.rollout_log (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout BIGINT NOT NULL REFERENCES exitplan.rollouts ON DELETE CASCADE,
    at TIMESTAMPTZ NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL DEFAULT ''
);
"""
