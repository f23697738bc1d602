"""Judge a fleet by its venue's own records and by what a witness wrote down while it was worked on."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.chaos.fleet.world import Fleet
from tests.chaos.oracle import Violation

_SLACK = 0.05
"""Seconds that a halt may take to be seen: the clocks of its command and of a process are read apart from it."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the journals and the venue say of all accounts."""

    intents: Mapping[str, Mapping[str, Any]]
    documents: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, fleet: Fleet) -> Book:
        columns = "client_order_id, account, plan_id, status, filled"
        rows = fleet.rows(f"SELECT {columns} FROM exitplan.intents WHERE client_order_id IS NOT NULL")  # noqa: S608
        names = columns.split(", ")
        intents = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
        for account in fleet.accounts:
            fleet.broker(account).read_account()  # what is in the log beside the file goes into it
        documents = {account: json.loads(fleet.paper(account).read_text()) for account in fleet.accounts}
        return cls(intents, documents)

    def orders(self, account: str) -> Iterator[Mapping[str, Any]]:
        document = self.documents[account]
        yield from document["open_orders"]
        yield from document.get("paper", {}).get("closed_orders", [])


def judge(fleet: Fleet) -> list[Violation]:
    """Judge a fleet that has come to rest."""
    book = Book.of(fleet)
    return [
        *_venue(fleet, book),
        *_journals(book),
        *_arrivals(fleet, book),
        *_under_halts(fleet),
        *_fenced(fleet),
        *_without_lease(fleet),
        *late_cycles(fleet),
        *_at_rest(fleet, book),
        *_broken(fleet),
    ]


def filled(order: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(fill["quantity"]) for fill in order.get("fills", [])), Decimal(0))


def _venue(fleet: Fleet, book: Book) -> list[Violation]:
    """Compare what was bought with what was sold, and count each order once."""
    found = []
    for account in fleet.accounts:
        sold: dict[str, Decimal] = defaultdict(Decimal)
        names: Counter[str] = Counter()
        for order in book.orders(account):
            if order["client_order_id"] is not None:
                names[order["client_order_id"]] += filled(order) > 0
                sold[order["symbol"]] += filled(order)
        found += [Violation("doubled", f"{account}: {name} was filled {n} times") for name, n in names.items() if n > 1]
        held = {entry["symbol"]: Decimal(entry["quantity"]) for entry in book.documents[account]["positions"]}
        for symbol, bought in fleet.granted.get(account, {}).items():
            if sold[symbol] + held.get(symbol, Decimal(0)) != bought:
                found.append(Violation("lost", f"{account}: {symbol}: {bought} bought, {sold[symbol]} sold"))
    return found


def _journals(book: Book) -> list[Violation]:
    """Compare each order in the journals with the venue's."""
    found = []
    for account in book.documents:
        at_venue = {order["client_order_id"]: filled(order) for order in book.orders(account)}
        at_venue.pop(None, None)  # those of nobody
        for name, amount in at_venue.items():
            intent = book.intents.get(name)
            if intent is None:
                found.append(Violation("lost", f"{account}: nobody planned the order {name}"))
            elif amount != Decimal(intent["filled"] or 0) and intent["status"] != "needs_human":
                said = f"{intent['status']} with {intent['filled']}, the venue filled {amount}"
                found.append(Violation("lost", f"{account}: {name} is {said}"))
    for name, intent in book.intents.items():
        if intent["status"] == "sending":
            found.append(Violation("lost", f"{intent['account']}: {name} is sending to the end"))
        if intent["status"] == "done" and Decimal(intent["filled"] or 0):
            at = {order["client_order_id"] for order in book.orders(intent["account"])}
            found += [] if name in at else [Violation("lost", f"{intent['account']}: {name} is done, and not there")]
    return found


def _arrivals(fleet: Fleet, book: Book) -> list[Violation]:
    """Check that no order arrived twice, and that none of an earlier plan came after one of a later: a zombie's."""
    found = []
    plans: dict[str, list[str]] = defaultdict(list)
    names: Counter[str] = Counter()
    for note in fleet.witness.read("arrived"):
        account, intent = note["account"], book.intents.get(note["id"])
        names[note["id"]] += 1
        plan = "" if intent is None else intent["plan_id"]
        if plan in plans[account][:-1]:
            found.append(Violation("doubled", f"{account}: an order of {plan} after the plan {plans[account][-1]}"))
        elif plan not in plans[account]:
            plans[account].append(plan)
    return found + [Violation("doubled", f"{name} arrived {n} times") for name, n in names.items() if n > 1]


def _under_halts(fleet: Fleet) -> list[Violation]:
    """Find orders of those who last looked for a halt while one was in force."""
    return [
        Violation("invalid", f"{note['account']}: an order under a halt, {note['looked'] - since:.3f} s after it")
        for note in fleet.witness.read("arrived")
        for account, since, until in fleet.halts
        if account in {"", note["account"]} and since + _SLACK < note["looked"] < until - _SLACK
    ]


