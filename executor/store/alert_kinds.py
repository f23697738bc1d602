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
_RULE = Figure("rule", "by the rule")
_REASON = Figure("reason", "why")
_MESSAGE = Figure("message", "in words")
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
_LIVED = Figure("failures", "attempts that failed in a row")
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
            Figure("excess_count", "too many"),
        ),
        "Look at what would be closed for it.",
        "exitplan plan --account {account}",
    ),
    AlertKind(
        "ZOMBIE_ESCALATED",
        "CRITICAL",
        "A zombie cannot be closed; a person must look at it.",
        (_SYMBOL, _RULE, _REASON),
        "Find out what keeps it, and close it by hand where the venue lets you.",
        _EXPLAIN,
    ),
    AlertKind(
        "EXIT_FAILED",
        "WARNING",
        "The venue refused an exit, or it never got there.",
        (_SYMBOL, _RULE, Figure("kind", "what was to be done"), _REASON),
        "The next run tries again, a few times. Where the reason is mended: exitplan retry.",
        _EXPLAIN,
    ),
    AlertKind(
        "UNWIND_REANCHORED",
        "WARNING",
        "A position has grown while it was unwound; its unwind starts anew.",
        (Figure("position", "position"), Figure("initial_quantity", "quantity that is unwound from now on")),
        "Find out who buys what exitplan sells.",
        _POSITIONS,
    ),
    AlertKind(
        "OUTCOME_UNKNOWN",
        "CRITICAL",
        "The outcome of an order is unknown; the account stops.",
        (
            _SYMBOL,
            Figure("client_order_id", "client order id"),
            Figure("reason", "why", optional=True),
            Figure("message", "why", optional=True),
            Figure("id", "action of the plan", optional=True),
            Figure("action", "what was to be done", optional=True),
            Figure("side", "side", optional=True),
            Figure("quantity", "quantity", optional=True),
            Figure("rule", "by the rule", optional=True),
            Figure("filled", "filled so far", optional=True),
            Figure("average_price", "average price", optional=True),
            Figure("fee", "fee", optional=True),
            Figure("fee_currency", "currency of the fee", optional=True),
        ),
        "Nothing is sent for this account until that is known. Look at the venue, then record what you saw there.",
        "exitplan resolve --account {account}",
    ),
    AlertKind(
        "ENGINE_DISAGREEMENT",
        "CRITICAL",
        "The rule engine cannot be trusted; nothing was planned.",
        (_REASON, Figure("reproducer", "file that reproduces it, in the folder reproducers")),
        "Nothing is sent while it is so. Report it with the file.",
        "exitplan doctor --account {account}",
    ),
    AlertKind(
        "BALANCE_ACCEPTED",
        "INFO",
        "A person has said that what the account holds is right.",
        (Figure("equity", "worth of the account"), Figure("held", "what it holds")),
        "Nothing is to be done if it was one of you.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "JOURNAL_RESTORED",
        "WARNING",
        "The account's journal was put back from a backup.",
        (Figure("newest_run_at", "its newest run began"), Figure("accepted", "orders sent since, accepted")),
        "Look at the account, then verify it: until then the gate is closed.",
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
            Figure("value", "worth of what they move"),
            _REASON,
            Figure("expires_at", "the plan is made anew after"),
            Figure("replaces", "in the place of"),
            _HINT,
        ),
        "Look at it, then approve or reject it. The question stays while each round makes the same plan anew.",
        "exitplan pending {request}",
    ),
    AlertKind(
        "PLAN_APPROVED",
        "INFO",
        "A person has approved a plan that waits.",
        (_REQUEST, _PLAN, _PERSON, Figure("approvals", "approvals so far"), Figure("needed", "approvals needed")),
        "Where enough have approved it, the watch carries it out in its next round.",
        "exitplan pending --account {account}",
    ),
    AlertKind(
        "PLAN_REJECTED",
        "INFO",
        "A person has rejected a plan that waits.",
        (_REQUEST, _PLAN, _PERSON, Figure("why", "why"), Figure("until", "not asked again until")),
        "Nothing is to be done: the same is not asked again.",
        "exitplan pending --account {account}",
    ),
    AlertKind(
        "ROUND_FAILED",
        "WARNING",
        "A round of `exitplan watch` failed; told once for each cause.",
        (_REASON, _HINT, Figure("exit_code", "exit code")),
        "The watch tries again, less often each time. Find out why it failed.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "ACCOUNT_HANGS",
        "CRITICAL",
        "The round of an account took too long and was cut off.",
        (Figure("seconds", "took so far", "s"), Figure("cut_off", "may take", "s")),
        "It sends nothing more, and has no further round while it hangs. Where it stays so, restart the watch.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "ESCALATION",
        "WARNING",
        "An incident has come to the next step of its escalation ladder.",
        (*_INCIDENT, Figure("step", "step of the ladder"), Figure("since", "since")),
        "Mend it, or acknowledge it with --why, so that the next step waits.",
        "exitplan ack {incident} --why WHY",
    ),
    AlertKind(
        "ESCALATION_ENDED",
        "INFO",
        "An incident that was escalated is over.",
        (*_INCIDENT, Figure("ended", "how it ended")),
        "Nothing is to be done.",
        "exitplan incidents --ended --account {account}",
    ),
    AlertKind(
        "CLOCK_OFF",
        "WARNING",
        "This machine's clock is off the venue's by more than a second.",
        (_REASON, _VENUE),
        "Set the clock, and let chrony or systemd-timesyncd keep it right. Far off, nothing is sent.",
        "exitplan doctor --account {account}",
    ),
    AlertKind(
        "CLOCK_RIGHT",
        "INFO",
        "This machine's clock is right again.",
        (_VENUE,),
        "Nothing is to be done.",
        "exitplan status --account {account}",
    ),
    AlertKind(
        "OVERSIZED_HIGH_EXPOSURE",
        "CRITICAL",
        "One coin of high exposure is much of the account.",
        (_SYMBOL, Figure("size_usd", "worth", "USD"), _SHARE, _MESSAGE, _RECOMMENDATION),
        "Make the position smaller, or set a stop.",
        _POSITIONS,
    ),
    AlertKind(
        "NEAR_DUST_THRESHOLD",
        "WARNING",
        "A coin of high exposure is about to become dust.",
        (
            _SYMBOL,
            Figure("size_usd", "worth", "USD"),
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
        "Coins of high exposure are much of the account.",
        (Figure("total_value", "worth of all of them", "USD"), _SHARE, _MESSAGE, _RECOMMENDATION),
        "Spread what is held.",
        _POSITIONS,
    ),
    AlertKind(
        "CHANNEL_FAILED",
        "WARNING",
        "Alerts do not get through to a channel; they wait and are tried again.",
        (_CHANNEL, _LIVED, _REASON),
        "Find out why; nothing is lost meanwhile, exitplan alerts lists all.",
        "exitplan alerts test {channel}",
    ),
    AlertKind(
        "CHANNEL_RECOVERED",
        "INFO",
        "A channel that had failed delivers again.",
        (_CHANNEL, _LIVED),
        "Nothing is to be done: what had waited was sent.",
        "exitplan alerts channels",
    ),
)

ALERT_KINDS: Mapping[str, AlertKind] = {kind.name: kind for kind in _KINDS}
