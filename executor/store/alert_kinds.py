"""Every kind of alert: how bad it is, what it means, the figures it carries, and what to do about it.

Docs, messages to channels and tests are made from this registry. One block a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEVERITIES = ("INFO", "WARNING", "CRITICAL")
"""How bad alerts are, the mildest first."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A key beside the head of an alert: what it tells, in the few words that stand before it in a message.

    ``unit`` follows the figure in a message. One that is ``optional`` is missing from some alerts of the kind.
    """

    name: str
    meaning: str
    unit: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of alert, its severity unless a rule names another, and what it tells.

    ``command`` is what a person types next; ``{account}`` and the names of figures in braces stand for those of the
    alert.
    """

    name: str
    severity: str
    meaning: str
    figures: tuple[Figure, ...] = ()
    advice: str = ""
    command: str = ""


_SYMBOL = Figure("symbol", "position")
_RULE = Figure("rule", "rule")
_REASON = Figure("reason", "reason")
_MESSAGE = Figure("message", "message")
_RECOMMENDATION = Figure("recommendation", "what may help")
_SHARE = Figure("pct_of_account", "share of the account", "%")
_CHANNEL = Figure("channel", "channel")
_REQUEST = Figure("request", "request")
_PLAN = Figure("plan_id", "plan")
_PERSON = Figure("person", "by")
_HINT = Figure("hint", "what to do")
_VENUE = Figure("venue", "venue")
_INCIDENT = (
    Figure("incident", "incident"),
    Figure("about", "about"),
    Figure("symbol", "position", optional=True),
    Figure("order", "order", optional=True),
    _REASON,
)
_LIVED = Figure("failures", "failed attempts in a row")
_EXPLAIN = "exitplan explain {symbol} --account {account}"
_POSITIONS = "exitplan positions --account {account}"

