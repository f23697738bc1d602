"""Policies by their hash: stored once for all accounts that are under the same one, loaded once per process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Path as ProblemPath
from exitplan.ruleset.model.values import plain
from exitplan.schemas.loading.diagnostics import FileHasProblems, Mark
from exitplan.schemas.policies import LoadedPolicy, load_policy, policy_from_document

_LOADED: dict[str, LoadedPolicy] = {}
"""The policies that this process has loaded; none is ever let go, as the engine never lets its rules go."""


def canonical_text(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write a value as JSON so that equal values are equal bytes: keys in order, numbers spelled in one way."""
    return _text(value, sorted).encode()


def policy_text(document: Mapping[str, Any]) -> bytes:
    """Write a merged policy as JSON; its keys stay in the order in which its conditions are explained."""
    return _text(document, list).encode()


def _text(node: Any, order: Callable[[Iterable[str]], list[str]]) -> str:  # noqa: ANN401 - a node of a document
    if isinstance(node, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_text(node[key], order)}" for key in order(node)) + "}"
    if isinstance(node, list | tuple):
        return "[" + ",".join(_text(entry, order) for entry in node) + "]"
    if isinstance(node, int | Decimal) and not isinstance(node, bool):
        return plain(Decimal(node))
    return json.dumps(node)


def read_canonical(content: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON with exact numbers."""
    return json.loads(content, parse_float=Decimal)


def policy_of(sha256: str, fetch: Callable[[str], bytes | None]) -> LoadedPolicy:
    """Return the policy with a hash; the first time it is fetched, checked and compiled.

    Raises FileIsInvalid where it is not there, or is not what its hash says.
    """
    if sha256 not in _LOADED:
        content = fetch(sha256)
        if content is None:
            raise FileIsInvalid(f"the fleet's database has no policy {sha256[:12]}")
        try:
            loaded = policy_from_document(read_canonical(content))
        except (FileHasProblems, ValueError, TypeError, AttributeError) as error:
            raise FileIsInvalid(f"the policy {sha256[:12]} in the fleet's database is damaged: {error}") from error
        if loaded.policy.sha256 != sha256:
            raise FileIsInvalid(f"the policy {sha256[:12]} in the fleet's database is not what its hash says")
        _LOADED[sha256] = loaded
    return _LOADED[sha256]


def bound_policy(
    loaded: LoadedPolicy, block: Mapping[str, Any], place: Path, own_guards: Iterable[str] = ()
) -> LoadedPolicy:
    """Return a policy as that of one account, at whose ``place`` its own guards were set.

    What the account keeps under any other policy follows from it, as it does from an account file.
    """
    marks: dict[ProblemPath, Mark] = {("guards", name): Mark(str(place)) for name in own_guards}
    return replace(loaded, account=block, files=(place,), marks={**loaded.marks, **marks} if marks else loaded.marks)


def successor(policy: Path, account: LoadedPolicy) -> LoadedPolicy:
    """Load a policy to put in the place of an account's own, which is bound to the account (:func:`bound_policy`).

    The account's protection, aliases, invariants and ladders stay, and its own guards where they are tighter. Raises
    FileHasProblems.
    """
    return load_policy(policy, account=account)
