"""A fleet: its workers, shards and ticks, how its accounts stand, what is set aside, and what is rolled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from exitplan.ruleset.planning.checks import AccountState
from exitplan.web.acts.desk import desk_of
from exitplan.web.pages.showing import show
from exitplan.web.refusals import NoSuchPage

if TYPE_CHECKING:  # a dashboard of files needs none of it
    from exitplan.fleet.status import TickStatus

_MOST_ASIDE = 50


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many accounts stand so after their last run or verification; ``state`` is None for words of another kind."""

    text: str
    state: AccountState | None
    count: int


def state_counts(states: Mapping[str, int]) -> list[StateCount]:
    """Return the states of accounts, those under most accounts first."""
    known = {state.value: state for state in AccountState}
    counts = [StateCount(text, known.get(text), count) for text, count in states.items()]
    return sorted(counts, key=lambda one: (-one.count, one.text))


def fleet_page(request: Request) -> Response:
    """Show how the fleet stands; no venue is asked."""
    fleet = desk_of(request).given.fleet
    if fleet is None:
        raise NoSuchPage("there is no fleet here", hint="serve one with: exitplan serve --data postgresql://...")
    from exitplan.fleet.registry import AccountFilter  # noqa: PLC0415 - a dashboard of files needs none of it
    from exitplan.fleet.status import fleet_status  # noqa: PLC0415 - as above

    status = fleet_status(fleet.registry)
    aside = fleet.registry.find(AccountFilter(standing="dead"), limit=_MOST_ASIDE)
    return show(
        request,
        "fleet.html",
        fleet=status,
        aside=aside,
        accounts=sum(lane.accounts for lane in status.lanes),
        dead=sum(lane.dead for lane in status.lanes),
        drained=sum(lane.drained for lane in status.lanes),
        states=state_counts(status.states),
        rounds={name.removeprefix("rounds."): int(count) for name, count in _figures(status.tick) if count},
        place=str(fleet),
    )


def _figures(tick: TickStatus | None) -> list[tuple[str, float]]:
    figures = {} if tick is None else tick.figures
    return [(name, count) for name, count in figures.items() if name.startswith("rounds.")]
