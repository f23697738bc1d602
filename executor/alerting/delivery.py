"""Deliver alerts: take in what is new, and send each channel what may go now; a channel that fails stops nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

from exitplan.executor.accounts.folder import PLATFORM
from exitplan.executor.alerting.addresses import read_address
from exitplan.executor.alerting.channels import Channel, load_channels
from exitplan.executor.alerting.intake import CHANNEL_FAILED, CHANNEL_RECOVERED, Router, begin
from exitplan.executor.alerting.messages import Message, compose, test_message
from exitplan.executor.alerting.outbox import ChannelState, Entry, Outbox
from exitplan.executor.alerting.post import FilePost, Post
from exitplan.executor.alerting.sending import send
from exitplan.executor.alerting.timing import Hold, hold_of, is_group_open, pause_after
from exitplan.executor.logs import ALERTS, note
from exitplan.ruleset.errors import CredentialsMissing, ExitplanError
from exitplan.schemas.validation import CHANNELS_FILE

TOLD_AFTER = 3
"""So many attempts in a row fail before the other channels are told."""
_PAUSES = (1.0, 2.0)
"""Before the second and the third attempt of one delivery."""
_CLAIM = timedelta(minutes=2)
"""A claim is longer than any delivery, and passes where its process has died."""
_LEAST_SECONDS = 0.5
"""With less time than that nothing is begun: a channel that is well would count as one that does not answer."""
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery came to; ``problem`` is why there was none at all.

    ``sent`` counts the alerts that went out to each channel, ``failed`` says why others did not, ``waiting`` counts
    what is still to go. At the first delivery ``too_old`` counts what was left out as older than ``since``.
    """

    taken: int = 0
    sent: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    too_old: int = 0
    since: datetime | None = None
    warnings: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of a delivery beside the ordinary.

    ``since`` says at the first one how old alerts may be; ``at_once``: what is held back by quiet hours, digests,
    groups, limits and pauses after failures goes as well.
    """

    since: datetime | None = None
    at_once: bool = False


def deliver(
    project_root: Path,
    data: Path,
    account_ids: Sequence[str],
    now: datetime,
    *,
    sleep: Sleep = time.sleep,
    budget: float | None = 5.0,
    how: Wanted = Wanted(),
) -> DeliveryReport:
    """Deliver the alerts of accounts below a data folder; see :func:`deliver_post`."""
    post = FilePost(project_root, data, tuple(account_ids))
    return deliver_post(project_root, post, now, sleep=sleep, budget=budget, how=how)


def deliver_post(
    project_root: Path,
    post: Post,
    now: datetime,
    *,
    sleep: Sleep = time.sleep,
    budget: float | None = 5.0,
    how: Wanted = Wanted(),
) -> DeliveryReport:
    """Deliver alerts to the channels of a project; nothing where it has none. Raises nothing.

    ``budget`` is how many seconds are waited for the channels, None as long as they need; what is not out by then goes
    with the next delivery. Several may deliver at once: what one is sending no other one sends.
    """
    try:
        channels = load_channels(project_root)
        if channels is None:
            return DeliveryReport()
        by_name = {channel.name: channel for channel in channels}
        return _Delivery(project_root, post, by_name, now, sleep, how).run(budget)
    except ExitplanError as error:
        return DeliveryReport(problem=str(error))
    except OSError as error:
        return DeliveryReport(problem=f"{error.filename or project_root}: {error.strerror or error}")


def known_accounts(data: Path) -> tuple[str, ...]:
    """List the accounts that have files in a data folder, the platform account first."""
    users = data / "users"
    others = sorted(path.name for path in users.iterdir() if path.is_dir()) if users.is_dir() else []
    return (PLATFORM, *others)


def try_channel(project_root: Path, post: Post, channel: Channel, now: datetime) -> str | None:
    """Send a test message to a channel; returns why it did not get through, None where it did.

    One that gets through again is no longer left alone: what waits for it goes with the next delivery.
    """
    try:
        problem = send(read_address(channel.url, project_root, os.environ), test_message(channel.name, now))
    except CredentialsMissing as error:
        return str(error)
    if problem is None and post.has_outbox():
        with post.outbox() as outbox, outbox.transaction():
            outbox.put_state(replace(outbox.state(channel.name), next_try=now))
    return problem


def has_begun(post: Post) -> bool:
    """Check whether anything was ever delivered; raises DataFolderUnusable."""
    if not post.has_outbox():
        return False
    with post.outbox() as outbox:
        return outbox.since() is not None


def channel_states(project_root: Path, post: Post) -> list[tuple[Channel, ChannelState]]:
    """Return how each channel of a project stands; raises ExitplanError."""
    channels = load_channels(project_root) or ()
    if not post.has_outbox():
        return [(channel, ChannelState(channel.name)) for channel in channels]
    with post.outbox() as outbox:
        return [(channel, outbox.state(channel.name)) for channel in channels]


@dataclass(slots=True)
class _Delivery:
    root: Path
    post: Post
    channels: Mapping[str, Channel]
    now: datetime
    sleep: Sleep
    how: Wanted

    def run(self, budget: float | None) -> DeliveryReport:
        """Take in and send; what a failing channel gives the others to tell is sent in a second round."""
        began, report = time.monotonic(), self._take_in()
        for _ in range(2):
            left = None if budget is None else budget - (time.monotonic() - began)
            if left is not None and left < _LEAST_SECONDS:
                break
            outcomes = self._send_to_all(left)
            sent = {name: report.sent.get(name, 0) + outcome.sent for name, outcome in outcomes.items() if outcome.sent}
            failed = {name: outcome.problem for name, outcome in outcomes.items() if outcome.problem}
            report = replace(report, sent={**report.sent, **sent}, failed={**report.failed, **failed})
            if not any(outcome.has_news for outcome in outcomes.values()):
                break
            self._take_in()
        with self.post.outbox() as outbox:
            waiting = {name: outbox.state(name).waiting for name in self.channels}
        return replace(report, waiting={name: count for name, count in waiting.items() if count})

    def _take_in(self) -> DeliveryReport:
        with self.post.outbox() as outbox, outbox.transaction():
            dropped = outbox.drop_others(self.channels)
            outbox.end_repeats(self.now)
            is_first = outbox.since() is None
            begins = begin(outbox, self.root / CHANNELS_FILE, self.now, self.how.since)
            taken = self.post.take_in(outbox, Router(self.channels, self.post.tags_of), begins, self.now)
        warnings = [
            f"{count} alerts waited for the channel {name}, which {CHANNELS_FILE} no longer has"
            for name, count in dropped.items()
        ]
        warnings += [
            f"an alert is for the channel {name}, which {CHANNELS_FILE} does not have" for name in taken.unknown
        ]
        left_out = taken.too_old if is_first else 0
        return DeliveryReport(taken.alerts, too_old=left_out, since=begins, warnings=tuple(warnings))

    def _send_to_all(self, budget: float | None) -> dict[str, _Outcome]:
        """Send to each channel that has something, in a thread of its own, which nothing waits for in the end."""
        with self.post.outbox() as outbox:
            batches = {name: batch for name in self.channels if (batch := self._claim(outbox, name))}
        futures: dict[str, Future[_Outcome]] = {name: Future() for name in batches}
        for name, future in futures.items():
            Thread(target=self._work, args=(self.channels[name], batches[name], future), daemon=True).start()
        wait(futures.values(), timeout=budget)
        return {name: future.result() if future.done() else self._late(name) for name, future in futures.items()}

    def _late(self, name: str) -> _Outcome:
        """Note that a channel has not answered in time; where it still does, its thread notes that over this."""
        return self._settle(self.channels[name], [], 1, "it did not answer in time")

    def _claim(self, outbox: Outbox, name: str) -> list[Entry]:
        """Choose what goes to a channel now, and keep other deliveries away from it for that time."""
        channel = self.channels[name]
        with outbox.transaction():
            state = outbox.state(name)
            is_at_rest = state.next_try > self.now and not self.how.at_once
            if not state.waiting or is_at_rest or state.claimed_until > self.now:
                return []
            entries = outbox.waiting(name) if self.how.at_once else _due(outbox, channel, self.now)
            if entries:
                outbox.put_state(replace(state, claimed_until=self.now + _CLAIM))
            return entries

    def _work(self, channel: Channel, entries: list[Entry], future: Future[_Outcome]) -> None:
        try:
            future.set_result(self._sent(channel, entries))
        except Exception as error:  # noqa: BLE001 - a channel that fails stops nothing; the claim passes
            future.set_result(_Outcome(problem=f"{type(error).__name__}: {error}"))

    def _sent(self, channel: Channel, entries: list[Entry]) -> _Outcome:
        is_digest = channel.digest is not None and any(entry.held == Hold.DIGEST for entry in entries)
        attempts, problem = self._attempt(channel, compose(entries, is_digest=is_digest))
        return self._settle(channel, entries, attempts, problem)

    def _settle(self, channel: Channel, entries: list[Entry], attempts: int, problem: str | None) -> _Outcome:
        """Note what came of a delivery to a channel; without entries it is still under way."""
        with self.post.outbox() as outbox, outbox.transaction():
            old = outbox.state(channel.name)
            if problem is None:
                outbox.mark_sent(channel.name, entries, self.now, channel.repeat)
                new = ChannelState(channel.name, sent_at=self.now)
            else:
                new = _failed(old, attempts, problem, self.now)
                new = replace(new, claimed_until=self.now if entries else old.claimed_until)
            has_news = self._tell_others(old, new)  # before it is noted, so that it cannot be forgotten
            outbox.put_state(new)
        note(ALERTS, "alerts_sent" if problem is None else "alerts_not_sent", channel=channel.name, problem=problem)
        return _Outcome(0 if problem else len(entries), problem, has_news)

    def _attempt(self, channel: Channel, message: Message) -> tuple[int, str | None]:
        """Try up to three times; an address that cannot be read is no better a second later."""
        problem: str | None = None
        for attempt, pause in enumerate((*_PAUSES, None), start=1):
            try:
                problem = send(read_address(channel.url, self.root, os.environ), message)
            except CredentialsMissing as error:
                return TOLD_AFTER, str(error)
            if problem is None or pause is None:
                return attempt, problem
            self.sleep(pause)
        raise AssertionError("the last attempt has no pause after it")

    def _tell_others(self, old: ChannelState, new: ChannelState) -> bool:
        """Raise an alert where a channel has begun to fail, or does so no longer; returns whether it did."""
        if old.is_told == new.is_told:
            return False
        kind = CHANNEL_FAILED if new.is_told else CHANNEL_RECOVERED
        figures = {"channel": new.name, "failures": max(old.failures, new.failures)}
        if new.is_told:
            figures["reason"] = new.problem or ""
        self.post.tell(kind, figures, self.now)
        return True


@dataclass(frozen=True, slots=True)
class _Outcome:
    sent: int = 0
    problem: str | None = None
    has_news: bool = False


def _due(outbox: Outbox, channel: Channel, now: datetime) -> list[Entry]:
    """Choose what may go to a channel now, and note why the rest waits; what names the channel never waits."""
    waiting = outbox.waiting(channel.name)
    named = [entry for entry in waiting if entry.is_named]
    others: list[Entry] = []
    for entry in waiting:
        if not entry.is_named:
            hold = hold_of(channel, entry.alert["severity"], entry.raised_at, now)
            if hold is None:
                others.append(entry)
            else:
                outbox.hold([entry.number], hold)
    if others and is_group_open(channel, (entry.raised_at for entry in others), now):
        others = []
    rate = channel.at_most
    if others and outbox.sent_since(channel.name, now - rate.period) >= rate.count:
        outbox.hold([entry.number for entry in others], f"{Hold.LIMIT} of {rate.text}")
        others = []
    return [*named, *others]


def _failed(old: ChannelState, attempts: int, problem: str, now: datetime) -> ChannelState:
    failures = old.failures + attempts
    rounds = -(-failures // TOLD_AFTER)
    return replace(
        old,
        failures=failures,
        next_try=now + pause_after(rounds),
        problem=problem,
        failed_since=old.failed_since or now,
        is_told=failures >= TOLD_AFTER,
    )
