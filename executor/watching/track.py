"""How it goes with one watched account: when its next round is due, whether one is under way, what was told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from exitplan.executor.accounts.selection import Selected
from exitplan.executor.watching.rounds import Round
from exitplan.executor.watching.schedule import Pace
from exitplan.executor.watching.troubles import Troubles
from exitplan.ruleset.exit_codes import ExitCode


@dataclass(slots=True)
class Track:
    """How it goes with one account: when its next round is due, and whether one is under way.

    ``anchor`` is a moment of its even row of rounds, ``set_at`` when ``due`` was found out.
    """

    who: Selected
    anchor: datetime
    due: datetime
    set_at: datetime
    began: datetime | None = None
    is_cut: bool = False
    rounds: int = 0
    failures: int = 0
    worst: ExitCode = ExitCode.DONE
    told: tuple[object, ...] = ()
    troubles: Troubles = Troubles()  # noqa: RUF009 - it is frozen

    @property
    def is_open(self) -> bool:
        """Whether its first round has neither ended nor been cut off."""
        return not self.rounds and not self.is_cut

    def hangs(self, now: datetime, cut_off: timedelta) -> bool:
        """Check whether a round takes too long that has not been cut off yet."""
        return self.began is not None and not self.is_cut and now - self.began > cut_off

    def take_in(self, done: Round, now: datetime) -> Round:
        """Take a round in; one that was kept from its work for so long that a person should hear of it has failed."""
        self.troubles, done = self.troubles.taking_in(done, now)
        return done

    def follow_clock(self, now: datetime) -> None:
        """Where the clock was put back, let what is due be due after the same time as before."""
        if now < self.set_at:
            self.due = self.anchor = now + (self.due - self.set_at)
            self.set_at = now
        if self.began is not None and now < self.began:
            self.began = now

    def takes_for_news(self, done: Round) -> bool:
        """Check whether a round is worth telling after those before it, and remember it."""
        is_same, self.told = done.told_by == self.told, done.told_by
        is_known = self.troubles.knows(done)
        self.troubles = self.troubles.after(done)
        return not is_known if done.is_failure else not is_same or done.kind == "applied"

    def set_due(self, now: datetime, pace: Pace) -> None:
        """Find out when the next round is due: in the even row, or later where it fails again and again."""
        begun = now if self.began is None else self.began
        missed = (now - self.anchor) // pace.every
        in_row = self.anchor + pace.every * (missed + 1)
        self.due = begun + pace.pause(self.failures) if self.failures > 1 else in_row
        self.set_at = now
