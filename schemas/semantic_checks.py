"""What a schema cannot say of a JSON file: keys that must differ, numbers that must be above zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exitplan.ruleset.language.problems import Path, Problem
from exitplan.ruleset.model.values import unified_symbol
from exitplan.ruleset.model.volatility import MOST_VOLATILITY


def check_snapshot(document: Mapping[str, Any]) -> list[Problem]:
    """Check that nothing is there twice, that sizes and rates are above zero, and volatilities possible."""
    positions, orders = document["positions"], document["open_orders"]
    pairs = [(unified_symbol(entry["symbol"]), entry.get("side") or "long") for entry in positions]
    problems = [
        *_repeated([f"{symbol} {side}" for symbol, side in pairs], "positions", "the position"),
        *_repeated([entry["id"] for entry in orders], "open_orders", "the order id", key="id"),
        *_same_symbols(document, "markets"),
        *_same_symbols(document, "tracker"),
        *_same_symbols(document, "conversions"),
    ]
    figures: dict[Path, Any] = {
        ("positions", index, "contract_size"): entry.get("contract_size") for index, entry in enumerate(positions)
    }
    figures |= {("rates", name): rate for name, rate in (document.get("rates") or {}).items()}
    return [*problems, *_not_positive(figures), *_too_volatile(document.get("markets") or {})]


def check_tracker(document: Mapping[str, Any]) -> list[Problem]:
    """Check that times exist, and that no symbol is there twice, once as ETH-USD and once as ETH/USD."""
    problems = _same_symbols(document, "positions")
    for name, record in document["positions"].items():
        opened = record.get("first_entry_time")
        if isinstance(opened, str) and not _exists(opened):
            problems.append(Problem(("positions", name, "first_entry_time"), f"there is no time {opened!r}"))
    return problems


def check_state(document: Mapping[str, Any]) -> list[Problem]:
    """Check the figures of unwinds, which may be text, and that no position is there twice."""
    entries: Mapping[str, Mapping[str, Any]] = document["unwind_progress"]
    quantities: dict[Path, Any] = {
        ("unwind_progress", name, "initial_quantity"): entry["initial_quantity"] for name, entry in entries.items()
    }
    problems = [*_same_symbols(document, "unwind_progress"), *_not_positive(quantities)]
    for name, entry in entries.items():
        if Decimal(entry["remaining_pct"]) > 1:
            message = f"a fraction from 0 to 1 is expected, found {entry['remaining_pct']!r}"
            problems.append(Problem(("unwind_progress", name, "remaining_pct"), message))
    return problems


def check_health(document: Mapping[str, Any]) -> list[Problem]:
    """Check the ranges of a health model's numbers, and that it matches its hash."""
    from exitplan.ruleset.health.model import model_problems  # noqa: PLC0415 - few read a model

    return list(model_problems(document))


def _exists(moment: str) -> bool:
    try:
        datetime.fromisoformat(moment).astimezone(UTC)
    except (OverflowError, ValueError):
        return False
    return True


def _repeated(names: list[str], block: str, noun: str, key: str | None = None) -> list[Problem]:
    problems, first = [], dict[str, int]()
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            path: Path = (block, index) if key is None else (block, index, key)
            problems.append(Problem(path, f"{noun} {name} is there twice, first as {block}[{first[name]}]"))
    return problems


def _same_symbols(document: Mapping[str, Any], block: str) -> list[Problem]:
    problems, first = [], dict[str, str]()
    for name in document.get(block) or {}:
        same = first.setdefault(unified_symbol(name), name)
        if same != name:
            problems.append(Problem((block, name), f"{name} and {same} are the same symbol", on_key=True))
    return problems


def _too_volatile(markets: Mapping[str, Any]) -> list[Problem]:
    hint = "it is a fraction of a day: 0.04 is 4 %; leave it out where it is not known"
    return [
        Problem(
            ("markets", name, "volatility_1d"), f"at most {MOST_VOLATILITY} is expected, found {figure!r}", hint=hint
        )
        for name, market in markets.items()
        if (figure := market.get("volatility_1d")) is not None and Decimal(figure) > MOST_VOLATILITY
    ]


def _not_positive(figures: Mapping[Path, Any]) -> list[Problem]:
    return [
        Problem(path, f"a number above 0 is expected, found {figure!r}")
        for path, figure in figures.items()
        if figure is not None and Decimal(figure) <= 0
    ]
