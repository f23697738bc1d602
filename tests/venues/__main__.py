"""Serve the demo account as a venue does: ``python -m tests.venues kraken``, until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from pathlib import Path

from exitplan.executor.accounts.env_accounts import usual_quote
from tests.venues.builders import demo_account
from tests.venues.fronts import FRONTS
from tests.venues.server import Handle, serving
from tests.venues.venue import utc_now


def main() -> int:
    """Serve until a signal comes."""
    wanted = _arguments()
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    account = demo_account(utc_now(), usual_quote(wanted.venue) or "USD")
    with serving(wanted.venue, account, port=wanted.port, latency=wanted.latency, file=wanted.file) as handle:
        _say(handle, machine=wanted.env)
        ended.wait()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.venues", description=__doc__)
    parser.add_argument("venue", choices=FRONTS)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each request is on its way")
    parser.add_argument("--file", type=Path, help="keep the account in this file")
    parser.add_argument("--env", action="store_true", help="print only the export lines")
    return parser.parse_args()


def _say(handle: Handle, *, machine: bool) -> None:
    """Return how to go on; whoever reads the first line knows that the venue listens."""
    venue = handle.front.name
    name = f"{venue.upper()}_DEMO"
    exports = [f"export {key}={shlex.quote(value)}" for key, value in handle.credentials.environment(name).items()]
    quote = handle.venue.start.quote
    in_quote = "" if usual_quote(venue) == quote else f" --quote {quote}"
    init = f"exitplan init practice --from-venue {venue} --credentials env:{name}{in_quote}"
    lines = [
        f"{venue} on loopback, with the demo account: {handle.base_url}",
        "",
        *(f"  {line}" for line in exports),
        f"  {init} --base-url {handle.base_url}",
        "  cd practice",
        f"  exitplan plan --account {venue}-paper     # practise on a paper copy",
        f"  exitplan apply --account {venue}          # on the venue itself; it asks",
        "",
        "Ctrl-C ends it.",
    ]
    base_url = [f"export {name}_BASE_URL={handle.base_url}"]
    sys.stdout.write("\n".join([*exports, *base_url] if machine else lines) + "\n")
    sys.stdout.flush()


sys.exit(main())
