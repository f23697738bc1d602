"""Lots as a ledger of beancount: each lot is a position held at cost, and each sale names the lot that it sells.

Syntax: the beancount language reference, "Costs and prices". A lot carries a label of its own, so that a sale takes
just the lot that the method chose, whatever the booking method of the ledger. Each entry has to balance, so beancount
checks each gain. Of derivatives only what they realised is written. What has no known cost is held without one, and
marked ``!``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from exitplan.cli.rendering.lot_files.figures import figure, summed, whole_figure
from exitplan.executor.lots.accounts import AccountLots, PositionLots
from exitplan.ruleset.model.lots import Lot, Realised
from exitplan.ruleset.model.values import is_derivative, time_text
from exitplan.ruleset.model.visible import printable

_TOLERANCE = 'option "inferred_tolerance_default" "*:0.00000001"'
_NO_NAME = re.compile(r"[^A-Za-z0-9-]+")
_NO_COMMODITY = re.compile(r"[^A-Z0-9'._-]+")
_LONGEST = 24
"""Characters that a commodity of beancount may have."""


@dataclass(slots=True)
class _Ledger:
    """One account's part of the file: its entries with their days, and what they name."""

    lots: AccountLots
    begins: datetime
    entries: list[tuple[datetime, str]] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)

    def account(self, kind: str, *names: str) -> str:
        """Return the name of an account, which is opened where it is used."""
        name = ":".join([kind, *(_part(text) for text in (self.lots.venue, self.lots.account, *names))])
        self.accounts.add(name)
        return name


def beancount_bytes(accounts: Sequence[AccountLots]) -> bytes:
    """Write the lots of accounts as one ledger."""
    names, parts = _Commodities(), [_ledger_of(lots) for lots in accounts]
    lines = ["; Lots of exitplan; they are labelled, and only report what was told.", _TOLERANCE, ""]
    for ledger in parts:
        _fill(ledger, names)
        day = _day(min((at for at, _ in ledger.entries), default=ledger.lots.until))
        lines += [f"{day} open {name}" for name in sorted(ledger.accounts)]
    begin = min((at for ledger in parts for at, _ in ledger.entries), default=None)
    if begin is not None:
        lines += ["", *names.directives(_day(begin))]
    entries = [(at, number, text) for number, ledger in enumerate(parts) for at, text in ledger.entries]
    lines += [f"\n{text}" for _, _, text in sorted(entries, key=lambda entry: entry[:2])]
    return "\n".join([*lines, ""]).encode()


def _ledger_of(lots: AccountLots) -> _Ledger:
    times = [lot.opened_at for position in lots.positions for lot in _all_lots(position) if lot.opened_at is not None]
    times += [part.at for part in lots.realised]
    return _Ledger(lots, begins=min(times, default=lots.until))


def _all_lots(position: PositionLots) -> list[Lot]:
    sold, open_ = [part.lot for part in position.realised], [one.lot for one in position.open]
    return [*sold, *open_, *position.departed]


