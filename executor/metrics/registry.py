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

LABELS: Mapping[str, str] = {
    "account": "The id of the account.",
    "venue": "The venue of the account, or the one that was called.",
    "currency": "The account's quote, in which the amount is.",
    "category": "The category of phase 1; a category without positions is 0.",
    "state": "One of the four states of an account; 1 for the one that holds.",
    "kind": "The kind of action, or of alert.",
    "outcome": "What became of it; of a call `ok`, or the name of the error.",
    "severity": "How bad: INFO, WARNING or CRITICAL.",
    "exit_code": "The exit code of the run; `none` for one that was killed.",
    "endpoint": "Method and path of a request, with `:id` and `:symbol` for what differs from order to order.",
    "symbol": "The market of the position; only with `--symbols`.",
    "side": "long or short.",
    "version": "The version of exitplan.",
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
        _counter("positions_cleaned", ACCOUNT, "Positions that were closed altogether."),
        _counter("zombie_positions_closed", ACCOUNT, "Zombies that were closed altogether."),
        _counter("legacy_positions_unwound", ACCOUNT, "Legacy positions that cycles have closed to the end."),
        _counter("stale_orders_cancelled", ACCOUNT, "Stale orders that were cancelled."),
        _counter("capital_freed", MONEY, "What the stale orders that were cancelled would have traded."),
    )
)
"""The five counters of the published protocol."""

READING = _named(
    (
        _gauge(
            "reading_timestamp_seconds",
            ACCOUNT,
            "When the account was last read: equity, positions, orders are of then.",
        ),
        _gauge("equity", MONEY, "What the account is worth; what has no believed price counts for nothing in it."),
        _gauge("positions", (*ACCOUNT, "category"), "Positions held."),
        _gauge(
            "positions_value",
            (*MONEY, "category"),
            "What positions with a believed price are worth; absent where none has one.",
        ),
        _gauge(
            "positions_equity_ratio",
            (*ACCOUNT, "category"),
            "What positions are worth as a share of equity: 0.1 is 10 %.",
        ),
        _gauge(
            "positions_without_value",
            (*ACCOUNT, "category"),
            "Positions without a believed price: in no sum.",
        ),
        _gauge("counted_positions", ACCOUNT, "Positions that the cap counts."),
        _gauge("max_positions", ACCOUNT, "Positions that the cap allows."),
        _gauge("open_orders", ACCOUNT, "Open orders."),
        _gauge("stale_orders", ACCOUNT, "Open orders that are stale, without those on protected symbols."),
        _gauge("locked_capital", MONEY, "What open orders hold; absent where a price of it is missing."),
        _gauge(
            "position_value",
            (*MONEY, "symbol", "side", "category"),
            "What one position is worth, the largest ones.",
            optional=True,
        ),
    )
)
"""What the last reading of an account has found: of a plan, a verification or a run."""

STANDING = _named(
    (
        _gauge("account_readable", ACCOUNT, "1 where the account's files could be read, 0 where not."),
        _gauge("account_state", (*ACCOUNT, "state"), "How the account stands by its last verification."),
        _gauge("account_halted", ACCOUNT, "1 while a halt is in force for the account."),
        _gauge("clean_timestamp_seconds", ACCOUNT, "When a verification last found it CLEAN; absent if none has."),
        _gauge("verified_timestamp_seconds", ACCOUNT, "When the account was last verified, whatever came of it."),
        _gauge("unwinds", ACCOUNT, "Unwinds under way."),
        _gauge(
            "unwinds_remaining_ratio",
            ACCOUNT,
            "What unwinds under way may still leave of what they began with: their mean.",
        ),
        _gauge("unwinds_oldest_timestamp_seconds", ACCOUNT, "When the oldest unwind under way began."),
        _gauge("failed_exits", ACCOUNT, "Positions of which exits have failed, and that are still held."),
        _gauge("escalated_positions", ACCOUNT, "Positions that a person was alerted to and that are still held."),
        _gauge("open_plans", ACCOUNT, "Plans whose run was cut short, to be applied again."),
        _gauge("unknown_orders", ACCOUNT, "Orders of open plans whose outcome is unknown, or that are being sent now."),
        _gauge("waiting_plans", ACCOUNT, "Plans that wait for a person to approve them."),
        _gauge("open_incidents", ACCOUNT, "Incidents of escalation ladders that are open."),
        _gauge("journal_size_bytes", ACCOUNT, "The size of the journal, with what SQLite keeps beside it."),
        _gauge(
            "unwind_remaining_ratio",
            (*ACCOUNT, "symbol", "side"),
            "What the unwind of one position may still leave of what it began with.",
            optional=True,
        ),
        _gauge("unwind_cycles", (*ACCOUNT, "symbol", "side"), "Cycles done of one unwind.", optional=True),
    )
)
"""How an account stands, by its journal and the files beside it."""

COUNTED = _named(
    (
        _counter("runs", (*ACCOUNT, "exit_code"), "Runs that have ended."),
        _gauge("run_start_timestamp_seconds", ACCOUNT, "When the newest run began."),
        _gauge("run_end_timestamp_seconds", ACCOUNT, "When the newest run ended; absent until then."),
        _counter("actions", (*ACCOUNT, "kind", "outcome"), "Actions of plans, by what became of them."),
        _counter(
            "exits_planned_value", MONEY, "What was sold, at the marks of the plans, as far as its price is known."
        ),
        _counter(
            "exits_proceeds",
            MONEY,
            "What the same sales brought in, before fees.",
        ),
        _counter("exits_without_price", ACCOUNT, "Sales of which no price is known: they are in neither sum."),
        _counter("alerts", (*ACCOUNT, "kind", "severity"), "Alerts that were raised."),
        _counter("engine_disagreements", ACCOUNT, "Times that rule engine and check disagreed: no plan was made."),
    )
)
"""What has happened to an account since its journal began."""

CALLS = _named(
    (
        _counter("venue_calls", (*ENDPOINT, "outcome"), "Calls to venues that are over."),
        MetricSpec(
            "exitplan_venue_call_duration_seconds",
            "histogram",
            ENDPOINT,
            "How long calls to venues took, without what they waited for rate limits before.",
        ),
        _counter("venue_rate_limit_waits", ENDPOINT, "Calls that waited for the venue's rate limits."),
        _counter("venue_rate_limit_wait_seconds", ENDPOINT, "How long calls waited for the venue's rate limits."),
    )
)
"""Calls to venues, of every command of the project."""

ABOUT = _named((_gauge("build_info", ("version",), "Always 1: which exitplan tells this."),))

METRICS: Mapping[str, MetricSpec] = {**ABOUT, **STANDING, **READING, **PROTOCOL, **COUNTED, **CALLS}
