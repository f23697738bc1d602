"""The tables of the journal and of what else is kept of an account, by version.

Each table has all accounts in it, in the schema ``exitplan``, with the account leading its key. The statements of one
account run over views of the same names, in the schema ``exitplan_account``: they have the columns of the journal in
SQLite, show the rows of the account that the session has set alone, and give its name to what is inserted. Without an
account set they fail, whoever asks.
"""

from __future__ import annotations


def _table(name: str, columns: str, key: str, more: str = "") -> str:
    """Write one table of the journal and its view; ``columns`` are those of SQLite, by name and type."""
    account = "account TEXT NOT NULL DEFAULT current_setting('exitplan.account') CHECK (account <> '')"
    names = ", ".join(column.split()[0] for column in columns.split(","))
    primary = f"PRIMARY KEY ({', '.join(filter(None, ('account', key)))})"
    return f"""
CREATE TABLE exitplan.{name} ({account}, {columns}, {primary}{more});
CREATE VIEW exitplan_account.{name} AS
    SELECT {names} FROM exitplan.{name} WHERE account = current_setting('exitplan.account');
"""  # noqa: S608 - our own words


_JOURNAL = (
    "CREATE SCHEMA exitplan_account;"
    + _table(
        "plans",
        "plan_id TEXT NOT NULL, sha256 TEXT NOT NULL, document BYTEA NOT NULL, added_at TEXT NOT NULL, ended_at TEXT",
        "plan_id",
    )
    + _table(
        "intents",
        "plan_id TEXT NOT NULL, action_id TEXT NOT NULL, number BIGINT NOT NULL, status TEXT NOT NULL,"
        " attempt BIGINT NOT NULL DEFAULT 0, fence BIGINT, quantity TEXT, sent_at TEXT, held_before TEXT, filled TEXT,"
        " order_id TEXT, message TEXT, settled_at TEXT, client_order_id TEXT",
        "plan_id, action_id",
        ", FOREIGN KEY (account, plan_id) REFERENCES exitplan.plans",
    )
    + _table(
        "attempts",
        "plan_id TEXT NOT NULL, action_id TEXT NOT NULL, attempt BIGINT NOT NULL, sent_at TEXT NOT NULL,"
        " quantity TEXT NOT NULL, outcome TEXT, filled TEXT, order_id TEXT, message TEXT, settled_at TEXT, run BIGINT",
        "plan_id, action_id, attempt",
    )
    + _table(
        "runs",
        "run_id BIGINT NOT NULL, plan_id TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, exit_code BIGINT,"
        " state TEXT, pid BIGINT NOT NULL, host TEXT NOT NULL, summary BYTEA, actor TEXT",
        "run_id",
    )
    + _table(
        "state",
        '"only" BIGINT NOT NULL DEFAULT 1 CHECK ("only" = 1), '
        "document BYTEA NOT NULL, exported_sha256 TEXT,"
        " revision BIGINT NOT NULL DEFAULT 0",
        "",
    )
    + _table(
        "fills",
        "plan_id TEXT NOT NULL, action_id TEXT NOT NULL, attempt BIGINT NOT NULL, order_id TEXT,"
        " quantity TEXT NOT NULL, average_price TEXT, fee TEXT, fee_currency TEXT, told_at TEXT NOT NULL",
        "plan_id, action_id, attempt",
    )
    + _table(
        "origin",
        '"only" BIGINT NOT NULL DEFAULT 1 CHECK ("only" = 1), '
        "journal_id TEXT NOT NULL, writer BIGINT NOT NULL DEFAULT 0",
        "",
    )
    + _table("accepted_orders", "client_order_id TEXT NOT NULL", "client_order_id")
    + _table("pruned_orders", "client_order_id TEXT NOT NULL", "client_order_id")
    + _table("state_changes", "number BIGINT NOT NULL, document BYTEA NOT NULL", "number")
    + _table(
        "requests",
        "request_id TEXT NOT NULL, content TEXT NOT NULL, plan_id TEXT NOT NULL, document BYTEA NOT NULL,"
        " reasons BYTEA NOT NULL, people BIGINT NOT NULL, asked_at TEXT NOT NULL, standing TEXT NOT NULL,"
        " changed_at TEXT NOT NULL, replaced_by TEXT, until TEXT, number BIGINT NOT NULL DEFAULT 0",
        "request_id",
    )
    + _table(
        "votes",
        "number BIGINT NOT NULL, request_id TEXT NOT NULL, vote TEXT NOT NULL, person TEXT NOT NULL, why TEXT,"
        " at TEXT NOT NULL, plan_id TEXT NOT NULL, prices BYTEA NOT NULL",
        "number",
        ", FOREIGN KEY (account, request_id) REFERENCES exitplan.requests",
    )
    + _table(
        "incidents",
        "incident_id TEXT NOT NULL, ladder TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,"
        " opened_at TEXT NOT NULL, since TEXT NOT NULL, waits_from TEXT NOT NULL, step BIGINT NOT NULL,"
        " repeats BIGINT NOT NULL, told_at TEXT, told TEXT NOT NULL, reason TEXT, resumed BIGINT NOT NULL,"
        " ended_at TEXT, ended_how TEXT, number BIGINT NOT NULL DEFAULT 0",
        "incident_id",
    )
    + _table(
        "incident_acks",
        "number BIGINT NOT NULL, incident_id TEXT NOT NULL, by_whom TEXT NOT NULL, at TEXT NOT NULL,"
        " why TEXT NOT NULL, until TEXT, is_undone BIGINT NOT NULL",
        "number",
        ", FOREIGN KEY (account, incident_id) REFERENCES exitplan.incidents",
    )
    + _table("troubles", "kind TEXT NOT NULL, subject TEXT NOT NULL, first_seen TEXT NOT NULL", "kind, subject")
    + _table("untold_alerts", "number BIGINT NOT NULL, document BYTEA NOT NULL", "number")
    + """
CREATE INDEX intents_by_order ON exitplan.intents (account, client_order_id);
CREATE INDEX open_plans ON exitplan.plans (account) WHERE ended_at IS NULL;
CREATE INDEX waiting_requests ON exitplan.requests (account) WHERE standing = 'waiting';

-- What stands beside the journal of an account on files.
CREATE TABLE exitplan.leases (
    name TEXT PRIMARY KEY, token TEXT NOT NULL, holder TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL,
    process TEXT NOT NULL, fence BIGINT NOT NULL, taken_at TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);
-- Of all accounts where the account is empty.
CREATE TABLE exitplan.halts (account TEXT PRIMARY KEY, text TEXT NOT NULL, at TIMESTAMPTZ NOT NULL);
CREATE TABLE exitplan.gate_marks (account TEXT PRIMARY KEY, text TEXT NOT NULL);
-- Numbers are given before they are committed: who reads on from a number must leave out what is of transactions that
-- were under way (tx >= pg_snapshot_xmin(pg_current_snapshot())), and read it the next time.
CREATE TABLE exitplan.alerts (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account TEXT NOT NULL, at TIMESTAMPTZ NOT NULL,
    document BYTEA NOT NULL, tx XID8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX alerts_of_account ON exitplan.alerts (account, number);
CREATE TABLE exitplan.readings (account TEXT PRIMARY KEY, document BYTEA NOT NULL);
CREATE TABLE exitplan.trackers (account TEXT PRIMARY KEY, document BYTEA NOT NULL);
CREATE TABLE exitplan.reproducers (
    account TEXT NOT NULL, name TEXT NOT NULL, document BYTEA NOT NULL, PRIMARY KEY (account, name)
);
-- By which journal an account at a venue was traded last, whatever it is called here.
CREATE TABLE exitplan.last_traded (
    venue_account TEXT PRIMARY KEY, account TEXT NOT NULL, journal TEXT NOT NULL, revision BIGINT NOT NULL
);
"""
)

_GROUPS = _table(
    "group_runs",
    "group_plan TEXT NOT NULL, group_name TEXT NOT NULL, plan_id TEXT NOT NULL, leader TEXT NOT NULL,"
    " standing TEXT NOT NULL, began_at TEXT NOT NULL, ended_at TEXT, document BYTEA",
    "group_plan",
) + _table(
    "group_steps",
    "number BIGINT NOT NULL, group_plan TEXT NOT NULL, at TEXT NOT NULL, step TEXT NOT NULL, document BYTEA NOT NULL",
    "number",
    ", FOREIGN KEY (account, group_plan) REFERENCES exitplan.group_runs",
)

UPGRADES = (_JOURNAL, _GROUPS)
"""What leads from each version to the next, beginning with an empty database."""
