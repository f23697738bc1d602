"""All processes of a user that ask a venue with one key together get no more than the venue grants to that key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live import shared_level
from exitplan.brokers.live.client import Connection, open_exchange
from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.limits import TokenBucket
from exitplan.brokers.venues import dialect_of
from tests.brokers.live.test_limits import SLACK, Taken, Time, busiest
from tests.builders import NOW

BURST, REFILL = 10, 100

TAKES = f"""
import sys, time
from pathlib import Path
from exitplan.brokers.live.limits import TokenBucket
bucket = TokenBucket({BURST}, {REFILL}, file=Path(sys.argv[1]))
print("ready", flush=True)
input()
for _ in range(int(sys.argv[2])):
    bucket.take()
    print(time.monotonic(), flush=True)
"""
HOLDS = """
import sys, time
from pathlib import Path
from exitplan.brokers.live.shared_level import SharedLevel
shared = SharedLevel(10, Path(sys.argv[1]))
with shared.borrowed() as level:
    level.level = 7
with shared.borrowed():
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a process and wait until it says that it is ready."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
            yield started
        finally:
            started.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "limits" / "a"


# --- real processes ---


def test_processes_together_get_no_more_than_one_would(file: Path) -> None:
    with ExitStack() as stack:
        several = [stack.enter_context(process(TAKES, file, 50)) for _ in range(4)]
        start = time.monotonic()
        for one in several:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        taken = sorted(float(at) for one in several for at in one.communicate()[0].split())
    assert len(taken) == 200
    # The n-th of all went when the burst and what came in since the start were n tokens at least.
    assert all(number <= BURST + REFILL * (at - start) + SLACK for number, at in enumerate(taken, start=1))


def test_a_process_that_is_killed_or_frozen_while_it_waits_keeps_nobody(file: Path) -> None:
    with process(TAKES, file, 10_000) as killed, process(TAKES, file, 10_000) as frozen:
        for one in (killed, frozen):
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
            assert one.stdout is not None
            one.stdout.readline()
        killed.kill()
        frozen.send_signal(signal.SIGSTOP)
        bucket = TokenBucket(BURST, REFILL, file=file)
        for _ in range(20):
            bucket.take()


def test_a_process_that_dies_with_the_lock_loses_it(file: Path) -> None:
    with process(HOLDS, file) as holder:
        holder.kill()
        holder.wait()
        bucket = TokenBucket(10, 1e-9, file=file)
        assert (bucket.ready_in(7), bucket.ready_in(8) > 0) == (0, True)


def test_a_frozen_holder_of_the_lock_is_not_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_level, "LONGEST_HOLD", 0.01)
    with process(HOLDS, file):
        TokenBucket(10, 1, file=file).take(10)
    assert "does not let go" in caplog.text


def test_a_fork_is_another_process(file: Path) -> None:
    bucket = TokenBucket(10, 1e-9, file=file)
    bucket.take()
    child = os.fork()
    if not child:
        bucket.take(4)
        os._exit(0)
    os.waitpid(child, 0)
    assert (bucket.ready_in(5), bucket.ready_in(6) > 0) == (0, True)


# --- two buckets at one file; only a test has them in one process ---

STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 5), st.floats(0, 10), st.sampled_from([0, 0, 0, -4_000, -1, 1, 4_000])),
    max_size=25,
)


@given(steps=STEPS)
def test_two_see_together_what_one_would_whatever_the_clock_of_the_wall_does(
    steps: list[tuple[int, float, float, float]],
) -> None:
    moment, ahead, taken = Time(), [0.0], Taken()
    with TemporaryDirectory() as folder:
        both = [
            TokenBucket(
                10,
                2,
                file=Path(folder) / "limits" / "a",
                clock=moment.clock,
                wall=lambda: moment.clock() + ahead[0],
                sleep=moment.sleep,
            )
            for _ in range(2)
        ]
        for bucket in both:
            bucket.take(0)
        for who, idle, cost, jump in steps:
            moment.now += idle
            ahead[0] += jump
            both[who].take(cost)
            taken.append((moment.now, cost))
    # Where the clock jumps ahead each counts what came in since he himself last looked: all of it twice, but no more.
    if any(jump > 0 for *_, jump in steps):
        assert sum(cost for _, cost in taken) <= 10 + 2 * 2 * (moment.now - 1_000) + SLACK
    else:
        assert busiest(taken, 2) <= 10 + SLACK


def pair(file: Path) -> tuple[Time, TokenBucket, TokenBucket]:
    moment = Time()
    one, other = (
        TokenBucket(10, 2, file=file, clock=moment.clock, wall=moment.clock, sleep=moment.sleep) for _ in range(2)
    )
    return moment, one, other


