"""Policies that were loaded into the rule engine, each once a process: what the engine has loaded it never lets go."""

from __future__ import annotations

from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.language.policy import Policy

_RULEBOOKS: dict[str, Rulebook] = {}


def rulebook_of(policy: Policy) -> Rulebook:
    """Load a policy into the engine, unless that was done: a process may open its accounts again and again."""
    known = _RULEBOOKS.get(policy.sha256)
    return known or _RULEBOOKS.setdefault(policy.sha256, Rulebook.of(policy))
