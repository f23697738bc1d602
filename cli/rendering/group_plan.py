"""The plan of a group drawn: what is held net, what closes as one, what stays and why, and each account in a line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exitplan.cli.rendering.screen import heading, rows, section, titled, words
from exitplan.ruleset.groups.group_plan import Bundle, GroupPlan, Holding, Leg
from exitplan.ruleset.groups.group_policy import HEDGED, ON_LEG_FAILURE
from exitplan.ruleset.language.reasons import percent_text
from exitplan.ruleset.model.values import EXACT, plain
from exitplan.ruleset.planning.plan_types import GuardResult, Plan
from exitplan.ruleset.planning.plan_words import guard_text
from exitplan.ruleset.planning.words import clock_time, counted, exact, money, total

_PLACES = Decimal("1e-8")
_WITH_PAIR = "with the other side, in the same share"
_VERBS = {"close": "close", "unwind": "unwind", "convert_dust": "convert"}


def group_plan_parts(plan: GroupPlan) -> list[RenderableType]:
    """Draw a group's plan, section by section."""
    parts = [
        _head(plan),
        _warnings(plan),
        _exposures(plan),
        *_pairs(plan),
        _singles(plan),
        _held(plan),
        _accounts(plan),
        _refusals(plan),
        _summary(plan),
    ]
    return [part for part in parts if part is not None]


def _head(plan: GroupPlan) -> RenderableType:
    group, table = plan.group, rows("l", "l")
    table.add_row(heading("Group"), words(f"{group.name}, {counted(len(plan.accounts), 'account')}", "bold"))
    table.add_row(words("Hedges"), words(HEDGED[group.hedged]))
    bound = group.max_leg_imbalance
    table.add_row(
        words("Legs"),
        words(f"apart by at most {money(bound.value, group.quote)}, for at most {bound.seconds:,} s"),
    )
    failure = group.on_leg_failure
    said = ON_LEG_FAILURE[failure.then]
    table.add_row(words("If one fails"), words(f"{counted(failure.attempts, 'attempt')}. {said}"))
    table.add_row(words("Plan"), words(plan.group_plan_id))
    valid = f"{clock_time(plan.created_at)}, valid until {clock_time(plan.expires_at)}"
    table.add_row(words("Made"), words(valid))
    return table


def _warnings(plan: GroupPlan) -> RenderableType | None:
    table = rows("l", "l")
    for warning in plan.warnings:
        table.add_row(Text("!", "yellow"), words(warning.text))
    return section("Warnings", "worth a look", table) if plan.warnings else None


def _exposures(plan: GroupPlan) -> RenderableType | None:
    if not plan.exposures:
        return None
    table = titled("asset", "long", "short", "net", f"net {plan.group.quote}", "after", "where", justify="lrrrrrl")
    for exposure in plan.exposures:
        where = ", ".join(dict.fromkeys(holding.account for holding in exposure.holdings))
        worth = "unknown" if exposure.net_value is None else money(exposure.net_value)
        figures = [_figure(value) for value in (exposure.long, exposure.short, exposure.net)]
        style = "bold" if any(holding.is_paired for holding in exposure.holdings) else ""
        table.add_row(
            words(exposure.asset, style), *figures, words(worth), _figure(exposure.net_after), words(where, "dim")
        )
    return section("Net exposure", "of all accounts together, in units of the asset", table)


def _figure(value: Decimal | None) -> Text:
    return words("unknown", "yellow") if value is None else words(_rounded(value))


def _rounded(value: Decimal) -> str:
    """Write a quantity with the eight places that say something: an inverse contract's has no end."""
    return exact(value.quantize(_PLACES, context=EXACT))


def _pairs(plan: GroupPlan) -> Iterator[RenderableType]:
    for bundle in plan.bundles:
        if bundle.is_pair:
            note = f"{percent_text(bundle.share)}, all or nothing; net {_net(bundle)}"
            yield section(f"Bundle {bundle.id}: {bundle.asset}", note, _legs(bundle, plan))


