"""Apply several plans: each to its account, by itself, and a table of what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from exitplan.cli.apply_runner import ApplyOptions, Watch, telling_of_many
from exitplan.cli.approval import approve
from exitplan.cli.arguments import AccountRef, Narrowing, load_plan, overrides_of, request_of
from exitplan.cli.many import AccountSet, Answer, Stopped, ask_each, deliver_answers
from exitplan.cli.plan_many import PLAN_FILES, PlannedAccount, PlanOptions, plan_each, plan_sheet
from exitplan.cli.plan_output import PlanOutput, ensure_not_refused, has_changes, show_plan
from exitplan.cli.rendering.checks import state_text
from exitplan.cli.rendering.many import TableSpec, answers_table, show_answers
from exitplan.executor.accounts.account import (
    AccountFile,
    AccountFiles,
    no_such_account,
    open_account_file,
    read_account_files,
)
from exitplan.executor.accounts.selection import Selected
from exitplan.executor.apply.apply import apply_plan, check_plan
from exitplan.executor.apply.events import ApplyResult
from exitplan.ruleset.errors import ExitplanError, FileIsInvalid, UsageError

FINISHED = "accounts_finished"
"""The last event of a command on several accounts: what each came to."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A plan and what applying it came to; without a result nothing was sent, and ``state`` is that of the plan."""

    plan: Mapping[str, Any]
    result: ApplyResult | None = None

    @property
    def state(self) -> str:
        """What the account is now, as far as anybody can tell."""
        if self.result is None:
            return str(self.plan["checks"]["state"])
        return "UNKNOWN" if self.result.checks is None else self.result.checks.state.value


def apply_files(paths: Sequence[Path], account_set: AccountSet, where: AccountRef, wish: ApplyOptions) -> int:
    """Apply saved plans, each to the account that it names; returns the worst exit code."""
    if account_set.selection.names or not account_set.is_one:
        raise UsageError(
            "several plans name their accounts themselves", hint="leave out --account, --tag and --all, or the plans"
        )
    if wish.refresh:
        raise UsageError("--refresh is about one plan at a time", hint="name one plan, or make new ones with --all")
    plans, selected = _found(list(_each_plan(paths)), read_account_files(Path()))

    def work(file: AccountFile, stopped: Stopped, watch: Watch) -> tuple[Applied, int]:
        document = plans[file.id]
        account = open_account_file(file, request_of(where, overrides_of(document)))
        if wish.dry_run:
            ensure_not_refused(document)
            check_plan(account, document)
            return Applied(document), 0
        result = apply_plan(account, document, notify=watch, stopped=stopped)
        return Applied(document, result), result.exit_code

    answers = carry_out_each(selected, work, wish, account_set.jobs)
    return deliver_answers(answers, APPLIED, as_json=wish.as_json, last_event=FINISHED)


def carry_out_each(
    selected: Sequence[Selected],
    work: Callable[[AccountFile, Stopped, Watch], tuple[Applied, int]],
    wish: ApplyOptions,
    jobs: int,
) -> list[Answer[Applied]]:
    """Do for each account what sends orders, told as JSON where that is wished for."""
    with telling_of_many(as_json=wish.as_json, json_into=wish.json_into) as watching:

        def watched(file: AccountFile, stopped: Stopped) -> tuple[Applied, int]:
            return work(file, stopped, watching(file.id))

        return ask_each(selected, watched, jobs=jobs, quiet=wish.as_json)


