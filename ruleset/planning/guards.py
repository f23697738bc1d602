"""Guards judge a plan as a whole: a plan that one of them refuses is shown, and never applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from exitplan.ruleset.language.partial_evaluation import truth
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.account_view import AccountView, Equity
from exitplan.ruleset.model.fact_registry import Facts
from exitplan.ruleset.model.snapshot import Market
from exitplan.ruleset.model.values import EXACT, ZERO, plain
from exitplan.ruleset.planning.actions import SELLING, Action
from exitplan.ruleset.planning.classify import Decision

_FEW = 3
_SHOWN = Decimal("0.000001")
_ABSURD = 100


class Verdict(Struct, frozen=True, gc=False):
    """What one guard says; ``value`` is None where it cannot be computed, which is no excuse.

    ``detail`` names the symbol or the reason, where there is one.
    """

    name: str
    limit: Decimal
    value: Decimal | None
    ok: bool
    detail: str | None = None


class Sale(Struct, frozen=True, gc=False):
    """An order that closes (part of) a position, as guards see it: its value, and the market it goes to."""

    symbol: str
    value: Decimal | None
    market: Market | None


class BalanceChange(Struct, frozen=True, gc=False):
    """How what an account holds differs from the last run, at today's prices: the values then and now.

    ``is_emptied``: nothing is there although something is known to have been.
    """

    then: Decimal
    now: Decimal
    is_emptied: bool = False


def judge(
    policy: Policy,
    actions: Sequence[Action],
    decisions: Sequence[Decision],
    account: AccountView,
    change: BalanceChange | None,
) -> list[Verdict]:
    """Ask every guard of the policy that judges plans."""
    markets = account.snapshot.markets
    sales = [Sale(act.symbol, act.guarded_value, markets.get(act.symbol)) for act in actions if act.kind in SELLING]
    verdicts = [
        _max_actions(policy.guards["max_actions"], actions),
        _max_run(policy.guards["max_run_pct"], actions, account.equity),
        _max_zombies(policy.guards["max_zombie_pct"], decisions),
        judge_change(policy.guards["max_equity_change_pct"], change),
    ]
    if "max_deferred_pct" in policy.guards:
        verdicts.append(_max_deferred(policy.guards["max_deferred_pct"], decisions))
    return [*verdicts, *judge_sales(policy, sales)]


def judge_change(limit: Decimal, change: BalanceChange | None) -> Verdict:
    """Judge how far what is held differs from the last run; an account that was emptied is always too far."""
    name = "max_equity_change_pct"
    if change is None:
        return Verdict(name, limit, ZERO, ok=True)
    if change.is_emptied:
        return Verdict(name, limit, None, ok=False, detail="the venue tells of an empty account")
    if change.then <= 0:
        return Verdict(name, limit, ZERO, ok=True)
    moved = abs(change.now - change.then)
    ok = moved <= limit * change.then
    detail = None if ok else f"{plain(change.then)} then, {plain(change.now)} now"
    return Verdict(name, limit, _share(moved, change.then), ok, detail)


def judge_sales(policy: Policy, sales: Sequence[Sale]) -> list[Verdict]:
    """Ask the guards that look at single orders; apply asks them again with the prices of its moment."""
    verdicts = []
    if "max_order_value" in policy.guards:
        verdicts.append(_max_order_value(policy.guards["max_order_value"], sales))
    if "max_spread_pct" in policy.guards:
        verdicts.append(_max_spread(policy.guards["max_spread_pct"], sales))
    return verdicts


def _max_order_value(limit: Decimal, sales: Sequence[Sale]) -> Verdict:
    """Judge the largest order; one whose value nobody can tell passes no limit."""
    unvalued = next((sale.symbol for sale in sales if sale.value is None), None)
    if unvalued is not None:
        return Verdict("max_order_value", limit, None, ok=False, detail=f"{unvalued} has no value that is known")
    symbol, value = max(((sale.symbol, sale.value or ZERO) for sale in sales), key=_second, default=("", ZERO))
    ok = value <= limit
    return Verdict("max_order_value", limit, value, ok, None if ok else symbol)


def _max_spread(limit: Decimal, sales: Sequence[Sale]) -> Verdict:
    """Judge the widest spread; a market that does not tell its bid and ask cannot be judged, and is refused."""
    spreads = {sale.symbol: _spread(sale.market) for sale in sales}
    untold = [symbol for symbol, spread in spreads.items() if spread is None]
    if untold:
        return Verdict("max_spread_pct", limit, None, ok=False, detail=f"{untold[0]} has no bid and ask")
    symbol, widest = max(((name, spread or ZERO) for name, spread in spreads.items()), key=_second, default=("", ZERO))
    ok = widest <= limit
    return Verdict("max_spread_pct", limit, _rounded_up(widest), ok, None if ok else symbol)


def _second(pair: tuple[str, Decimal]) -> Decimal:
    return pair[1]


def _spread(market: Market | None) -> Decimal | None:
    """Return (ask - bid) / mid; None where either is not known, or the quotes are crossed or not positive."""
    if market is None or market.bid is None or market.ask is None or not 0 < market.bid <= market.ask:
        return None
    return EXACT.divide(2 * (market.ask - market.bid), market.ask + market.bid)


def _max_actions(limit: Decimal, actions: Sequence[Action]) -> Verdict:
    count = Decimal(len(actions))
    return Verdict("max_actions", limit, count, count <= limit)


def _max_run(limit: Decimal, actions: Sequence[Action], equity: Equity) -> Verdict:
    """Judge what is sold as a share of managed equity; where that share cannot be told, nothing of value is sold."""
    sold = sum([action.guarded_value or ZERO for action in actions if action.kind in SELLING], ZERO)
    if equity.managed <= 0 or not equity.has_shares:
        return Verdict("max_run_pct", limit, None if sold else ZERO, sold == 0)
    return Verdict("max_run_pct", limit, _share(sold, equity.managed), sold <= limit * equity.managed)


def _max_zombies(limit: Decimal, decisions: Sequence[Decision]) -> Verdict:
    return _judge_outage("max_zombie_pct", limit, decisions, _is_zombie_for_want)


def _max_deferred(limit: Decimal, decisions: Sequence[Decision]) -> Verdict:
    return _judge_outage("max_deferred_pct", limit, decisions, lambda decision: decision.is_deferred)


def _judge_outage(
    name: str, limit: Decimal, decisions: Sequence[Decision], is_part: Callable[[Decision], bool]
) -> Verdict:
    """Judge the share of the positions that an outage may be the reason of; a few positions are no outage yet."""
    judged = [decision for decision in decisions if not decision.is_protected]
    part = len([decision for decision in judged if is_part(decision)])
    ok = len(judged) < _FEW or part <= limit * len(judged)
    return Verdict(name, limit, _share(Decimal(part), Decimal(len(judged))), ok)


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return _rounded_up(EXACT.divide(part, whole)) if part else ZERO


def _rounded_up(share: Decimal) -> Decimal:
    """Round a share up for display, so that it never looks within a limit that it exceeds."""
    # Quantizing has room for 120 digits; what is that far beyond every limit needs no places.
    return share if share.adjusted() > _ABSURD else share.quantize(_SHOWN, ROUND_CEILING, EXACT)


def _is_zombie_for_want(decision: Decision) -> bool:
    """Check whether a position is a zombie whose rule decided for want of a price or a market."""
    facts, rule = decision.view.facts, decision.rule
    if rule is None or not decision.is_zombie:
        return False
    wanting = _wanting(facts)
    return bool(wanting) and truth(rule.when, facts, wanting) is None


def _wanting(facts: Facts) -> set[str]:
    """Return the facts that would be others if the market were known, or had a price."""
    wanting = set[str]()
    if not facts["market_known"]:
        wanting |= {"market_known", "market_active", "sellable"}
    if facts["price_status"] == "missing":
        wanting |= {"price_status", "price_basis", "price_missing_minutes", "value_usd", "account_pct"}
        if facts["has_entry_price"]:
            wanting.add("pnl_pct")
    return wanting
