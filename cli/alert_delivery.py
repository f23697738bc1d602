"""Deliver alerts at the end of a command that may have raised some; whatever comes of it changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exitplan.cli.arguments import present
from exitplan.cli.failures import as_error, warn
from exitplan.executor.accounts.places import DataPlace, FilePlace
from exitplan.executor.accounts.project import project_of, project_root
from exitplan.ruleset.planning.words import clock_time, counted

if TYPE_CHECKING:
    from exitplan.executor.alerting.delivery import DeliveryReport

SEE = "exitplan alerts channels"
BUDGET_SECONDS = 5.0
"""How long a command waits for its alerts to go out, in all."""


def channels_root(data: DataPlace) -> Path:
    """Return the project whose channels get the alerts: that of a data folder, or the one that is worked in."""
    return project_of(data.folder) if isinstance(data, FilePlace) else project_root()


def delivers_alerts(command: Callable[..., None]) -> Callable[..., None]:
    """Deliver what waits once a command has ended, however it ended: within seconds, and whatever fails is one line."""

    @wraps(command)
    def with_delivery(**options: Any) -> None:  # noqa: ANN401 - those of the command
        try:
            command(**options)
        finally:
            deliver_after_command(options["data"], as_json=options.get("as_json", False))

    return with_delivery


def deliver_after_command(place: DataPlace, *, as_json: bool) -> None:
    """Deliver the alerts of a data folder where the project has channels; raises nothing, writes to stderr alone.

    Those of a fleet are delivered by whoever runs ``exitplan alerts send`` for it, once for all its machines.
    """
    from exitplan.schemas.validation import CHANNELS_FILE  # noqa: PLC0415 - `exitplan plan --help` needs none of it

    if not isinstance(place, FilePlace):
        return
    try:
        data = place.folder
        root = project_of(data)
        if not (root / CHANNELS_FILE).is_file():
            return
        from exitplan.executor.alerting.delivery import deliver, known_accounts  # noqa: PLC0415 - as above

        told = told_of(deliver(root, data, known_accounts(data), present(), budget=BUDGET_SECONDS))
    except KeyboardInterrupt:
        return  # they go with the next command
    except Exception as problem:  # noqa: BLE001 - what the command came to stays what it is, whatever happens here
        told = [f"alerts were not delivered: {as_error(problem)}"]
    if told:
        line = "; ".join(one.partition("\n")[0] for one in told)
        with suppress(OSError):  # nobody reads it any more
            warn(f"{line}; see {SEE}", as_json=as_json)


class Deliveries:
    """Delivers again and again, as long as somebody watches; what is wrong with it is told when that changes."""

    def __init__(self, data: Path) -> None:
        """Begin with nothing told."""
        self._data = data
        self._told: list[str] = []

    def deliver(self, _accounts: Sequence[str], now: datetime) -> None:
        """Deliver what all accounts of the project have raised, whoever raised it."""
        from exitplan.executor.alerting.delivery import deliver, known_accounts  # noqa: PLC0415 - as above

        told = told_of(deliver(project_of(self._data), self._data, known_accounts(self._data), now))
        for line in told:
            if line not in self._told:
                with suppress(OSError):  # as above
                    warn(f"{line.partition(chr(10))[0]}; see {SEE}", as_json=False)
        self._told = told


def told_of(report: DeliveryReport) -> list[str]:
    """Return what a person should know of a delivery."""
    told = [f"alerts were not delivered: {report.problem}"] if report.problem else []
    for name, why in report.failed.items():
        left = report.waiting.get(name, 0)
        told.append(f"alerts: the channel {name} failed ({why}); {counted(left, 'alert waits', 'alerts wait')} for it")
    told.extend(report.warnings)
    if report.too_old and report.since is not None:
        old = counted(report.too_old, "alert")
        told.append(f"alerts: {old} from before {clock_time(report.since)} not sent; exitplan alerts lists them")
    return told
