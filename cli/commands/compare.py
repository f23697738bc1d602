"""``exitplan compare``: which positions two policies treat otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.policy_names import named_policy
from exitplan.cli.rendering.compare import Compared, compared_document, compared_parts, markdown
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.workbench.comparing.recordings import compare_recordings
from exitplan.workbench.comparing.revisions import Revision
from exitplan.workbench.comparing.settings import compare_settings
from exitplan.workbench.comparing.treatments import compare_policies
from exitplan.workbench.typed_condition import read_condition

app = verb_app()
_PAIR = 2


class Form(StrEnum):
    """What a comparison is written as."""

    TABLE = "table"
    MARKDOWN = "markdown"


@app.command()
def command(
    policies: Annotated[
        list[Path],
        typer.Argument(metavar="[OLD] NEW", help="Policies: files, or shipped ones by name; with --base only one."),
    ],
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REV", help="Compare with the policy as it was in this git revision."),
    ] = None,
    snapshots: Annotated[
        list[Path] | None,
        typer.Option(
            "--snapshot",
            metavar="FILE|DIR",
            help="Plan this recorded account, or all in a folder, under both; may be given more than once.",
        ),
    ] = None,
    assuming: Annotated[
        str | None,
        typer.Option("--assuming", metavar="CONDITION", help="Only positions such as '{side: long}'."),
    ] = None,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="How many kinds of positions to show.")] = 10,
    form: Annotated[Form, typer.Option("--format", help="As tables, or in Markdown for a pull request.")] = Form.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Prove which positions two policies treat otherwise.

    It is proved for every position that an account can hold, either that there is none, or which kinds there are, each
    with a position that the planner treats so. What is no matter of a single position is compared as text: the order of
    the cap, max_positions, guards, unwinds, orders.

    Exit code 2 where anything differs or could not be decided, 0 where the policies are proved equal.
    """
    old, new = _load(policies, base)
    condition = None if assuming is None else read_condition(assuming, CLASSIFICATION_FACTS, new.document)
    compared = Compared(
        _name(policies[0], base),
        _name(policies[-1], None),
        compare_policies(old.policy, new.policy, assuming=condition, most=most),
        compare_settings(old.policy, new.policy),
        compare_recordings(old.policy, new.policy, _recordings(snapshots)) if snapshots else None,
        None if condition is None else condition.text,
    )
    if as_json:
        write_json(compared_document(compared))
    elif form is Form.MARKDOWN:
        say(markdown(compared))
    else:
        show(*compared_parts(compared))
    raise typer.Exit(ExitCode.PENDING if compared.is_change else ExitCode.DONE)


def _load(policies: Sequence[Path], base: str | None) -> tuple[LoadedPolicy, LoadedPolicy]:
    """Load the old and the new policy; raises UsageError where it is not said which they are."""
    if base is None:
        if len(policies) != _PAIR:
            hint = "exitplan compare OLD NEW, or exitplan compare --base main POLICY"
            raise UsageError(f"two policies are compared, found {len(policies)}", hint=hint)
        old, new = (load_policy(named_policy(path)) for path in policies)
        return old, new
    if len(policies) != 1:
        raise UsageError(f"with --base one policy is named, found {len(policies)}", hint="leave out the old one")
    (path,) = policies
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint="name a policy of a git repository")
    return load_policy(path, read=Revision.of(base, path.parent).read), load_policy(path)


def _name(path: Path, base: str | None) -> str:
    return f"{base}:{path}" if base is not None else str(path)


def _recordings(paths: Sequence[Path]) -> list[Path]:
    """List recorded accounts: files, and the JSON files of folders; raises UsageError where a folder has none."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                f"there is no snapshot (*.json) in {path}", hint="record one: exitplan snapshot --out FILE"
            )
        found.extend(inside)
    return found
