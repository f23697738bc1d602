"""The policy as typed rules: what a merged document means, and every problem in it.

:func:`compile_policy` takes a document that has passed ``policy.schema.json`` and does what a schema cannot: it
resolves parameters and definitions, checks every condition against the facts, and warns of what nobody uses.
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from exitplan.ruleset.language.approval import Approval, read_approval
from exitplan.ruleset.language.condition_parser import Scope, parse_condition
from exitplan.ruleset.language.conditions import MAX_NODES, Condition, Not, Test, facts_in, is_finer_than_facts
from exitplan.ruleset.language.contradictions import find_contradiction
from exitplan.ruleset.language.escalation import Ladder, read_ladders
from exitplan.ruleset.language.parameters import (
    ADOPTED_SOURCE,
    DEEDS,
    DUST,
    EXIT_ACTIONS,
    GUARDS,
    PARAMETERS,
    Setting,
)
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.ruleset.language.unwinding import Unwind, read_unwind
from exitplan.ruleset.model.assets import AssetNames, find_alias_cycle
from exitplan.ruleset.model.fact_registry import CLASSIFICATION_FACTS, ORDER_FACTS, POSITION_FACTS, Category, Fact
from exitplan.ruleset.model.market_data import MarketDemand
from exitplan.ruleset.model.valuation import Belief
from exitplan.ruleset.model.values import is_derivative, parse_moment, plain, unified_symbol

if TYPE_CHECKING:  # few policies have a model, and no other waits for what reads one
    from exitplan.ruleset.health.model import HealthModel

__all__ = ["Cap", "Dust", "ExitRule", "Policy", "Problem", "Protection", "Rule", "compile_policy", "policy_sha256"]


SENTENCE_WORDS = ("age", "share", "value", "why", "cap_rank")
"""What the places of a ``because`` may name besides facts; ``reasons`` writes them."""
_NUMBERS = (
    "dust_pct_threshold",
    "dust_usd_threshold",
    "stale_order_minutes",
    "gradual_unwind_pct",
    "unwind_interval_minutes",
    "blind_exit_minutes",
    "max_price_gap",
)
GROUP_PREFIX = "group."
"""How the exits begin that a group of accounts orders; no policy of an account has such."""
HEALTH_SCORE = "health_score"
"""The fact that is computed only where a policy asks it, and has a model."""
_DUST_RULE, _ZOMBIE_RULE = 1, 4
_WHOLE_PCT = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy; ``path`` is its place in the merged document, ``severity`` that of alerts about it."""

    id: str
    when: Condition
    path: Path
    because: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class ClassificationRule(Rule):
    """A rule of phase 1."""

    category: Category = Category.DEFERRED


@dataclass(frozen=True, slots=True)
class ExitRule(Rule):
    """A rule of phase 3.

    ``number`` is the exit rule of the protocol it stands for (1 dust, 2 over cap, 3 gradual unwind, 4 zombie);
    ``attempts`` None means: tried in every plan.
    """

    action: Literal["close", "unwind", "attach_stop"] = "close"
    number: int | None = None
    attempts: int | None = None
    escalates: bool = False
    stop_pct: Decimal | None = None
    adopt: bool = False

    @property
    def is_dust(self) -> bool:
        """Check whether this is the protocol's dust exit, by its number or its id."""
        return self.number == _DUST_RULE or self.id == "dust"

    @property
    def is_convertible(self) -> bool:
        """Check whether what this exit cannot sell may be converted instead: only dust that is to be closed."""
        return self.is_dust and self.action == "close"

    @property
    def is_zombie(self) -> bool:
        """Check whether this is the protocol's zombie exit, by its number or its id."""
        return self.number == _ZOMBIE_RULE or self.id == "zombie"


@dataclass(frozen=True, slots=True)
class Invariant:
    """What is never, or always, done with a position for which ``when`` holds; ``does`` are names of deeds.

    ``path`` is its place in the merged document. A plan that would break it has the exit blocked.
    """

    when: Condition
    path: Path
    does: tuple[str, ...]
    is_always: bool = False
    because: str | None = None

    def forbids(self, action: str | None) -> bool:
        """Check whether an exit action, or doing nothing (None), breaks it where ``when`` holds."""
        return any(action in DEEDS[name].actions for name in self.does) != self.is_always

    @property
    def text(self) -> str:
        """The invariant as a person reads it: ``never close where strategy = core``."""
        why = f" ({self.because})" if self.because else ""
        deeds = " or ".join("do nothing" if name == "nothing" else name for name in self.does)
        return f"{'always' if self.is_always else 'never'} {deeds} where {self.when.text}{why}"


