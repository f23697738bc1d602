"""Look at the channels of a project before an alert has to get through: their file, their addresses, their state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from exitplan.executor.alerting.addresses import read_address
from exitplan.executor.alerting.channels import Channel
from exitplan.executor.alerting.delivery import channel_states
from exitplan.executor.alerting.outbox import ChannelState
from exitplan.executor.alerting.post import Post
from exitplan.executor.alerting.sending import ensure_usable
from exitplan.executor.doctor import Finding, Grade
from exitplan.ruleset.errors import ExitplanError


def examine_channels(project_root: Path, post: Post) -> list[Finding]:
    """Check the channels of a project, without sending anything; none where it has none."""
    try:
        states = channel_states(project_root, post)
    except ExitplanError as error:
        return [Finding("alerts.yaml", Grade.PROBLEM, str(error), error.hint)]
    return [_examined(channel, state, project_root) for channel, state in states]


def failing_channels(project_root: Path, post: Post) -> Iterator[str]:
    """Say which channels fail, a sentence each; of a file that is broken nothing is said."""
    try:
        states = channel_states(project_root, post)
    except ExitplanError:
        return
    for channel, state in states:
        if state.failures:
            yield f"alerts do not reach the channel {channel.name}: {state.problem} ({state.waiting} wait)"


def _examined(channel: Channel, state: ChannelState, root: Path) -> Finding:
    name = f"channel {channel.name}"
    try:
        address = read_address(channel.url, root, os.environ)
        ensure_usable(address)
    except ExitplanError as error:
        return Finding(name, Grade.PROBLEM, str(error), error.hint)
    if state.failures:
        text = f"failed {state.failures} times in a row: {state.problem}; waiting alerts: {state.waiting}"
        return Finding(name, Grade.PROBLEM, text, f"exitplan alerts test {channel.name}")
    return Finding(name, Grade.OK, f"{address.scheme}:// by {channel.url}; waiting alerts: {state.waiting}")
