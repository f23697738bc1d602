"""A worker in a process of its own, with the stand-in performer: ``python -m ... URL RUNNER SETTINGS``."""

from __future__ import annotations

import json
import signal
import sys
from datetime import timedelta

from exitplan.fleet.runner.performing import Means
from exitplan.fleet.runner.runners import make_runner
from exitplan.fleet.runner.worker import Untold, Wanted, Worker
from tests.fleet.runner.database import opened

PERFORMER = "tests.fleet.runner.stand_ins:make_performer"


def main() -> None:
    url, runner, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    every = settings.get("every")
    wanted = Wanted(
        Means(url, settings.get("performer", PERFORMER), {"seconds": settings.get("seconds", 0)}),
        settings.get("processes", 1),
        tuple(settings.get("egress", ("",))),
        timedelta(seconds=settings.get("cut_off", 60)),
        None if every is None else timedelta(seconds=every),
    )
    with opened(url) as (database, blame):
        worker = Worker(database, wanted, make_runner(runner, url), blame, Untold())
        sys.stdout.write(worker.who.worker + "\n")
        sys.stdout.flush()
        worker.run(lambda: stopped)


if __name__ == "__main__":
    main()
