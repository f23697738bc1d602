"""Hand a message to apprise, which speaks to mail servers, chats and pagers; loaded only where something is sent.

Nothing that apprise says or logs gets out with an address, or a part of one, in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exitplan.brokers.live.redaction import Redactor
from exitplan.executor.alerting.addresses import Address
from exitplan.executor.alerting.messages import Message
from exitplan.ruleset.errors import CredentialsMissing
from exitplan.ruleset.model.visible import printable

if TYPE_CHECKING:
    from apprise import NotifyBase

REFUSED = frozenset({"macosx", "vapid"})
"""Schemes that run a program of this machine, or write files of their own."""
_SECONDS = 4
_LONGEST_REASON = 200
_LOGGER = logging.getLogger("apprise")
_WHY = threading.local()


def send(address: Address, message: Message) -> str | None:
    """Send a message; returns why it did not get through, without any secret, or None where it did."""
    redact = Redactor(address)
    with _listening() as reasons:
        try:
            is_through = _notified(address, message)
        except CredentialsMissing as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - apprise has a plug-in for each service, and they raise what they like
            reasons.append(type(error).__name__)
            is_through = False
    if is_through:
        return None
    said = "; ".join(dict.fromkeys(reasons)) or "apprise gives no reason"
    return printable(redact(" ".join(said.split())))[:_LONGEST_REASON]


def ensure_usable(address: Address) -> None:
    """Raise CredentialsMissing for an address that apprise cannot use, or may not."""
    with _listening():
        _service(address)


def _notified(address: Address, message: Message) -> bool:
    """Call the service in this thread: the threads of apprise itself would keep a process from ending."""
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - it takes half a second
    from apprise.conversion import convert_between  # noqa: PLC0415 - as above

    kinds = {"INFO": NotifyType.INFO, "WARNING": NotifyType.WARNING, "CRITICAL": NotifyType.FAILURE}
    service = _service(address)
    form = service.resolve_format(NotifyFormat.TEXT)  # text, unless the service knows only another form
    convert: Callable[..., str] = convert_between
    title = message.title if service.title_maxlen > 0 else convert(NotifyFormat.TEXT, form, message.title)
    body = convert(NotifyFormat.TEXT, form, message.body)
    return service.notify(body=body, title=title, notify_type=kinds[message.severity], body_format=form)


def _service(address: Address) -> NotifyBase:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - as above
    from apprise.plugins import url_to_dict  # noqa: PLC0415 - as above

    scheme = address.scheme
    if scheme in REFUSED:
        raise CredentialsMissing(f"a channel cannot be {scheme}://: it runs programs or writes files on this machine")
    parts: dict[str, Any] | None = url_to_dict(address.url.reveal())  # type: ignore[no-untyped-call]
    if parts and str(parts.get("schema", "")).lower() not in REFUSED:
        # Tried again is here, not there; text is text; and no service may take longer than others have time.
        parts.update({"retry": 0, "format": "text", "rto": _SECONDS, "cto": _SECONDS})
        service = Apprise.instantiate(
            parts, asset=AppriseAsset(app_id="exitplan", app_desc="exitplan", async_mode=False)
        )
        if service is not None:
            return service
    raise CredentialsMissing(f"the address of the channel ({scheme}://) is not one that apprise understands")


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect why apprise fails in this thread, and keep all that it logs here from everybody else."""
    if not any(isinstance(one, _Listener) for one in _LOGGER.filters):
        _LOGGER.addFilter(_Listener())
    _WHY.reasons = []
    try:
        yield _WHY.reasons
    finally:
        _WHY.reasons = None


class _Listener(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Take the records of a thread that sends; let those of others pass."""
        reasons = getattr(_WHY, "reasons", None)
        if reasons is None:
            return True
        if record.levelno >= logging.WARNING:
            reasons.append(record.getMessage())
        return False
