"""The shapes of runs: their events while they are at work, the history, and what a report makes of it."""

from __future__ import annotations

from exitplan.ruleset.model.lots import METHODS
from exitplan.schemas.shapes.answers.parts import OBJECT, SIDES, answer, maybe, whole
from exitplan.schemas.shapes.common import (
    Schema,
    amount,
    flag,
    listed,
    moment,
    name,
    one_of,
    record,
    sha256,
    symbol,
    text,
)


def _outcome() -> Schema:
    properties = {
        "id": text("The action within its plan."),
        "kind": text("What was to be done."),
        "symbol": symbol(),
        "side": text("The side of the order."),
        "quantity": amount("How much was asked for.", optional=False),
        "status": text("done, refused, skipped, open, sending or needs_human."),
        "filled": maybe("What the venue filled."),
        "average_price": maybe("At which price, in the market's quote."),
        "planned_price": maybe("The mark price when it was planned."),
        "proceeds": maybe("What a sale brought in, in the account's quote currency."),
        "fee": maybe("The fee, in fee_currency."),
        "fee_currency": text("The currency of the fee.", optional=True),
        "expected_fee": maybe("The fee that the plan expected, in quote; absent where it knew none."),
        "order_id": text("The venue's id of the order.", optional=True),
        "message": text("Why it ended so.", optional=True),
    }
    # Runs of earlier versions did not note prices and fees.
    late = {"average_price", "planned_price", "proceeds", "fee", "fee_currency", "expected_fee"}
    return record(properties, tuple(key for key in properties if key not in late), extra=True)


def _voter() -> Schema:
    return record({"person": text("The person."), "at": moment("When.", optional=False)}, ("person", "at"), extra=True)


def _run() -> dict[str, Schema]:
    summary = record({"outcomes": listed(_outcome(), "What became of each action.")}, extra=True)
    return {
        "run": whole("The number of the run."),
        "plan_id": text("The plan it applied."),
        "started_at": moment("When it began.", optional=False),
        "ended_at": moment("When it ended; null while it has not."),
        "exit_code": {"type": ["integer", "null"], "description": "Its exit code."},
        "account_state": text("The state of the account after it.", optional=True),
        "actor": text("Who ran it; null for runs of earlier versions.", optional=True),
        "summary": {**summary, "type": ["object", "null"], "description": "What it came to."},
        "done": whole("How many actions are done."),
        "refused": whole("How many were refused."),
        "under_way": flag("Whether it is at work now.", optional=False),
        "approved_by": listed(_voter(), "Who approved the plan, if it needed approval."),
    }


def history_schema() -> Schema:
    """Describe what ``exitplan history --json`` prints."""
    run = _run()
    runs = listed(record(run, tuple(run), extra=True), "The runs, the newest first.")
    return answer("history", "History", "The past runs of an account.", {"runs": runs})


def run_schema() -> Schema:
    """Describe what ``exitplan history RUN --json`` prints."""
    return answer("run", "Run", "One past run, with every action.", _run())


def event_schema() -> Schema:
    """Describe one line of ``apply --json`` and ``run --json``."""
    properties = {
        "event": text("What happened, such as action_done.", pattern="^[a-z_]+$"),
        "at": moment("When.", optional=False),
        "account": name("The account, where there are several."),
    }
    return answer("event", "Event", "One event of a run, a line each.", properties, ("at", "account"))


def history_export_schema() -> Schema:
    """Describe what ``exitplan history --export --json`` prints."""
    properties = {
        "file": text("The file that was written."),
        "runs": whole("How many runs are in it."),
        "orders": whole("How many orders, each attempt by itself."),
    }
    return answer("history-export", "Exported history", "What was written for audit.", properties)


