"""``exitplan alerts``: what the accounts have raised, now or as it happens, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet, report_of
from exitplan.cli.alert_delivery import channels_root, told_of
from exitplan.cli.arguments import present, read_duration, read_time
from exitplan.cli.completion import complete_channel
from exitplan.cli.failures import warn
from exitplan.cli.options import DEFAULT_DATA, AccountsOption, AllOption, DataOption, JsonOption, TagOption
from exitplan.cli.output import say
from exitplan.cli.rendering.alerts import alert_line, alerts_table
from exitplan.cli.rendering.channels import (
    channel_document,
    channels_table,
    delivery_document,
    delivery_text,
    problems_table,
    tests_table,
)
from exitplan.cli.rendering.screen import console, show
from exitplan.cli.streams import write_json, write_line
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile
from exitplan.executor.accounts.places import Alerts
from exitplan.executor.alerting.channels import Channel, load_channels
from exitplan.executor.alerting.delivery import Wanted, channel_states, deliver_post, has_begun, try_channel
from exitplan.executor.store.alert_kinds import ALERT_KINDS, SEVERITIES
from exitplan.executor.store.alert_log import Alert, AlertFilter
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.validation import CHANNELS_FILE

_POLL_SECONDS = 0.5
FAILED = 1
app = verb_app()


@dataclass(frozen=True, slots=True)
class AlertOutput:
    """How many alerts are shown, as what, and whether those to come are too."""

    limit: int
    follow: bool = False
    as_json: bool = False


@app.callback(invoke_without_command=True)
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    context: typer.Context,
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="NAME", help="Only this kind, such as EXIT_FAILED; may be repeated."),
    ] = None,
    severity: Annotated[
        str, typer.Option("--severity", metavar="LEVEL", help="Only this bad or worse: info, warning or critical.")
    ] = "info",
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help="Only alerts since then: 90s, 15m, 1h, 30d, or a date or time in UTC."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most the N newest.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep running, and show alerts as they are raised, until Ctrl-C.")
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List alerts, follow them, or deliver them to channels.

    The oldest come first. The venue is not contacted. Of a fleet, --all also lists what is about the fleet as a whole,
    as alerts of the account platform. With --follow and --json every alert is one line of JSON.
    """
    if context.invoked_subcommand is not None:
        return
    wanted = AlertFilter(frozenset(map(_kind, kind or ())), _severity(severity), _since(since))
    logs = _logs(AccountSet.of(account, tag, every=every, data=data))
    show_alerts(logs, wanted, AlertOutput(limit, follow, as_json))


def _logs(accounts: AccountSet) -> list[Alerts]:
    """Return the alerts of accounts; of a fleet all of them have one log, with those about the fleet itself."""
    data = accounts.data
    of_all = data.all_alerts() if accounts.selection.every else None
    if of_all is not None:
        return [of_all]
    logs: list[Alerts] = []
    for who in accounts.select():
        if isinstance(who.file, AccountFile):
            logs.append(data.alerts_of(who.file.id))
        else:
            report_of(who.name, who.file)
    return logs


@app.command("test")
def try_channels(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CHANNEL", autocompletion=complete_channel, help="Which channels.  [default: all of them]"
        ),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send a test message to channels, and show whether it was sent.

    Exits with 1 if a message could not be sent.
    """
    root, now = channels_root(data), present()
    chosen = _chosen(_channels(root), names or ())
    post = data.post(root)
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        problems = list(pool.map(lambda channel: try_channel(root, post, channel, now), chosen))
    tried = {channel.name: problem for channel, problem in zip(chosen, problems, strict=True)}
    if as_json:
        write_json({"channels": [{"channel": name, "problem": problem} for name, problem in tried.items()]})
    else:
        show(tests_table(tried))
    raise typer.Exit(FAILED if any(tried.values()) else 0)


@app.command("send")
def send(
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also send what quiet hours, digests, groups, limits and pauses after failures hold back."
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help="For the first delivery: send alerts since then, such as 2d or a date."
        ),
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Deliver the alerts that wait, of all accounts.

    Commands that raise alerts deliver them at once. Let cron run this, to send what had to wait. Exits with 1 if a
    channel failed.
    """
    root, begins = channels_root(data), _since(since)
    _channels(root)
    if begins is not None and has_begun(data.post(root)):
        hint = "to list older alerts: exitplan alerts --since"
        raise UsageError("--since is only for the first delivery, which is over", hint=hint)
    report = deliver_post(root, data.post(root), present(), budget=None, how=Wanted(begins, everything))
    if report.problem is not None:
        raise ExitplanError(report.problem)
    if as_json:
        write_json(delivery_document(report))
    else:
        say(delivery_text(report))
    for told in told_of(report):
        warn(told, as_json=as_json)
    raise typer.Exit(FAILED if report.failed else 0)


