"""Try mutants: a process imports the tests once, and a fork of it for each mutant runs those that reach its line."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from coverage import Coverage

from tools.mutants.faults import Mutant
from tools.mutants.rooms import ROOMS, ROOT

OPTIONS = ("-q", "-s", "-n", "0", "-p", "no:cov", "-p", "no:cacheprovider", "--timeout", "300")
_PATIENCE = 60.0
"""Seconds of tests, as they took without a mutant, that a mutant has to outlive to survive."""
_ROOM_TO_BREATHE = 10
"""How many times longer a test may take with a mutant, after two seconds."""
_LONGEST_RUN = 1200.0
"""Seconds by the clock after which a mutant counts as killed: long, as a busy machine must not kill one."""
_FEW = 40
"""As many tests are run at most on a fault that works on import."""
_forks = get_context("fork")


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


class Quickly:
    """Let Hypothesis take the same examples each time, and stop at the first that fails: nobody reads it."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Change the profile before any test is imported."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest has to rewrite its plugins before they are imported

        quickly = settings(
            settings.get_profile("ci"),
            phases=(Phase.explicit, Phase.generate),
            database=None,
            derandomize=True,
            report_multiple_bugs=False,
        )
        settings.register_profile("mutants", quickly)
        settings.load_profile("mutants")


@dataclass(slots=True)
class Reach:
    """Which tests reach which line, by their numbers, and how long each takes, in seconds."""

    tests: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[int, float] = field(default_factory=dict)
    failing: set[int] = field(default_factory=set)

    def add(self, other: Reach) -> None:
        """Take over what another run has found."""
        for line, tests in other.tests.items():
            self.tests[line] |= tests
        self.seconds |= other.seconds
        self.failing |= other.failing


