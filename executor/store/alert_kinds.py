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
        "PRICE_UNAVAILABLE",
        "WARNING",
        "A price could not be read; nothing was sent for the position.",
        (_SYMBOL, _RULE),
        "The next run reads it again.",
        _EXPLAIN,
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