@app.command("channels")
def list_channels(as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """List the channels: what each gets, how many alerts wait for it, and whether it works."""
    root, now = channels_root(data), present()
    _channels(root)
    states = channel_states(root, data.post(root))
    if as_json:
        write_json({"channels": [channel_document(channel, state) for channel, state in states]})
    else:
        show(channels_table(states), problems_table(states, now))


def _channels(root: Path) -> tuple[Channel, ...]:
    channels = load_channels(root)
    if channels is None:
        hint = "write one beside the folder policies; docs/alerts.md has an example"
        raise UsageError(f"this project has no {CHANNELS_FILE}, so no alerts are sent", hint=hint)
    return channels


def _chosen(channels: Sequence[Channel], names: Sequence[str]) -> list[Channel]:
    by_name = {channel.name: channel for channel in channels}
    for name in names:
        if name not in by_name:
            hint = did_you_mean(name, by_name) or f"the channels are {', '.join(by_name)}"
            raise UsageError(f"there is no channel {name}", hint=hint)
    return [by_name[name] for name in dict.fromkeys(names or by_name)]


def _kind(text: str) -> str:
    name = text.upper().replace("-", "_")
    if name not in ALERT_KINDS:
        hint = did_you_mean(name, ALERT_KINDS) or f"the kinds are {', '.join(ALERT_KINDS)}"
        raise UsageError(f"there is no kind of alert {text}", hint=hint)
    return name


def _severity(text: str) -> str:
    if text.upper() not in SEVERITIES:
        raise UsageError(f"--severity cannot be {text}; it is one of {', '.join(SEVERITIES).lower()}")
    return text.upper()


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    is_duration = text[-1:] in set("smhd")
    return present() - read_duration("--since", text) if is_duration else read_time("--since", text)


def show_alerts(logs: Sequence[Alerts], wanted: AlertFilter, output: AlertOutput) -> None:
    """Show the newest alerts, and those to come where that is asked for."""
    alerts = _newest(_new(logs, wanted), output.limit)
    if output.follow:
        _write(alerts, as_json=output.as_json)
        _follow(logs, wanted, as_json=output.as_json)
    elif output.as_json:
        write_json({"alerts": alerts})
    elif alerts:
        show(alerts_table(alerts))
    else:
        say("No alerts.")
    for log in logs:
        if log.unreadable:
            warn(f"{log.place}: {counted(log.unreadable, 'line')} cannot be read as alerts", as_json=output.as_json)


def _new(logs: Sequence[Alerts], wanted: AlertFilter) -> Iterator[Alert]:
    return (alert for log in logs for alert in log.new() if wanted.wants(alert))


def _newest(alerts: Iterable[Alert], limit: int) -> list[Alert]:
    """Return the newest alerts, the oldest of them first, and keep no others."""
    numbered = ((str(alert["timestamp"]), number, alert) for number, alert in enumerate(alerts))
    return [alert for _, _, alert in reversed(nlargest(limit, numbered, key=lambda entry: entry[:2]))]


def _follow(logs: Sequence[Alerts], wanted: AlertFilter, *, as_json: bool) -> None:
    try:
        while True:
            time.sleep(_POLL_SECONDS)
            _write(sorted(_new(logs, wanted), key=lambda alert: str(alert["timestamp"])), as_json=as_json)
    except KeyboardInterrupt:
        return


def _write(alerts: Sequence[Alert], *, as_json: bool) -> None:
    target = console()
    for alert in alerts:
        if as_json:
            write_line(alert)
        else:
            target.print(alert_line(alert), soft_wrap=True)