class Mutants(Quickly):
    """The plugin of pytest that runs tests on mutants, in place of running tests."""

    def __init__(self, mutants: Sequence[Mutant], workers: int, tell: Callable[[Mutant, Outcome], None]) -> None:
        """Take what to try, how many forks may run at once, and whom to tell what became of each."""
        self._mutants, self._workers, self._tell = mutants, workers, tell
        self._tracer = _tracer()
        self._items: list[pytest.Item] = []
        self._failed = False
        self._reach = Reach()
        self._killers = defaultdict[str, Counter[int]](Counter)
        self._tried = defaultdict[str, set[int]](set)
        self._functions: Mapping[tuple[str, str, int], list[FunctionType]] = {}

    def trace(self) -> None:
        """Note from now on what runs on import."""
        self._tracer.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test has failed."""
        self._failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which test reaches which line, then try the mutants."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be imported")
        self._tracer.stop()
        on_import = {line for line, _ in _lines(self._tracer)}
        self._items = session.items
        self._functions = _live_functions({mutant.file for mutant in self._mutants})
        gc.collect()
        gc.freeze()
        self._measure()
        waiting = []
        for mutant in self._mutants:
            if mutant.owner and not self._tests_of(mutant) and (mutant.file, mutant.line) not in on_import:
                self._tell(mutant, Outcome.SURVIVED)
            else:
                waiting.append(mutant)
        # Those that work on import come last: they are slow.
        survivors = self._run_forks(sorted(waiting, key=lambda mutant: not mutant.owner), self._tests_of)
        again = [mutant for mutant in survivors if mutant.owner and self._untried_killers(mutant)]
        killed = {mutant.name for mutant in again} - {
            mutant.name for mutant in self._run_forks(again, self._untried_killers)
        }
        for mutant in survivors:
            if mutant.name not in killed:
                self._tell(mutant, Outcome.SURVIVED)
        return True

    def _measure(self) -> None:
        """Run all tests once, in a fork for each file, as the code is."""
        files = defaultdict[str, list[int]](list)
        for number, item in enumerate(self._items):
            files[item.nodeid.partition("::")[0]].append(number)
        waiting, running = list(files.values()), dict[connection.Connection, ForkProcess]()
        while waiting or running:
            while waiting and len(running) < self._workers:
                answer, send = _forks.Pipe(duplex=False)
                process = _forks.Process(target=self._measure_file, args=(waiting.pop(), send), daemon=True)
                process.start()
                send.close()
                running[answer] = process
            ready = connection.wait(list(running))
            for answer in [answer for answer in running if answer in ready]:
                self._reach.add(answer.recv())
                running.pop(answer).join()
        for number in sorted(self._reach.failing):
            print(f"left out, as it fails without a mutant: {self._items[number].nodeid}", file=sys.stderr)

    def _measure_file(self, numbers: Sequence[int], send: connection.Connection) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _leave_the_terminal(folder)
            tracer, reach = _tracer(), Reach()
            tracer.start()
            for number, following in zip(numbers, [*numbers[1:], None], strict=True):
                tracer.switch_context(str(number))
                started = time.process_time()
                if not self._passes(number, following):
                    reach.failing.add(number)
                reach.seconds[number] = time.process_time() - started
            tracer.stop()
            for line, contexts in _lines(tracer):
                reach.tests[line] = {int(name) for name in contexts if name} - reach.failing
            send.send(reach)

    def _passes(self, number: int, following: int | None) -> bool:
        self._failed = False
        item = self._items[number]
        after = None if following is None else self._items[following]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        return not self._failed

    def _reaching(self, mutant: Mutant) -> list[int]:
        """Return the tests of the room that reach a mutant's line, or its file where it works on import."""
        lines = [(mutant.file, mutant.line)]
        if not mutant.owner:
            lines = [line for line in self._reach.tests if line[0] == mutant.file]
        reaching = {test for line in lines for test in self._reach.tests.get(line, ())}
        return sorted(test for test in reaching if self._items[test].nodeid.startswith(ROOMS[mutant.file]))

    def _tests_of(self, mutant: Mutant) -> list[int]:
        """Return the tests to run on a mutant: those that killed others in its file first, then one of each kind."""
        tests, kills = self._reaching(mutant), self._killers[mutant.file]
        killers = sorted((test for test in tests if kills[test]), key=lambda test: -kills[test])
        rest = self._one_of_each(test for test in tests if not kills[test])
        return list(_as_long_as([*killers, *rest], self._reach.seconds))

    def _untried_killers(self, mutant: Mutant) -> list[int]:
        """Return the tests that killed others in a survivor's file and were not run on it."""
        tried = self._tried[mutant.name]
        return [test for test in self._reaching(mutant) if self._killers[mutant.file][test] and test not in tried]

    def _one_of_each(self, tests: Iterable[int]) -> Iterator[int]:
        """Yield one case of each test function, then a second of each, and so on; fast ones first."""
        functions = defaultdict[str, list[int]](list)
        for test in sorted(tests, key=lambda test: self._reach.seconds[test]):
            functions[self._items[test].nodeid.partition("[")[0]].append(test)
        for cases in zip_longest(*functions.values()):
            yield from (case for case in cases if case is not None)

    # --- forks ---------------------------------------------------------------------------------------------------

    def _run_forks(self, mutants: Sequence[Mutant], choose: Callable[[Mutant], list[int]]) -> list[Mutant]:
        """Try mutants on the tests that are chosen for each; gives those that survive and tells of the others."""
        waiting, running, survivors = list(reversed(mutants)), list[_Fork](), list[Mutant]()
        while waiting or running:
            while waiting and len(running) < self._workers:
                mutant = waiting.pop()
                tests = choose(mutant)
                self._tried[mutant.name].update(tests)
                running.append(_Fork(mutant, tests, self._try))
            connection.wait([one for fork in running for one in (fork.answer, fork.process.sentinel)], timeout=1)
            for fork in [fork for fork in running if fork.is_done()]:
                running.remove(fork)
                outcome, killer = fork.end()
                if killer is not None:
                    self._killers[fork.mutant.file][killer] += 1
                if outcome is Outcome.SURVIVED:
                    survivors.append(fork.mutant)
                else:
                    self._tell(fork.mutant, outcome)
        return survivors

    def _try(self, mutant: Mutant, tests: Sequence[int], folder: str, send: connection.Connection) -> None:
        _leave_the_terminal(folder)
        if not tests or not self._put_in(mutant):
            send.send((self._try_fresh(mutant, folder), None))
            return
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            signal.setitimer(signal.ITIMER_PROF, 2 + _ROOM_TO_BREATHE * self._reach.seconds[test])
            if not self._passes(test, following):
                send.send((Outcome.KILLED, test))
                return
        send.send((Outcome.SURVIVED, None))

    def _put_in(self, mutant: Mutant) -> bool:
        """Give the function that is changed its new code, so that whoever has hold of it runs the fault."""
        if not mutant.owner:
            return False
        before = _codes_of(mutant.owner, (ROOT / mutant.file).read_text(), mutant.file)
        after = _codes_of(mutant.owner, mutant.source, mutant.file)
        done = False
        for old, new in zip(before, after, strict=False):
            for function in self._functions.get((mutant.file, old.co_qualname, old.co_firstlineno), ()):
                try:
                    function.__code__ = new
                except ValueError:  # it closes over other names now
                    return False
                done = True
        return done

    def _try_fresh(self, mutant: Mutant, folder: str) -> Outcome:
        """Run tests in a process that imports the changed file."""
        tests = [self._items[test].nodeid for test in self._tests_of(mutant)[:_FEW]] or ROOMS[mutant.file]
        source = Path(folder, "source.py")
        source.write_text(mutant.source)
        command = [sys.executable, "-m", "tools.mutants.fresh", str(ROOT / mutant.file), str(source), *tests]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)  # noqa: S603 - our own tests
        return Outcome.SURVIVED if done.returncode == pytest.ExitCode.OK else Outcome.KILLED


