"""Nothing that exitplan prints or leaves behind holds a secret, whatever went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exitplan.brokers.live.limits import TokenBucket
from tests.cli.conftest import Ran, xp
from tests.cli.live import foreign_credentials, init_words, live_venue, use_credentials
from tests.venues.fronts import FRONTS
from tests.venues.server import Handle
from tests.venues.wire import Credentials

SHORTEST = 12
"""A piece of a secret this long is a secret."""


@pytest.mark.parametrize("venue", FRONTS)
def test_a_whole_run_with_failures_among_it_shows_and_keeps_no_secret(
    venue: str, nothing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(TokenBucket, "take", lambda *_: 0.0)  # the pace is another matter
    foreign = foreign_credentials(venue)
    with live_venue(venue, monkeypatch, nothing / "cache") as handle:
        ran = [*work(handle)]
        use_credentials(foreign, monkeypatch)
        ran += [
            xp(*words, "--account", venue, debug=True) for words in (("plan",), ("snapshot",), ("verify",), ("run",))
        ]
    assert sorted({one.code for one in ran} & {3, 4}) == [3, 4], [(one.code, one.err) for one in ran]
    said = "".join(one.out + one.err for one in ran) + caplog.text
    left = {str(path): path.read_bytes() for path in nothing.rglob("*") if path.is_file()}
    assert {"journal.db", "alerts.jsonl"} <= {Path(name).name for name in left}
    for piece in [*pieces(handle.credentials), *pieces(foreign)]:
        assert piece not in said
        assert not [name for name, content in left.items() if piece.encode() in content]


def work(handle: Handle) -> Iterator[Ran]:
    """Do all there is to do with an account; orders are refused, and one question answered with a web page."""
    account = ("--account", handle.front.name)
    yield xp(*init_words(handle))
    yield xp("plan", *account, "--out", "plan.json")
    handle.venue.faults.plan("writes", *["none"] * 4, *["refused"] * 40)  # also when it is tried once more, smaller
    yield xp("apply", "plan.json", "--json-into", "events.jsonl")
    handle.venue.faults.plan("reads", "html", "error_before")
    yield xp("snapshot", *account, "--out", "snapshot.json")
    yield xp("explain", "XRP/USD", *account)
    for verb in ("status", "history", "verify"):
        yield xp(verb, *account)
        yield xp(verb, *account, "--json")


def pieces(credentials: Credentials) -> Iterator[str]:
    """Give what may stand nowhere: each secret as it is, as JSON writes it, and its lines or halves."""
    for text in (credentials.key, credentials.secret):
        yield text
        yield json.dumps(text)[1:-1]
        lines = [line for line in text.splitlines() if not line.startswith("-----")]
        for line in lines:
            half = len(line) // 2
            yield from (part for part in (line[:half], line[half:]) if len(part) >= SHORTEST)
