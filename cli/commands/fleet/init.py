"""``exitplan fleet init``: the tables of a fleet, made or upgraded."""

from __future__ import annotations

from exitplan.cli.fleet import FleetOption, ensure_driver
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app

app = verb_app()


@app.command()
def command(data: FleetOption = "") -> None:
    """Make or upgrade the tables of a fleet, and of its accounts.

    Safe to repeat, also while others do: what is there already stays as it is.
    """
    ensure_driver()
    from exitplan.fleet.opening import init_fleet  # noqa: PLC0415 - help needs no driver

    done = init_fleet(data)
    if done.is_upgrade:
        say(f"{'Made the tables' if done.is_new else 'Upgraded the tables'} of a fleet in {done.place}.")
    else:
        say(f"The tables of a fleet in {done.place} are up to date.")
    if done.is_new:
        say("\nNext: exitplan fleet import policies/accounts")