def _fenced(fleet: Fleet) -> list[Violation]:
    """Find shards that were written by one whose lease another had taken."""
    found = []
    taken: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for note in fleet.witness.read("took"):
        taken[f"shard:{note['shard']}"].append((note["t"], note["fence"]))
    for note in fleet.witness.read("wrote"):
        later = [t for t, fence in taken[note["shard"]] if fence > note["fence"] and t < note["began"]]
        if later:
            found.append(Violation("invalid", f"{note['shard']} was written {note['began'] - later[0]:.1f} s too late"))
    return found


def _without_lease(fleet: Fleet) -> list[Violation]:
    """Find orders of those who looked at their lease of the account for the last time when another one had taken it."""
    found = []
    holders: dict[str, tuple[int, float]] = {}
    for note in fleet.witness.read("leased", "arrived"):
        pid, since = holders.get(note["account"], (note["pid"], note["t"]))
        if note["what"] == "leased":
            holders[note["account"]] = (note["pid"], note["t"])
        elif pid != note["pid"] and since < note["checked"]:
            found.append(Violation("invalid", f"{note['account']}: an order without a lease"))
    return found


def late_cycles(fleet: Fleet) -> list[Violation]:
    """Find accounts that were not looked at in a tick nor in the one after it; halts and pauses keep them from it."""
    columns = "tick, extract(epoch FROM begun_at)::float8, extract(epoch FROM ended_at)::float8"
    asked = f"SELECT {columns} FROM exitplan.ticks WHERE why NOT LIKE 'skipped%%' ORDER BY begun_at, tick"  # noqa: S608
    ticks = [row for row in fleet.rows(asked) if row[2] is not None]
    worked = fleet.rows("SELECT tick, array_agg(shard) FROM exitplan.cycles GROUP BY tick")
    shards_of = {tick: set(shards) for tick, shards in worked}
    shard_of = dict(fleet.rows("SELECT account, shard FROM exitplan.accounts"))
    kept = [(account, since - 1, until + 1) for account, since, until in fleet.halts] + away(fleet)
    kept += [(note["account"], note["t"], note["t"]) for note in fleet.witness.read("paused")]
    reads: dict[str, list[float]] = defaultdict(list)
    for note in fleet.witness.read("read"):
        reads[note["account"]].append(note["t"])
    found = []
    for (tick, begun, _), (_, _, ended) in pairwise(ticks):
        for account, shard in shard_of.items():
            is_kept = any(who in {"", account} and since < ended and begun < until for who, since, until in kept)
            if is_kept or shard not in shards_of.get(tick, ()):
                continue
            if not any(begun <= at <= ended for at in reads[account]):
                found.append(Violation("slow", f"{account} had no cycle in the tick {tick}, nor in the next"))
    return found


def away(fleet: Fleet) -> list[tuple[str, float, float]]:
    """List the times for which accounts were set aside."""
    return [(note["account"], note["since"], note["t"]) for note in fleet.witness.read("revived")]


def _at_rest(fleet: Fleet, book: Book) -> list[Violation]:
    """Check that every account is CLEAN, holds nothing, and has nothing open."""
    found = []
    states = {
        account: json.loads(bytes(document)).get("account_state")
        for account, document in fleet.rows("SELECT account, document FROM exitplan.state")
    }
    told = {account for (account,) in fleet.rows("SELECT account FROM exitplan.intents WHERE status = 'needs_human'")}
    for account in fleet.accounts:
        held = [entry["symbol"] for entry in book.documents[account]["positions"]]
        if account not in told and (states.get(account) != "CLEAN" or held):
            found.append(
                Violation("lost", f"{account} is {states.get(account)} at rest, and holds {held or 'nothing'}")
            )
    found += [
        Violation("lost", f"{account}: a plan is open at rest")
        for (account,) in fleet.rows("SELECT account FROM exitplan.plans WHERE ended_at IS NULL")
        if account not in told
    ]
    return found


def _broken(fleet: Fleet) -> list[Violation]:
    """Find what no process may say, or end with."""
    output = (fleet.root / "output.log").read_text(errors="replace")
    words = ("Traceback", "this is a bug", "round_broke", "shard_broke")
    found = [Violation("invalid", line[:600]) for line in output.splitlines() if any(word in line for word in words)]
    began = {note["pid"] for note in fleet.witness.read("took")}  # who finds no database when it comes may leave
    codes = [note["code"] for note in fleet.witness.read("ended") if note["code"] != 1 or note["process"] in began]
    return found[:10] + [Violation("invalid", f"a worker ended by itself with {code}") for code in codes]
