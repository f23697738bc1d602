"""What account files say of their venue and name of what it holds, checked without opening it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path as FilePath

from exitplan.cli.arguments import present
from exitplan.executor.accounts.account import NEEDED, AccountFile, is_account_file
from exitplan.executor.accounts.block_checks import block_problems, venue_problems
from exitplan.executor.accounts.project import project_data
from exitplan.executor.alerting.channels import read_channels
from exitplan.executor.offline_warnings import offline_warnings
from exitplan.executor.store.file_store import FileStore
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Path, Problem
from exitplan.ruleset.planning.warnings import PlanWarning
from exitplan.schemas.loading.diagnostics import Diagnostic, FileHasProblems, locate
from exitplan.schemas.policies import LoadedPolicy
from exitplan.schemas.validation import Validated


def with_venues_checked(results: Iterable[Validated]) -> list[Validated]:
    """Add to the account files that are sound what is wrong with their venue, each mistake once."""
    known: set[Diagnostic] = set()
    owners: dict[str, FilePath] = {}
    holders: dict[tuple[str, str], FilePath] = {}
    checked: list[Validated] = []
    for result in results:
        problems = tuple(_found_in(result, owners, holders))
        news = tuple(problem for problem in problems if problem not in known)
        known.update(news)
        repeated = result.repeated + len(problems) - len(news)
        checked.append(replace(result, diagnostics=(*result.diagnostics, *news), repeated=repeated))
    return checked


def with_channels_checked(results: Iterable[Validated]) -> list[Validated]:
    """Add to files of channels that have the shape of one what else is wrong: kinds and zones that there are not."""
    return [_with_channels(result) if result.kind == "alerts" and result.ok else result for result in results]


def _with_channels(result: Validated) -> Validated:
    try:
        read_channels(result.path)
    except FileHasProblems as error:
        return replace(result, diagnostics=error.diagnostics)
    return result


def _found_in(
    result: Validated, owners: dict[str, FilePath], holders: dict[tuple[str, str], FilePath]
) -> Iterator[Diagnostic]:
    """Find what is wrong with the account of a file.

    ``owners`` are the files that carry an id already, ``holders`` those that name credentials already.
    """
    loaded = result.loaded
    if not result.ok or loaded is None:
        return
    own = [*block_problems(loaded, result.path), *venue_problems(loaded), *_shared_id(loaded, result.path, owners)]
    own += _shared_credentials(AccountFile(result.path, loaded), holders)
    for problem in (*own, *file_warnings(AccountFile(result.path, loaded))):
        yield locate(problem, loaded.marks, {})


def _shared_id(loaded: LoadedPolicy, path: FilePath, owners: dict[str, FilePath]) -> Iterator[Problem]:
    name = (loaded.account or {}).get("id")
    # What only builds on an account file, outside the folders of accounts, is no account of its own.
    is_inherited = ("account", "id") in loaded.marks and loaded.marks["account", "id"].file != str(loaded.files[-1])
    if not name or (is_inherited and not is_account_file(path)):
        return
    first = owners.setdefault(str(name).casefold(), path)
    if first.resolve() != path.resolve():
        hint = "two accounts must not share their state; give one of them another id"
        yield Problem(("account", "id"), f"the id {name!r} is used by {first} as well", hint=hint)


def _shared_credentials(file: AccountFile, holders: dict[tuple[str, str], FilePath]) -> Iterator[Problem]:
    """Warn of credentials that another account file at the venue names too, or of the same API key under another name.

    Both would work on one account at the venue, each with a journal of its own that knows nothing of the other's.
    """
    venue, reference = file.block.get("venue"), file.block.get("credentials")
    if not all(file.block.get(name) for name in NEEDED) or not reference or not is_account_file(file.path):
        return
    kind, _, name = str(reference).partition(":")
    place = str((file.path.parent / name).resolve()) if kind == "file" else name
    marks = [(str(venue), f"{kind}:{place}"), *([(str(venue), key)] if (key := file.identity().key) else [])]
    firsts = [holders.setdefault(mark, file.path) for mark in marks]
    other = next((first for first in firsts if first.resolve() != file.path.resolve()), None)
    if other is not None:
        hint = "one account at a venue has one account file: two would sell the same positions, each by its own journal"
        yield Problem(("account", "credentials"), f"{other} has the same credentials", "warning", hint)


def file_warnings(file: AccountFile) -> Iterator[Problem]:
    """Find what names nothing in the account's latest reading: protection, aliases, conditions, tracker records.

    The tracker is that of the project's own data folder. A state or tracker that is broken is told by whoever opens it.
    """
    if not all(file.block.get(name) for name in NEEDED):
        return
    store = FileStore.of(project_data([str(file.path)]), file.id)
    with suppress(FileIsInvalid):
        for warning in offline_warnings(file, store, present()):
            near = warning.nearest
            hint = None if near is None or near in warning.text else f"did you mean {near!r}?"
            yield Problem(_place_of(warning, file.loaded), warning.text, "warning", hint)


def _place_of(warning: PlanWarning, loaded: LoadedPolicy) -> Path:
    """Return the place that names what a warning is about; the account block where it is in no policy."""
    if warning.kind == "protects-nothing":
        names = [entry.name for entry in loaded.policy.protect]
        return ("protect", names.index(warning.symbol)) if warning.symbol in names else ("protect",)
    if warning.symbol in loaded.policy.strategy_sources:
        return ("parameters", "strategy_sources")
    if warning.symbol in loaded.policy.aliases:
        return ("aliases", warning.symbol)
    for section in ("classification", "orders", "exits"):
        for number, rule in enumerate(loaded.document.get(section) or ()):
            if warning.kind == "matches-nothing" and warning.symbol in str(rule.get("when")):
                return (section, number, "when")
    return ("account",)
