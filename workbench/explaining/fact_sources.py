"""Where each fact of a position came from: the account, its market, the tracker, the policy, earlier runs."""

from __future__ import annotations

from collections.abc import Mapping

from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.position_view import PositionView
from exitplan.ruleset.model.values import plain

_OF_THE_VENUE = {
    "symbol": "the venue's account",
    "side": "the venue's account",
    "venue": "the account file",
    "market_known": "the venue's list of markets",
    "market_active": "the venue's list of markets",
    "sellable": "the market's steps and minimums",
    "volatility_1d": "the market's daily candles",
    "health_score": "the policy's health model",
    "price_status": "the market's prices",
    "price_basis": "the market's prices",
    "price_missing_minutes": "earlier readings",
    "equity_complete": "the prices of all that the account holds",
    "api_mismatch": "the venue's account",
    "over_cap": "the cap",
    "unwind_cycle": "earlier runs",
    "failed_exits": "earlier runs",
    "category": "phase 1",
}
_BASES = {"last": "last price", "mid": "mid of bid and ask", "one_side": "bid or ask alone"}


def fact_sources(view: PositionView, policy: Policy) -> dict[str, str]:
    """Say of each fact that is known where it came from."""
    sources = {**_OF_THE_VENUE, **_of_prices(view), **_of_the_tracker(view, policy)}
    sources["asset"] = "the venue's account and aliases" if policy.aliases else "the venue's account"
    if view.facts.get("protected"):
        sources["protected"] = "the policy's protect list"
    else:
        sources["protected"] = "no entry of the policy's protect list"
    return {name: sources[name] for name in view.facts if name in sources}


def _of_prices(view: PositionView) -> Mapping[str, str]:
    basis = _BASES.get(view.price.basis or "", "price")
    mark = "" if view.price.mark is None else f" {plain(view.price.mark)}"
    rate = view.price.rate
    turned = f", at a rate of {plain(rate)}" if rate is not None and rate != 1 else ""
    return {
        "value_usd": f"{plain(abs(view.position.quantity))} at the {basis}{mark}{turned}",
        "account_pct": "value_usd and managed equity",
        "pnl_pct": f"the {basis}{mark} and {_entry(view)}",
    }


def _entry(view: PositionView) -> str:
    price = "" if view.entry_price is None else f" {plain(view.entry_price)}"
    recorded = view.record is not None and view.record.entry_price is not None and view.record.entry_price > 0
    return f"the entry price{price} of {'the tracker' if recorded else 'the venue or its trades'}"


def _of_the_tracker(view: PositionView, policy: Policy) -> Mapping[str, str]:
    record = view.record
    known = "the tracker's record" if record is not None else "the tracker has no record"
    sources = dict.fromkeys(("tracked", "tracked_quantity", "untracked_pct", "position_source", "strategy"), known)
    sources["has_entry_price"] = (
        _entry(view) if view.facts.get("has_entry_price") else "neither tracker nor venue has one"
    )
    sources["opened_by_strategy"] = f"{known} and strategy_sources" if record is not None else known
    sources["has_exit_logic"] = known
    if record is not None and record.exit_logic is None:
        ours = record.position_source in policy.strategy_sources
        stop = "a stop_price in the record" if view.facts.get("has_exit_logic") else "no strategy, no stop_price"
        sources["has_exit_logic"] = "opened_by_strategy" if ours else stop
    opened = view.position.opened_at
    sources["age_minutes"] = (
        "opened_at of the venue or its trades" if opened else "first_entry_time of the tracker's record"
    )
    return sources
