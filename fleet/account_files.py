"""Read account files for the registry, thousands of them: what they have in common is loaded and compiled once.

Each is checked as ``exitplan validate`` does. Of a file that extends a policy, name and description are the account's;
the policy that it runs under has those of what it extends, so that accounts with the same rules share one policy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exitplan.brokers.live.credentials import looks_secret
from exitplan.brokers.registry import PAPER
from exitplan.executor.accounts.account import find_account_files
from exitplan.executor.accounts.block_checks import block_problems, venue_problems
from exitplan.fleet.policies import canonical_text
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Problem
from exitplan.schemas.loading.diagnostics import FileHasProblems, locate
from exitplan.schemas.loading.text import display_name
from exitplan.schemas.loading.yaml_loader import Document, load_yaml, parse_yaml
from exitplan.schemas.merging.policy_merge import OPTIONS
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.schemas.validators import passes

HEADS = ("name", "description")
_BREAK = re.compile(rb"^(?:---(?=[ \t\r\n]|$)|\.\.\.(?=[ \t\r\n]|$))[ \t]*", re.MULTILINE)
"""Where a document of a YAML stream ends; in any place, a text that goes over lines included."""
_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Text:
    """A document of a file: its bytes, the file, and how many lines of the file are before it."""

    path: Path
    content: bytes
    lines_before: int = 0

    @property
    def place(self) -> str:
        """The file, and the line where there are several documents in it."""
        name = display_name(self.path)
        return f"{name}:{self.lines_before + 1}" if self.lines_before else name


@dataclass(frozen=True, slots=True)
class AccountDraft:
    """An account as its file describes it: ``policy`` is the merged one without the account block.

    ``own_guards`` are the guards that its own file sets.
    """

    place: str
    block: Mapping[str, Any]
    heads: Mapping[str, str]
    policy: LoadedPolicy
    own_guards: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The account's id."""
        return str(self.block["id"])


def account_texts(path: Path) -> Iterator[Text]:
    """Return the documents of account files: of one file, of those in a folder, or of a project's accounts.

    Raises FileHasProblems where a file cannot be read, FileIsInvalid for a folder without any.
    """
    if not path.is_dir():
        yield from split_stream(path, path.read_bytes() if path.is_file() else load_yaml(path).text.encode())
        return
    files = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES) or find_account_files(path)
    if path.name == "policies" and (path / "accounts").is_dir():
        files = sorted(one for one in (path / "accounts").iterdir() if one.suffix in _SUFFIXES)
    if not files:
        raise FileIsInvalid(
            f"there are no account files in {display_name(path)}", hint="name the folder that they are in"
        )
    for file in files:
        yield from split_stream(file, file.read_bytes())


def split_stream(path: Path, content: bytes) -> Iterator[Text]:
    """Split a YAML stream at the lines that end documents; one without such lines is one document."""
    start, lines = 0, 0
    for match in (*_BREAK.finditer(content), None):
        end = len(content) if match is None else match.start()
        part = content[start:end]
        if _says_something(part) or (match is None and not start):
            yield Text(path, part, lines)
        lines += part.count(b"\n")
        start = len(content) if match is None else match.end()


def _says_something(part: bytes) -> bool:
    return any(line.strip() and not line.lstrip().startswith((b"#", b"%")) for line in part.split(b"\n"))