class _Commodities:
    """The commodities of a ledger: names that beancount takes, each for one coin alone."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, coin: str) -> str:
        """Return the commodity of a coin."""
        if coin not in self._names:
            cleaned = _NO_COMMODITY.sub("-", coin.upper()).strip("-'._")
            stem = (cleaned if cleaned[:1].isalpha() else f"X{cleaned}")[: _LONGEST - 3]
            taken, number = set(self._names.values()), 2
            found = stem if len(stem) > 1 else f"{stem}X"
            while found in taken:
                found, number = f"{stem}-{number}", number + 1
            self._names[coin] = found
        return self._names[coin]

    def directives(self, day: str) -> Iterator[str]:
        """Say of those that are called otherwise what they are."""
        for coin, name in sorted(self._names.items()):
            if coin != name:
                yield f"{day} commodity {name}\n  name: {_quoted(coin)}"


def _fill(ledger: _Ledger, names: _Commodities) -> None:
    for position in ledger.lots.positions:
        if is_derivative(position.asset):
            ledger.entries += [(part.at, text) for part in position.realised if (text := _profit(ledger, names, part))]
            continue
        opened = _opened(position)
        ledger.entries += [_opening(ledger, names, position, lot) for lot in opened]
        ledger.entries += [(part.at, _sale(ledger, names, position, part)) for part in position.realised]
        ledger.entries += [(ledger.lots.until, _departure(ledger, names, position, lot)) for lot in position.departed]


def _opened(position: PositionLots) -> list[Lot]:
    """Put the parts of each lot together again, as it was opened."""
    parts: dict[int, list[Lot]] = {}
    for lot in _all_lots(position):
        parts.setdefault(lot.number, []).append(lot)
    return [_whole(lots) for _, lots in sorted(parts.items())]


def _whole(parts: list[Lot]) -> Lot:
    first = parts[0]
    cost = None if first.cost is None else summed(part.cost for part in parts if part.cost is not None)
    fee = None if first.fee is None else summed(part.fee for part in parts if part.fee is not None)
    return replace(first, quantity=summed(part.quantity for part in parts), cost=cost, fee=fee)


def _opening(ledger: _Ledger, names: _Commodities, position: PositionLots, lot: Lot) -> tuple[datetime, str]:
    at = lot.opened_at or ledger.begins
    coin, sign = names.name(position.asset), -1 if lot.side == "short" else 1
    held = ledger.account("Assets", position.asset)
    quantity = _amount(sign * lot.quantity)
    if lot.cost is None or lot.currency is None:
        lines = [f"{held}  {quantity} {coin}", ledger.account("Equity", "Unexplained")]
        return at, _entry(at, "!", f"{position.asset} of unknown cost", lines)
    money = names.name(lot.currency)
    label = _label(names, position, lot)
    cost = f"{{{{{_amount(lot.cost)} {money}, {_day(at)}, {label}}}}}"
    paid_from = ledger.account("Assets", "Cash") if lot.source == "trade" else ledger.account("Equity", "Opening")
    lines = [f"{held}  {quantity} {coin} {cost}", f"{paid_from}  {_amount(-sign * lot.cost)} {money}"]
    lines += _fee_lines(ledger, lot.fee, money)
    return at, _entry(at, "*", f"opened {position.asset}, {lot.source}", lines)


def _sale(ledger: _Ledger, names: _Commodities, position: PositionLots, part: Realised) -> str:
    lot, coin = part.lot, names.name(position.asset)
    sign = 1 if lot.side == "short" else -1
    held, quantity = ledger.account("Assets", position.asset), _amount(sign * lot.quantity)
    if part.proceeds is None or part.currency is None or part.price is None:
        at_cost = "" if lot.cost is None else f" {{{_label(names, position, lot)}}}"
        lines = [f"{held}  {quantity} {coin}{at_cost}", ledger.account("Equity", "Unexplained")]
        return _entry(part.at, "!", f"closed {position.asset} at an unknown price", lines)
    money = names.name(part.currency)
    price = f" @ {figure(part.price)} {money}"
    if lot.cost is None:
        lines = [f"{held}  {quantity} {coin} @@ {_amount(part.proceeds)} {money}"]
    else:
        lines = [f"{held}  {quantity} {coin} {{{_label(names, position, lot)}}}"]
        lines[0] += price if lot.currency == part.currency else ""
    lines.append(f"{ledger.account('Assets', 'Cash')}  {_amount(-sign * part.proceeds)} {money}")
    if lot.cost is not None:
        # Where it is known it is written out: what beancount fills in is rounded, and it checks what is written.
        gain = "" if part.gain is None else f"  {_amount(-part.gain)} {money}"
        lines.append(f"{ledger.account('Income', 'Gains')}{gain}")
    closing = None if part.fee is None or lot.fee is None else summed([part.fee, -lot.fee])
    lines += _fee_lines(ledger, closing, money)
    return _entry(part.at, "*" if part.gain is not None else "!", f"closed {position.asset}", lines)


def _departure(ledger: _Ledger, names: _Commodities, position: PositionLots, lot: Lot) -> str:
    sign = 1 if lot.side == "short" else -1
    at_cost = "" if lot.cost is None else f" {{{_label(names, position, lot)}}}"
    held = ledger.account("Assets", position.asset)
    lines = [f"{held}  {_amount(sign * lot.quantity)} {names.name(position.asset)}{at_cost}"]
    lines.append(ledger.account("Equity", "Unexplained"))
    return _entry(ledger.lots.until, "!", f"{position.asset} had left by then, unsold", lines)


def _profit(ledger: _Ledger, names: _Commodities, part: Realised) -> str | None:
    if not part.gain or part.currency is None:
        return None
    money = names.name(part.currency)
    cash, gains = ledger.account("Assets", "Cash"), ledger.account("Income", "Gains")
    lines = [f"{cash}  {_amount(part.gain)} {money}", f"{gains}  {_amount(-part.gain)} {money}"]
    return _entry(
        part.at, "*", f"realised of {part.lot.symbol}, {part.lot.side}", [*lines, *_fee_lines(ledger, part.fee, money)]
    )


def _fee_lines(ledger: _Ledger, fee: Decimal | None, money: str) -> list[str]:
    if not fee:
        return []
    spent, cash = ledger.account("Expenses", "Fees"), ledger.account("Assets", "Cash")
    return [f"{spent}  {_amount(fee)} {money}", f"{cash}  {_amount(-fee)} {money}"]


def _entry(at: datetime, flag: str, about: str, lines: Sequence[str]) -> str:
    head = f"{_day(at)} {flag} {_quoted(about)}\n  time: {_quoted(time_text(at))}"
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _label(names: _Commodities, position: PositionLots, lot: Lot) -> str:
    side = "" if position.side == "long" else "-short"
    return f'"{names.name(position.asset)}{side}-{lot.number}"'


def _amount(value: Decimal) -> str:
    return figure(value) if len(value.as_tuple().digits) > _LONGEST else whole_figure(value)


def _part(text: str) -> str:
    """Return a part of an account's name: it begins with a capital letter or a digit."""
    cleaned = _NO_NAME.sub("-", text).strip("-") or "X"
    return cleaned[:1].upper() + cleaned[1:]


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _quoted(text: str) -> str:
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
