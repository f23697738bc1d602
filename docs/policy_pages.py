"""A page for each shipped policy, with a picture of one simulated clean-up; and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from docs.clean_ups import CLEAN_UPS, CleanUp, standings_of
from docs.drawing import draw_standings
from docs.markdown import code, page, section, table
from exitplan.cli.rendering.graphs import mermaid_text
from exitplan.cli.rendering.policies import differences_of, parameters_of
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.planning.checks import AccountState
from exitplan.ruleset.planning.words import counted
from exitplan.schemas.layout.writing import inline
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.schemas.shipped import BASE, INVARIANTS, SHIPPED_POLICIES, ShippedPolicy, find_shipped
from exitplan.workbench.graph import graph_of_exits
from exitplan.workbench.simulation.standing import Standing

_RULE_BLOCKS = ("classification", "orders", "exits")
_ABOUT_PICTURE = (
    "Each bar is what the account holds before a cycle, the last one what it holds in the end: cash, and positions by "
    "their category. A derivative counts with its notional value. Below each are the number of positions and how the "
    "account stands. Prices follow one random walk; another one would look otherwise, and no real venue was asked."
)


@cache
def policy_files() -> Mapping[str, str]:
    """Return the pages of the shipped policies and their pictures, by their paths; made once a process."""
    files = {}
    for shipped in SHIPPED_POLICIES.values():
        loaded = load_policy(shipped.file)
        files[shipped.page] = _page(shipped, loaded)
        title = f"A clean-up under {shipped.name}"
        quote = "USDT" if CLEAN_UPS[shipped.name].account == "pairs" else "USD"
        files[f"docs/policies/{shipped.name}.svg"] = draw_standings(title, quote, standings_of(shipped.name))
    return files


def policies_table(folder: str) -> str:
    """Return the table of all policies, with links relative to a page beside ``folder``."""
    rows = [[f"[{one.name}]({folder}/{one.name}.md)", one.purpose] for one in SHIPPED_POLICIES.values()]
    return table(["policy", "what it is for"], rows)


def _page(shipped: ShippedPolicy, loaded: LoadedPolicy) -> str:
    base = load_policy(find_shipped(BASE).file)
    differences = [section(f"What differs from {BASE}", _differences(loaded, base))] if shipped.name != BASE else []
    return page(
        shipped.name,
        shipped.purpose,
        loaded.policy.description,
        section("When to use it", _bullets(shipped.use)),
        section("When not to use it", _bullets(shipped.avoid)),
        section("One clean-up", *_clean_up(shipped.name, CLEAN_UPS[shipped.name])),
        section("Parameters", _parameters(loaded, base)),
        *differences,
        section("Rules", *_rules(loaded.document)),
        section("The ways through it", _WAYS, f"```mermaid\n{mermaid_text(graph_of_exits(loaded.policy))}```"),
        section("What is proved", _proved(shipped, loaded)),
        "[All policies](../policies.md), [the language](../policies.md#the-parts)",
    )


_WAYS = "An arrow stands only where a position that is not protected can go along it, which is proved."


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _clean_up(name: str, clean_up: CleanUp) -> Iterator[str]:
    standings = standings_of(name)
    yield f"{clean_up.about} {_outcome(standings)}"
    yield f"![What the account holds before each cycle, by category]({name}.svg)"
    yield _ABOUT_PICTURE
    yield f"```sh\n{clean_up.command(name)}\n```"


def _outcome(standings: Sequence[Standing]) -> str:
    last = len(standings) - 1
    cycles = counted(last, "cycle")
    if standings[-1].state is AccountState.CLEAN:
        return f"The account is CLEAN after {cycles}."
    return f"The account is not CLEAN after {cycles}, and no further cycle changes that."


def _parameters(loaded: LoadedPolicy, base: LoadedPolicy) -> str:
    rows = []
    for name, value, other in parameters_of(loaded, base):
        meaning = PARAMETERS[name].meaning if name in PARAMETERS else "Its own, for its conditions."
        rows.append([code(name), code(value), code(other) if other not in {None, value} else "", meaning])
    return table(["parameter", "value", f"in {BASE}", "meaning"], rows)


def _differences(loaded: LoadedPolicy, base: LoadedPolicy) -> str:
    rows = [
        [code(change.name), code(change.old or ""), code(change.new) if change.new is not None else "removed"]
        for change in differences_of(loaded, base)
    ]
    proof = f"`exitplan compare {BASE} {loaded.policy.name}` proves which positions it treats otherwise."
    return f"{table(['what', f'in {BASE}', 'here'], rows)}\n\n{proof}"


def _rules(document: Mapping[str, Any]) -> Iterator[str]:
    """Write the rules as tables: the first one that matches decides."""
    yield "In each table the first rule that matches decides. A bare word is a definition, `$name` a parameter."
    definitions = document.get("definitions") or {}
    yield table(["definition", "holds where"], [[code(name), code(inline(when))] for name, when in definitions.items()])
    heads = {"classification": "is", "orders": "does", "exits": "does"}
    for block in _RULE_BLOCKS:
        rows = [
            [code(rule["id"]), code(rule.get("category") or rule["action"]), code(inline(rule["when"])), _why(rule)]
            for rule in document.get(block) or []
        ]
        yield table([block, heads[block], "where", "because"], rows)


def _why(rule: Mapping[str, Any]) -> str:
    return code(rule["because"]) if "{" in rule.get("because", "") else rule.get("because", "")


def _proved(shipped: ShippedPolicy, loaded: LoadedPolicy) -> str:
    outer = load_policy(INVARIANTS).policy.invariants
    lines = [f"- {one.text}" for one in (*loaded.policy.invariants, *outer)]
    about = (
        f"These hold for every position that an account can have. `exitplan policies test {shipped.name}` proves them "
        f"and runs [its tests](../../policies/tests/{shipped.name}.test.yaml), which show every rule of "
        f"[the policy](../../policies/{shipped.name}.yaml) and each of its comparisons both ways."
    )
    return "\n".join([about, "", *lines])
