"""Read the policy of a group from a document that has the shape of one, and find what a shape cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exitplan.ruleset.groups.group_policy import (
    GroupCap,
    GroupPolicy,
    LegFailure,
    LegImbalance,
    PairRule,
    PositionName,
)
from exitplan.ruleset.language.policy import policy_sha256
from exitplan.ruleset.language.problems import Path, Problem
from exitplan.ruleset.model.assets import AssetNames, find_alias_cycle
from exitplan.ruleset.model.values import base_of, unified_symbol


def compile_group(document: Mapping[str, Any]) -> tuple[GroupPolicy | None, list[Problem]]:
    """Compile a group's policy; it is None where any problem is an error."""
    problems = list(_problems(document))
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    cap, imbalance = document.get("cap") or {}, document["max_leg_imbalance"]
    default = GroupCap()
    policy = GroupPolicy(
        name=document["name"],
        sha256=policy_sha256(document),
        quote=document["quote"],
        max_leg_imbalance=LegImbalance(Decimal(imbalance["value"]), imbalance["seconds"]),
        rates=_decimals(document, "rates"),
        aliases=dict(document.get("aliases") or {}),
        units=_decimals(document, "units"),
        hedged=document.get("hedged", "close_together"),
        pairs=_pairs(document.get("pairs") or {}),
        cap=GroupCap(
            cap.get("max_positions"),
            cap.get("pair_counts_as", default.pair_counts_as),
            tuple(cap.get("rank_by", default.rank_by)),
        ),
        dust_value=Decimal(document["dust"]["value"]) if document.get("dust") else None,
        on_leg_failure=LegFailure(**(document.get("on_leg_failure") or {})),
        guards=_decimals(document, "guards"),
    )
    return policy, problems


def _decimals(document: Mapping[str, Any], block: str) -> dict[str, Decimal]:
    return {key: Decimal(value) for key, value in (document.get(block) or {}).items()}


def _pairs(block: Mapping[str, Any]) -> PairRule:
    default = PairRule()
    listed = tuple(tuple(map(_position, pair)) for pair in block.get("listed") or ())
    return PairRule(block.get("find", default.find), Decimal(block.get("min_ratio", default.min_ratio)), listed)


def _position(written: Mapping[str, Any]) -> PositionName:
    return PositionName(written["account"], unified_symbol(written["symbol"]), written.get("side", "long"))


def _problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    aliases = document.get("aliases") or {}
    cycle = find_alias_cycle(aliases)
    if cycle is not None:
        way = " -> ".join((*cycle, cycle[0]))
        yield Problem(("aliases", cycle[0]), f"the aliases go round in a circle: {way}", on_key=True)
        return
    yield from (
        Problem(("rates", name), "a rate of the group's own quote says nothing", hint="remove it", on_key=True)
        for name in document.get("rates") or {}
        if name == document["quote"]
    )
    block = document.get("pairs") or {}
    is_listed = block.get("find", "asset") == "listed"
    if is_listed and not block.get("listed"):
        yield Problem(("pairs", "find"), "no pairs are listed", hint="list them under listed, or write find: asset")
    if not is_listed and block.get("listed"):
        message = "pairs are listed, and found by asset all the same"
        yield Problem(("pairs", "listed"), message, hint="write find: listed", on_key=True)
    yield from _listed_problems(AssetNames(aliases), block.get("listed") or ())


def _listed_problems(names: AssetNames, listed: Any) -> Iterator[Problem]:  # noqa: ANN401 - a node of a document
    """Find listed pairs that are none: of two assets, of one side, or of a position that is in another one."""
    first: dict[PositionName, int] = {}
    for number, written in enumerate(listed):
        place: Path = ("pairs", "listed", number)
        positions = [_position(entry) for entry in written]
        assets = list(dict.fromkeys(names.resolve(base_of(position.symbol)) for position in positions))
        if len(assets) > 1:
            hint = f"where they are one to you, write aliases: {{{assets[1]}: {assets[0]}}}"
            yield Problem(place, f"a pair is of one asset, and this is of {' and '.join(assets)}", hint=hint)
        if len({position.side for position in positions}) == 1:
            yield Problem(place, f"every position of the pair is {positions[0].side}", hint="write side: short for one")
        for at, position in enumerate(positions):
            if first.setdefault(position, number) != number or position in positions[:at]:
                message = f"{position.symbol} {position.side} at {position.account} is listed twice"
                yield Problem((*place, at), message)
