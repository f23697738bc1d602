"""The policies that come with exitplan: what each is for, when to use it, and when not.

What a policy does stands in its file; this is what a person asks before taking one. It is not in the files, where it
would be part of their hashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.schemas.policies import SHIPPED, shipped_policy

BASE = "default"
"""The policy that all others extend: the protocol as published."""
INVARIANTS = SHIPPED / "tests/invariants.yaml"
"""An outer policy: what no shipped policy ever does."""


@dataclass(frozen=True, slots=True)
class ShippedPolicy:
    """A policy that comes with exitplan.

    ``purpose`` says in a few words what it is for; ``use`` and ``avoid`` are sentences: when to take it, and when not.
    """

    name: str
    purpose: str
    use: tuple[str, ...]
    avoid: tuple[str, ...]

    @property
    def file(self) -> Path:
        """The file of the policy."""
        return shipped_policy(self.name)

    @property
    def tests(self) -> Path:
        """The file of its tests."""
        return SHIPPED / f"tests/{self.name}.test.yaml"

    @property
    def page(self) -> str:
        """Where its page is, from the root of the project."""
        return f"docs/policies/{self.name}.md"


def find_shipped(name: str) -> ShippedPolicy:
    """Return the policy of a name; raises UsageError, with the nearest right name, where none comes with exitplan."""
    if name not in SHIPPED_POLICIES:
        hint = did_you_mean(name, SHIPPED_POLICIES) or f"there are: {', '.join(SHIPPED_POLICIES)}"
        raise UsageError(f"no policy {name!r} comes with exitplan", hint=hint)
    return SHIPPED_POLICIES[name]


SHIPPED_POLICIES: Mapping[str, ShippedPolicy] = {
    policy.name: policy
    for policy in (
        ShippedPolicy(
            "default",
            "The protocol as published: everything that no strategy manages leaves, in order.",
            (
                "Strategies trade the account, and it has collected what none of them opened: dust, strays, orders.",
                "You write a policy of your own: all the others extend this one as well.",
            ),
            (
                "You hold positions that no tracker knows: they are sold. Protect them first, or take conservative.",
                "Legs hedge each other: each is judged by itself, and one may go before the other. Take hedged.",
                "Stablecoins are holdings to you: here they are money, which no rule looks at. Take treasury.",
            ),
        ),
        ShippedPolicy(
            "published",
            "What the code of the published protocol did where its description says more.",
            ("A program used the original, and its users rely on what it did.",),
            (
                "You start anew: take default, which does what the description says.",
                "You hold DOGE, PEPE or the like on purpose: here they are unwound, whoever manages them.",
            ),
        ),
        ShippedPolicy(
            "conservative",
            "Keep what no strategy manages, protected by a stop, and register it.",
            (
                "Positions may be somebody's: nothing is sold but dust, zombies and legacy positions above the cap.",
                "You want time to decide: until then every position that was adopted has a stop.",
            ),
            (
                "Strays have to leave: here they stay until their stop is reached.",
                "You hold coins that often fall by a tenth and come back: the stop sells them at the bottom.",
                "You hold derivatives near their liquidation price: a stop 10 % away may lie behind it.",
            ),
        ),
        ShippedPolicy(
            "forced-cleanup",
            "Close dust and the smallest positions above the cap, at once; nothing else.",
            ("The number of positions has to come down now, and whose they are makes no difference.",),
            (
                "Strategies are at work: the cap closes their positions too, the smallest first.",
                "Positions are large or thinly traded: each is sold at once, up to the whole account in one plan.",
                "The account has to become CLEAN: strays stay, and keep it from that.",
            ),
        ),
        ShippedPolicy(
            "hedged",
            "Coins and the short perpetuals that hedge them: no leg is ever closed alone.",
            (
                "The account holds both legs of its pairs: cash and carry, funding, delta-neutral.",
                "You list what you hedge in hedged_assets, and your bot writes the strategy in the tracker's records.",
            ),
            (
                "A pair has to be closed: no leg is sold here. Close both with what opened them.",
                "The legs are in two accounts: the policy of each sees one of them.",
                "Shorts are bets of their own: every short is taken for a hedge, and kept.",
                "A stop rests on one leg: once it is reached the other stands alone, and no rule sees that coming.",
            ),
        ),
        ShippedPolicy(
            "treasury",
            "Many stablecoins, held on purpose: no dust, watched for their peg.",
            (
                "A company or fund holds several dollar coins, each registered with the price that it should have.",
                "Two people approve what is sold, and a coin below its peg is to leave in slices.",
            ),
            (
                "Strategies trade with the stablecoins: there they are money, as in default.",
                "The account is not in dollars: a peg is seen in the quote. A token of euros is money here.",
                "A coin has to leave within minutes: five slices take two hours, each with two approvals.",
                "You doubt the account's own quote: nothing here sells that.",
            ),
        ),
        ShippedPolicy(
            "prop-desk",
            "A desk under limits: small plans that age fast, large positions cut back.",
            (
                "Strategies trade the desk's own money, and a limit says how large a position may be.",
                "People are there: all but cancelling orders and closing small things waits for two of them.",
                "You add the desk's own limits to the account: max_order_value, require_signature, escalation.",
            ),
            (
                "The account holds a few positions on purpose: each that is more than a fifth of it is cut back.",
                "Nobody watches: plans wait, and strays worth half of the account are refused in their last cycle.",
                "Markets are thin: exits are limit orders 1 % through the mark, and what does not fill is cancelled.",
            ),
        ),
        ShippedPolicy(
            "adaptive",
            "The protocol once a day: the more a market moves, the sooner it is left.",
            (
                "Positions are so large that selling moves the market, and days may pass before the account is clean.",
                "Markets differ much: what moves 8 % a day should leave sooner than what moves 2 %.",
            ),
            (
                "The account has to be CLEAN within hours: here an unwind takes four days. Take default.",
                "The venue tells no daily candles: without a volatility each cycle goes by the reference.",
                "Positions are small: at once is as cheap, and done. Take forced-cleanup.",
            ),
        ),
        ShippedPolicy(
            "ranked-by-health",
            "An example: above the cap the least healthy leaves first.",
            (
                "There are often too many positions, and those that move most should leave first.",
                "You have compared it with default on recorded accounts: exitplan compare.",
            ),
            (
                "You expect a better result: health says who may fall, and not whether closing beats holding.",
                "The venue tells no daily candles: without a volatility there is no score, and value decides.",
            ),
        ),
    )
}
"""The policies that come with exitplan, by name: the base first."""
