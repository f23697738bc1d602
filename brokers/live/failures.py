"""What an exception out of ccxt means: an account that cannot be read, a clear refusal, or nothing for sure.

Whatever is not surely a refusal is unknown: a time-out, a broken connection, a gateway's error page, a reply that makes
no sense. The hierarchy is that of https://docs.ccxt.com/#/?id=error-handling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from exitplan.brokers.live.parsing import BadReply
from exitplan.brokers.live.redaction import Redactor
from exitplan.brokers.protocol import RefusalReason, Refused, Unknown
from exitplan.ruleset.errors import AccountUnreadable, CredentialsRefused, ExitplanError

RATE_LIMIT_PAUSE = 2.0
"""Seconds of rest after a venue said `too many requests` without saying for how long."""

_REFUSALS = (
    ("InsufficientFunds", RefusalReason.INSUFFICIENT_BALANCE),
    ("OrderNotFound", RefusalReason.UNKNOWN_ORDER),
    ("DuplicateOrderId", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
    ("BadSymbol", RefusalReason.UNKNOWN_SYMBOL),
    ("MarketClosed", RefusalReason.MARKET_INACTIVE),
    ("ContractUnavailable", RefusalReason.MARKET_INACTIVE),
    ("AuthenticationError", RefusalReason.PERMISSION_DENIED),
    ("NotSupported", RefusalReason.UNSUPPORTED),
    ("ExchangeError", RefusalReason.OTHER),
)
"""By ccxt's class, the narrower first."""

_UNCLEAR = re.compile(r"(?i)internal|time.?out|timed out|unavailable|unknown error|busy|overload")
"""Words of a venue that says it broke, not that it refuses."""
_SERVER_ERROR = 500


@contextmanager
def reading(what: str, redact: Redactor, pause: Callable[[], float | None]) -> Iterator[None]:
    """Raise AccountUnreadable, or CredentialsRefused, for whatever goes wrong while something is read.

    ``pause`` gives the seconds that the venue wants to rest.
    """
    try:
        yield
    except ExitplanError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever broke, the question has no answer
        raise unreadable(what, error, redact, pause()) from None


def unreadable(what: str, error: Exception, redact: Redactor, pause: float | None) -> AccountUnreadable:
    """Return the error that a question failed, and why."""
    from ccxt.base import errors  # noqa: PLC0415 - ccxt is loaded only where a live venue is used

    message = f"{what} could not be read: {explain(error, redact)}"
    if isinstance(error, errors.AuthenticationError):
        hint = "look at the key: is it right, does it live, may it read and trade, is this address allowed to use it?"
        return CredentialsRefused(message, hint=hint)
    if isinstance(error, errors.ExchangeNotAvailable | errors.RequestTimeout) or type(error) is errors.NetworkError:
        return AccountUnreadable(message, hint="does the venue answer, and can it be reached from here?")
    limited = isinstance(error, errors.RateLimitExceeded | errors.DDoSProtection)
    return AccountUnreadable(message, retry_after=(pause or RATE_LIMIT_PAUSE) if limited else None)


def outcome_of(error: Exception, redact: Redactor, pause: float | None) -> Refused | Unknown:
    """Return what an exception out of a write means.

    A nonce or a time that the venue finds too old is no clear refusal: a request that is delivered twice is answered so
    as well, after it was executed the first time.
    """
    from ccxt.base import errors  # noqa: PLC0415 - as above

    message = explain(error, redact)
    if _broke_on_the_way(error):
        return Unknown(message, pause)
    if isinstance(error, errors.RateLimitExceeded | errors.DDoSProtection):
        return Refused(RefusalReason.RATE_LIMITED, message, retry_after=pause or RATE_LIMIT_PAUSE)
    if isinstance(error, errors.ExchangeError) and not _says_it_broke(error):
        reason = getattr(error, "reason", None)
        if isinstance(reason, RefusalReason):
            return Refused(reason, message)
        name = next(name for name, _ in _REFUSALS if isinstance(error, getattr(errors, name)))
        return Refused(dict(_REFUSALS)[name], message)
    return Unknown(message, pause)


def exceptions_for(refusals: Mapping[str, RefusalReason], unclear: Iterable[str] = ()) -> dict[str, type[Exception]]:
    """Return what ccxt shall raise for a venue's own codes or words, where its own choice says less, or says wrong.

    After one of the ``unclear`` ones nobody knows what became of the request.
    """
    from ccxt.base import errors  # noqa: PLC0415 - as above

    # These mean something for questions as well, so they stay what ccxt calls them.
    known = {
        RefusalReason.PERMISSION_DENIED: errors.AuthenticationError,
        RefusalReason.UNKNOWN_ORDER: errors.OrderNotFound,
        RefusalReason.RATE_LIMITED: errors.RateLimitExceeded,
    }
    exceptions: dict[str, type[Exception]] = dict.fromkeys(unclear, errors.RequestTimeout)
    for word, reason in refusals.items():
        exceptions[word] = known.get(reason) or type("InvalidOrder", (errors.InvalidOrder,), {"reason": reason})
    return exceptions


def is_not_found(error: Exception) -> bool:
    """Check whether a venue clearly said that it knows no such order."""
    from ccxt.base import errors  # noqa: PLC0415 - as above

    return isinstance(error, errors.OrderNotFound)


def explain(error: Exception, redact: Redactor) -> str:
    """Put an exception into one line without secrets."""
    text = " ".join(redact(str(error)).split())
    name = "" if isinstance(error, BadReply) else f"{type(error).__name__}: "
    return f"{name}{text[:300]}"


def _broke_on_the_way(error: Exception) -> bool:
    """Check whether a connection or a server broke, whatever ccxt calls it: then it is no answer of the venue.

    A gateway's 5xx may come though the venue took the request, and ccxt knows only some of them.
    """
    from requests import HTTPError, RequestException  # noqa: PLC0415 - as above

    cause = error.__cause__ or error.__context__
    if isinstance(cause, HTTPError):
        return cause.response is not None and cause.response.status_code >= _SERVER_ERROR
    return isinstance(cause, RequestException)


def _says_it_broke(error: Exception) -> bool:
    """Check whether an error for which ccxt has no narrower name is about the venue itself, not about the request."""
    from ccxt.base import errors  # noqa: PLC0415 - as above

    return type(error) is errors.ExchangeError and _UNCLEAR.search(str(error)) is not None
