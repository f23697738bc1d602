"""Policies and account files: read, checked, merged and compiled, with the place of everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from exitplan.ruleset.language.policy import INVARIANTS, Policy, compile_policy
from exitplan.ruleset.language.problems import Path, Problem
from exitplan.schemas.checking import check
from exitplan.schemas.condition_checks import check_conditions
from exitplan.schemas.group_files import is_group_file
from exitplan.schemas.health_models import put_models_in
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, Mark, Source, locate
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import Document, load_yaml, parse_yaml
from exitplan.schemas.merging.extends import Chain, Read, read_chain
from exitplan.schemas.merging.merge_result import Resolved, resolve
from exitplan.schemas.merging.policy_merge import (
    LISTS,
    Layer,
    entry_name,
    is_list_of_entries,
    layer_of,
    merge,
    operations,
)
from exitplan.schemas.validators import passes

SHIPPED = FilePath(__file__).parents[1] / "policies"
"""The folder of the policies that come with exitplan."""
COMMAND_LINE = "command line"
KEPT = "the account"
IN_MEMORY = "policy"


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy ready for use.

    ``document`` is the merged policy without the account block, which is ``account``; ``marks`` holds the place of
    everything in both by its path; ``files`` are the files read, the base first, ``models`` those of health models, and
    ``sources`` their texts by name.
    """

    policy: Policy
    document: Mapping[str, Any]
    marks: Mapping[Path, Mark]
    warnings: tuple[Diagnostic, ...]
    files: tuple[FilePath, ...]
    account: Mapping[str, Any] | None = None
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)
    models: tuple[FilePath, ...] = ()

    @property
    def read_from(self) -> tuple[FilePath, ...]:
        """Every file that was read: where one of them changes, the policy may."""
        return (*self.files, *self.models)

    @property
    def shown(self) -> dict[str, Any]:
        """The policy as programs are shown it."""
        files = [str(file) for file in self.files]
        return {"name": self.policy.name, "sha256": self.policy.sha256, "files": files, "policy": self.document}


def load_policy(
    path: FilePath,
    overrides: Mapping[str, object] = MappingProxyType({}),
    *,
    account: LoadedPolicy | None = None,
    read: Read = load_yaml,
) -> LoadedPolicy:
    """Load a policy or account file with all it extends; ``overrides`` are parameters set on top of it.

    Where the policy is put in the place of an ``account``'s own, that account's protection, aliases, invariants and
    ladders stay, and so do the guards of its file where they are tighter. ``read`` reads each file, where it is not as
    it stands on the disk. Raises FileHasProblems with every problem of every file.
    """
    _ensure_no_group(path)
    chain = read_chain(path, read)
    if account is not None and not chain.diagnostics:
        chain.documents.append(_kept_of(account, _load(chain, {}, read=read).policy))
    return _load(chain, overrides, read=read)


def _ensure_no_group(path: FilePath) -> None:
    """Raise FileHasProblems for the policy of a group, whose keys are others; a file that is no YAML is told later."""
    try:
        is_of_group = is_group_file(path)
    except FileHasProblems:
        return
    if is_of_group:
        message = "this is the policy of a group of accounts, and here that of one account is needed"
        hint = f"exitplan validate checks it, exitplan plan --group {path.stem} plans by it"
        raise FileHasProblems([Diagnostic(Mark(display_name(path), 1, 1), (), message, hint=hint)])


def load_edited(path: FilePath, text: str) -> LoadedPolicy:
    """Load a policy as if its file held another text; raises FileHasProblems as :func:`load_policy` does."""
    chain = read_chain(path)
    if chain.documents:
        chain.documents[-1] = parse_yaml(text.encode(), chain.documents[-1].name)
    return _load(chain, {})


def _kept_of(account: LoadedPolicy, policy: Policy) -> Document:
    """Make a layer of what an account keeps under any policy: protection, aliases, invariants, ladders, guards."""
    own = account.document.get("guards") or {}
    written = {
        name: limit for name, limit in own.items() if account.marks[("guards", name)].file == str(account.files[-1])
    }
    guards = {
        name: limit
        for name, limit in written.items()
        if (limit is False if isinstance(limit, bool) else name not in policy.guards or limit < policy.guards[name])
    }
    value: dict[str, Any] = {"version": 1, "extends": KEPT, "guards": guards}
    value |= {
        name: account.document[name]
        for name in ("protect", "aliases", "escalation", *INVARIANTS)
        if account.document.get(name)
    }
    return Document(Source(KEPT, ""), value, dict.fromkeys(_paths_of(value), Mark(KEPT)))


def policy_from_document(
    document: Mapping[str, Any], overrides: Mapping[str, object] = MappingProxyType({}), *, base: FilePath = SHIPPED
) -> LoadedPolicy:
    """Make a policy of a document that a program holds; what it extends is looked for in ``base``.

    Raises FileHasProblems with every problem of it and of what it extends.
    """
    parent = document.get("extends")
    chain = read_chain(base / parent) if isinstance(parent, str) and parent else Chain()
    mark = Mark(IN_MEMORY)
    marks = dict.fromkeys(_paths_of(document), mark)
    chain.documents.append(Document(Source(IN_MEMORY, ""), document, marks))
    return _load(chain, overrides, base)