def test_what_one_learns_of_the_venue_the_other_knows(file: Path) -> None:
    moment, one, other = pair(file)
    one.learn(3, 5, 20)
    assert (other.ready_in(3), other.ready_in(4)) == (0, 20)
    one.pause(30)
    assert other.ready_in(0) == 30
    moment.now += 31
    assert (other.ready_in(5), other._ceiling(other._shared._level)) == (0, 5)


def test_one_that_waits_has_its_place_before_those_who_come_later(file: Path) -> None:
    moment, one, other = pair(file)
    one.take(10)
    seen = []

    def look(seconds: float) -> None:
        seen.append((seconds, one.ready_in(1), other.ready_in(1)))
        moment.sleep(seconds)

    one._sleep = look
    one.take(10)
    assert seen == [(5, 0.5, 5.5)]


def test_a_new_process_finds_what_an_old_one_left(file: Path) -> None:
    moment, one, _ = pair(file)
    one.take(10)
    moment.now += 2
    assert pair(file)[1].ready_in(10) == 5  # its own clocks stand where the file was written


@pytest.mark.parametrize(
    "content", [b"x", b"\0" * 76, bytes(range(76)), b"{}" * 1_000_000], ids=["short", "zeros", "odd", "long"]
)
def test_a_file_of_garbage_is_begun_anew_and_grants_nothing_at_first(
    file: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    _, one, other = pair(file)
    one.take(1)
    file.write_bytes(content)
    assert (one.ready_in(1), other.ready_in(10)) == (0.5, 5)
    assert "does not hold what exitplan wrote" in caplog.text


def test_one_byte_that_is_wrong_is_noticed(file: Path) -> None:
    _, one, other = pair(file)
    one.take(9)
    content = bytearray(file.read_bytes())
    content[30] ^= 1
    file.write_bytes(content)
    assert other.ready_in(2) == 1


def test_who_waits_while_the_file_is_lost_takes_a_place_in_the_new_one(file: Path) -> None:
    moment, one, _ = pair(file)
    one.take(10)

    def lose(seconds: float) -> None:
        file.unlink(missing_ok=True)
        moment.sleep(seconds)

    one._sleep = lose
    one.take(10)
    assert moment.now == 1_005


def test_a_file_that_was_removed_is_made_again_for_both(file: Path) -> None:
    _, one, other = pair(file)
    one.take(4)
    other.take(4)
    file.unlink()
    one.take(10)
    assert other.ready_in(1) == 0.5


def a_folder_that_is_a_file(file: Path) -> None:
    file.parent.write_text("")


def a_folder_open_to_others(file: Path) -> None:
    file.parent.mkdir()
    file.parent.chmod(0o755)


def a_file_open_to_others(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.write_bytes(b"")
    file.chmod(0o644)


def a_link(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.symlink_to("/dev/zero")


def a_pipe(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    os.mkfifo(file, 0o600)


@pytest.mark.parametrize(
    "spoil", [a_folder_that_is_a_file, a_folder_open_to_others, a_file_open_to_others, a_link, a_pipe]
)
def test_where_no_file_can_be_used_a_process_keeps_its_own_count_and_says_so(
    file: Path, spoil: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(spoil)
    spoil(file)
    bucket = TokenBucket(10, 1e-9, file=file)
    bucket.take(9)
    assert (bucket.ready_in(1), bucket.ready_in(2) > 0) == (0, True)
    assert caplog.text.count("other processes do not see") == 1


def test_files_that_nobody_uses_are_removed(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    old, young = file.with_name("old"), file.with_name("young")
    for path in (old, young):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    TokenBucket(10, 1, file=file).take()
    assert (old.exists(), young.exists()) == (False, True)


# --- which bucket an account has ---


def limits_of(key: str, base_url: str) -> str:
    """The one file that a request with this key leaves in the cache folder."""
    folder = Path(os.environ["EXITPLAN_CACHE_DIR"]) / "limits"
    before = set(folder.iterdir()) if folder.exists() else set()
    credentials = Credentials("env:X", Secret(key), Secret("secret"))
    connection = Connection(venue="kraken", clock=lambda: NOW, credentials=credentials, base_url=base_url)
    exchange = open_exchange(dialect_of("kraken"), connection)
    exchange.throttle(1)
    (made,) = set(folder.iterdir()) - before
    assert key.encode() not in made.read_bytes()
    return made.name


def test_a_key_has_one_file_at_a_venue_and_is_not_in_it() -> None:
    names = {limits_of(key, url) for key in ("KEY-ONE", "KEY-TWO") for url in ("http://a.test", "http://b.test")}
    assert len(names) == 4
    assert not any("KEY" in name for name in names)


def test_the_name_of_a_file_is_the_same_in_every_process() -> None:
    script = """
from exitplan.brokers.live.credentials import Credentials, Secret
print(Credentials("", Secret("K"), Secret("S")).fingerprint())
"""
    prints = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert prints == {Credentials("", Secret("K"), Secret("S")).fingerprint().encode() + b"\n"}
