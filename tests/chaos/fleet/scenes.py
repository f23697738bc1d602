"""Scenes in which one thing goes wrong at the worst moment; each is a fleet of its own, and ends with a judgement."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random

from tests.chaos.fleet.entry import Settings, quiet_from_now_on
from tests.chaos.fleet.mutants import MUTANTS
from tests.chaos.fleet.oracle import judge
from tests.chaos.fleet.world import PATIENCE, Fleet, NotSettled, fleet_of, wake
from tests.chaos.oracle import Violation

_TWO_TICKS = "SELECT count(*) > 1 FROM exitplan.ticks WHERE ended_at IS NOT NULL AND why NOT LIKE 'skipped%%'"
_MOST_DEATHS = 2
"""Processes that an account may cost before it is set aside."""


def is_caught(name: str) -> bool:
    """Check whether the suite notices that a safety is taken out, by what must show then and nothing else."""
    mutant = MUTANTS[name]
    return any(mutant.shows in violation.text for violation in play(mutant.scene, name))


def play(scene: str, mutant: str = "") -> list[Violation]:
    """Play a scene, without one of the safeties if one is named, and judge it."""
    with fleet_of(12, size=12) as fleet:
        fleet.every = "1s"
        settings = Settings(str(fleet.root), mutant=mutant)
        found: list[Violation] = []
        try:
            found = SCENES[scene](fleet, settings)
            quiet_from_now_on(fleet.root)
            settle(fleet)
        except NotSettled as problem:
            output = (fleet.root / "output.log").read_text(errors="replace")
            return [*found, Violation("lost", f"{problem}: {output[-1500:]}")]
        return [*found, *judge(fleet)]


def settle(fleet: Fleet, seconds: float = PATIENCE) -> None:
    """Let the fleet come to rest: three further ticks, all accounts CLEAN in the end; raises NotSettled."""
    began = time.time()
    until = time.monotonic() + seconds
    ticks, open_plans, held = 0, [], []
    while time.monotonic() < until:
        fleet.tend()
        with suppress(Exception):
            ((ticks,),) = fleet.rows(
                "SELECT count(*) FROM exitplan.ticks WHERE begun_at > to_timestamp(%s) AND ended_at IS NOT NULL"
                " AND why NOT LIKE 'skipped%%'",
                began,
            )
            open_plans = fleet.rows("SELECT account, plan_id FROM exitplan.plans WHERE ended_at IS NULL")
            held = [account for account in fleet.granted if fleet.broker(account).read_account().positions]
            if ticks >= 3 and not open_plans and not held:
                return
        time.sleep(0.2)
    open_plans += fleet.rows("SELECT * FROM exitplan.halts")
    raise NotSettled(
        f"not at rest after {seconds:.0f} s and {ticks} ticks: {open_plans} are open, {held} have something"
    )


def grant_all(fleet: Fleet) -> None:
    chance = Random(1)  # noqa: S311 - seeded
    for account in fleet.accounts:
        fleet.grant(account, chance)


def _until(what: str, is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise NotSettled(f"waited in vain until {what}")
        time.sleep(0.02)


def _stopped(fleet: Fleet) -> tuple[int, int]:
    """Wait until a worker has stopped itself, and let no other one; returns its id and that of its process."""
    _until("a worker stops", lambda: bool(fleet.witness.read("stopping")))
    (note, *_) = fleet.witness.read("stopping")
    fleet.seen = len(fleet.witness.read("stopping"))
    quiet_from_now_on(fleet.root)
    return int(note["worker"]), int(note["pid"])


def _woken(fleet: Fleet, pids: tuple[int, int]) -> None:
    """Wake a worker that has stopped, and wait until it has come to the end of its shard."""
    wake(pids)
    ends = ("wrote", "refused")
    _until("it ends its shard", lambda: pids[1] in {note["pid"] for note in fleet.witness.read(*ends)})


def _zombie_sends(fleet: Fleet, settings: Settings) -> list[Violation]:
    """A worker stops between journal and venue, and wakes when another one has its accounts."""
    grant_all(fleet)
    first = fleet.hire(replace(settings, stops=1.0))
    pids = _stopped(fleet)
    fleet.hire(replace(settings, mutant=""))

    def accounts(*, are_its: bool) -> set[str]:
        return {note["account"] for note in fleet.witness.read("leased") if (note["pid"] == pids[1]) is are_its}

    _until("another one has its accounts", lambda: accounts(are_its=True) <= accounts(are_its=False))
    first.settings = settings
    _woken(fleet, pids)
    return []


def _zombie_writes(fleet: Fleet, settings: Settings) -> list[Violation]:
    """A worker stops before it writes what a shard came to, and wakes while another one works on that shard."""
    first = fleet.hire(replace(settings, stops_in_write=1.0))
    pids = _stopped(fleet)
    fleet.hire(replace(settings, mutant="", reads=0.4))
    _until("another one has its shard", lambda: len(fleet.witness.read("took")) > 1)
    first.settings = settings
    _woken(fleet, pids)
    return []


def _verified_meanwhile(fleet: Fleet, settings: Settings) -> list[Violation]:
    """A person verifies an account after a worker has read it and before that writes: what is newer stays."""
    slow = fleet.hire(replace(settings, stops_in_write=1.0))
    pids = _stopped(fleet)
    account = fleet.accounts[0]
    fleet.grant(account, Random(1))  # noqa: S311 - seeded
    wake(pids[:1])  # it keeps the lease of its shard
    fleet.ask("verify", "--account", account)
    (before,) = fleet.rows("SELECT revision FROM exitplan.state WHERE account = %s", account)
    slow.settings = settings
    fleet.rows("UPDATE exitplan.accounts SET standing = 'drained' WHERE account = %s", account)
    _woken(fleet, pids)
    (after,) = fleet.rows("SELECT revision FROM exitplan.state WHERE account = %s", account)
    fleet.rows("UPDATE exitplan.accounts SET standing = 'active' WHERE account = %s", account)
    return [] if before == after else [Violation("invalid", f"{account}: an older answer over a newer one")]


def _poisoned(fleet: Fleet, settings: Settings) -> list[Violation]:
    """An account ends whoever takes it in hand: it is set aside, and the others have their cycles."""
    poisoned = fleet.accounts[5]
    fleet.hire(replace(settings, poisoned=poisoned))
    grant_all(fleet)
    aside = "SELECT account FROM exitplan.accounts WHERE standing = 'dead'"
    _until("it is set aside", lambda: bool(fleet.rows(aside)) or len(fleet.witness.read("died")) > _MOST_DEATHS)
    rows = fleet.rows(aside)
    if not rows:
        return [Violation("invalid", f"{poisoned} ended more than {_MOST_DEATHS} processes, and nobody set it aside")]
    since = time.time() - 30
    fleet.wait_for(_TWO_TICKS)
    ((name,), *others) = fleet.rows(aside)
    found = [] if name == poisoned else [Violation("invalid", f"{name} was set aside for {poisoned}")]
    found += [Violation("invalid", f"{len(others)} others were set aside")] if others else []
    alerts = fleet.rows("SELECT document FROM exitplan.alerts WHERE account = %s", poisoned)
    if not any(b"ACCOUNT_SET_ASIDE" in bytes(document) for (document,) in alerts):
        found.append(Violation("lost", "nobody is told that an account was set aside"))
    for slot in fleet.slots:
        slot.settings = settings
        fleet.kill(slot)
    fleet.ask("fleet", "dead", "--revive", str(name))
    fleet.witness.note("revived", account=name, since=since)
    return found


def _halted(fleet: Fleet, settings: Settings) -> list[Violation]:
    """A person halts all accounts, one holds something to sell: nothing is sent until the halt ends."""
    fleet.ask("halt", "--why", "chaos")
    since = time.time()
    grant_all(fleet)
    fleet.hire(settings)
    fleet.wait_for(_TWO_TICKS)
    until = time.time()
    fleet.halts.append(("", since, until))
    fleet.ask("resume")
    return []


SCENES: Mapping[str, Callable[[Fleet, Settings], list[Violation]]] = {
    "zombie sends": _zombie_sends,
    "zombie writes": _zombie_writes,
    "verified meanwhile": _verified_meanwhile,
    "poisoned account": _poisoned,
    "halted": _halted,
}