def audit_schema() -> Schema:
    """Describe a line of ``exitplan history --export FILE.jsonl``."""
    order = record(
        {
            "client_order_id": text("The id it was sent with."),
            "order_id": text("The venue's id; null where it told none.", optional=True),
            "action_id": text("The action within the plan."),
            "attempt": whole("1 for the first time it was sent."),
            "kind": text("What was to be done."),
            "symbol": symbol(),
            "side": text("The side of the order."),
            "rule": text("The rule it comes from."),
            "asked": amount("How much was asked for.", optional=False),
            "filled": maybe("What the venue filled; null where that is not known."),
            "planned_price": maybe("The mark price in the plan."),
            "average_price": maybe("At which price, in the market's quote."),
            "fee": maybe("The fee, in fee_currency."),
            "fee_currency": text("The currency of the fee.", optional=True),
            "sent_at": moment("When it went out.", optional=False),
            "settled_at": moment("When its outcome was known; null while it is not."),
            "outcome": text("done, refused, skipped, needs_human, not sent; null while it is unknown.", optional=True),
            "message": text("Why it ended so.", optional=True),
        },
        extra=True,
    )
    order["required"] = list(order["properties"])
    vote = record(
        {
            "vote": text("What they said."),
            "person": text("Who said it."),
            "at": moment("When.", optional=False),
            "why": text("Why; null where they did not say.", optional=True),
        },
        ("vote", "person", "at", "why"),
    )
    of_history = {"plan_id", "summary", "done", "refused", "under_way", "approved_by"}
    of_run = {name: shape for name, shape in _run().items() if name not in of_history}
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        **of_run,
        "pid": whole("The process that ran it."),
        "host": text("The machine it ran on."),
        "policy": record(
            {
                "name": text("The policy of the plan."),
                "sha256": sha256("The hash of everything that it is merged from."),
                "overrides": {**OBJECT, "description": "Parameters that were set over it."},
            },
            ("name", "sha256", "overrides"),
        ),
        "plan": record(
            {
                "plan_id": text("The plan."),
                "sha256": sha256("Its hash."),
                "created_at": moment("When it was made.", optional=False),
            },
            ("plan_id", "sha256", "created_at"),
        ),
        "approvals": listed(vote, "Who approved or rejected the plan, if it needed approval."),
        "orders": listed(order, "Each attempt to send an order, the oldest first."),
    }
    return answer("audit", "Audit", "One run as it is exported for audit, a line each.", properties)


def report_schema() -> Schema:
    """Describe what ``exitplan report --json`` prints of one account."""
    compared = {
        **record(
            {
                "worth": amount("What exits would have brought in at those prices, in quote.", optional=False),
                "slippage": amount("That value minus what they brought in.", optional=False),
                "untold": whole("Exits without such a price, which are in neither sum."),
            },
            ("worth", "slippage", "untold"),
        ),
        "type": ["object", "null"],
    }
    outcomes = record(
        {
            "rule": text("The rule that wanted it."),
            "kind": text("The kind of action."),
            "orders": whole("Orders that were filled, or cancelled."),
            "positions": whole("Positions that were sold of."),
            "refused": whole("Orders that the venue refused."),
            "untold": whole("Exits without a known price, which are in no sum."),
            "proceeds": amount("What exits brought in before fees, in quote.", optional=False),
            "planned": amount("What that was worth at the marks of the plans.", optional=False),
            "slippage": amount("The difference; negative is more than planned.", optional=False),
            "released": amount("What stale orders would have traded.", optional=False),
            "fees": {**OBJECT, "description": "Fees by currency."},
            "then": {**compared, "description": "Compared with the market's price then; null if unknown."},
            "later": {**compared, "description": "Compared with the market's price a day later; null if unknown."},
        },
        ("rule", "kind", "orders", "refused", "proceeds", "planned", "slippage", "released", "fees"),
        extra=True,
    )
    clean = record(
        {
            "times": whole("How often the account became CLEAN."),
            "median_minutes": amount("How long that took, in the middle."),
            "longest_minutes": amount("How long that took at most."),
            "open_since": moment("Since when it is not CLEAN; null where it is."),
        },
        ("times", "median_minutes", "longest_minutes", "open_since"),
    )
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": text("Its currency."),
        "since": moment("From when.", optional=False),
        "until": moment("Until when.", optional=False),
        "runs": whole("Runs that began in that time."),
        "rules": listed(outcomes, "What became of each rule's actions."),
        "total": outcomes,
        "clean": clean,
    }
    return answer("report", "Report", "What was closed in a time, and what that cost.", properties)


