"""One simulated clean-up of each shipped policy, as ``exitplan simulate`` carries it out, for the pages on policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exitplan.cli.simulation import FillWish, PriceWish, Start, read_simulation
from exitplan.executor.accounts.places import FilePlace
from exitplan.schemas.shipped import find_shipped
from exitplan.workbench.simulation.running import simulate
from exitplan.workbench.simulation.standing import Standing

ACCOUNTS = Path(__file__).with_name("policies") / "accounts"
SEED = 1


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What is simulated on a policy's page: an account, for so many cycles, and what happens to prices meanwhile."""

    account: str
    about: str
    cycles: int
    volatility: str | None = None
    shocks: Sequence[str] = ()

    def command(self, policy: str) -> str:
        """Return the command line that does the same."""
        words = ["exitplan simulate", f"--snapshot docs/policies/accounts/{self.account}.json", f"--policy {policy}"]
        words += [f"--paths 1 --seed {SEED}", f"--cycles {self.cycles}"]
        words += [] if self.volatility is None else [f"--volatility {self.volatility}"]
        return " ".join([*words, *(f"--shock {shock}" for shock in self.shocks)])


_STRAYS = (
    "The account has five positions of strategies, and thirteen strays, remains and zombies beside them: the demo "
    "account, but for what only its owner can settle."
)
_MOVING = (
    "The same account as default's, with a made-up volatility for each market: 2.2 % a day for BTC, 7.5 % for PEPE."
)
CLEAN_UPS: Mapping[str, CleanUp] = {
    "default": CleanUp("strays", _STRAYS, 6),
    "published": CleanUp("strays", _STRAYS, 6),
    "conservative": CleanUp("strays", _STRAYS, 6),
    "forced-cleanup": CleanUp("strays", _STRAYS, 3),
    "hedged": CleanUp(
        "pairs",
        "Three coins with the short perpetuals that hedge them, of which nothing is sold, and four strays.",
        6,
    ),
    "treasury": CleanUp(
        "treasury",
        "Five dollar coins and two strays. In the third cycle USDE falls by 6 % and stays there; approvals are taken "
        "as given.",
        8,
        volatility="0.002",
        shocks=("USDE=-0.06@3",),
    ),
    "prop-desk": CleanUp(
        "desk",
        "A strategy holds 28 % of the account in BTC, and five positions are strays; approvals are taken as given.",
        6,
    ),
    "adaptive": CleanUp("moving", _MOVING, 6, volatility="0.04"),
    "ranked-by-health": CleanUp("moving", _MOVING, 6, volatility="0.04"),
}
"""What is simulated of each policy, by its name."""


@cache
def standings_of(policy: str) -> Sequence[Standing]:
    """Carry a policy out, and return how the account stood before each cycle and in the end; once a process."""
    wanted, standings = CLEAN_UPS[policy], list[Standing]()
    start = Start(
        account=None,
        snapshot=ACCOUNTS / f"{wanted.account}.json",
        progress=None,
        policies=[find_shipped(policy).file],
        data=FilePlace(ACCOUNTS),
    )
    prices = PriceWish(
        paths=1,
        seed=SEED,
        volatility=[] if wanted.volatility is None else [wanted.volatility],
        shocks=wanted.shocks,
    )
    simulation = read_simulation(start, prices, FillWish(), wanted.cycles, None, None)
    (candidate,) = simulation.candidates
    simulate(
        simulation.scene, candidate, simulation.paths, 0, lambda planned: standings.append(Standing.of(planned.draft))
    )
    return standings