def _each_plan(paths: Sequence[Path]) -> Iterator[Path]:
    """Give the plan files that are named, and those in the folders that are."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(path.glob(PLAN_FILES))
        if not found:
            raise FileIsInvalid(f"{path} is a folder without plans", hint=f"what counts there is {PLAN_FILES}")
        yield from found


def _found(paths: Sequence[Path], files: AccountFiles) -> tuple[dict[str, dict[str, Any]], list[Selected]]:
    """Load plans, and find the account of each; raises UsageError for two plans of one account."""
    plans: dict[str, dict[str, Any]] = {}
    selected: list[Selected] = []
    origins: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        try:
            document = load_plan(path)
        except FileIsInvalid as error:
            selected.append(Selected(str(path), error))
            continue
        name = str(document["account"]["id"])
        if name in plans:
            raise UsageError(
                f"{origins[name]} and {path} are two plans of the account {name}", hint="apply one of them"
            )
        plans[name], origins[name] = document, path
        selected.append(Selected(name, _account_of(name, files)))
    return plans, selected


def _account_of(name: str, files: AccountFiles) -> AccountFile | ExitplanError:
    found = files.sound.get(name) or files.problem_of(name)
    return found or no_such_account(name, list(files.sound), Path())


def apply_account_set(account_set: AccountSet, where: AccountRef, wish: ApplyOptions) -> int:
    """Plan several accounts, ask about each, and apply what was approved; returns the worst exit code."""
    if wish.as_json and not (wish.auto_approve or wish.dry_run):
        raise UsageError("--json cannot ask", hint="add --auto-approve, or apply saved plans")
    selected = account_set.select()
    planned = plan_each(selected, PlanOptions(where, Narrowing(), {}, PlanOutput(wish.as_json)), account_set.jobs)
    if wish.dry_run:
        return deliver_answers(planned, plan_sheet(None), as_json=wish.as_json)
    if not wish.as_json:
        show_answers(answers_table(planned, plan_sheet(None)))
    answers = {answer.account: _approved(answer, wish) for answer in planned}
    accounts = {answer.account: answer.result for answer in planned if answer.result is not None}

    def work(file: AccountFile, stopped: Stopped, watch: Watch) -> tuple[Applied, int]:
        made = accounts[file.id]
        result = apply_plan(made.account, made.document, notify=watch, stopped=stopped)
        return Applied(made.document, result), result.exit_code

    approved = [who for who in selected if answers[who.name] is None]
    applied = {answer.account: answer for answer in carry_out_each(approved, work, wish, account_set.jobs)}
    told = [answers[who.name] or applied[who.name] for who in selected]
    return deliver_answers(told, APPLIED, as_json=wish.as_json, last_event=FINISHED)


def _approved(answer: Answer[PlannedAccount], wish: ApplyOptions) -> Answer[Applied] | None:
    """Ask about one account; None where its plan is to be applied, else why nothing is."""
    made = answer.result
    if made is None:
        return Answer(answer.account, answer.venue, answer.exit_code, problem=answer.problem)
    document = made.document
    try:
        ensure_not_refused(document)
        if not has_changes(document) and not any(blocked["escalate"] for blocked in document["blocked"]):
            return Answer(answer.account, answer.venue, 0, Applied(document))
        if has_changes(document) and not wish.auto_approve:
            show_plan(document)
            approve(made.account)
    except ExitplanError as problem:
        return Answer(answer.account, answer.venue, problem.exit_code, Applied(document), problem)
    return None


def _cells(applied: Applied) -> list[Text | str]:
    statuses = [outcome.status for outcome in applied.result.outcomes] if applied.result else []
    known = {"done", "refused", "skipped", "open"}
    return [
        f"{len(applied.plan['actions']):,}",
        f"{statuses.count('done'):,}",
        f"{statuses.count('refused'):,}",
        f"{sum(status not in known for status in statuses):,}",
        state_text({"state": applied.state}),
    ]


def _document(applied: Applied) -> dict[str, Any]:
    return {
        "plan_id": applied.plan["plan_id"],
        "state": applied.state,
        "result": None if applied.result is None else applied.result.to_document(),
    }


APPLIED = TableSpec(("actions", "done", "refused", "unknown", "account is"), "rrrrl", _cells, _document)
"""How several accounts to which plans were applied are shown."""
