"""A real worker of one process in the simulated world: ``python -m bench.fleet.real_worker URL ACCOUNTS SELLS``."""

from __future__ import annotations

import signal
import sys

from exitplan.executor.store.postgres.database import open_database
from exitplan.fleet.opening import registry_in
from exitplan.fleet.runner.blame import RegistryBlame
from exitplan.fleet.runner.local import LocalRunner
from exitplan.fleet.runner.performing import Means
from exitplan.fleet.runner.worker import Untold, Wanted, Worker


def main() -> None:
    """Work until it is told to end."""
    url, accounts, sells = sys.argv[1], int(sys.argv[2]), bool(int(sys.argv[3]))
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    means = Means(url, "bench.fleet.performer:make_performer", {"accounts": accounts, "sells": sells})
    with open_database(url) as database:
        blame = RegistryBlame(registry_in(database))
        Worker(database, Wanted(means, 1), LocalRunner(), blame, Untold()).run(lambda: is_stopping)


if __name__ == "__main__":
    main()