def _net(bundle: Bundle) -> str:
    known = [value for value in (bundle.net_before, bundle.net_after) if value is not None]
    return " -> ".join(map(_rounded, known)) or "unknown"


def _legs(bundle: Bundle, plan: GroupPlan) -> RenderableType:
    table = rows("r", "l", "l", "l", "r", "l")
    for leg in bundle.legs:
        table.add_row(words(f"{leg.place}."), words(leg.account), words(leg.symbol), *_what(leg, plan))
    return table


def _what(leg: Leg, plan: GroupPlan) -> tuple[Text, Text, Text]:
    first = next(action for action in plan.accounts[leg.account].actions if action.id == leg.actions[0])
    orders = f" in {counted(len(leg.actions), 'order')}" if len(leg.actions) > 1 else ""
    verb = f"{_VERBS[leg.kind]} {leg.side}, {first.side} {exact(leg.quantity)}{orders}"
    worth = "" if leg.value is None else f"~ {money(leg.value, plan.group.quote)}"
    because = f"{leg.rule}: {_WITH_PAIR if leg.rule == 'group.pair' else first.because}"
    return words(verb), words(worth), words(because, "dim")


def _singles(plan: GroupPlan) -> RenderableType | None:
    singles = [bundle for bundle in plan.bundles if not bundle.is_pair]
    table = rows("l", "l", "l", "r", "l")
    for bundle in singles:
        (leg,) = bundle.legs
        table.add_row(words(leg.account), words(leg.symbol), *_what(leg, plan))
    return section("Exits of their own", "no hedge stands against them", table) if singles else None


def _held(plan: GroupPlan) -> RenderableType | None:
    table = rows("l", "l", "l")
    for pair in plan.held:
        positions = ", ".join(map(_position, pair.positions))
        table.add_row(Text("=", "cyan"), words(pair.asset), words(f"{pair.because}; wanted: {pair.wanted}"))
        table.add_row(words(""), words(""), words(positions, "dim"))
    return section("Pairs that stay", "one side was to go", table) if plan.held else None


def _position(holding: Holding) -> str:
    return f"{plain(holding.quantity)} {holding.symbol} {holding.side} at {holding.account}"


def _accounts(plan: GroupPlan) -> RenderableType:
    table = titled("account", "venue", "equity", "positions", "actions", "guards", justify="llrrrl")
    for name, made in plan.accounts.items():
        equity = "unknown" if made.snapshot.equity is None else money(made.snapshot.equity, made.account.quote)
        table.add_row(
            words(name),
            words(made.account.venue),
            words(equity),
            words(f"{len(made.positions):,}"),
            words(f"{len(made.actions):,}"),
            _guards(made),
        )
    return section("Accounts", "", table)


def _guards(plan: Plan) -> Text:
    refused = ", ".join(guard.name for guard in plan.refusals)
    return words(refused, "bold red") if refused else words("ok")


def _refusals(plan: GroupPlan) -> RenderableType | None:
    table = rows("l", "l", "l", "l")
    for guard in plan.refusals:
        _add_refusal(table, f"group {plan.group.name}", guard)
    for name, made in plan.accounts.items():
        for guard in made.refusals:
            _add_refusal(table, name, guard)
    return section("Refused", "nothing of this plan is applied", table, "bold red") if plan.is_refused else None


def _add_refusal(table: Table, whose: str, guard: GuardResult) -> None:
    table.add_row(Text("x", "bold red"), words(whose), words(guard.name, "bold red"), words(guard_text(guard)))


def _summary(plan: GroupPlan) -> RenderableType:
    pairs = sum(bundle.is_pair for bundle in plan.bundles)
    if not plan.has_changes:
        return heading("Nothing to do in the group.")
    others = sum(len(made.actions) for made in plan.accounts.values())
    sold = total([leg.value for bundle in plan.bundles for leg in bundle.legs])
    said = f"{counted(pairs, 'pair')}, {counted(len(plan.bundles) - pairs, 'exit')} alone, {counted(others, 'action')}"
    return heading("Plan: ").append(f"{said}; sells ~ {money(sold, plan.group.quote)}.", "bold")
