"""Give every account its rounds, side by side, again and again; one that fails or hangs does not stop the others.

Nothing here knows a terminal, reads a clock or sleeps: all of that is handed in. So a week can be replayed in a test.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from exitplan.brokers.protocol import Clock
from exitplan.executor.accounts.account import Account, AccountFile, is_path
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.reconcile import Sleep
from exitplan.executor.logs import RUN, note
from exitplan.executor.store.port import AccountStore, StoreOpener
from exitplan.executor.tracing import span
from exitplan.executor.watching.rounds import Round, Stopped, round_of
from exitplan.executor.watching.schedule import Pace
from exitplan.executor.watching.threads import Workers
from exitplan.executor.watching.track import Track
from exitplan.executor.watching.troubles import failure_alert
from exitplan.ruleset.errors import AccountIsLocked, AccountUnreadable, ExitplanError, RefusedByGuard
from exitplan.ruleset.exit_codes import ExitCode

PAUSE = 0.5
"""How long the watcher waits, in seconds, before it looks again who is due."""
DELIVERY_PAUSE = timedelta(seconds=30)
"""The longest that alerts wait: for a moment without rounds, for a round at all, and that a stop waits for them.

Between rounds that are rare, too, a group closes, quiet hours end and a channel is due for another try.
"""
_DELIVERY = ""
"""The name of the task that is no account's round: no account has it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a watcher is given.

    ``find`` lists the accounts as their files are now, ``open`` opens one, ``open_offline`` without its venue. ``tend``
    is done after each round of an account, also a failed one; ``store_of`` finds where its alerts go, whether it can be
    opened or not; ``deliver`` after rounds, with the ids of all accounts.
    ``ensure_kept`` raises where the data folder is not the one any more in which the watch began.
    """

    find: Callable[[], Sequence[Selected]]
    open: Callable[[AccountFile], Account]
    open_offline: Callable[[AccountFile], Account]
    store_of: StoreOpener
    clock: Clock
    sleep: Sleep
    workers: Workers
    notify: Callable[[Round], None] = lambda _: None
    tend: Callable[[Account, datetime], object] = lambda _account, _now: None
    deliver: Callable[[Sequence[str], datetime], object] = lambda _accounts, _now: None
    alive: Callable[[datetime], None] = lambda _: None
    ensure_kept: Callable[[], None] = lambda: None


class Watcher:
    """Rounds of many accounts. :meth:`run` goes on until it is stopped; :meth:`step` does what is due at a moment."""

    def __init__(self, given: Surroundings, pace: Pace) -> None:
        """Begin with no account; they are looked for in the first step."""
        self._given, self._pace = given, pace
        self._tracks: dict[str, Track] = {}
        self._listed_at: datetime | None = None
        self._is_stopping = self._is_for_one_round = False
        self._undelivered = False
        self._delivering: datetime | None = None
        self._delivered: datetime | None = None
        self._unwritten: list[tuple[AccountStore, Mapping[str, object]]] = []

    # --- going on ---

    def run(self, stopped: Stopped) -> ExitCode:
        """Go on until somebody stops it, then let every round end after what is in flight.

        Raises DataFolderUnusable once the data folder was moved away; nothing is written into a new one.
        """
        while not stopped():
            try:
                self._given.ensure_kept()
            except ExitplanError:
                self._end_rounds()
                raise
            self.step(self._given.clock())
            self._given.sleep(PAUSE)
        return self.stop()

    def once(self, stopped: Stopped) -> ExitCode:
        """Give every account one round, all at once, and return the worst exit code; for cron."""
        self._is_for_one_round = True
        now = self._given.clock()
        self._list(now)
        for track in self._tracks.values():
            track.due = now
        while not stopped() and any(track.is_open for track in self._tracks.values()):
            self.step(self._given.clock())
            if any(track.is_open for track in self._tracks.values()):
                self._given.sleep(PAUSE)
        left = ExitCode.CANCELLED if any(track.is_open for track in self._tracks.values()) else ExitCode.DONE
        return ExitCode.worst([self.stop(), left, *(track.worst for track in self._tracks.values())])

    def stop(self) -> ExitCode:
        """Begin no further round, and wait for those under way; UNKNOWN where one hangs and has to be left."""
        self._end_rounds()
        self._deliver(self._given.clock())
        self._wait_while(self._is_delivering)
        is_left = any(track.began for track in self._tracks.values())
        return ExitCode.UNKNOWN if is_left else ExitCode.DONE

    def _end_rounds(self) -> None:
        self._is_stopping = True
        self._wait_while(lambda _: any(track.began and not track.is_cut for track in self._tracks.values()))

    def _wait_while(self, goes_on: Callable[[datetime], bool]) -> None:
        now = self._given.clock()
        self._look(now)
        while goes_on(now):
            self._given.alive(now)
            self._given.sleep(PAUSE)
            now = self._given.clock()
            self._look(now)

    def step(self, now: datetime) -> None:
        """Take in what has ended, cut off what hangs, and begin the rounds that are due."""
        self._given.alive(now)
        self._look(now)
        if self._listed_at is None or not timedelta(0) <= now - self._listed_at < self._pace.every:
            self._list(now)
        for name, track in sorted(self._tracks.items(), key=lambda entry: entry[1].due):
            track.follow_clock(now)
            is_wanted = track.is_open or not self._is_for_one_round
            if now >= track.due and track.began is None and is_wanted and self._has_room:
                track.began = now
                self._given.workers.start(name, partial(self._round, track))
        self._look(now)
        if self._is_time_to_deliver(now):
            self._deliver(now)

    # --- accounts ---

    def _list(self, now: datetime) -> None:
        """Look for accounts: new ones get their place in the row of rounds, those that are gone are told."""
        is_first, self._listed_at = self._listed_at is None, now
        try:
            found = {who.name: who for who in self._given.find()}
        except (ExitplanError, OSError) as problem:
            if is_first:
                raise
            note(RUN, "accounts_not_listed", level=logging.WARNING, message=str(problem))
            return  # those that are known are watched on
        for name, who in found.items():
            if name in self._tracks:
                self._tracks[name].who = who
            else:
                first = now + self._pace.offset(name)
                self._tracks[name] = Track(who, first, first, now)
        for name in [name for name, track in self._tracks.items() if name not in found and track.began is None]:
            gone = self._tracks.pop(name)
            self._given.notify(Round(name, gone.who.venue, now, "removed"))

    # --- rounds ---

    @property
    def _has_room(self) -> bool:
        """Whether another account can be worked on; those that hang take nobody's place."""
        at_work = sum(1 for track in self._tracks.values() if track.began and not track.is_cut)
        return at_work < self._pace.jobs

    def _round(self, track: Track) -> Round:
        """Do one round, in a thread: a trace of its own, and whatever goes wrong is what it comes to."""
        with span("round", is_root=True, account=track.who.name, venue=track.who.venue):
            return self._done(track)

    def _done(self, track: Track) -> Round:
        given, file = self._given, track.who.file
        began, account = given.clock(), None
        try:
            account = given.open(_sound(file))
            done = round_of(account, lambda: self._is_stopping or track.is_cut, given.sleep)
        except ExitplanError as problem:
            done = Round(track.who.name, track.who.venue, began, "failed", problem.exit_code, problem=problem)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one account must not stop the watcher of the others
            done = Round(track.who.name, track.who.venue, began, "failed", 1, problem=_unforeseen(error))
        self._tend(file, account)
        return done

    def _tend(self, file: AccountFile | ExitplanError, account: Account | None) -> None:
        """Let incidents be looked after; nothing that goes wrong there is a reason to stop watching."""
        given = self._given
        try:
            if account is None and isinstance(file, AccountFile):
                account = given.open_offline(file)
            if account is not None:
                given.tend(account, given.clock())
        except Exception as error:  # noqa: BLE001 - as the docstring says
            note(RUN, "not_tended", level=logging.WARNING, message=f"{type(error).__name__}: {error}")

    def _look(self, now: datetime) -> None:
        """Take in the rounds that have ended, and cut off those that take too long."""
        for name, done in self._given.workers.finished():
            if name == _DELIVERY:
                self._delivering = None
            elif done is not None:
                self._take_in(self._tracks[name], done, now)
        for name, track in self._tracks.items():
            if track.began is not None and track.hangs(now, self._pace.cut_off):
                track.is_cut = True
                took = (now - track.began).total_seconds()
                self._tell(track, Round(name, track.who.venue, now, "hangs", ExitCode.UNKNOWN, took))

    def _take_in(self, track: Track, done: Round, now: datetime) -> None:
        done = track.take_in(done, now)
        if track.is_cut and track.began is not None:
            took = (now - track.began).total_seconds()
            self._tell(track, Round(done.account, done.venue, now, "back", seconds=took))
        track.rounds += 1
        track.failures = track.failures + 1 if _calls_for_a_pause(done) else 0
        track.set_due(now, self._pace)
        track.began, track.is_cut = None, False
        self._tell(track, done)

    def _tell(self, track: Track, done: Round) -> None:
        """Tell of a round; of what is wrong an alert is raised, once for each cause."""
        is_news = track.takes_for_news(done)
        self._undelivered = True
        track.worst = ExitCode.worst([track.worst, done.exit_code])
        if is_news and done.is_failure and not is_path(track.who.name):  # a file without an id has no alerts
            self._raise_alert(done)
        self._given.notify(replace(done, is_news=is_news))

    def _raise_alert(self, done: Round) -> None:
        self._unwritten.append((self._given.store_of(done.account), failure_alert(done, self._pace.cut_off)))
        self._write_alerts()

    def _write_alerts(self) -> None:
        """Write the alerts that are not in their stores yet: what cannot be written now is kept until it can."""
        self._unwritten = [(store, alert) for store, alert in self._unwritten if not store.write_alert(alert)]

    # --- afterwards ---

    def _is_time_to_deliver(self, now: datetime) -> bool:
        """Choose a moment in which no round is under way, unless there has been none for a while."""
        at_work = any(track.began and not track.is_cut for track in self._tracks.values())
        return not at_work or self._delivered is None or now - self._delivered >= DELIVERY_PAUSE

    def _deliver(self, now: datetime) -> None:
        """Have the alerts of all accounts delivered, beside the rounds; while that hangs, no other is begun."""
        is_long_ago = self._delivered is None or not timedelta(0) <= now - self._delivered < DELIVERY_PAUSE
        if not (self._undelivered or is_long_ago) or self._delivering is not None:
            return
        self._write_alerts()
        self._undelivered, self._delivering, self._delivered = False, now, now
        names = [name for name in self._tracks if not is_path(name)]

        def task() -> None:
            try:
                self._given.deliver(names, self._given.clock())
            except Exception as error:  # noqa: BLE001 - what is not delivered now is delivered later
                note(RUN, "not_delivered", level=logging.WARNING, message=f"{type(error).__name__}: {error}")

        self._given.workers.start(_DELIVERY, task)

    def _is_delivering(self, now: datetime) -> bool:
        return self._delivering is not None and now - self._delivering <= DELIVERY_PAUSE


def _sound(file: AccountFile | ExitplanError) -> AccountFile:
    """Return the file of an account; raises what is wrong with it."""
    if isinstance(file, ExitplanError):
        raise file
    return file


def _calls_for_a_pause(done: Round) -> bool:
    """Check whether a failure is one that asking again soon makes no better; guards and locks pass by themselves."""
    return done.kind == "failed" and not isinstance(done.problem, (RefusedByGuard, AccountIsLocked))


def _unforeseen(error: Exception) -> ExitplanError:
    note(RUN, "round_broke", level=logging.ERROR, message=f"{type(error).__name__}: {error}")
    return AccountUnreadable(f"{type(error).__name__}: {error}", hint="this is a bug in exitplan; please report it")
