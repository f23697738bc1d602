"""Find parts of conditions that can be left out: comparisons, groups, and entries of lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from exitplan.ruleset.language.conditions import AllOf, AnyOf, Condition, Not, Test, literal_text
from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import Category
from exitplan.workbench.lint.checks import Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.lint.rule_lists import RuleList

Address = tuple[int, ...]
"""Where a part stands in a condition: the number of the child at each level."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a condition that could be left out; ``path`` is its place in the document.

    ``item`` is the fact and the value of an entry of a list.
    """

    address: Address
    path: Path
    text: str
    item: tuple[str, object] | None = None

    @property
    def is_shared(self) -> bool:
        """Check whether it stands in a definition, which other rules may use as well."""
        return self.path[:1] == ("definitions",)


def parts_of(condition: Condition, address: Address = ()) -> Iterator[Part]:
    """List the parts of a condition, each before those inside it."""
    if isinstance(condition, Not):
        yield from parts_of(condition.part, (*address, 0))
    elif isinstance(condition, AllOf):
        for number, child in enumerate(condition.parts):
            here = (*address, number)
            path = (*condition.path, number) if condition.path[-1:] in {("all",), ("any",)} else child.path
            is_named = child.path[:1] == ("definitions",) and path != child.path
            yield Part(here, path, str(child.path[1]) if is_named else child.text)
            yield from parts_of(child, here)
    elif isinstance(condition.value, tuple) and len(condition.value) > 1:
        for number, item in enumerate(condition.value):
            text = f"{literal_text(item)} in the list of {condition.fact}"
            yield Part((*address, number), (*condition.path, number), text, (condition.fact, item))


def without(condition: Condition, removed: frozenset[Address], address: Address = ()) -> Condition | None:
    """Return a condition without some of its parts; None where nothing is left."""
    if isinstance(condition, Not):
        part = without(condition.part, removed, (*address, 0))
        return None if part is None else Not(part, condition.path)
    if isinstance(condition, AllOf):
        children = [
            without(child, removed, (*address, number))
            for number, child in enumerate(condition.parts)
            if (*address, number) not in removed
        ]
        kept = tuple(child for child in children if child is not None)
        kind = AnyOf if isinstance(condition, AnyOf) else AllOf
        return kept[0] if len(kept) == 1 else kind(kept, condition.path) if kept else None
    return _shorter(condition, removed, address)


def _shorter(test: Test, removed: frozenset[Address], address: Address) -> Test | None:
    if not isinstance(test.value, tuple):
        return test
    items = tuple(item for number, item in enumerate(test.value) if (*address, number) not in removed)
    return replace(test, value=items) if items else None


@dataclass
class SharedParts:
    """What is known of the parts of definitions: one can be left out only if no use of it needs it."""

    redundant: dict[Path, tuple[Part, str]] = field(default_factory=dict)
    needed: set[Path] = field(default_factory=set)

    def note(self, part: Part, rule: str, *, is_redundant: bool) -> None:
        """Note whether a rule needs a part."""
        if is_redundant:
            self.redundant.setdefault(part.path, (part, rule))
        else:
            self.needed.add(part.path)

    def findings(self) -> Iterator[Finding]:
        """Tell of the parts that no rule needs, the outermost of those that stand in one another."""
        told: list[Path] = []
        for path, (part, _) in self.redundant.items():
            if path in self.needed or any(path[: len(outer)] == outer for outer in told):
                continue
            told.append(path)
            name = str(path[1])
            yield Finding(
                Code.REDUNDANT_PART, path, f"the definition {name} says the same without {part.text}", about=name
            )


def find_parts(rules: RuleList, number: int, shared: SharedParts, *, idle: bool) -> Iterator[Finding]:
    """Find the parts of a rule's condition that say nothing (P107), or change nothing that is done (P108, if ``idle``).

    Each of those that say nothing may be left out by itself, and all of them together. Raises NotDecided.
    """
    rule, model = rules.rules[number], rules.model
    removed: frozenset[Address] = frozenset()
    redundant: list[Part] = []
    needless: list[Address] = []
    lists = set[Path]()  # those of which an entry is needed: then all that are like it are
    same = rules.same_without(number)
    for part in _last_first(list(parts_of(rule.when))):
        if any(part.address[: len(outer)] == outer for outer in (*removed, *needless)):
            continue
        left = without(rule.when, frozenset({part.address}))
        is_alike = part.item in rules.alike
        if left is None or (is_alike and part.path[:-1] in lists):
            continue
        matches = model.facts.holds(left, rules.told)
        differs = _differ(rules, rules.decided.matches[number], matches)
        is_needed = model.possible(differs, *rules.reached(number), -same)
        if is_needed and is_alike:
            lists.add(part.path[:-1])
        is_redundant = not is_needed and _say_the_same(rules, rule.when, left)
        if part.is_shared:
            shared.note(part, rule.id, is_redundant=is_redundant)
        elif is_redundant:
            together = without(rule.when, removed | {part.address})
            if not removed or (together is not None and _say_the_same(rules, rule.when, together)):
                removed |= {part.address}
                redundant.append(part)
        elif not is_needed and idle:
            needless.append(part.address)
            message = f"without {part.text} in {rule.id} the same would be done"
            yield Finding(Code.IDLE_PART, part.path, message, about=rule.id)
    for part in redundant:
        message = f"{rule.id} says the same without {part.text}"
        yield Finding(Code.REDUNDANT_PART, part.path, message, about=rule.id)


def _last_first(parts: list[Part]) -> list[Part]:
    """Put the outer parts before those inside them, and of parts beside one another the last first."""
    return sorted(parts, key=lambda part: (len(part.address), tuple(-number for number in part.address)))


def _say_the_same(rules: RuleList, one: Condition, other: Condition) -> bool:
    """Check whether two conditions hold together or not at all, whatever category the other rules give."""
    told = {"category": rules.model.facts.any_value(Category)} if "category" in rules.told else rules.told
    holds = rules.model.facts.holds
    return not rules.model.possible(_differ(rules, holds(one, told), holds(other, told)))


def _differ(rules: RuleList, one: int, other: int) -> int:
    """Return the literal that exactly one of two conditions holds."""
    facts = rules.model.facts
    return facts.any_of([facts.all_of([one, -other]), facts.all_of([-one, other])])
