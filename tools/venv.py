"""Set up ``.venv`` in the checkout from the locked requirements: ``python tools/venv.py``, standard library only.

Nothing is resolved here: every package is installed by its exact version and hashes, with ``--no-deps``, so a newer
release on the index changes nothing. ``tools/locks.py`` proves that the locks are complete. One process at a time sets
a checkout up; others wait for it and find the work done.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOCK_FILE = ROOT / ".venv.lock"
SETS = ("build", "runtime", "dev")
"""What every checkout needs, in the order of installation; each is a file of ``requirements/``."""

_ENGINE = re.compile(r"^durable-rules==(?:.*\\\n)*.*\n?", re.MULTILINE)
_DEFINITION = "-DPyEval_CallObject=PyObject_CallObject"
"""durable-rules calls a function that Python 3.13 removed; 3.11 and 3.12 define it in a header, which then wins."""


class SetUpFailed(Exception):
    """A step of the set-up ended with an error; its output is in the log."""


def main() -> int:
    """Set up what was requested, unless it already exists; return the exit code."""
    parser = argparse.ArgumentParser(description="Set up .venv from the locked requirements.")
    parser.add_argument("extra", nargs="*", help="further sets of requirements/, such as bench")
    parser.add_argument(
        "--tools-only", action="store_true", help="leave exitplan out, whose requirements may be changing"
    )
    arguments = parser.parse_args()
    with one_at_a_time():
        try:
            if not _stands("ready", _fingerprint(SETS)):
                _build()
            if not arguments.tools_only:
                _install_exitplan()
            for name in arguments.extra:
                _add(name)
        except SetUpFailed as failure:
            _show_log(failure)
            return 1
    return 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock on this checkout's set-up; the system releases it when the process ends, however it ends."""
    with LOCK_FILE.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("waiting for another process that is setting up .venv")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stands(name: str, fingerprint: str) -> bool:
    """Check that a part of the environment was made from exactly these files."""
    stamp = VENV / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == fingerprint


def _mark(name: str, fingerprint: str) -> None:
    (VENV / f"{name}.stamp").write_text(fingerprint)


def _build() -> None:
    """Make a new environment and install everything into it."""
    _tell("setting up .venv (about a minute, once)")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    _run([_base_interpreter(), "-m", "venv", str(VENV)])
    _install("build")
    engine = VENV / "engine.txt"
    engine.write_text("".join(_ENGINE.findall(_lock("runtime").read_text(encoding="utf-8"))))
    # pip may hold a wheel of it in its cache that was built without the definition.
    _pip("--no-cache-dir", "--require-hashes", "-r", str(engine), CC=f"{os.environ.get('CC', 'cc')} {_DEFINITION}")
    _install("runtime")
    _install("dev")
    _run([_python(), "-c", "import durable_rules_engine"])
    _mark("ready", _fingerprint(SETS))


def _install_exitplan() -> None:
    fingerprint = _digest([ROOT / "pyproject.toml", ROOT / "ruleset" / "version.py"])
    if not (_stands("exitplan", fingerprint) and (VENV / "bin" / "exitplan").exists()):
        _pip("-e", str(ROOT))
        _run([_python(), "-m", "pip", "--disable-pip-version-check", "check"])
        _mark("exitplan", fingerprint)


def _add(name: str) -> None:
    fingerprint = _fingerprint([name])
    if not _stands(name, fingerprint):
        _install(name)
        _mark(name, fingerprint)


def _install(name: str) -> None:
    _pip("--require-hashes", "-r", str(_lock(name)))


def _pip(*arguments: str, **environment: str) -> None:
    """Install exactly the named packages: no dependencies are resolved, and nothing is fetched for a build."""
    flags = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--no-build-isolation", "--no-deps"]
    _run([_python(), "-m", "pip", "install", *flags, *arguments], **environment)


def _run(command: Sequence[str], **environment: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    with (VENV / "setup.log").open("ab") as log:
        done = subprocess.run(  # noqa: S603 - our own commands
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=inherited | environment, check=False
        )
    if done.returncode:
        raise SetUpFailed(" ".join(command))


def _python() -> str:
    return str(VENV / "bin" / "python")


def _base_interpreter() -> str:
    """Return the base interpreter, even if this one belongs to another environment."""
    return getattr(sys, "_base_executable", "") or sys.executable


def _fingerprint(names: Sequence[str]) -> str:
    """Digest what an environment depends on: interpreter, location (its scripts contain it) and locks."""
    interpreter = f"{sys.version}\n{os.path.realpath(_base_interpreter())}\n{ROOT}\n"
    return _digest([_lock(name) for name in names], interpreter)


def _digest(paths: Sequence[Path], text: str = "") -> str:
    content = b"".join(path.read_bytes() for path in paths)
    return hashlib.sha256(text.encode() + content).hexdigest()


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _show_log(failure: SetUpFailed) -> None:
    lines = (VENV / "setup.log").read_text(encoding="utf-8", errors="replace").splitlines()
    print("\n".join(lines[-60:]), file=sys.stderr)
    _tell(f"Set-up failed at: {failure}\nThe end of .venv/setup.log is above.")


if __name__ == "__main__":
    sys.exit(main())
