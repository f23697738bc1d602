"""Match sales with the lots that they sell, by FIFO, LIFO, HIFO or average cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from msgspec import Struct, field
from msgspec.structs import replace

from exitplan.ruleset.model.lots import SPOT, Book, Event, Lot, Method, Move, Realised, Sighting, Terms
from exitplan.ruleset.model.snapshot import Side
from exitplan.ruleset.model.values import EXACT, ONE, ZERO


def match_lots(
    events: Iterable[Event],
    method: Method,
    *,
    side: Side = "long",
    terms: Terms = SPOT,
    may_flip: bool = False,
    ignore: Decimal = ZERO,
) -> Book:
    """Walk what happened to one position in the order of time, and match sales with lots.

    A sale of more than the lots hold sells what nothing explains, which was there before; where the position
    ``may_flip`` it opens the other side instead. Of what is seen, differences of at most ``ignore`` are none. Events of
    one moment count in the order given.
    """
    with localcontext(EXACT):
        ledger = _Ledger(method, side, terms, may_flip, ignore)
        for event in sorted(events, key=lambda event: event.at):
            if isinstance(event, Sighting):
                ledger.see(event)
            else:
                ledger.move(event)
        return Book(tuple(ledger.lots), tuple(ledger.realised), tuple(ledger.appeared), tuple(ledger.departed))


class _Ledger(Struct, gc=False):
    """The lots of a position in the course of its events; all of them are on one side, in the order they came."""

    method: Method
    side: Side
    terms: Terms
    may_flip: bool
    ignore: Decimal
    lots: list[Lot] = field(default_factory=list)
    realised: list[Realised] = field(default_factory=list)
    appeared: list[Lot] = field(default_factory=list)
    departed: list[Lot] = field(default_factory=list)
    last_seen: Sighting | None = None
    count: int = 0

    @property
    def held(self) -> Decimal:
        return sum((lot.quantity for lot in self.lots), ZERO)

    def see(self, seen: Sighting) -> None:
        """Bring the lots to what was seen."""
        if seen.price is not None:
            self.last_seen = seen
        if seen.quantity is None:
            return
        difference = seen.quantity - self.held
        if abs(difference) <= self.ignore and seen.quantity:
            return
        if difference > 0:
            priced = ZERO if self.lots else difference if seen.priced is None else min(seen.priced, difference)
            self._appear(priced, seen.symbol, seen)
            self._appear(difference - priced, seen.symbol, None)
        elif difference < 0:
            self.departed += self._take(-difference, None)

    def move(self, move: Move) -> None:
        """Open a lot, or close what is there."""
        opens = (move.change > 0) is (self.side == "long")
        if opens and move.change:
            self._open(move, abs(move.change))
        elif move.change:
            self._close(move, abs(move.change))

    def _open(self, move: Move, quantity: Decimal, share: Decimal = ONE) -> None:
        self._add(
            Lot(
                number=self._next(),
                side=self.side,
                symbol=move.symbol,
                quantity=quantity,
                cost=self.terms.worth(quantity, move.price),
                fee=None if move.fee is None else move.fee * share,
                currency=move.currency,
                price=move.price,
                opened_at=move.at,
                source="trade",
            )
        )

    def _close(self, move: Move, quantity: Decimal) -> None:
        beyond = quantity - self.held
        if beyond > 0 and self.may_flip:
            share = beyond / quantity
            self._realise(move, quantity - beyond, quantity)
            self.side = "short" if self.side == "long" else "long"
            self._open(move, beyond, share)
            return
        if beyond > 0:
            seen = self.last_seen
            is_of_then = seen is not None and (seen.opened_at is None or seen.opened_at <= move.at)
            self._appear(beyond, move.symbol, seen if is_of_then else None)
        if move.is_trade:
            self._realise(move, quantity, quantity)
        else:
            self.departed += self._take(quantity, None)

    def _realise(self, move: Move, quantity: Decimal, whole: Decimal) -> None:
        for part in self._take(quantity, move.currency):
            proceeds = self.terms.worth(part.quantity, move.price)
            fee = None if move.fee is None else move.fee * part.quantity / whole
            cost = part.cost if part.currency == move.currency else None
            gain = self.terms.gain(part.side, cost, proceeds)
            both = None if fee is None or part.fee is None or gain is None else fee + part.fee
            self.realised.append(
                Realised(
                    at=move.at,
                    lot=part,
                    price=move.price,
                    proceeds=proceeds,
                    currency=move.currency,
                    gain=gain,
                    fee=both,
                    reference=move.reference,
                )
            )

    def _appear(self, quantity: Decimal, symbol: str, seen: Sighting | None) -> None:
        """Take in what no trade explains, at the price that was noted of it, if any."""
        if not quantity:
            return
        price = None if seen is None else seen.price
        lot = Lot(number=self._next(), side=self.side, symbol=symbol, quantity=quantity)
        if seen is not None and price is not None:
            cost = self.terms.worth(quantity, price)
            # Who noted the price did not tell the fees.
            lot = replace(lot, cost=cost, source="record", price=price, currency=seen.currency)
            lot = replace(lot, opened_at=seen.opened_at)
        else:
            self.appeared.append(lot)
        self._add(lot)

    def _add(self, lot: Lot) -> None:
        pool = next((other for other in self.lots if self._is_one_with(other, lot)), None)
        if pool is None:
            self.lots.append(lot)
        else:
            self.lots[self.lots.index(pool)] = self._merged(pool, lot)

    def _is_one_with(self, pool: Lot, lot: Lot) -> bool:
        is_known = pool.cost is not None and lot.cost is not None
        return self.method == "average" and is_known and pool.currency == lot.currency

    def _merged(self, pool: Lot, lot: Lot) -> Lot:
        quantity, cost = pool.quantity + lot.quantity, (pool.cost or ZERO) + (lot.cost or ZERO)
        fee = None if pool.fee is None or lot.fee is None else pool.fee + lot.fee
        return replace(pool, quantity=quantity, cost=cost, fee=fee, price=self.terms.price(quantity, cost))

    def _take(self, quantity: Decimal, currency: str | None) -> list[Lot]:
        """Take so much out of the lots, in the order of the method."""
        taken: list[Lot] = []
        for lot in self._in_order(currency):
            if quantity <= 0:
                break
            part = lot.part(min(quantity, lot.quantity))
            quantity -= part.quantity
            taken.append(part)
            place = self.lots.index(lot)
            self.lots[place : place + 1] = [] if part is lot else [lot.without(part)]
        return taken

    def _in_order(self, currency: str | None) -> Sequence[Lot]:
        if self.method == "LIFO":
            return self.lots[::-1]
        if self.method == "FIFO":
            return list(self.lots)
        return sorted(self.lots, key=lambda lot: self._dearness(lot, currency))

    def _dearness(self, lot: Lot, currency: str | None) -> tuple[bool, bool, Decimal]:
        """Sort what was paid in the currency first, the dearest before; what has no known cost last."""
        if lot.cost is None:
            return True, True, ZERO
        return (
            False,
            currency is not None and lot.currency != currency,
            -self.terms.sign(lot.side) * lot.cost / lot.quantity,
        )

    def _next(self) -> int:
        self.count += 1
        return self.count