def lots_schema() -> Schema:
    """Describe what ``exitplan lots --json`` prints of one account."""
    total = _all_of(
        {
            "currency": text("The currency; amounts in others are not in it."),
            "cost": amount("What was sold had cost, where that is known.", optional=False),
            "proceeds": amount("What it brought in.", optional=False),
            "gain": amount("The difference, before fees.", optional=False),
            "net": maybe("The same after the fees of both ends; null where one is not known."),
            "unknown": whole("Parts of lots that were sold and of which the gain is not known: they are in no sum."),
            "unrealised": maybe("What open lots would gain at their marks; null where that of one is not known."),
        }
    )
    lot = {
        "lot": whole("The number of the lot in its position."),
        "symbol": symbol(),
        "source": one_of(
            {
                "trade": "it was bought in a trade.",
                "record": "somebody noted its price.",
                "unexplained": "nothing is known of it.",
            },
            "What the lot is known from.",
        ),
        "quantity": amount("How much of it.", optional=False),
        "opened_at": moment("When it was opened; null if unknown."),
        "entry_price": maybe("What a unit cost."),
        "cost": maybe("What it cost, without fees."),
        "cost_currency": text("In which currency.", optional=True),
    }
    sold = {
        **lot,
        "at": moment("When it was sold.", optional=False),
        "price": maybe("At which price."),
        "proceeds": maybe("What that brought in, before fees."),
        "gain": maybe("What it realised, before fees."),
        "net": maybe("The same after the fees of both ends."),
        "fees": maybe("Those fees."),
        "currency": text("The currency of all of these.", optional=True),
        "order_id": text("The venue's id of the order.", optional=True),
    }
    open_lot = {
        **lot,
        "mark": maybe("The mark price."),
        "worth": maybe("What it is worth."),
        "unrealised": maybe("What closing it there would gain, before fees."),
        "currency": text("The currency of mark, worth and unrealised; null where there is no mark.", optional=True),
    }
    position = _all_of(
        {
            "asset": text("The coin, or the symbol of a contract."),
            "side": one_of(SIDES, "The side of the position."),
            "has_history": flag("Whether the venue told trades of it.", optional=False),
            "sold": listed(_all_of(sold), "What was sold, a part of one lot each."),
            "open": listed(_all_of(open_lot), "What is open."),
            "unexplained": listed(amount("How much.", optional=False), "What no trade explains."),
            "left": listed(amount("How much.", optional=False), "What left without being sold."),
        }
    )
    properties = {
        "account": name("The account."),
        "venue": name("Its venue."),
        "quote": text("Its currency."),
        "method": one_of(METHODS, "How sales were matched with lots."),
        "since": moment("Since when sales are listed; null for ever."),
        "until": moment("Until when.", optional=False),
        "asked_venue": flag("Whether the venue was asked.", optional=False),
        "complete_history": flag("Whether all trades that it still has were read; null where it tells none."),
        "unpriced": whole("Fills without a known price."),
        "totals": listed(total, "What it comes to, by currency."),
        "positions": listed(position, "The lots, by position."),
        "notes": listed(text(), "What is not known, and why."),
    }
    return answer("lots", "Lots", "What exits realised, lot by lot.", properties)


def _all_of(properties: dict[str, Schema]) -> Schema:
    """Describe an object that has all its keys, and may have more."""
    return record(properties, tuple(properties), extra=True)
