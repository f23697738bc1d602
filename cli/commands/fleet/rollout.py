"""``exitplan fleet rollout``: give the accounts of a fleet another policy, stage by stage."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exitplan.cli.approval import ask
from exitplan.cli.arguments import present, read_duration
from exitplan.cli.commands.fleet.plan import AgeOption, ExactlyOption, NewPolicyOption, WhereOption, foresee, question
from exitplan.cli.fleet import FleetOption, ensure_driver, opened_registry
from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import show
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.people import actor
from exitplan.ruleset.errors import RefusedByGuard, UsageError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.planning.words import money, percent

if TYPE_CHECKING:
    from exitplan.fleet.registry import Registry
    from exitplan.fleet.rollout.deciding import Person
    from exitplan.fleet.rollout.forecast import Tally
    from exitplan.fleet.rollout.stages import Pace

Number = Annotated[
    int | None, typer.Argument(metavar="[ROLLOUT]", help="Its number.  [default: the one that is not over]")
]
WhyOption = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for the log.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")]
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_AMOUNT = re.compile(r"(\d{1,30}(?:\.\d{1,20})?)\s*([A-Z0-9]{2,10})")

app = verb_app(has_verbs=True)


@app.callback()
def rollout() -> None:
    """Give the accounts of a fleet another policy, stage by stage.

    The first accounts get it at once, the others as each stage has been held. It stops by itself where too many fail.
    """


@app.command("start")
def start(  # noqa: PLR0913, PLR0917 - one argument an option
    policy: NewPolicyOption,
    canary: Annotated[
        str, typer.Option("--canary", metavar="SHARE", help="The share of accounts that move first.")
    ] = "1%",
    stages: Annotated[
        str, typer.Option("--stages", metavar="SHARES", help="The shares of the stages after it.")
    ] = "10%,100%",
    hold: Annotated[str, typer.Option("--hold", metavar="TIME", help="How long each stage is held.")] = "30m",
    max_failures: Annotated[
        str,
        typer.Option("--max-failures", metavar="SHARE", help="Stop where more of the moved accounts fail anew."),
    ] = "1%",
    max_value: Annotated[
        list[str] | None,
        typer.Option(
            "--max-value",
            metavar="AMOUNT",
            help="Refuse to start where all plans together would sell more by this, such as 50000USD; may be repeated, "
            "and nothing more may be sold in other currencies.",
        ),
    ] = None,
    where: WhereOption = None,
    max_age: AgeOption = "2h",
    exactly: ExactlyOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Start a rollout: show what it would change, ask, and move the canary.

    It goes on with each tick of the fleet. Accounts keep their own protection, aliases, invariants and ladders, and
    their guards where they are tighter.
    """
    ensure_driver()
    from exitplan.cli.rendering.fleet_plan import foreseen_parts  # noqa: PLC0415 - help needs none
    from exitplan.fleet.rollout.starting import Wanted, start_rollout  # noqa: PLC0415 - as above

    pace, limits = _pace(canary, stages, hold, max_failures), _amounts(max_value)
    asked = question(policy, where, max_age, exactly=exactly)
    with opened_registry(data) as registry:
        foreseen = foresee(registry, asked)
        if not as_json:
            show(*foreseen_parts(foreseen))
        _ensure_within(foreseen.forecast.tally, pace, limits)
        if not yes:
            ask("Start the rollout? Only 'yes' goes on", hint="use --yes")
        wanted = Wanted(asked.targets, asked.where, pace, actor(os.environ))
        with registry.transaction() as connection:
            number = start_rollout(connection, wanted, present()).number
        _show(registry, number, as_json=as_json)


