"""What two policies say otherwise and no proof is about: the cap's order, guards, unwinds, orders, protection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from exitplan.ruleset.health.model import HealthModel
from exitplan.ruleset.language.policy import Policy, Protection, Rule
from exitplan.ruleset.model.values import plain, time_text

_PROVED = frozenset(
    {
        "name",
        "sha256",
        "description",
        "dust_pct_threshold",
        "strategy_sources",
        "classification",
        "exits",
        "named_symbols",
    }
)
"""The parts of a policy that matter only in its conditions, or not at all."""
_BLOCKS = {
    "valid_minutes": "plan.valid_minutes",
    "tolerate_untradeable_dust": "clean.tolerate_untradeable_dust",
    "halt_allows_exits": "guards.halt_allows_exits",
}
"""Where settings stand that are no parameters."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting, by its place in a policy, before and after; None where it is not there."""

    name: str
    old: str | None
    new: str | None


def compare_settings(old: Policy, new: Policy) -> list[SettingChange]:
    """List the settings that differ, in the order of a policy's parts."""
    before, after = dict(_settings(old)), dict(_settings(new))
    names = [*before, *(name for name in after if name not in before)]
    return [
        SettingChange(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]


def _settings(policy: Policy) -> Iterator[tuple[str, str]]:
    """List what a policy says, as texts by their places; what is absent is left out."""
    for part in fields(policy):
        value = getattr(policy, part.name)
        if part.name in _PROVED or not part.init:  # what follows from the rest is no setting
            continue
        texts = _TEXTS.get(part.name)
        yield from _setting(part.name, value) if texts is None else texts(value)
    for block in (policy.classification, policy.exits):
        for rule in block:
            if rule.severity is not None:
                yield f"{rule.path[0]}.{rule.id}.severity", rule.severity


def _setting(name: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any kind of setting
    if is_dataclass(value):
        known = ((key.name, getattr(value, key.name)) for key in fields(value))
        yield from ((f"{name}.{key}", _text(inner)) for key, inner in known if inner is not None)
    elif isinstance(value, Mapping):
        yield from ((f"{name}.{key}", _text(inner)) for key, inner in value.items())
    else:
        yield _BLOCKS.get(name, f"parameters.{name}"), _text(value)


def _text(value: Any) -> str:  # noqa: ANN401 - any kind of setting
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)


def _order_text(rule: Rule) -> str:
    severity = f", severity {rule.severity}" if rule.severity else ""
    return f"cancel where {rule.when.text}{severity}"


def _protection_text(entry: Protection) -> str:
    until = f" until {time_text(entry.until)}" if entry.until else ""
    return f"protected{until}" + (f" ({entry.reason})" if entry.reason else "")


def _health(model: HealthModel | None) -> Iterator[tuple[str, str]]:
    if model is not None:
        yield "health.model", f"{model.name} ({model.sha256[:12]})"


_TEXTS: Mapping[str, Callable[[Any], Iterable[tuple[str, str]]]] = {
    "orders": lambda rules: ((f"orders.{rule.id}", _order_text(rule)) for rule in rules),
    "invariants": lambda invariants: ((one.text, "in force") for one in invariants),
    "protect": lambda entries: ((f"protect.{entry.name}", _protection_text(entry)) for entry in entries),
    "escalation": lambda ladders: ((f"escalation.{ladder.id}", ladder.text) for ladder in ladders),
    "health": _health,
}
"""How parts are told that are more than values by their names."""
