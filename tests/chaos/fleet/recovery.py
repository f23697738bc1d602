"""How long a fleet stands still after something died: ``python -m tests.chaos.fleet.recovery``.

The times of leases are those that users have. Measured is from the death until somebody works on the shard again that
was in hand, or, where the server was restarted, until any account is.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

from tests.chaos.fleet.entry import Settings
from tests.chaos.fleet.world import Fleet, NotSettled, Slot, fleet_of, signal_all, wake

_TIMES = 2
_PATIENCE = 60.0


def measured(harm: Callable[[Fleet, Slot], Callable[[], None]], *, is_server: bool) -> float:
    """Harm a fleet in the middle of a tick, and return the seconds until it goes on."""
    with fleet_of(24, size=12) as fleet:
        fleet.every = "5s"
        settings = Settings(str(fleet.root), in_earnest=True, reads=0.5)
        slots = [fleet.hire(settings), fleet.hire(settings)]
        worker = slots[0]
        until = time.monotonic() + _PATIENCE
        while {note["pid"] for note in fleet.witness.read("took")} != {slot.pid for slot in slots}:
            if time.monotonic() > until:
                raise NotSettled("the workers do not begin")
            time.sleep(0.05)
        time.sleep(1.5)
        shard = [note["shard"] for note in fleet.witness.read("took") if note["pid"] == worker.pid][-1]
        names = {name for (name,) in fleet.rows("SELECT account FROM exitplan.accounts WHERE shard = %s", shard)}
        others = set(worker.children())
        seen, at = len(fleet.witness.read("read")), time.time()
        mend = harm(fleet, worker)
        seen = len(fleet.witness.read("read")) if is_server else seen
        while time.time() < at + _PATIENCE:
            for note in fleet.witness.read("read")[seen:]:
                if is_server or (note["account"] in names and note["pid"] not in others):
                    mend()
                    return float(note["t"] - at)
            time.sleep(0.05)
        mend()
        raise NotSettled(f"nobody goes on with shard {shard}")


def _nothing() -> None:
    pass


def _kill_child(_: Fleet, worker: Slot) -> Callable[[], None]:
    signal_all(worker.children(), signal.SIGKILL)
    return _nothing


def _kill_worker(fleet: Fleet, worker: Slot) -> Callable[[], None]:
    fleet.kill(worker)
    return _nothing


def _stop_worker(_: Fleet, worker: Slot) -> Callable[[], None]:
    pids = [worker.pid or 0, *worker.children()]
    signal_all(pids, signal.SIGSTOP)
    return lambda: wake(pids)


def _cut(_: Fleet, worker: Slot) -> Callable[[], None]:
    worker.proxy.cut()
    return worker.proxy.mend


def _restart(fleet: Fleet, _: Slot) -> Callable[[], None]:
    fleet.server.restart()
    return _nothing


def _crash(fleet: Fleet, _: Slot) -> Callable[[], None]:
    fleet.server.kill()
    fleet.server.start()
    return _nothing


_HARMS: Mapping[str, tuple[Callable[[Fleet, Slot], Callable[[], None]], bool]] = {
    "a child killed": (_kill_child, False),
    "a worker killed, another one on the same machine": (_kill_worker, False),
    "a worker that hangs, or is on a machine that is gone": (_stop_worker, False),
    "a worker cut off from the database": (_cut, False),
    "the server restarted": (_restart, True),
    "the server crashes": (_crash, True),
}


def main() -> None:
    """Measure each, and print the times."""
    for name, (harm, is_server) in _HARMS.items():
        times = sorted(measured(harm, is_server=is_server) for _ in range(_TIMES))
        sys.stdout.write(f"{name:54} median {median(times):5.1f} s, most {times[-1]:5.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