def _paths_of(value: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - any JSON value
    yield path
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _paths_of(part, (*path, key))


def _load(
    chain: Chain, overrides: Mapping[str, object], base: FilePath = SHIPPED, *, read: Read = load_yaml
) -> LoadedPolicy:
    """Check, merge and compile the layers; what names a file and has none itself names it from ``base``."""
    layers = [*chain.documents, *_command_line(overrides)]
    folders = [file.parent for file in chain.files]
    modelled = put_models_in(layers, [*folders, *[base] * (len(layers) - len(folders))], read)
    documents = list(modelled.documents)
    sources = {**{document.name: document.source for document in documents}, **modelled.sources}
    diagnostics = [*chain.diagnostics, *_diagnostics_in(documents, complete=not chain.diagnostics)]
    if diagnostics or modelled.diagnostics:
        raise FileHasProblems([*diagnostics, *modelled.diagnostics])
    resolved = resolve(reduce(merge, map(layer_of, documents)))
    return replace(_compiled(resolved, sources, tuple(chain.files)), models=modelled.files)


def shipped_policy(name: str) -> FilePath:
    """Return the file of a policy that comes with exitplan, such as ``default``."""
    return SHIPPED / f"{name}.yaml"


def _compiled(resolved: Resolved, sources: Mapping[str, Source], files: tuple[FilePath, ...]) -> LoadedPolicy:
    policy, problems = compile_policy(resolved.document)
    diagnostics = tuple(locate(problem, resolved.marks, sources) for problem in problems)
    if policy is None or resolved.diagnostics:
        raise FileHasProblems([*diagnostics, *(_with_excerpt(problem, sources) for problem in resolved.diagnostics)])
    return LoadedPolicy(policy, resolved.document, resolved.marks, diagnostics, files, resolved.account, sources)


def _diagnostics_in(documents: list[Document], *, complete: bool) -> list[Diagnostic]:
    """Check every layer by itself; an error in a condition is worded by the one who reads conditions.

    Where a file of the chain is missing, names it may have defined are not called unknown.
    """
    structural = [(document, problem) for document in documents for problem in _problems(document)]
    if not structural:
        return []
    broken = {(document.name, problem.path[:2]) for document, problem in structural}
    diagnostics = [
        locate(problem, document.marks, {document.name: document.source}) for document, problem in structural
    ]
    if not complete:
        return diagnostics
    in_conditions = check_conditions(documents, broken)
    by_reader = {_place(diagnostic) for diagnostic in in_conditions}
    by_schema = {_place(diagnostic) for diagnostic in diagnostics if (diagnostic.hint or "").startswith("write ")}
    return [
        *(diagnostic for diagnostic in diagnostics if _place(diagnostic) not in by_reader - by_schema),
        *(diagnostic for diagnostic in in_conditions if _place(diagnostic) not in by_schema),
        *_unknown_ids(documents),
    ]


def _place(diagnostic: Diagnostic) -> tuple[str, Path]:
    return diagnostic.mark.file, diagnostic.path


def _unknown_ids(documents: list[Document]) -> Iterator[Diagnostic]:
    """Look for unknown ids in ``remove`` and ``before`` although something else is wrong in the files."""
    sources = {document.name: document.source for document in documents}
    for block in LISTS:
        if all(is_list_of_entries(document.value, block) for document in documents):
            layers = (Layer(lists={block: tuple(operations(document, block))}) for document in documents)
            yield from (_with_excerpt(problem, sources) for problem in resolve(reduce(merge, layers)).diagnostics)


def _problems(document: Document) -> Iterator[Problem]:
    if not passes("policy", document.value):
        yield from check("policy", document.value)
    for block in LISTS:
        yield from _repeated(document, block)
    yield from _too_few_keys(document)


def _too_few_keys(document: Document) -> Iterator[Problem]:
    """Find an account that wants more signatures than there are keys."""
    block = document.value.get("account") if isinstance(document.value, dict) else None
    rule = block.get("require_signature") if isinstance(block, dict) else None
    lines, needed = (rule.get("keys"), rule.get("signatures", 1)) if isinstance(rule, dict) else (None, 1)
    if not isinstance(lines, list) or not isinstance(needed, int):
        return
    keys = {str(line).split(" ")[1:2][0] for line in lines if " " in str(line)}
    if keys and needed > len(keys):
        message = f"{needed} signatures are wanted, and there are {len(keys)} different keys"
        yield Problem(("account", "require_signature", "signatures"), message, hint="list more keys, or want fewer")


def _repeated(document: Document, block: str) -> Iterator[Problem]:
    """Find entries of a rule list that carry the same name, inside one file."""
    entries = document.value.get(block) if isinstance(document.value, dict) else None
    first: dict[str, Mark] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        key = LISTS[block]
        if isinstance(entry, dict) and block == "protect" and key not in entry:
            key = "asset"
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            continue
        name, mark = entry_name(block, entry), document.marks[(block, index, key)]
        earlier = first.setdefault(name, mark)
        if earlier is not mark:
            message = f"the {key} {name!r} is there twice, first in line {earlier.line}, column {earlier.column}"
            yield Problem((block, index, key), message)


def _command_line(overrides: Mapping[str, object]) -> list[Document]:
    """Make a layer of the parameters that were given on the command line."""
    if not overrides:
        return []
    value = {"version": 1, "extends": COMMAND_LINE, "parameters": dict(overrides)}
    mark = Mark(COMMAND_LINE)
    paths: list[Path] = [(), ("version",), ("extends",), ("parameters",)]
    paths += [("parameters", name) for name in overrides]
    for name, texts in overrides.items():
        paths += [("parameters", name, at) for at in range(len(texts) if isinstance(texts, list) else 0)]
    return [Document(Source(COMMAND_LINE, ""), value, dict.fromkeys(paths, mark))]


def _with_excerpt(problem: Diagnostic, sources: Mapping[str, Source]) -> Diagnostic:
    source = sources.get(problem.mark.file)
    return replace(problem, excerpt=source.excerpt(problem.mark)) if source else problem