_KINDS = (
    AlertKind(
        "POSITION_CAP_VIOLATION",
        "CRITICAL",
        "The account holds more positions than the cap allows.",
        (
            Figure("current_count", "positions held"),
            Figure("max_positions", "positions allowed"),
            Figure("excess_count", "over the cap by"),
        ),
        "See which positions the plan would close.",
        "exitplan plan --account {account}",
    ),
    AlertKind(
        "ZOMBIE_ESCALATED",
        "CRITICAL",
        "exitplan cannot close a zombie; a person must look at it.",
        (_SYMBOL, _RULE, _REASON),
        "Find out why, and close it by hand if the venue lets you.",
        _EXPLAIN,
    ),
    AlertKind(
        "EXIT_FAILED",
        "WARNING",
        "The venue refused an exit, or the order never reached it.",
        (_SYMBOL, _RULE, Figure("kind", "action"), _REASON),
        "The next runs try again, a few times. Once you have fixed the cause, use exitplan retry.",
        _EXPLAIN,
    ),
    AlertKind(
        "UNWIND_REANCHORED",
        "WARNING",
        "A position grew during its unwind; the unwind starts again.",
        (Figure("position", "position"), Figure("initial_quantity", "quantity to unwind from now on")),
        "Find out who is buying what exitplan sells.",
        _POSITIONS,
    ),
    AlertKind(
        "LEGS_APART",
        "CRITICAL",
        "The legs of a hedged pair, in several accounts, could not all be closed together.",
        (
            Figure("group", "group"),
            Figure("group_plan", "plan of the group"),
            Figure("bundle", "bundle"),
            Figure("asset", "asset"),
            Figure("imbalance", "imbalance at the most"),
            Figure("quote", "currency"),
            Figure("seconds", "out of balance for", "s", optional=True),
            _REASON,
        ),
        "Look at the pair in all accounts of the group; the next plan of the group goes on from there.",
        "exitplan plan --group {group}",
    ),
    AlertKind(
        "OUTCOME_UNKNOWN",
        "CRITICAL",
        "The outcome of an order is unknown; the account stops.",
        (
            _SYMBOL,
            Figure("client_order_id", "client order id"),
            Figure("reason", "reason", optional=True),
            Figure("message", "venue's answer", optional=True),
            Figure("id", "action id in the plan", optional=True),
            Figure("action", "action", optional=True),
            Figure("side", "side", optional=True),
            Figure("quantity", "quantity", optional=True),
            Figure("rule", "rule", optional=True),
            Figure("filled", "filled so far", optional=True),
            Figure("average_price", "average price", optional=True),
            Figure("fee", "fee", optional=True),
            Figure("fee_currency", "currency of the fee", optional=True),
        ),
        "exitplan sends nothing for this account until that is known. Look at the venue, then record the outcome.",
        "exitplan resolve --account {account}",
    ),
    AlertKind(
        "ENGINE_DISAGREEMENT",
        "CRITICAL",
        "The rule engine cannot be trusted; nothing was planned.",
        (_REASON, Figure("reproducer", "file that reproduces it, in the folder reproducers")),
        "Nothing is sent until this is fixed. Report it, with that file.",
        "exitplan doctor --account {account}",
    ),
    AlertKind(
        "BALANCE_ACCEPTED",
        "INFO",
        "A person has confirmed that the account's balance is right.",
        (Figure("equity", "equity"), Figure("held", "what it holds")),
        "Check that it was one of you. If so, there is nothing to do.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "JOURNAL_RESTORED",
        "WARNING",
        "The account's journal was put back from a backup.",
        (
            Figure("newest_run_at", "newest run in the backup"),
            Figure("accepted", "orders sent since the backup, accepted"),
        ),
        "Look at the account, then verify it. Until then the gate is closed.",
        "exitplan verify --account {account}",
    ),
    AlertKind(
        "PRICE_UNAVAILABLE",
        "WARNING",
        "A price could not be read; nothing was sent for the position.",
        (_SYMBOL, _RULE),
        "The next run reads it again.",
        _EXPLAIN,
    ),
    AlertKind(
        "APPROVAL_WAITING",
        "WARNING",
        "A plan waits until a person approves or rejects it.",
        (
            _REQUEST,
            _PLAN,
            Figure("actions", "actions"),
            Figure("value", "value"),
            _REASON,
            Figure("expires_at", "the plan is made anew after"),
            Figure("replaces", "replaces the request"),
            _HINT,
        ),
        "Look at it, then approve or reject it. The question stays while each round makes the same plan anew.",
        "exitplan pending {request}",
    ),
    AlertKind(
        "PLAN_APPROVED",
        "INFO",
        "A person has approved a plan.",
        (_REQUEST, _PLAN, _PERSON, Figure("approvals", "approvals so far"), Figure("needed", "approvals needed")),
        "Once enough people have approved the plan, the watcher applies it in its next round.",
        "exitplan pending {request}",
    ),
    AlertKind(
        "PLAN_REJECTED",
        "INFO",
        "A person has rejected a plan.",
        (_REQUEST, _PLAN, _PERSON, Figure("why", "reason"), Figure("until", "not asked again until")),
        "There is nothing to do. The same plan is not asked for again.",
        "exitplan pending {request}",
    ),
    AlertKind(
        "ROUND_FAILED",
        "WARNING",
        "A round of `exitplan watch`, or of a fleet's cycle, failed. Each cause is reported once.",
        (_REASON, _HINT, Figure("exit_code", "exit code")),
        "It is tried again: by the watcher less often each time, in a fleet with each cycle. Find out why it failed.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "ACCOUNT_HANGS",
        "CRITICAL",
        "The round of an account took too long and was cut off.",
        (Figure("seconds", "time so far", "s"), Figure("cut_off", "time allowed", "s")),
        "It sends nothing more. The account gets no other round until it ends. If it never ends, restart the watcher.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "ACCOUNT_SET_ASIDE",
        "CRITICAL",
        "An account of a fleet ended or held up the process that worked on it, again and again, and was set aside.",
        (_REASON, Figure("tries", "how often")),
        "It gets no cycle until it is revived; the others go on. Orders may be in flight: look at it first.",
        "exitplan fleet dead",
    ),
    AlertKind(
        "ESCALATION",
        "WARNING",
        "An incident has reached the next step of its escalation ladder.",
        (*_INCIDENT, Figure("step", "step of the ladder"), Figure("since", "since")),
        "Fix the cause, or acknowledge the incident: then the next step waits.",
        "exitplan ack {incident} --why TEXT",
    ),
    AlertKind(
        "ESCALATION_ENDED",
        "INFO",
        "An incident that was escalated is over.",
        (*_INCIDENT, Figure("ended", "how it ended")),
        "There is nothing to do.",
        "exitplan incidents --ended --account {account}",
    ),
    AlertKind(
        "CLOCK_OFF",
        "WARNING",
        "This machine's clock differs from the venue's by more than a second.",
        (_REASON, _VENUE),
        "Set the clock, and keep it right with chrony or systemd-timesyncd. If it is off by too much, nothing is sent.",
        "exitplan doctor --account {account}",
    ),
    AlertKind(
        "CLOCK_RIGHT",
        "INFO",
        "This machine's clock is right again.",
        (_VENUE,),
        "There is nothing to do.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "ROLLOUT_STOPPED",
        "CRITICAL",
        "The rollout of a policy has stopped by itself: too many accounts fail under it.",
        (
            Figure("rollout", "rollout"),
            Figure("policy", "policy"),
            Figure("share", "stage"),
            Figure("moved", "accounts under the new policy"),
            Figure("failing", "of them fail that did not before"),
            _REASON,
            Figure("accounts", "such as"),
        ),
        "No further account gets the policy. See what fails; then put the old policies back, or go on all the same.",
        "exitplan fleet rollout status {rollout}",
    ),
    AlertKind(
        "TICK_SKIPPED",
        "WARNING",
        "A tick of a fleet was skipped: an earlier one was still running. Of several in a row the first is reported.",
        (
            Figure("tick", "tick"),
            Figure("running", "tick that still runs"),
            Figure("left", "shards of it that are not done"),
        ),
        "Accounts get fewer rounds than you want. See what holds it up; add workers, or let ticks be further apart.",
        "exitplan fleet status",
    ),
    AlertKind(
        "SHARDS_LEFT",
        "CRITICAL",
        "Shards of a fleet had no worker: their accounts got no round. Of several in a row the first is reported.",
        (
            Figure("tick", "tick"),
            Figure("left", "shards without a worker"),
            Figure("egress", "egress of these shards"),
        ),
        "Start a worker that may take them: one with their --egress, or without it for those that have none.",
        "exitplan fleet status",
    ),
    AlertKind(
        "OVERSIZED_HIGH_EXPOSURE",
        "CRITICAL",
        "One high-exposure coin is a large share of the account.",
        (_SYMBOL, Figure("size_usd", "value", "USD"), _SHARE, _MESSAGE, _RECOMMENDATION),
        "Reduce the position, or set a stop.",
        _POSITIONS,
    ),
    AlertKind(
        "NEAR_DUST_THRESHOLD",
        "WARNING",
        "A high-exposure coin is about to become dust.",
        (
            _SYMBOL,
            Figure("size_usd", "value", "USD"),
            Figure("dust_threshold", "dust begins below", "USD"),
            _MESSAGE,
            _RECOMMENDATION,
        ),
        "The next run may close it as dust.",
        _POSITIONS,
    ),
    AlertKind(
        "EXCESSIVE_HIGH_EXPOSURE_CONCENTRATION",
        "CRITICAL",
        "High-exposure coins are a large share of the account.",
        (Figure("total_value", "total value", "USD"), _SHARE, _MESSAGE, _RECOMMENDATION),
        "Spread the account over more coins.",
        _POSITIONS,
    ),
    AlertKind(
        "CHANNEL_FAILED",
        "WARNING",
        "Alerts do not reach a channel. They wait, and exitplan tries again.",
        (_CHANNEL, _LIVED, _REASON),
        "Find out why. Nothing is lost in the meantime: exitplan alerts lists every alert.",
        "exitplan alerts test {channel}",
    ),
    AlertKind(
        "CHANNEL_RECOVERED",
        "INFO",
        "A channel that had failed works again.",
        (_CHANNEL, _LIVED),
        "There is nothing to do: the alerts that waited were sent.",
        "exitplan alerts channels",
    ),
)

ALERT_KINDS: Mapping[str, AlertKind] = {kind.name: kind for kind in _KINDS}
