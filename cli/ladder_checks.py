"""Whether the channels that escalation ladders name are in the project's ``alerts.yaml``; nothing is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from exitplan.executor.accounts.project import marked_folder, project_root
from exitplan.ruleset.language.problems import Problem, did_you_mean
from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark, locate
from exitplan.schemas.loading.yaml_loader import load_yaml
from exitplan.schemas.policies import LoadedPolicy
from exitplan.schemas.validation import Validated

CHANNELS_FILE = "alerts.yaml"


def with_ladders_checked(results: Iterable[Validated]) -> list[Validated]:
    """Add warnings of channels that are not there to the policies with ladders, each once."""
    told: set[tuple[Mark, str]] = set()
    checked = []
    for result in results:
        news = []
        for problem in _problems_of(result):
            found = locate(problem, result.loaded.marks, result.loaded.sources) if result.loaded else None
            if found is not None and (found.mark, found.message) not in told:
                told.add((found.mark, found.message))
                news.append(found)
        checked.append(replace(result, diagnostics=(*result.diagnostics, *news)))
    return checked


def _problems_of(result: Validated) -> Iterator[Problem]:
    if result.loaded is None or not result.ok or not result.loaded.policy.escalation:
        return
    file = (marked_folder(result.path.resolve().parent) or project_root()) / CHANNELS_FILE
    if not file.exists():
        hint = f"write the channels in {CHANNELS_FILE}, in the project's folder"
        message = (
            f"there is no {CHANNELS_FILE}: nobody gets a message, and the steps appear only in the account's alerts"
        )
        yield Problem(("escalation",), message, "warning", hint, on_key=True)
        return
    known = _channels_in(file)
    if known is not None:
        yield from _unknown(result.loaded, known)


def _channels_in(file: Path) -> list[str] | None:
    """Return the names of the channels of a file; None where it is broken, which is told of the file itself."""
    try:
        value = load_yaml(file).value
    except FileHasProblems:
        return None
    channels = value.get("channels") if isinstance(value, dict) else None
    return list(channels) if isinstance(channels, dict) else None


def _unknown(loaded: LoadedPolicy, known: Collection[str]) -> Iterator[Problem]:
    for index, ladder in enumerate(loaded.policy.escalation):
        for number, step in enumerate(ladder.steps):
            for place, name in enumerate(step.channels):
                if name not in known:
                    hint = did_you_mean(name, known) or f"the channels are {', '.join(known) or 'none'}"
                    path = ("escalation", index, "steps", number, "channels", place)
                    yield Problem(path, f"{CHANNELS_FILE} has no channel {name!r}", "warning", hint)