class AccountReader:
    """Reads account files; of those that differ in their account block alone the policy is compiled once."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: dict[tuple[str, bytes], _Shared] = {}

    def read(self, text: Text) -> AccountDraft:
        """Read one account file; raises FileHasProblems with all that is wrong in it."""
        name = display_name(text.path)
        try:
            return self._read(text, parse_yaml(text.content, name))
        except FileHasProblems:
            if not text.lines_before:
                raise
        # Once more, with as many lines before it as in the file: only where something is wrong its place is needed.
        return self._read(text, parse_yaml(b"\n" * text.lines_before + text.content, name))

    def _read(self, text: Text, document: Document) -> AccountDraft:
        value, folder = document.value, text.path.parent
        shared = self._shared_by(text.path, value)
        if shared is not None:
            # Merging leaves out options that are empty.
            block: Mapping[str, Any] = {
                name: entry for name, entry in value["account"].items() if (name, entry) != (OPTIONS, {})
            }
        else:
            shared, block = self._load(text.path, document)
        problems = list(_problems(replace(shared.policy, account=block), text.path))
        if problems:
            sources = {document.name: document.source}
            raise FileHasProblems(locate(problem, document.marks, sources) for problem in problems)
        heads = {name: value[name] for name in HEADS if name in value}
        return AccountDraft(text.place, absolute(block, folder), heads, shared.policy, shared.own_guards)

    def _shared_by(self, path: Path, value: Any) -> _Shared | None:  # noqa: ANN401 - any YAML value
        """Return what is known of a file whose like was read before, where its account block has the right shape."""
        if not isinstance(value, dict) or not isinstance(value.get("account"), dict):
            return None
        heads = {name: value[name] for name in HEADS if name in value}
        if not passes("policy", {"version": 1, "name": "any", **heads, "account": value["account"]}):
            return None
        return self._known.get(_key_of(path, value))

    def _load(self, path: Path, document: Document) -> tuple[_Shared, Mapping[str, Any]]:
        value, inherits = document.value, []

        def read(file: Path) -> Document:
            if file == path:
                return without_heads(document)
            loaded = load_yaml(file)
            inherits.append(isinstance(loaded.value, dict) and "account" in loaded.value)
            return loaded

        loaded = load_policy(path, read=read)
        own = tuple(sorted(value.get("guards") or ()))
        shared = _Shared(replace(loaded, account=None), own)
        if not any(inherits):
            self._known[_key_of(path, value)] = shared
        return shared, loaded.account or {}


@dataclass(frozen=True, slots=True)
class _Shared:
    """What files that differ in their account block alone have in common."""

    policy: LoadedPolicy
    own_guards: tuple[str, ...]


def without_heads(document: Document) -> Document:
    """Take name and description out of a file that has others from what it extends."""
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("extends"), str):
        return document
    return replace(document, value={name: entry for name, entry in value.items() if name not in HEADS})


def _key_of(path: Path, value: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return what decides over the policy of a file: the file it extends, and all that it says but of its account."""
    parent = value.get("extends")
    base = os.path.realpath(path.parent / parent) if isinstance(parent, str) else ""
    if _names_a_model(value):
        base = f"{base}\0{os.path.realpath(path.parent)}"  # the model is looked for beside the file
    left_out = {"account", "extends", *(HEADS if isinstance(parent, str) else ())}
    return base, canonical_text({name: entry for name, entry in value.items() if name not in left_out})


def _names_a_model(value: Mapping[str, Any]) -> bool:
    block = value.get("health")
    return isinstance(block, dict) and isinstance(block.get("model"), str)


def _problems(loaded: LoadedPolicy, path: Path) -> Iterator[Problem]:
    if not loaded.account:
        hint = "add account: {id: ..., venue: ..., quote: ...}"
        yield Problem((), "this is a policy without an account block", hint=hint)
        return
    yield from block_problems(loaded, path)
    yield from venue_problems(loaded)
    yield from _secrets(loaded.account, path.parent)


def _secrets(block: Mapping[str, Any], base: Path) -> Iterator[Problem]:
    """Find a key or secret that stands where a reference to it belongs; nothing of it is repeated."""
    kind, _, name = str(block.get("credentials") or "").partition(":")
    is_there = kind == "file" and os.path.exists(base / name)  # noqa: PTH110 - a NUL in it is no error here
    if name and not is_there and looks_secret(name):
        hint = "the registry keeps references alone: env:NAME, keyring:NAME or file:PATH"
        yield Problem(
            ("account", "credentials"), f"what follows {kind}: looks like a key or a secret itself", hint=hint
        )
    for option, entry in (block.get("options") or {}).items():
        if isinstance(entry, str) and block.get("venue") != PAPER and looks_secret(entry):
            hint = "the registry keeps no secrets; refer to them: credentials: env:NAME"
            yield Problem(("account", "options", option), "this looks like a key or a secret", hint=hint)


def absolute(block: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return an account block in which every path holds wherever the account is worked on."""
    made, options = dict(block), dict(block.get("options") or {})
    kind, _, name = str(block.get("credentials") or "").partition(":")
    if kind == "file" and not name.strip().startswith("~"):  # the home folder is that of whoever works on it
        made["credentials"] = f"file:{_absolute(name.strip(), base)}"
    if block.get("venue") == PAPER:
        options["file"] = _absolute(str(options.get("file") or f"{block['id']}.paper.json"), base)
        if options.get("start_from") not in {None, "demo"}:
            options["start_from"] = _absolute(str(options["start_from"]), base)
    return {**made, **({"options": options} if options else {})}


def _absolute(name: str, base: Path) -> str:
    return os.path.abspath(base / name)  # noqa: PTH100 - links stay as they are named
