"""What an account held at the last run and what it holds now, side by side."""

from __future__ import annotations

from rich.console import RenderableType

from exitplan.cli.rendering.screen import heading, titled, words
from exitplan.ruleset.model.progress import Balance
from exitplan.ruleset.model.values import ZERO
from exitplan.ruleset.planning.words import clock_time, exact, money


def balance_parts(account: str, quote: str, then: Balance | None, now: Balance) -> list[RenderableType]:
    """Draw each asset with what was held of it and what is held; ``then`` is None where there was no run yet."""
    held_then = then.held if then else {}
    table = titled("Held", clock_time(then.at) if then else "no run yet", "now", justify="lrr")
    for asset in sorted({*held_then, *now.held}):
        before, after = held_then.get(asset, ZERO), now.held.get(asset, ZERO)
        style = "" if before == after else "bold yellow"
        table.add_row(words(f"  {asset}"), words(exact(before)), words(exact(after), style))
    table.add_row(words("  equity"), money(then.equity, quote) if then else "", money(now.equity, quote))
    return [heading("Account ").append(account), table]