@app.command("status")
def show_status(
    number: Number = None,
    every: Annotated[bool, typer.Option("--all", help="List all rollouts, the newest first.")] = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Show how far a rollout is, and how its accounts fare.

    Exit code 2 where it has stopped by itself.
    """
    ensure_driver()
    from exitplan.cli.rendering.rollout import rollout_document, rollouts_table  # noqa: PLC0415 - help needs none
    from exitplan.fleet.rollout.book import read_rollout, rollout_meant, rollout_numbers  # noqa: PLC0415 - as above
    from exitplan.fleet.rollout.stages import Standing  # noqa: PLC0415 - as above

    with opened_registry(data) as registry:
        if every:
            with registry.transaction() as connection:
                found = [read_rollout(connection, one) for one in rollout_numbers(connection)]
            if as_json:
                write_json({"rollouts": [rollout_document(one) for one in found]})
            elif found:
                show(rollouts_table(found))
            else:
                say("No rollouts.")
            return
        with registry.transaction() as connection:
            meant = rollout_meant(connection, number)
            has_stopped = read_rollout(connection, meant).standing is Standing.STOPPED
        _show(registry, meant, as_json=as_json)
    raise typer.Exit(ExitCode.PENDING if has_stopped else ExitCode.DONE)


@app.command("advance")
def go_on(
    number: Number = None,
    why: WhyOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Go on with the next stage at once, whatever stopped or paused it; what fails now is accepted.

    After the last stage the rollout is done.
    """
    ensure_driver()
    from exitplan.fleet.rollout.deciding import advance  # noqa: PLC0415 - help needs none

    what = "Go on with the next stage, though its hold may not be over?"
    _decided(advance, number, why, data, None if yes else what, as_json)


@app.command("pause")
def hold_back(
    number: Number = None,
    undo: Annotated[bool, typer.Option("--undo", help="End the pause; the hold goes on.")] = False,
    why: WhyOption = "",
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """Let no account move until the pause ends."""
    ensure_driver()
    from exitplan.fleet.rollout.deciding import pause, unpause  # noqa: PLC0415 - help needs none

    _decided(unpause if undo else pause, number, why, data, None, as_json)


@app.command("abort")
def end(
    number: Number = None,
    roll_back: Annotated[
        bool, typer.Option("--roll-back", help="Put the old policies back; who got another since is left alone.")
    ] = False,
    why: WhyOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: FleetOption = "",
) -> None:
    """End a rollout as it is, or put the old policies back."""
    ensure_driver()
    from exitplan.fleet.rollout.deciding import abort  # noqa: PLC0415 - help needs none

    what = "Abort it and put the old policies back?" if roll_back else "Abort it, and leave accounts as they are?"
    _decided(
        lambda connection, person: abort(connection, person, roll_back=roll_back),
        *(number, why, data, None if yes else what, as_json),
    )


def _decided(
    do: Callable[[Any, Person], object],
    number: int | None,
    why: str,
    data: str,
    what: str | None,
    as_json: bool,
) -> None:
    """Ask about the rollout that is meant, unless there is nothing to ask, do it, and show how it stands."""
    from exitplan.fleet.rollout.book import read_rollout, rollout_meant  # noqa: PLC0415 - help needs none
    from exitplan.fleet.rollout.deciding import Person  # noqa: PLC0415 - as above

    with opened_registry(data) as registry:
        with registry.transaction() as connection:
            meant = rollout_meant(connection, number)
            found = read_rollout(connection, meant)
        if number is None and found.standing.is_over:
            hint = f"exitplan fleet rollout abort {meant} --roll-back puts its old policies back"
            raise UsageError(f"no rollout is under way; the last one, {meant}, is {found.standing.value}", hint=hint)
        if what is not None:
            ask(f"Rollout {meant} ({found.name}). {what} Only 'yes' goes on", hint="use --yes")
        with registry.transaction() as connection:
            do(connection, Person(actor(os.environ), present(), why, meant))
        _show(registry, meant, as_json=as_json)


def _show(registry: Registry, number: int, *, as_json: bool) -> None:
    from exitplan.cli.rendering.rollout import rollout_parts, status_document  # noqa: PLC0415 - help needs none
    from exitplan.fleet.rollout.status import read_status  # noqa: PLC0415 - as above

    with registry.transaction() as connection:
        found = read_status(connection, number)
    if as_json:
        write_json(status_document(found))
    else:
        show(*rollout_parts(found))


def _ensure_within(tally: Tally, pace: Pace, limits: Mapping[str, Decimal] | None) -> None:
    """Raise RefusedByGuard where more accounts would be refused, or more would be sold, than is allowed."""
    from exitplan.fleet.rollout.forecast import more_sold  # noqa: PLC0415 - help needs none

    if tally.newly_refused > pace.max_failures * tally.planned:
        raise RefusedByGuard(
            f"guards would refuse the plans of {tally.newly_refused:,} of {tally.planned:,} accounts that they let"
            f" through now; {percent(pace.max_failures)} may fail",
            hint="mend the policy, or say how many may: --max-failures",
        )
    for quote in sorted(tally.sold) if limits is not None else ():
        more, limit = more_sold(tally, quote), (limits or {}).get(quote, Decimal(0))
        if more is None or more > limit:
            said = f"by {money(more, quote)}" if more is not None else f"in {quote}, by nobody knows how much"
            hint = "exitplan fleet plan tells of whom nothing is known; leave them out with --where"
            raise RefusedByGuard(
                f"more would be sold {said}; --max-value allows {money(limit, quote)}",
                hint=hint if more is None else "mend the policy, or raise --max-value",
            )


def _pace(canary: str, stages: str, hold: str, max_failures: str) -> Pace:
    from exitplan.fleet.rollout.stages import Pace  # noqa: PLC0415 - help needs none

    shares = (_share("--canary", canary), *(_share("--stages", part) for part in stages.split(",")))
    return Pace(shares, read_duration("--hold", hold), _share("--max-failures", max_failures))


def _share(option: str, text: str) -> Decimal:
    match = _SHARE.fullmatch(text.strip())
    if match is None or Decimal(match[1]) > 100:  # noqa: PLR2004 - per cent
        raise UsageError(f"{option} takes a share, found {text.strip()!r}", hint="such as 1%, 0.5% or 100%")
    return Decimal(match[1]) / 100


def _amounts(texts: Sequence[str] | None) -> Mapping[str, Decimal] | None:
    if texts is None:
        return None
    found: dict[str, Decimal] = {}
    for text in texts:
        match = _AMOUNT.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"--max-value takes an amount of a currency, found {text!r}", hint="such as 50000USD")
        found[match[2]] = Decimal(match[1])
    return found
