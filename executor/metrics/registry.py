"""Every metric, as one registry: name, kind, labels and meaning.

The exposition, its documentation and the checks of the dashboard and the alert rules all read this table. Amounts of
money are in the account's quote, which the label ``currency`` names: Prometheus has no base unit for money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["counter", "gauge", "histogram"]

ACCOUNT = ("account", "venue")
MONEY = (*ACCOUNT, "currency")
ENDPOINT = ("venue", "endpoint")
STANDING_OF = ("standing",)

LABELS: Mapping[str, str] = {
    "account": "The id of the account.",
    "venue": "The venue of the account, or the one that was called.",
    "currency": "The account's quote currency, in which amounts are given.",
    "category": "The category from phase 1; a category without positions is 0.",
    "state": "One of the four states of an account; the current one is 1.",
    "kind": "The kind of action, or of alert.",
    "outcome": "The outcome; for a call `ok`, or the name of the error.",
    "severity": "The severity: INFO, WARNING or CRITICAL.",
    "exit_code": "The exit code of the run; `none` for one that was killed.",
    "endpoint": "Method and path of a request, with `:id` and `:symbol` in place of the parts that vary.",
    "symbol": "The market of the position; only with `--symbols`.",
    "side": "long or short.",
    "version": "The version of exitplan.",
    "standing": "How an account, a worker or a rollout of a fleet stands; one that none has is 0.",
}

LATENCY_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the last one is followed by infinity."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: its name with its unit, its kind, its labels, and what it tells."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    meaning: str
    is_optional: bool = False

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series, as queries use them."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def _counter(name: str, labels: tuple[str, ...], meaning: str) -> MetricSpec:
    return MetricSpec(f"exitplan_{name}_total", "counter", labels, meaning)


def _gauge(name: str, labels: tuple[str, ...], meaning: str, *, optional: bool = False) -> MetricSpec:
    return MetricSpec(f"exitplan_{name}", "gauge", labels, meaning, optional)


def _named(specs: Iterable[MetricSpec]) -> Mapping[str, MetricSpec]:
    return {spec.name: spec for spec in specs}


PROTOCOL = _named(
    (
        _counter("positions_cleaned", ACCOUNT, "Positions that were closed completely."),
        _counter("zombie_positions_closed", ACCOUNT, "Zombies that were closed completely."),
        _counter("legacy_positions_unwound", ACCOUNT, "Legacy positions that were unwound completely."),
        _counter("stale_orders_cancelled", ACCOUNT, "Stale orders that were cancelled."),
        _counter("capital_freed", MONEY, "Value of the cancelled stale orders."),
    )
)
"""The five counters of the published protocol."""

READING = _named(
    (
        _gauge(
            "reading_timestamp_seconds",
            ACCOUNT,
            "When the account was last read; equity, positions and orders are as of this time.",
        ),
        _gauge("equity", MONEY, "Equity of the account, without positions that have no believed price."),
        _gauge("positions", (*ACCOUNT, "category"), "Positions held."),
        _gauge(
            "positions_value",
            (*MONEY, "category"),
            "Value of positions with a believed price; absent if none has one.",
        ),
        _gauge(
            "positions_equity_ratio",
            (*ACCOUNT, "category"),
            "Value of positions as a share of equity: 0.1 is 10 %.",
        ),
        _gauge(
            "positions_without_value",
            (*ACCOUNT, "category"),
            "Positions without a believed price; no sum includes them.",
        ),
        _gauge("counted_positions", ACCOUNT, "Positions that the cap counts."),
        _gauge("max_positions", ACCOUNT, "Positions that the cap allows."),
        _gauge("open_orders", ACCOUNT, "Open orders."),
        _gauge("stale_orders", ACCOUNT, "Open orders that are stale, without those on protected symbols."),
        _gauge("locked_capital", MONEY, "Capital locked in open orders; absent if a price is missing."),
        _gauge(
            "position_value",
            (*MONEY, "symbol", "side", "category"),
            "Value of one position; only the largest ones.",
            optional=True,
        ),
    )
)
"""What the last reading of an account has found: of a plan, a verification or a run."""

STANDING = _named(
    (
        _gauge("account_readable", ACCOUNT, "1 if the account's files could be read, 0 if not."),
        _gauge("account_state", (*ACCOUNT, "state"), "The state of the account at its last verification."),
        _gauge("account_halted", ACCOUNT, "1 while a halt is in force for the account."),
        _gauge(
            "clean_timestamp_seconds", ACCOUNT, "When a verification last found the account CLEAN; absent if none has."
        ),
        _gauge("verified_timestamp_seconds", ACCOUNT, "When the account was last verified, whatever the result."),
        _gauge("unwinds", ACCOUNT, "Unwinds under way."),
        _gauge(
            "unwinds_remaining_ratio",
            ACCOUNT,
            "Mean share of the initial quantity that the unwinds under way still hold after their last cycle.",
        ),
        _gauge("unwinds_oldest_timestamp_seconds", ACCOUNT, "When the oldest unwind under way began."),
        _gauge("failed_exits", ACCOUNT, "Positions still held whose exits have failed."),
        _gauge("escalated_positions", ACCOUNT, "Positions still held that a person was alerted to."),
        _gauge("open_plans", ACCOUNT, "Plans whose run was cut short; apply them again."),
        _gauge("unknown_orders", ACCOUNT, "Orders of open plans whose outcome is unknown, or that are being sent now."),
        _gauge("waiting_plans", ACCOUNT, "Plans that wait for a person to approve them."),
        _gauge("open_incidents", ACCOUNT, "Open incidents."),
        _gauge("journal_size_bytes", ACCOUNT, "Size of the journal, with SQLite's files beside it."),
        _gauge(
            "unwind_remaining_ratio",
            (*ACCOUNT, "symbol", "side"),
            "Share of the initial quantity that the unwind of one position still holds after its last cycle.",
            optional=True,
        ),
        _gauge(
            "unwind_cycles", (*ACCOUNT, "symbol", "side"), "Cycles done in the unwind of one position.", optional=True
        ),
    )
)
"""How an account stands, by its journal and the files beside it."""

COUNTED = _named(
    (
        _counter("runs", (*ACCOUNT, "exit_code"), "Runs that have ended."),
        _gauge("run_start_timestamp_seconds", ACCOUNT, "When the newest run began."),
        _gauge("run_end_timestamp_seconds", ACCOUNT, "When the newest run ended; absent until then."),
        _counter("actions", (*ACCOUNT, "kind", "outcome"), "Actions of plans, by outcome."),
        _counter(
            "exits_planned_value",
            MONEY,
            "Value of what was sold, at the plans' mark prices; only sales whose price is known.",
        ),
        _counter(
            "exits_proceeds",
            MONEY,
            "Proceeds of the same sales, before fees.",
        ),
        _counter("exits_without_price", ACCOUNT, "Sales whose price is unknown; neither sum includes them."),
        _counter("alerts", (*ACCOUNT, "kind", "severity"), "Alerts that were raised."),
        _counter(
            "engine_disagreements",
            ACCOUNT,
            "Times that the rule engine and its check disagreed, so that no plan was made.",
        ),
    )
)
"""What has happened to an account since its journal began."""

CALLS = _named(
    (
        _counter("venue_calls", (*ENDPOINT, "outcome"), "Finished calls to venues."),
        MetricSpec(
            "exitplan_venue_call_duration_seconds",
            "histogram",
            ENDPOINT,
            "Duration of calls to venues, without the wait for rate limits.",
        ),
        _counter("venue_rate_limit_waits", ENDPOINT, "Calls that waited for the venue's rate limits."),
        _counter("venue_rate_limit_wait_seconds", ENDPOINT, "Time that calls waited for the venue's rate limits."),
    )
)
"""Calls to venues, of every command of the project."""

FLEET = _named(
    (
        _gauge(
            "fleet_database_up", (), "1 if the database of the fleet answers; 0 if not, and then there are no others."
        ),
        _gauge(
            "fleet_accounts",
            STANDING_OF,
            "Accounts in the registry: active, drained, or dead, which is set aside.",
        ),
        _gauge("fleet_workers", STANDING_OF, "Workers: active, draining, or lost, which is not heard of any more."),
        _gauge("fleet_processes", STANDING_OF, "Processes of these workers."),
        _gauge("fleet_tick_begin_timestamp_seconds", (), "When the newest tick began; absent if none has."),
        _gauge("fleet_tick_duration_seconds", (), "How long the newest tick took, or has taken until now."),
        _gauge("fleet_tick_shards", (), "Shards in the newest tick."),
        _gauge("fleet_tick_shards_done", (), "Shards of the newest tick that are done."),
        _gauge("fleet_tick_accounts", (), "Accounts of the newest tick that had their round."),
        _gauge("fleet_tick_states", ("state",), "Accounts of the newest tick by the state that their round found."),
        _gauge("fleet_tick_calls", ("venue", "outcome"), "Calls to venues that the newest tick has made."),
        _gauge("fleet_shards_left", (), "Shards of the tick before the newest that no worker took."),
        _gauge("fleet_ticks_skipped", (), "Ticks that were due since the newest one began, and were skipped."),
        _gauge("fleet_rollouts", STANDING_OF, "Rollouts that are not over: running, paused or stopped."),
        _gauge("fleet_waiting_plans", (), "Plans that wait for a person to approve them."),
        _gauge("fleet_open_incidents", (), "Open incidents."),
        _gauge("fleet_halts", (), "Halts in force: of all accounts, or of single ones."),
    )
)
"""How a fleet stands, by its database."""

ABOUT = _named((_gauge("build_info", ("version",), "Always 1; the label has the version of exitplan."),))

METRICS: Mapping[str, MetricSpec] = {**ABOUT, **STANDING, **READING, **PROTOCOL, **COUNTED, **CALLS, **FLEET}
