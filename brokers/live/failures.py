"""What an exception out of ccxt means: an account that cannot be read, a clear refusal, or nothing for sure.

After a write only what stands in the venue's own table of errors is a refusal. Whatever else is unknown: a time-out, a
broken connection, a gateway's error page, a reply that makes no sense, a code that nobody has looked up. The hierarchy
is that of https://docs.ccxt.com/#/?id=error-handling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from exitplan.brokers.live.errors import is_doubtful
from exitplan.brokers.live.parsing import BadReply
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.protocol import RefusalReason, Refused, Unknown
from exitplan.ruleset.errors import AccountUnreadable, ClockIsOff, CredentialsRefused, ExitplanError
from exitplan.ruleset.model.visible import printable

T = TypeVar("T")

RATE_LIMIT_PAUSE = 2.0
"""Seconds of rest after a venue said `too many requests` without saying for how long."""
TOO_MANY_REQUESTS = frozenset({418, 429})
"""HTTP: the request was turned away before anybody looked at it; 418 is binance's word for a longer rest."""

_QUOTED = 4_000
"""Characters of a reply that are looked at for what it says; 300 of them are told."""
_CLEAR = (
    ("InsufficientFunds", RefusalReason.INSUFFICIENT_BALANCE),
    ("OrderNotFound", RefusalReason.UNKNOWN_ORDER),
    ("DuplicateOrderId", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
    ("BadSymbol", RefusalReason.UNKNOWN_SYMBOL),
    ("MarketClosed", RefusalReason.MARKET_INACTIVE),
    ("ContractUnavailable", RefusalReason.MARKET_INACTIVE),
    ("AuthenticationError", RefusalReason.PERMISSION_DENIED),
    ("NotSupported", RefusalReason.UNSUPPORTED),
    ("RateLimitExceeded", RefusalReason.RATE_LIMITED),
)
"""The classes of ccxt that say what was refused, and not only that something was."""
_READ_AS = {
    RefusalReason.PERMISSION_DENIED: "AuthenticationError",
    RefusalReason.UNKNOWN_ORDER: "OrderNotFound",
    RefusalReason.RATE_LIMITED: "RateLimitExceeded",
}
"""What means something for a question as well, and the class of ccxt that questions are judged by."""


@contextmanager
def reading(
    what: str,
    redact: Redactor,
    pause: Callable[[], float | None],
    clock_problem: Callable[[], str | None] = lambda: None,
) -> Iterator[None]:
    """Raise AccountUnreadable, or CredentialsRefused, for whatever goes wrong while something is read.

    ``pause`` gives the seconds that the venue wants to rest. Where ``clock_problem`` says that our clock is off, that
    is why the venue denies what it was asked: requests are signed with the time.
    """
    try:
        yield
    except ExitplanError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever broke, the question has no answer
        raise unreadable(what, error, redact, pause(), clock_problem()) from None


def unreadable(
    what: str, error: Exception, redact: Redactor, pause: float | None, clock_problem: str | None = None
) -> AccountUnreadable:
    """Return the error that a question failed, and why."""
    from ccxt.base import errors  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    message = f"{what} could not be read: {explain(error, redact)}"
    may_be_time = isinstance(error, errors.AuthenticationError | errors.InvalidNonce | errors.RequestTimeout)
    if clock_problem is not None and (may_be_time or is_doubtful(str(error))):
        return ClockIsOff(f"{message} ({clock_problem})")
    if isinstance(error, errors.AuthenticationError):
        hint = "look at the key: is it right, does it live, may it read and trade, is this address allowed to use it?"
        return CredentialsRefused(message, hint=hint)
    if isinstance(error, errors.ExchangeNotAvailable | errors.RequestTimeout) or type(error) is errors.NetworkError:
        return AccountUnreadable(message, hint="does the venue answer, and can it be reached from here?")
    limited = isinstance(error, errors.RateLimitExceeded | errors.DDoSProtection)
    return AccountUnreadable(message, retry_after=(pause or RATE_LIMIT_PAUSE) if limited else None)


def outcome_of(error: Exception, redact: Redactor, pause: float | None, *, wrote: bool) -> Refused | Unknown:
    """Return what an exception means where ``wrote`` says whether anything went out that may have been executed.

    If so, only an error that is marked as a refusal is one. Otherwise nothing happened, whatever ccxt calls it.
    """
    message = explain(error, redact)
    reason = _marked(error) if wrote else reason_in(error)
    if reason is None:
        return Unknown(message, pause)
    rest = pause or RATE_LIMIT_PAUSE if reason is RefusalReason.RATE_LIMITED else None
    return Refused(reason, message, retry_after=rest)


def reason_in(error: Exception) -> RefusalReason | None:
    """Return why something was refused that would have bound nobody; None where no answer came."""
    from ccxt.base import errors  # noqa: PLC0415 - as above
    from requests import RequestException  # noqa: PLC0415 - comes with ccxt

    if (marked := _marked(error)) is not None:
        return marked
    if isinstance(error.__cause__, RequestException) or is_doubtful(str(error)):
        return None
    return _clear_reason(error) or (RefusalReason.OTHER if isinstance(error, errors.ExchangeError) else None)


def refusal(reason: RefusalReason, message: str, theirs: Exception | None = None) -> Exception:
    """Return an error that is marked as a refusal; of ccxt's own class, ``theirs``, where questions go by that."""
    from ccxt.base import errors  # noqa: PLC0415 - as above

    kind: type[Exception] = getattr(errors, _READ_AS.get(reason, "ExchangeError"))
    is_finer = isinstance(theirs, kind) if reason in _READ_AS else not isinstance(theirs, errors.OrderNotFound)
    if isinstance(theirs, errors.BaseError) and is_finer:
        kind = type(theirs)
    marked: type[Exception] = type(kind.__name__, (kind,), {"reason": reason})
    return marked(message)


def without_mark(error: Exception) -> Exception:
    """Return the same error as one that refuses no write."""
    if _marked(error) is None:
        return error
    kind: type[Exception] = type(error).__bases__[0]
    return kind(*error.args)


def unclear(message: str, theirs: Exception | None = None) -> Exception:
    """Return an error that is no refusal; ``theirs`` where questions go by that, unless it says more than is known."""
    from ccxt.base import errors  # noqa: PLC0415 - as above

    kind: type[Exception] = errors.ExchangeError
    if isinstance(theirs, errors.BaseError) and not isinstance(theirs, errors.OrderNotFound):
        # Where the time is wrong ccxt may say that the key is.
        is_late = isinstance(theirs, errors.AuthenticationError) and is_doubtful(message)
        kind = errors.RequestTimeout if is_late else type(theirs)
    return kind(message)


def as_ccxt_reads_it(status: int, reply: object, theirs: Exception | None, message: str) -> Exception | None:
    """Judge a reply of a venue that exitplan has no table of: what ccxt calls by its narrow names is a refusal.

    It has to go by the venue's exact code, and by no words of a venue that broke.
    """
    from ccxt.base import errors  # noqa: PLC0415 - as above

    limits = (errors.RateLimitExceeded, errors.DDoSProtection)
    if status in TOO_MANY_REQUESTS and (reply is None or theirs is None or isinstance(theirs, limits)):
        return refusal(RefusalReason.RATE_LIMITED, message)
    if theirs is None or "matched" not in vars(theirs) or is_doubtful(str(theirs)):
        return theirs
    reason = _clear_reason(theirs)
    return theirs if reason is None else refusal(reason, str(theirs), theirs)


def unless_missing(ask: Callable[[], T]) -> T | None:
    """Ask about an order, or do something with it; None where the venue clearly says that it knows no such order."""
    from ccxt.base.errors import OrderNotFound  # noqa: PLC0415 - as above

    try:
        return ask()
    except OrderNotFound:
        return None


def is_not_found(error: Exception) -> bool:
    """Check whether a venue clearly said that it knows no such order."""
    from ccxt.base import errors  # noqa: PLC0415 - as above

    return isinstance(error, errors.OrderNotFound)


def explain(error: Exception, redact: Redactor) -> str:
    """Put an exception into one line without secrets."""
    text = printable(" ".join(redact(str(error)[:_QUOTED]).split()))
    name = "" if isinstance(error, BadReply) else f"{type(error).__name__}: "
    return f"{name}{text[:300]}"


def _marked(error: Exception) -> RefusalReason | None:
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, RefusalReason) else None


def _clear_reason(error: Exception) -> RefusalReason | None:
    from ccxt.base import errors  # noqa: PLC0415 - as above

    return next((reason for name, reason in _CLEAR if isinstance(error, getattr(errors, name))), None)
