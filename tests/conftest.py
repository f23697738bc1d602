"""What all tests share: how hard they try, and that they can be interrupted."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("TEST_PROFILE", "ci")
"""``ci`` is what `make test` runs; ``thorough`` adds the marked tests and gives every law more examples."""

settings.register_profile(
    "ci", deadline=None, max_examples=25, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=1_000)
settings.load_profile(PROFILE)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the thorough tests out, unless they or others are asked for by marker or by name."""
    if PROFILE == "thorough" or config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
