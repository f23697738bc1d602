"""Hand plans over: to files, to stdout, and as an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.text import Text

from exitplan.brokers.private_files import make_private_folder
from exitplan.cli.failures import warn
from exitplan.cli.output import say
from exitplan.cli.rendering.many import TableSpec
from exitplan.cli.rendering.plan import plan_parts
from exitplan.cli.rendering.screen import show, words
from exitplan.cli.streams import ensure_output, json_bytes, save, write_bytes, write_json
from exitplan.executor.apply.staleness import ensure_not_refused
from exitplan.executor.signing.approval import Checked, forget_signatures, sign_plan
from exitplan.ruleset.errors import ExitplanError, FileIsInvalid
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.plan_text import plan_pieces
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.plan_words import refused_guards
from exitplan.ruleset.planning.stable import stable_document
from exitplan.ruleset.planning.words import money

if TYPE_CHECKING:
    from exitplan.executor.signing.keys import SigningKey

PLAN_FILES = "*.plan.json"
"""The plans in a folder of them."""


_PLAN_LIST = "plans.json"
"""Names the plans that the last ``plan --out`` has made in a folder."""


def plans_in(folder: Path, *, as_json: bool = False) -> list[Path]:
    """List the plans in a folder, by name; raises FileIsInvalid where there are none.

    Where ``plan --out`` has filled it, those of its last time alone: others are older, and are told.
    """
    there = sorted(folder.glob(PLAN_FILES))
    files = [file for file in there if file.name in _listed(folder, there)]
    if not files:
        raise FileIsInvalid(f"{folder} is a folder without plans", hint=f"what counts there is {PLAN_FILES}")
    others = [file.name for file in there if file not in files]
    if others:
        hint = "name such a file itself to use it"
        message = f"left out, because the last `plan --out {folder}` did not make them: {', '.join(others)}"
        warn(message, hint=hint, as_json=as_json)
    return files


def _listed(folder: Path, there: Sequence[Path]) -> Sequence[str]:
    """Return the names in a folder's list of plans; all that are there where it has none."""
    path = folder / _PLAN_LIST
    if not path.is_file():
        return [file.name for file in there]
    try:
        names = orjson.loads(path.read_bytes())["plans"]
        return [str(name) for name in names]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        hint = "make the plans anew with: exitplan plan --out, or remove it to use every plan in the folder"
        raise FileIsInvalid(f"{path} does not list plans", hint=hint) from error


def make_plan_folder(folder: Path, names: Sequence[str]) -> None:
    """Make the folder that the plans of several accounts go into, and note which these are. Raises ExitplanError."""
    make_folder(folder, names)
    save(folder / _PLAN_LIST, json_bytes({"plans": list(names)}))


@dataclass(frozen=True, slots=True)
class PlanOutput:
    """Where a plan goes and what its exit code tells.

    ``key`` signs the saved plan. ``next_step`` is the command to go on with once it is saved.
    """

    as_json: bool = False
    out: Path | None = None
    detailed_exitcode: bool = False
    is_stable: bool = False
    key: SigningKey | None = None
    next_step: str = ""


def deliver_plan(plan: Plan, output: PlanOutput) -> ExitCode:
    """Write and show a plan; raises RefusedByGuard after that, where a guard refuses it."""
    if output.out is not None:
        ensure_output(output.out)
        save_plan(plan, output.out, output.key)
    if output.as_json and output.is_stable:
        write_json(stable_document(plan))
    elif output.as_json:
        write_bytes(plan_pieces(plan))
    else:
        show_plan(plan, output.next_step)
    ensure_not_refused(plan)
    return code_of_plan(plan, detailed=output.detailed_exitcode)


def save_plan(plan: Plan, path: Path, key: SigningKey | None) -> None:
    """Save a plan in a file, signed where there is a key; what was signed of an earlier one there is removed."""
    forget_signatures(path)
    save(path, plan_pieces(plan))
    if key is not None:
        sign_plan(plan, path, key)


def signatures_document(checked: Sequence[Checked]) -> list[dict[str, Any]]:
    """Write the signatures of a plan in their JSON form."""
    return [
        {
            "key": entry.key and entry.key.fingerprint,
            "name": (entry.key and entry.key.comment) or None,
            "ok": entry.problem is None,
            "problem": entry.problem,
        }
        for entry in checked
    ]


def show_plan(plan: Plan, next_step: str = "") -> None:
    """Draw a plan on stdout, and how to go on with it unless it is refused."""
    show(*plan_parts(plan))
    if not next_step or plan.refusals:
        return
    say()
    if ": exitplan " in next_step:
        say(next_step)  # not drawn: a command that is wrapped cannot be copied
    else:
        show(words(next_step))


def code_of_plan(plan: Plan, *, detailed: bool = False) -> ExitCode:
    """Return the exit code that a plan comes to: that of a guard's refusal, else whether anything is pending."""
    if plan.refusals:
        return ExitCode.REFUSED
    return ExitCode.PENDING if detailed and plan.has_changes else ExitCode.DONE


def plans_table(folder: Path | None = None) -> TableSpec[Plan]:
    """Return how plans of several accounts are shown; ``folder`` is where they were saved."""

    def document(plan: Plan) -> dict[str, Any]:
        return {"file": None if folder is None else str(folder / plan_name(plan.account.id)), "plan": plan.document}

    return TableSpec(
        ("equity", "positions", "actions", "to sell", "guards"), "rrrrl", _cells, document, lambda plan: plan.warnings
    )


def _cells(plan: Plan) -> list[Text | str]:
    refused = refused_guards(plan)
    return [
        money(plan.snapshot.equity, plan.account.quote),
        f"{len(plan.positions):,}",
        f"{len(plan.actions):,}",
        money(plan.summary.est_value),
        words(", ".join(refused), "bold red") if refused else "ok",
    ]


def plan_name(account: str) -> str:
    """Return the name of an account's plan in a folder of plans."""
    return f"{Path(account).name}{PLAN_FILES.removeprefix('*')}"


def make_folder(folder: Path, names: Sequence[str]) -> None:
    """Make the folder that files go into, without those that an earlier command has left under their names.

    What stands in it afterwards under one of them is of this command. Raises ExitplanError.
    """
    if folder.exists() and not folder.is_dir():
        raise ExitplanError(f"{folder} is a file", hint="several accounts each go into a folder: name one")
    try:
        make_private_folder(folder)
        for name in names:
            (folder / name).unlink(missing_ok=True)
            forget_signatures(folder / name)
    except OSError as problem:
        raise ExitplanError(f"cannot write into {folder}: {problem.strerror or problem}") from problem
