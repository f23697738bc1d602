"""``exitplan plan``: what would be done, and why; nothing is sent."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.arguments import (
    AccountRef,
    Narrowing,
    Recording,
    ensure_no_recording,
    make_requested_plan,
    read_overrides,
)
from exitplan.cli.many import AccountSet
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    DustPctOption,
    ExcludeOption,
    JobsOption,
    JsonOption,
    MaxPositionsOption,
    NowOption,
    PhaseOption,
    PolicyOption,
    ProgressOption,
    RuleOption,
    SnapshotOption,
    StaleMinutesOption,
    TagOption,
    TargetOption,
)
from exitplan.cli.plan_many import PlanOptions, plan_many
from exitplan.cli.plan_output import PlanOutput, deliver_plan
from exitplan.cli.verbs import verb_app

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write the plan to a file; of several accounts, each into a folder."
    ),
]
DetailedOption = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2 where something is to be done, with 0 where not.")
]
app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    policy: PolicyOption = None,
    snapshot: SnapshotOption = None,
    progress: ProgressOption = None,
    now: NowOption = None,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    rule: RuleOption = None,
    phase: PhaseOption = None,
    max_positions: MaxPositionsOption = None,
    dust_pct: DustPctOption = None,
    stale_minutes: StaleMinutesOption = None,
    out: OutOption = None,
    detailed_exitcode: DetailedOption = False,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what would be done to an account, and why.

    Nothing is sent. With --out the plan is kept in a file that `exitplan show` draws and `exitplan apply` carries out.

    Exits with 0, with 2 where --detailed-exitcode is given and something is to be done, with 5 where a guard of the
    policy refuses the plan, which is written and shown all the same.

    Of several accounts, named, with a tag, or all, each is planned by itself, side by side with the others, and shown
    in one line of a table; --out names a folder then, for one ACCOUNT.plan.json each, and --json is one document for
    all. An account with which anything goes wrong stops no other. The exit code is the worst of theirs, in this order:
    9, 4, 1, 3, 65, 64, 6, 5, 7, 8, 2, 0.
    """
    narrowing = Narrowing(target or (), exclude or (), rule or (), phase)
    overrides = read_overrides(max_positions, dust_pct, stale_minutes)
    account_set, recording = AccountSet.of(account, tag, every=every, jobs=jobs), Recording(snapshot, progress, now)
    if not account_set.is_one:
        ensure_no_recording(recording)
        wish = PlanOptions(
            AccountRef(policy=policy, data=data), narrowing, overrides, PlanOutput(as_json, out, detailed_exitcode)
        )
        raise typer.Exit(plan_many(account_set, wish))
    where = AccountRef(account_set.only_name, policy, data)
    planned, _ = make_requested_plan(where, recording, narrowing, overrides)
    next_step = _next_step(out, where, is_recording=snapshot is not None)
    raise typer.Exit(deliver_plan(planned.document, PlanOutput(as_json, out, detailed_exitcode, next_step)))


def _next_step(saved: Path | None, where: AccountRef, *, is_recording: bool) -> str:
    if saved is None:
        return ""
    if is_recording:
        return f"To draw it again: exitplan show {shlex.quote(str(saved))}"
    line = ["exitplan", "apply", str(saved)]
    if where.account is not None and Path(where.account).suffix:
        line += ["--account", where.account]
    if where.policy is not None:
        line += ["--policy", str(where.policy)]
    if where.data != DEFAULT_DATA:
        line += ["--data", str(where.data)]
    return f"To carry it out: {shlex.join(line)}"
