"""``exitplan fleet plan``: what another policy would change for the accounts of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from exitplan.cli.arguments import present, read_duration
from exitplan.cli.fleet import FleetOption, opened_registry
from exitplan.cli.options import JsonOption, read_policy
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.streams import ensure_output, write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import ExitplanError, UsageError
from exitplan.ruleset.exit_codes import ExitCode

if TYPE_CHECKING:
    from exitplan.cli.rendering.fleet_plan import Foreseen
    from exitplan.fleet.registry import Registry
    from exitplan.fleet.rollout.forecast import AccountForecast
    from exitplan.fleet.rollout.recorded import Question

NewPolicyOption = Annotated[
    Path,
    typer.Option(
        "--policy",
        metavar="FILE|NAME",
        callback=read_policy,
        help="The new policy: a file, or one that comes with exitplan by its name.",
    ),
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CHOICE",
        help="Only these accounts, such as venue=kraken,tag=vip,policy=3f9a2c; a key given twice means either.",
    ),
]
AgeOption = Annotated[
    str, typer.Option("--max-age", metavar="TIME", help="How old a snapshot may be, such as 30m, 2h or 1d.")
]
ExactlyOption = Annotated[
    bool,
    typer.Option(
        "--exactly",
        help="Take the policy as it is written: nothing that accounts have of their own stays, not even protection.",
    ),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, max=64, help="How many processes plan.  [default: one a core]"),
]

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    policy: NewPolicyOption,
    where: WhereOption = None,
    max_age: AgeOption = "2h",
    most: Annotated[int, typer.Option("--most", metavar="N", min=0, help="How many accounts to name.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write every account that changes, one a line of JSON."),
    ] = None,
    exactly: ExactlyOption = False,
    jobs: ProcessesOption = None,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Show what another policy would change in the fleet.

    Every account is planned from its last snapshot, under its policy and under the new one; no venue is asked and
    nothing is changed. Accounts that nobody can tell of are counted by why.

    Exit code 2 where anything changes or nobody can tell, 0 where nothing does.
    """
    from exitplan.cli.rendering.fleet_plan import foreseen_document, foreseen_parts  # noqa: PLC0415 - help needs none

    with opened_registry(data) as registry, _lines(out) as each:
        asked = question(policy, where, max_age, exactly=exactly, most=most, jobs=jobs, each=each)
        foreseen = foresee(registry, asked)
    if as_json:
        write_json(foreseen_document(foreseen))
    else:
        show(*foreseen_parts(foreseen))
    raise typer.Exit(ExitCode.PENDING if foreseen.forecast.tally.is_change else ExitCode.DONE)


def question(
    policy: Path,
    where: str | None,
    max_age: str,
    *,
    exactly: bool,
    most: int = 5,
    jobs: int | None = None,
    each: Callable[[AccountForecast], None] = lambda _: None,
) -> Question:
    """Return what was asked of a fleet; raises UsageError."""
    from exitplan.fleet.rollout.recorded import Question  # noqa: PLC0415 - help needs none
    from exitplan.fleet.rollout.selection import Where  # noqa: PLC0415 - as above
    from exitplan.fleet.rollout.targets import Targets  # noqa: PLC0415 - as above

    targets, age = Targets(policy, exactly=exactly), read_duration("--max-age", max_age)
    return Question(targets, Where.parse(where), present(), age, most, jobs, each)


def foresee(registry: Registry, asked: Question) -> Foreseen:
    """Plan the accounts of a fleet under two policies; raises UsageError where none is meant."""
    from exitplan.cli.rendering.fleet_plan import Foreseen  # noqa: PLC0415 - as above
    from exitplan.fleet.rollout.recorded import forecast_fleet  # noqa: PLC0415 - as above

    with waiting("Planning the fleet"), registry.transaction() as connection:
        forecast = forecast_fleet(connection, asked)
    if not forecast.tally.accounts:
        hint = "exitplan fleet accounts lists them" if asked.where.text else "take some in with: exitplan fleet import"
        raise UsageError("no account of the fleet is meant", hint=hint)
    return Foreseen(asked.targets.written.policy, asked.where.text, asked.max_age, forecast)


@contextmanager
def _lines(out: Path | None) -> Iterator[Callable[[AccountForecast], None]]:
    """Write accounts to a file as they come; raises ExitplanError where it cannot be written."""
    if out is None:
        yield lambda _: None
        return
    from exitplan.cli.rendering.fleet_plan import account_document  # noqa: PLC0415 - as above

    ensure_output(out)
    try:
        with out.open("wb") as file:
            yield lambda one: _write(file.write, account_document(one))
    except OSError as error:
        raise ExitplanError(f"{out} cannot be written: {error.strerror or error}") from error


def _write(write: Callable[[bytes], int], document: dict[str, object]) -> None:
    write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE, default=str))