INVARIANTS = ("never", "always")
"""The parts of a policy that hold invariants; a file that extends another one can only add to them."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How positions are counted and chosen when there are too many."""

    scope: str = "all"
    rank_by: tuple[str, ...] = ("value_usd", "pnl_pct", "oldest")
    count_untradeable: bool = False


@dataclass(frozen=True, slots=True)
class Dust:
    """Whether dust too small to sell is converted, and what share of its value that may cost."""

    convert: bool = False
    max_cost_pct: Decimal = Decimal("0.05")


CASH_KEPT = (
    "USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "TRY", "BRL",
    "USDT", "USDC", "DAI", "FDUSD", "TUSD", "PYUSD", "EURC",
)  # fmt: skip
"""The currencies that are money and not positions, where a policy names none; first those to sell into."""


@dataclass(frozen=True, slots=True)
class CashRule:
    """Which other currencies are money, in the order in which they are sold into, and whether they are converted."""

    keep: tuple[str, ...] = CASH_KEPT
    convert: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """An asset that is never touched, named by itself or by a symbol; without ``until`` for ever.

    ``name`` is what the policy says, ``is_asset`` whether that is the name of an asset.
    """

    name: str
    is_asset: bool = False
    reason: str | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Check whether the entry still protects; it has expired from ``until`` on."""
        return self.until is None or now < self.until

    def asset(self, names: AssetNames) -> str:
        """Return the asset that is protected; a derivative is one of its own."""
        return names.resolve(self.name) if self.is_asset else names.of_symbol(self.name)


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy. ``sha256`` is that of the merged document without the account block.

    ``named_symbols`` are those that conditions compare with. ``health`` is the model that positions are scored by. The
    last six follow from the others, and are kept as every account asks for them: ``volatility_days`` is of how many
    closed days ``volatility_1d`` is, ``market_demand`` what unwinding wants to know of a market beyond what rules ask,
    ``names`` are those of assets, ``belief`` is what the policy believes of prices, ``money`` the assets that are no
    positions, ``asked`` the facts of positions that rules and invariants compare or the cap ranks by, and the score
    where a sentence tells it.
    """

    name: str
    sha256: str
    description: str = ""
    max_positions: int = 8
    dust_pct_threshold: Decimal = Decimal("0.01")
    dust_usd_threshold: Decimal = Decimal(1)
    stale_order_minutes: Decimal = Decimal(30)
    gradual_unwind_pct: Decimal = Decimal("0.25")
    unwind_cycles: int = 4
    unwind_interval_minutes: Decimal = Decimal(5)
    blind_exit_minutes: Decimal = Decimal(30)
    max_price_gap: Decimal = Decimal("0.10")
    strategy_sources: frozenset[str] = frozenset()
    classification: tuple[ClassificationRule, ...] = ()
    orders: tuple[Rule, ...] = ()
    exits: tuple[ExitRule, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    cap: Cap = field(default_factory=Cap)
    dust: Dust = field(default_factory=Dust)
    protect: tuple[Protection, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    named_symbols: tuple[str, ...] = ()
    cash: CashRule = field(default_factory=CashRule)
    guards: Mapping[str, Decimal] = field(default_factory=dict)
    halt_allows_exits: bool = False
    valid_minutes: Decimal = Decimal(15)
    tolerate_untradeable_dust: bool = True
    approval: Approval = field(default_factory=Approval)
    escalation: tuple[Ladder, ...] = ()
    unwind: Unwind = field(default_factory=Unwind)
    health: HealthModel | None = None
    volatility_days: int = field(init=False, repr=False, compare=False)
    market_demand: MarketDemand = field(init=False, repr=False, compare=False)
    names: AssetNames = field(init=False, repr=False, compare=False)
    belief: Belief = field(init=False, repr=False, compare=False)
    money: frozenset[str] = field(init=False, repr=False, compare=False)
    asked: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what depends on the policy alone."""
        object.__setattr__(self, "volatility_days", self.unwind.days)
        object.__setattr__(self, "market_demand", self.unwind.market_demand)
        object.__setattr__(self, "names", AssetNames(self.aliases))
        object.__setattr__(self, "belief", Belief(self.max_price_gap, self.dust_usd_threshold))
        object.__setattr__(self, "money", frozenset(map(self.names.resolve, self.cash.keep)))
        rules: tuple[Rule | Invariant, ...] = (*self.classification, *self.exits, *self.invariants)
        conditions = (rule.when for rule in rules)
        told = {HEALTH_SCORE} if any(f"{{{HEALTH_SCORE}}}" in (rule.because or "") for rule in rules) else set[str]()
        object.__setattr__(self, "asked", frozenset((*facts_in(conditions), *self.cap.rank_by, *told)))

    @property
    def scoring(self) -> HealthModel | None:
        """The model that positions are scored by; None where there is none, or nothing asks for the score."""
        return self.health if HEALTH_SCORE in self.asked else None

    def protected_assets(self, names: AssetNames, now: datetime) -> frozenset[str]:
        """Return the assets that are protected now."""
        return frozenset(entry.asset(names) for entry in self.protect if entry.holds(now))


def policy_sha256(document: Mapping[str, Any]) -> str:
    """Hash what a merged policy means: key order, number spelling and the account block make no difference."""
    body = {key: value for key, value in document.items() if key != "account"}
    canonical = json.dumps(_canonical(body), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _canonical(node: Any) -> Any:  # noqa: ANN401 - a node of a document
    if isinstance(node, Mapping):
        return {key: _canonical(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_canonical(value) for value in node]
    if isinstance(node, int | Decimal) and not isinstance(node, bool):
        return {"number": plain(Decimal(node))}
    return node


def compile_policy(document: Mapping[str, Any]) -> tuple[Policy | None, list[Problem]]:
    """Compile a merged policy; the policy is None where any problem is an error."""
    reader = _Reader(document)
    policy = reader.policy()
    broken = any(problem.severity == "error" for problem in reader.problems)
    return (None if broken else policy), reader.problems


class _Reader:
    """Reads one document, collecting problems."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.definitions: Mapping[str, Any] = document.get("definitions") or {}
        defaults = {name: _as_written(setting.default) for name, setting in PARAMETERS.items()}
        self.written: Mapping[str, Any] = document.get("parameters") or {}
        self.parameters = {**defaults, **self.written}
        self.problems: list[Problem] = []
        self.scopes = {
            "classification": self._scope(CLASSIFICATION_FACTS),
            "orders": self._scope(ORDER_FACTS),
            "exits": self._scope(POSITION_FACTS),
            "invariants": self._scope(POSITION_FACTS),
        }
        self.nodes = 0
        self.named_symbols = set[str]()

    def _scope(self, facts: Mapping[str, Fact]) -> Scope:
        return Scope(facts, self.parameters, self.definitions)

    def policy(self) -> Policy:
        """Read the whole document."""
        self._check_settings("parameters", PARAMETERS)
        self._check_settings("guards", GUARDS)
        self._check_settings("dust", DUST)
        policy = Policy(
            name=self.document.get("name", ""),
            sha256=policy_sha256(self.document),
            description=self.document.get("description") or "",
            max_positions=int(self.parameters["max_positions"]),
            **{name: Decimal(self.parameters[name]) for name in _NUMBERS},
            unwind_cycles=int(self.parameters["unwind_cycles"]),
            strategy_sources=frozenset(self.parameters["strategy_sources"]),
            classification=tuple(self._classification()),
            orders=tuple(self._orders()),
            exits=tuple(self._exits()),
            invariants=tuple(self._invariants()),
            cap=self._cap(),
            dust=self._dust(),
            protect=tuple(self._protect()),
            aliases=self._aliases(),
            named_symbols=tuple(sorted(self.named_symbols)),
            cash=self._cash(),
            guards=self._guards(),
            halt_allows_exits=(self.document.get("guards") or {}).get("halt_allows_exits", False),
            valid_minutes=Decimal((self.document.get("plan") or {}).get("valid_minutes", 15)),
            tolerate_untradeable_dust=(self.document.get("clean") or {}).get("tolerate_untradeable_dust", True),
            approval=self._approval(),
            escalation=self._escalation(),
            unwind=self._unwind(),
            health=self._health(),
        )
        self._check_health(policy)
        self._finish()
        return policy

    def _health(self) -> HealthModel | None:
        model = (self.document.get("health") or {}).get("model")
        if model is None:
            return None
        from exitplan.ruleset.health.model import read_model  # noqa: PLC0415 - as above

        return read_model(model)

    def _check_health(self, policy: Policy) -> None:
        """Warn of a policy that asks for a score and has no model: what is not known decides nothing."""
        if policy.health is not None or HEALTH_SCORE not in policy.asked:
            return
        hint = "add health: {model: default}"
        if HEALTH_SCORE in policy.cap.rank_by:
            path: Path = ("cap", "rank_by")
            self.problems.append(Problem(path, "no position has a health_score without a model", "warning", hint))
        rules: tuple[Rule | Invariant, ...] = (*policy.classification, *policy.exits, *policy.invariants)
        for rule in rules:
            if HEALTH_SCORE in facts_in([rule.when]):
                message = "health_score is never known: the policy has no health model"
                self.problems.append(Problem((*rule.path, "when"), message, "warning", hint))

    def _finish(self) -> None:
        """Collect the scopes' problems once each, and say what nobody uses."""
        for scope in self.scopes.values():
            self.problems.extend(problem for problem in scope.problems if problem not in self.problems)
        if self.nodes > MAX_NODES:
            self.problems.append(
                Problem((), f"the conditions have {self.nodes} parts in all; at most {MAX_NODES} are allowed")
            )
        self._check_unused()

    def _check_unused(self) -> None:
        used_parameters = set(PARAMETERS).union(*(scope.used_parameters for scope in self.scopes.values()))
        used_definitions = set[str]().union(*(scope.used_definitions for scope in self.scopes.values()))
        for name in self.written:
            if name in used_parameters:
                continue
            hint = did_you_mean(name, PARAMETERS)
            if hint:
                self._problem(("parameters", name), f"unknown parameter {name!r}", hint, on_key=True)
            else:
                message = f"parameter {name!r} is used by no condition"
                self.problems.append(Problem(("parameters", name), message, "warning", on_key=True))
        for name in self.definitions:
            if name not in used_definitions:
                self._read_unused(name)
                message = f"definition {name!r} is used by no rule"
                self.problems.append(Problem(("definitions", name), message, "warning", on_key=True))

    def _read_unused(self, name: str) -> None:
        """Report what is wrong with a definition, read as one for positions or as one for orders, whichever fits."""
        scopes = [self._scope(POSITION_FACTS), self._scope(ORDER_FACTS)]
        for scope in scopes:
            parse_condition(name, ("definitions", name), scope)
        fewest = min((scope.problems for scope in scopes), key=len)
        self.problems.extend(problem for problem in fewest if problem not in self.problems)

    def _problem(self, path: Path, message: str, hint: str | None = None, *, on_key: bool = False) -> None:
        self.problems.append(Problem(path, message, hint=hint, on_key=on_key))

    def _check_settings(self, block: str, settings: Mapping[str, Setting]) -> None:
        for name, value in (self.document.get(block) or {}).items():
            if name in settings:
                self._check_setting((block, name), settings[name], value)

    def _check_setting(self, path: Path, setting: Setting, value: Any) -> None:  # noqa: ANN401 - a node of a document
        if setting.type in {"texts", "boolean"}:
            return
        number = Decimal(value)
        high = setting.maximum
        if not setting.allows(number):
            hint = (
                f"write {plain(number / 100)} for {plain(number)} %" if high == 1 and 1 < number <= _WHOLE_PCT else None
            )
            if setting.warns_from is not None:
                hint = f"1 % is 0.01; write {plain(number / 100)} for {plain(number)} %"
            self._problem(path, f"{setting.name} is {plain(number)}; allowed is {setting.limits}", hint)
        elif setting.warns_from is not None and number >= setting.warns_from:
            message = f"{setting.name} is {plain(number)}: {plain(number * 100)} % of the account is a lot"
            self.problems.append(Problem(path, message, "warning", "1 % is 0.01"))
        if setting.type == "number" and is_finer_than_facts(number):
            message = f"{plain(number)} is finer than facts are"
            self.problems.append(Problem(path, message, "warning", "facts have six decimal places, rounded down"))

    def _rules(self, block: str) -> list[tuple[Mapping[str, Any], Path, Condition]]:
        rules = []
        seen: dict[str, int] = {}
        scope = self.scopes[block]
        for index, raw in enumerate(self.document.get(block) or []):
            path: Path = (block, index)
            if raw["id"] in seen:
                self._problem((*path, "id"), f"rule id {raw['id']!r} is there twice in {block}")
            seen[raw["id"]] = index
            self._check_because(raw.get("because"), (*path, "because"), scope)
            condition = parse_condition(raw["when"], (*path, "when"), scope)
            if condition is not None:
                self.nodes += condition.nodes
                self.named_symbols |= _symbols_in(condition)
                self._check_possible(condition, (*path, "when"), scope)
                rules.append((raw, path, condition))
        return rules

    def _check_possible(self, condition: Condition, path: Path, scope: Scope) -> None:
        excluded = find_contradiction(condition, scope.facts)
        if excluded is not None:
            message = f"this rule never matches: {excluded} cannot hold"
            self.problems.append(Problem(path, message, "warning", "to ask for either, write any: [...]"))

    def _check_because(self, because: str | None, path: Path, scope: Scope) -> None:
        if because is None:
            return
        try:
            places = [place[1:] for place in string.Formatter().parse(because) if place[1] is not None]
        except ValueError as error:
            self._problem(path, f"the sentence is not well formed: {error}", "places are written {value_usd}")
            return
        for name, layout, conversion in places:
            if name not in scope.facts and name not in SENTENCE_WORDS:
                hint = did_you_mean(str(name), scope.facts)
                self._problem(path, f"unknown fact {name!r} in the sentence", hint)
            elif layout or conversion:
                self._problem(path, f"the place of {name!r} in the sentence has a format", f"write {{{name}}}")

    def _classification(self) -> list[ClassificationRule]:
        return [
            ClassificationRule(
                raw["id"], when, path, raw.get("because"), raw.get("severity"), Category(raw["category"])
            )
            for raw, path, when in self._rules("classification")
        ]

    def _orders(self) -> list[Rule]:
        return [
            Rule(raw["id"], when, path, raw.get("because"), raw.get("severity"))
            for raw, path, when in self._rules("orders")
        ]

    def _exits(self) -> list[ExitRule]:
        return [self._exit(raw, path, when) for raw, path, when in self._rules("exits")]

    def _invariants(self) -> Iterator[Invariant]:
        """Read what is never and what is always done."""
        scope = self.scopes["invariants"]
        for block in INVARIANTS:
            for index, raw in enumerate(self.document.get(block) or []):
                condition = parse_condition(raw["when"], (block, index, "when"), scope)
                if condition is None:
                    continue
                self.nodes += condition.nodes
                self.named_symbols |= _symbols_in(condition)
                self._check_possible(condition, (block, index, "when"), scope)
                does = raw["do"] if isinstance(raw["do"], list) else [raw["do"]]
                yield Invariant(condition, (block, index), tuple(does), block == "always", raw.get("because"))

    def _exit(self, raw: Mapping[str, Any], path: Path, when: Condition) -> ExitRule:
        action = raw["action"]
        if raw["id"].startswith(GROUP_PREFIX):
            message = f"exits whose id begins with {GROUP_PREFIX!r} are those of groups of accounts"
            self._problem((*path, "id"), message, f"call it {raw['id'].removeprefix(GROUP_PREFIX)!r}")
        for key in ("stop_pct", "adopt"):
            if key in raw and key not in EXIT_ACTIONS[action].keys:
                self._problem((*path, key), f"{key!r} has no meaning for action {action!r}", on_key=True)
        if raw.get("adopt") and ADOPTED_SOURCE not in self.parameters["strategy_sources"]:
            message = f"what is adopted stays a legacy position: {ADOPTED_SOURCE!r} is not among the strategy_sources"
            self.problems.append(Problem((*path, "adopt"), message, "warning", f"add {ADOPTED_SOURCE!r} to them"))
        return ExitRule(
            raw["id"],
            when,
            path,
            raw.get("because"),
            raw.get("severity"),
            action=action,
            number=raw.get("rule"),
            attempts=raw.get("attempts"),
            escalates=raw.get("on_failure") == "escalate",
            stop_pct=self._stop_pct(raw, path) if action == "attach_stop" else None,
            adopt=raw.get("adopt", False),
        )

    def _stop_pct(self, raw: Mapping[str, Any], path: Path) -> Decimal | None:
        here = (*path, "stop_pct")
        if "stop_pct" not in raw:
            self._problem(path, "action 'attach_stop' needs stop_pct", "stop_pct: 0.10 places it 10 % below the mark")
            return None
        value = raw["stop_pct"]
        if isinstance(value, str):
            name = value.removeprefix("$")
            self.scopes["exits"].used_parameters.add(name)
            value = self.parameters.get(name) if value.startswith("$") else None
            if value is None:
                self._problem(here, f"unknown parameter {raw['stop_pct']!r}", did_you_mean(name, self.parameters))
                return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value < 1:
            self._problem(here, "stop_pct is a fraction between 0 and 1, such as 0.10 for 10 %")
            return None
        return Decimal(value)

    def _cap(self) -> Cap:
        raw = self.document.get("cap") or {}
        default = Cap()
        return Cap(
            scope=raw.get("scope", default.scope),
            rank_by=tuple(raw.get("rank_by", default.rank_by)),
            count_untradeable=raw.get("count_untradeable", default.count_untradeable),
        )

    def _cash(self) -> CashRule:
        raw = self.document.get("cash") or {}
        return CashRule(tuple(raw.get("keep", CASH_KEPT)), raw.get("convert", False))

    def _aliases(self) -> Mapping[str, str]:
        aliases: dict[str, str] = dict(self.document.get("aliases") or {})
        cycle = find_alias_cycle(aliases)
        if cycle is not None:
            way = " -> ".join((*cycle, cycle[0]))
            self._problem(("aliases", cycle[0]), f"the aliases go round in a circle: {way}", on_key=True)
        return aliases

    def _dust(self) -> Dust:
        written = {name: setting.default for name, setting in DUST.items()} | (self.document.get("dust") or {})
        return Dust(convert=written["convert"], max_cost_pct=Decimal(written["max_cost_pct"]))

    def _approval(self) -> Approval:
        approval, problems = read_approval(self.document.get("approval") or {})
        self.problems.extend(problems)
        return approval

    def _protect(self) -> list[Protection]:
        entries = []
        for index, raw in enumerate(self.document.get("protect") or []):
            named = [key for key in ("symbol", "asset") if raw.get(key) is not None]
            if len(named) != 1:
                said = "both symbol and asset" if named else "neither symbol nor asset"
                hint = "write one of them: asset: BTC, or symbol: BTC/USDT:USDT"
                self._problem(("protect", index), f"a protected position is named by {said}", hint)
                continue
            until = raw.get("until")
            try:
                moment = None if until is None else parse_moment(until)
            except ValueError:
                self._problem(("protect", index, "until"), f"there is no such moment as {until!r}")
                continue
            is_asset = named == ["asset"] and not is_derivative(raw["asset"])
            name = raw["asset"] if is_asset else unified_symbol(raw[named[0]])
            entries.append(Protection(name, is_asset, raw.get("reason"), moment))
        return entries

    def _escalation(self) -> tuple[Ladder, ...]:
        ladders, problems = read_ladders(self.document)
        self.problems.extend(problems)
        return tuple(ladders)

    def _unwind(self) -> Unwind:
        unwind, problems = read_unwind(self.document.get("unwind") or {})
        self.problems.extend(problems)
        return unwind

    def _guards(self) -> dict[str, Decimal]:
        written = self.document.get("guards") or {}
        limits = {name: written.get(name, setting.default) for name, setting in GUARDS.items()}
        numbers = {name: limit for name, limit in limits.items() if GUARDS[name].type != "boolean"}
        return {name: Decimal(limit) for name, limit in numbers.items() if limit is not None}


def _symbols_in(condition: Condition) -> set[str]:
    """Return the symbols that a condition compares with."""
    if isinstance(condition, Test):
        values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        return {unified_symbol(value) for value in values if condition.fact == "symbol" and isinstance(value, str)}
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return set[str]().union(*(_symbols_in(part) for part in parts))


def _as_written(default: Any) -> Any:  # noqa: ANN401 - any kind of setting
    return list(default) if isinstance(default, tuple) else default
