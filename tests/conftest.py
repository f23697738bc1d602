"""What all tests share: how hard they try, where they write, and that they can be interrupted."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Generator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres.fixtures import new_database, postgres_database, postgres_server, postgres_url

__all__ = ["new_database", "postgres_database", "postgres_server", "postgres_url"]

PROFILE = os.environ.get("TEST_PROFILE", "ci")
"""``ci`` is what `make test` runs; ``thorough`` adds the marked tests and gives every law more examples."""

settings.register_profile(
    "ci", deadline=None, max_examples=25, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=1_000)
settings.load_profile(PROFILE)


def examples(quick: int, thorough: int = 1_000) -> settings:
    """Return how many examples a law has that are worth another number than the usual one."""
    return settings(max_examples=thorough if PROFILE == "thorough" else quick)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY = "/dev/shm"  # noqa: S108 - a folder of this run's own is made in it
ENOUGH = 4 << 30
"""Bytes that must be free in memory for what tests write; a container may have next to nothing."""


def keep_files_in_memory() -> None:
    """Let this process and those that it starts make temporary files in memory, where there is enough of it.

    Thousands of journals are flushed to the disk at each commit, and nobody here pulls the plug.
    """
    with suppress(OSError):
        free = os.statvfs(MEMORY)
        is_fit = os.access(MEMORY, os.W_OK) and not free.f_flag & os.ST_NOEXEC  # some tests start what they install
        if "TMPDIR" not in os.environ and is_fit and free.f_bavail * free.f_frsize >= ENOUGH:
            os.environ["TMPDIR"] = MEMORY
            tempfile.tempdir = None


keep_files_in_memory()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage, and look at nothing that was collected later: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the thorough tests out, unless they or others are asked for by marker or by name."""
    if PROFILE == "thorough" or config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