class _Fork:
    """A fork that tries one mutant."""

    def __init__(self, mutant: Mutant, tests: Sequence[int], work: Callable[..., None]) -> None:
        self.mutant = mutant
        self._folder = tempfile.mkdtemp(prefix="mutant-")
        self._last = time.monotonic() + _LONGEST_RUN
        self.answer, send = _forks.Pipe(duplex=False)
        self.process: ForkProcess = _forks.Process(target=work, args=(mutant, tests, self._folder, send), daemon=True)
        self.process.start()
        send.close()

    def is_done(self) -> bool:
        """Check that it has answered, ended or run out of time."""
        return self.answer.poll() or not self.process.is_alive() or time.monotonic() > self._last

    def end(self) -> tuple[Outcome, int | None]:
        """Clear up after it; gives what became of the mutant, and the number of the test that killed it."""
        outcome: tuple[Outcome, int | None] = Outcome.TIMED_OUT, None
        try:
            if self.answer.poll():
                outcome = self.answer.recv()
        except EOFError:
            self.process.join(1)
            if self.process.exitcode != -signal.SIGPROF:
                outcome = Outcome.KILLED, None
        try:
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()
        self.process.join()
        self.answer.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return outcome


def _leave_the_terminal(folder: str) -> None:
    """Become a group of processes of its own that prints nothing and keeps its files in a folder."""
    os.setsid()
    with suppress(OSError):  # Linux shares the cores out by sessions: without this a new one is as nice as any other
        Path("/proc/self/autogroup").write_text(str(os.nice(0)), encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder


def _tracer() -> Coverage:
    tracer = Coverage(data_file=None, config_file=False, include=[str(ROOT / file) for file in ROOMS])
    tracer.set_option("run:disable_warnings", ["no-data-collected"])  # not every test reaches these rooms
    return tracer


def _lines(tracer: Coverage) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """Yield each line that was reached, and in which contexts."""
    data = tracer.get_data()
    for file in data.measured_files():
        path = str(Path(file).resolve().relative_to(ROOT))
        for line, contexts in data.contexts_by_lineno(file).items():
            yield (path, line), contexts


def _as_long_as(tests: Iterable[int], seconds: Mapping[int, float]) -> Iterator[int]:
    """Yield tests until patience has run out; the first in any case."""
    spent = 0.0
    for test in tests:
        if spent > _PATIENCE:
            return
        spent += seconds[test]
        yield test


def _live_functions(files: Iterable[str]) -> Mapping[tuple[str, str, int], list[FunctionType]]:
    """Find the functions of files, by file, name and first line."""
    wanted = {str(ROOT / file): file for file in files}
    paths: dict[str, str] = {}
    functions = defaultdict[tuple[str, str, int], list[FunctionType]](list)
    gc.unfreeze()  # the tests freeze what they import, and what is frozen is not listed
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            code = one.__code__
            path = paths.setdefault(code.co_filename, os.path.realpath(code.co_filename))
            if path in wanted:
                functions[wanted[path], code.co_qualname, code.co_firstlineno].append(one)
    return functions


def _codes_of(owner: str, text: str, file: str) -> list[CodeType]:
    """Return the code of a function and of the functions in it, in their order."""
    whole = compile(text, str(ROOT / file), "exec", dont_inherit=True)
    inner = f"{owner}.<locals>."
    return [code for code in _codes(whole) if code.co_qualname == owner or code.co_qualname.startswith(inner)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
