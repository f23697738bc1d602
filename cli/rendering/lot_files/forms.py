"""The forms in which lots and trades are written for other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exitplan.cli.rendering.lot_files.beancount import beancount_bytes
from exitplan.cli.rendering.lot_files.koinly import koinly_bytes
from exitplan.cli.rendering.lot_files.rotki import rotki_bytes
from exitplan.cli.rendering.lot_files.table import table_bytes
from exitplan.executor.lots.accounts import AccountLots
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.lots import Realised
from exitplan.ruleset.model.values import is_derivative
from exitplan.ruleset.planning.words import counted


@dataclass(frozen=True, slots=True)
class LotForm:
    """One form: what is in it, how it is written, and what it cannot hold."""

    name: str
    about: str
    write: Callable[[Sequence[AccountLots]], bytes]
    holds_trades: bool = False
    holds_derivatives: bool = True
    not_by: frozenset[str] = frozenset()


FORMS: Mapping[str, LotForm] = {
    form.name: form
    for form in (
        LotForm("csv", "Every lot, for a spreadsheet.", table_bytes),
        LotForm("rotki", "Spot trades, as rotki's generic trades.", rotki_bytes, True, holds_derivatives=False),
        LotForm("koinly", "Trades, as Koinly's universal template.", koinly_bytes, True),
        LotForm("beancount", "Lots at cost, as a ledger.", beancount_bytes, not_by=frozenset({"average"})),
    )
}
SHOWN = ("table", "json")
"""What is no file of another tool."""


def form_of(name: str) -> LotForm | None:
    """Return a form by its name, None for what is shown; raises UsageError for one that there is not."""
    if name in SHOWN:
        return None
    if name not in FORMS:
        known = (*SHOWN, *FORMS)
        hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
        raise UsageError(f"--format takes no {name!r}", hint=hint)
    return FORMS[name]


def ensure_by(form: LotForm, method: str) -> None:
    """Raise UsageError where lots of a method cannot be written in a form."""
    if method in form.not_by:
        hint = "its booking needs lots of their own: --method FIFO, LIFO or HIFO"
        raise UsageError(f"{form.name} has no lots by {method}", hint=hint)


def _is_gain_of(form: LotForm, part: Realised) -> bool:
    """Check whether a form of trades holds what a part of a lot realised: of derivatives it has nothing else."""
    return form.holds_derivatives and is_derivative(part.lot.symbol)


def left_out(form: LotForm, lots: AccountLots) -> Iterator[str]:
    """Say what a form does not hold of an account's lots."""
    if lots.unpriced:
        yield f"{counted(lots.unpriced, 'fill')} without a known price {'is' if lots.unpriced == 1 else 'are'} no trade"
    contracts = sum(is_derivative(symbol) for symbol, _ in lots.trades)
    if contracts and not form.holds_derivatives:
        yield f"{counted(contracts, 'trade')} of derivatives left out: {form.name} takes none"
    matched = [part for part in lots.realised if not form.holds_trades or _is_gain_of(form, part)]
    unknown = sum(part.gain is None for part in matched)
    if unknown:
        yield f"the gain of {counted(unknown, 'part')} that {'was' if unknown == 1 else 'were'} sold is not known"
