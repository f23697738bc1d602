"""The policies that come with exitplan: a table of all, and a sheet of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.language.policy import Policy
from exitplan.schemas.layout.writing import inline
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.schemas.shipped import BASE, ShippedPolicy
from exitplan.workbench.comparing.settings import SettingChange
from exitplan.workbench.comparing.written import compare_written


def list_parts(known: Iterable[ShippedPolicy]) -> Iterator[RenderableType]:
    """Draw a line for each policy."""
    table = titled("policy", "what it is for")
    for shipped in known:
        table.add_row(words(shipped.name), words(shipped.purpose))
    yield table
    yield Text("All of one of them: exitplan policies show hedged")


def list_document(known: Iterable[ShippedPolicy]) -> dict[str, Any]:
    """Return the policies in their JSON form."""
    return {"policies": [_about(shipped, load_policy(shipped.file).policy) for shipped in known]}


def _about(shipped: ShippedPolicy, policy: Policy) -> dict[str, Any]:
    return {
        "name": shipped.name,
        "sha256": policy.sha256,
        "file": str(shipped.file),
        "purpose": shipped.purpose,
        "description": policy.description,
        "use": list(shipped.use),
        "avoid": list(shipped.avoid),
        "page": shipped.page,
    }


# --- one of them ---


def differences_of(loaded: LoadedPolicy, base: LoadedPolicy) -> list[SettingChange]:
    """List what a policy writes otherwise than the base, but for the parameters."""
    changes = compare_written(base.document, loaded.document)
    return [change for change in changes if not change.name.startswith("parameters.")]


def parameters_of(loaded: LoadedPolicy, base: LoadedPolicy) -> list[tuple[str, str, str | None]]:
    """List the parameters that a policy has: name, value, and that of the base where it is another, or none."""
    known = base.document.get("parameters") or {}
    return [
        (name, inline(value), inline(known[name]) if name in known else None)
        for name, value in (loaded.document.get("parameters") or {}).items()
    ]


def sheet_parts(shipped: ShippedPolicy, loaded: LoadedPolicy, base: LoadedPolicy) -> Iterator[RenderableType]:
    """Draw everything that is known of one policy."""
    yield heading(shipped.name, shipped.purpose)
    yield words(loaded.policy.description)
    yield section("When to use it", "", _bullets(shipped.use))
    yield section("When not", "", _bullets(shipped.avoid))
    parameters = rows("l", "l", "l")
    for name, value, other in parameters_of(loaded, base):
        note = "" if other == value else "its own" if other is None else f"in {BASE}: {other}"
        parameters.add_row(words(name), words(value), words(note, "dim"))
    yield section("Parameters", "", parameters)
    if shipped.name != BASE:
        yield section(f"What differs from {BASE}", "the protocol as published", _differences(loaded, base))
        yield words(f"Which positions it treats otherwise is proved by: exitplan compare {BASE} {shipped.name}")
    yield _places(shipped, loaded)


def _differences(loaded: LoadedPolicy, base: LoadedPolicy) -> RenderableType:
    table = rows("l", "l", "l")
    for change in differences_of(loaded, base):
        was = f"was {change.old}" if change.old is not None and change.new is not None else ""
        table.add_row(words(change.name), words(change.new or "removed"), words(was, "dim"))
    return table


def _places(shipped: ShippedPolicy, loaded: LoadedPolicy) -> RenderableType:
    table = rows("l", "l")
    table.add_row("file", words(shipped.file))
    table.add_row("hash", words(loaded.policy.sha256))
    table.add_row("page", words(shipped.page))
    return table


def _bullets(texts: Sequence[str]) -> RenderableType:
    table = rows("l", "l")
    for text in texts:
        table.add_row("-", words(text))
    return table


def sheet_document(shipped: ShippedPolicy, loaded: LoadedPolicy, base: LoadedPolicy) -> dict[str, Any]:
    """Return everything that is known of one policy in its JSON form: as of any, and what is said of a shipped one."""
    changes = compare_written(base.document, loaded.document)
    differs = [{"name": change.name, "old": change.old, "new": change.new} for change in changes]
    return {**loaded.shown, "shipped": {**_about(shipped, loaded.policy), "differs": differs}}
