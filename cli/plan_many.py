"""Plan several accounts: each by itself, one file each, and a table of all."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from exitplan.cli.arguments import AccountRef, Narrowing, Overrides, held_symbols, request_of, scope_of
from exitplan.cli.many import AccountSet, Answer, Stopped, ask_each, deliver_answers
from exitplan.cli.options import DEFAULT_DATA
from exitplan.cli.plan_output import PlanOutput, code_of_plan
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.plan import refused_guards
from exitplan.cli.rendering.screen import words
from exitplan.cli.rendering.words import money
from exitplan.cli.streams import save
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.plan import Planned, plan_account
from exitplan.ruleset.errors import ExitplanError, NoSuchSymbol
from exitplan.ruleset.model.values import unified_symbol
from exitplan.ruleset.planning.plan import plan_bytes

PLAN_FILES = "*.plan.json"
"""The plans in a folder of them."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How several accounts are to be planned; the output's file is a folder."""

    where: AccountRef
    narrowing: Narrowing
    overrides: Overrides
    output: PlanOutput


@dataclass(frozen=True, slots=True)
class PlannedAccount:
    """An open account and the plan that was made for it."""

    account: Account
    planned: Planned

    @property
    def document(self) -> dict[str, Any]:
        """The plan."""
        return self.planned.document


def plan_many(account_set: AccountSet, wish: PlanOptions) -> int:
    """Plan each account, save and show what there is; returns the worst exit code."""
    selected = account_set.select()
    if wish.output.out is not None:
        make_folder(wish.output.out, [_file_name(who.name) for who in selected])
    answers = plan_each(selected, wish, account_set.jobs)
    _ensure_held(answers, wish.narrowing)
    code = deliver_answers(answers, plan_sheet(wish.output.out), as_json=wish.output.as_json)
    if wish.output.out is not None and not wish.output.as_json:
        typer.echo(f"\nSaved. To carry them out: {_next_step(wish.output.out, wish.where)}")
    return code


def _next_step(folder: Path, where: AccountRef) -> str:
    line = ["exitplan", "apply", str(folder)]
    if where.policy is not None:
        line += ["--policy", str(where.policy)]
    if where.data != DEFAULT_DATA:
        line += ["--data", str(where.data)]
    return shlex.join(line)


def plan_each(selected: Sequence[Selected], wish: PlanOptions, jobs: int) -> list[Answer[PlannedAccount]]:
    """Plan accounts side by side, each as :func:`plan_one` does."""

    def work(file: AccountFile, _stopped: Stopped) -> tuple[PlannedAccount, int]:
        made = plan_one(file, wish)
        return made, code_of_plan(made.document, detailed=wish.output.detailed_exitcode)

    return ask_each(selected, work, jobs=jobs, quiet=wish.output.as_json)


def plan_one(file: AccountFile, wish: PlanOptions) -> PlannedAccount:
    """Plan one account of several and save its plan; a symbol that others hold need not be held by this one."""
    account = open_account_file(file, request_of(wish.where, wish.overrides))
    made = plan_account(account, scope_of(wish.narrowing, account.loaded.policy))
    if wish.output.out is not None:
        save(wish.output.out / _file_name(account.id), plan_bytes(made.document))
    return PlannedAccount(account, made)


def make_folder(folder: Path, names: Sequence[str]) -> None:
    """Make the folder that files go into, without those that an earlier command has left under their names.

    What stands in it afterwards under one of them is of this command. Raises ExitplanError.
    """
    if folder.exists() and not folder.is_dir():
        raise ExitplanError(f"{folder} is a file", hint="of several accounts each goes into a folder: name one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except OSError as problem:
        raise ExitplanError(f"cannot write into {folder}: {problem.strerror or problem}") from problem


def _file_name(account: str) -> str:
    return f"{Path(account).name}{PLAN_FILES.removeprefix('*')}"


def _ensure_held(answers: Sequence[Answer[PlannedAccount]], narrowing: Narrowing) -> None:
    """Raise NoSuchSymbol where a symbol is named that none of the accounts holds, of which each was planned."""
    if any(answer.result is None for answer in answers):
        return
    held = {symbol for answer in answers if answer.result for symbol in held_symbols(answer.result.planned.snapshot)}
    for name in (*narrowing.targets, *narrowing.excludes):
        if unified_symbol(name) not in held:
            raise NoSuchSymbol(f"none of the accounts has a position or an open order of {unified_symbol(name)}")


def plan_sheet(folder: Path | None) -> TableSpec[PlannedAccount]:
    """Give how plans of several accounts are shown."""

    def document(made: PlannedAccount) -> dict[str, Any]:
        name = None if folder is None else str(folder / _file_name(made.account.id))
        return {"file": name, "plan": made.document}

    return TableSpec(("equity", "positions", "actions", "to sell", "guards"), "rrrrl", _cells, document)


def _cells(made: PlannedAccount) -> list[Text | str]:
    plan = made.document
    refused = refused_guards(plan)
    return [
        money(plan["snapshot"]["equity"], plan["account"]["quote"]),
        f"{len(plan['positions']):,}",
        f"{len(plan['actions']):,}",
        money(plan["summary"]["est_value"]),
        words(", ".join(refused), "bold red") if refused else "ok",
    ]
