"""The checks of lint as one registry: code, name, severity, meaning, and an example of what it finds with its mend.

Messages, ``docs/lint.md``, SARIF and the check of ``# exitplan: ignore`` comments are made from this table. A code is
never given to another check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Severity = Literal["warning", "info"]


class Code(StrEnum):
    """The kinds of findings."""

    SUSPICIOUS = "P100"
    NEVER_MATCHES = "P101"
    NEVER_DECIDES = "P102"
    ALWAYS_MATCHES = "P103"
    ONLY_A_REASON = "P104"
    NO_EXIT = "P105"
    UNREACHED_EXIT = "P106"
    REDUNDANT_PART = "P107"
    IDLE_PART = "P108"
    NOT_DECIDED = "P109"
    GAP = "P110"
    UNIT_SLIP = "P111"
    NO_EFFECT = "P112"
    BAD_IGNORE = "P121"
    IDLE_IGNORE = "P122"
    INVARIANT_BROKEN = "P201"
    INVARIANT_NOT_DECIDED = "P202"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that lint looks for.

    ``meaning`` is what a finding says, ``about`` why it matters and what to do. ``bad`` is a part of a policy that has
    it and ``good`` one that has not; both are empty where no short example can show it. ``fix`` is what ``--fix`` does.
    """

    code: Code
    name: str
    severity: Severity
    meaning: str
    about: str
    bad: str = ""
    good: str = ""
    fix: str = ""


def _table(*checks: Check) -> dict[Code, Check]:
    return {check.code: check for check in checks}


CHECKS: Mapping[Code, Check] = _table(
    Check(
        Code.SUSPICIOUS,
        "suspicious",
        "warning",
        "What `exitplan validate` warns of.",
        "The policy can be used, and probably does not say what was meant: a parameter or a definition that nothing "
        "uses, a limit finer than facts are, a symbol in lower case.",
        bad="""\
parameters: {small: 5}
classification:
  - {id: cheap, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
parameters: {small: 5}
classification:
  - {id: cheap, category: ZOMBIE_LEGACY, when: {value_usd: {lt: $small}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
    ),
    Check(
        Code.NEVER_MATCHES,
        "never-matches",
        "warning",
        "No position, or no order, can match the rule.",
        "Its parts contradict each other, or what facts mean: what is not listed cannot be sold, what has no price has "
        "no value. Often two conditions were meant as alternatives: write them under `any`.",
        bad="""\
classification:
  - {id: gone, category: ZOMBIE_LEGACY, when: {market_known: false, sellable: true}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
classification:
  - {id: gone, category: ZOMBIE_LEGACY, when: {any: [{market_known: false}, {api_mismatch: true}]}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        fix="removes the rule",
    ),
    Check(
        Code.NEVER_DECIDES,
        "never-decides",
        "warning",
        "Whatever the rule matches is decided by rules before it.",
        "The first match decides. The fewest rules that take everything together are named; put the narrower rule "
        "before them, or remove it.",
        bad="""\
classification:
  - {id: small, category: LEGACY_NON_COMPLIANT, when: {value_usd: {lt: 10}}}
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
exits:
  - {id: sell, when: {category: {in: [ZOMBIE_LEGACY, LEGACY_NON_COMPLIANT]}}, action: close}
""",
        good="""\
classification:
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
  - {id: small, category: LEGACY_NON_COMPLIANT, when: {value_usd: {lt: 10}}}
exits:
  - {id: sell, when: {category: {in: [ZOMBIE_LEGACY, LEGACY_NON_COMPLIANT]}}, action: close}
""",
        fix="removes the rule",
    ),
    Check(
        Code.ALWAYS_MATCHES,
        "always-matches",
        "warning",
        "Every position, or every order, matches the rule.",
        "No rule after it ever decides, and nothing is left alone. Name what is meant.",
        bad="""\
orders:
  - {id: old, when: {age_minutes: {gte: 0}}, action: cancel}
""",
        good="""\
orders:
  - {id: old, when: {age_minutes: {gte: 30}}, action: cancel}
""",
    ),
    Check(
        Code.ONLY_A_REASON,
        "only-a-reason",
        "info",
        "Without the rule the same would be done: it only serves the reason that is told.",
        "A later rule would decide the same. That may be what is wanted: the reason is then a better one.",
        bad="""\
classification:
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
    ),
    Check(
        Code.NO_EXIT,
        "no-exit",
        "warning",
        "A position can be legacy or a zombie and have no exit: the account is then never CLEAN.",
        "A position that shows it is named, as it differs from an ordinary one. Add an exit for its category.",
        bad="""\
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT, side: long}, action: close}
""",
        good="""\
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT}, action: close}
""",
    ),
    Check(
        Code.UNREACHED_EXIT,
        "unreached-exit",
        "warning",
        "No rule of the classification makes a position what the exit asks for.",
        "The exit never runs. A rule of the classification is missing, or another category was meant.",
        bad="""\
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: zombie, when: {category: ZOMBIE_LEGACY}, action: close}
  - {id: legacy, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
""",
        good="""\
classification:
  - {id: gone, category: ZOMBIE_LEGACY, when: {market_known: false}}
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: zombie, when: {category: ZOMBIE_LEGACY}, action: close}
  - {id: legacy, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
""",
        fix="removes the exit",
    ),
    Check(
        Code.REDUNDANT_PART,
        "redundant-part",
        "warning",
        "The condition says the same without this part.",
        "The other parts, and what facts mean, already say it; or, under `any`, another one covers it. Often another "
        "limit was meant.",
        bad="""\
classification:
  - {id: stuck, category: ZOMBIE_LEGACY, when: {market_known: true, sellable: true, tracked: false}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
classification:
  - {id: stuck, category: ZOMBIE_LEGACY, when: {sellable: true, tracked: false}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        fix="removes the part",
    ),
    Check(
        Code.IDLE_PART,
        "idle-part",
        "info",
        "Without this part the same would be done, because of the other rules.",
        "Rules before take what the part would exclude, or rules after decide the same. That may be what is wanted: "
        "the rule then says by itself whom it is meant for.",
        bad="""\
parameters: {strategy_sources: [ours]}
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
  - {id: foreign, category: ZOMBIE_LEGACY, when: {tracked: true, opened_by_strategy: false}}
exits:
  - {id: sell, when: {category: {in: [ZOMBIE_LEGACY, LEGACY_NON_COMPLIANT]}}, action: close}
""",
        good="""\
parameters: {strategy_sources: [ours]}
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
  - {id: foreign, category: ZOMBIE_LEGACY, when: {opened_by_strategy: false}}
exits:
  - {id: sell, when: {category: {in: [ZOMBIE_LEGACY, LEGACY_NON_COMPLIANT]}}, action: close}
""",
    ),
    Check(
        Code.NOT_DECIDED,
        "not-decided",
        "info",
        "The question was too hard to answer in time. It is not said that all is well.",
        "Or the planner did not confirm the position that was found. Rules with fewer tests are easier to prove, and "
        "to read.",
    ),
    Check(
        Code.GAP,
        "gap",
        "warning",
        "One value of a fact is decided by a later rule than the values on both sides of it.",
        "Two limits meet and neither includes the value between them. A position that shows it is named. Let one of "
        "the limits include it: `lte` or `gte`.",
        bad="""\
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
  - {id: large, category: LEGACY_NON_COMPLIANT, when: {value_usd: {gt: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
  - {id: unwind, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
""",
        good="""\
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
  - {id: large, category: LEGACY_NON_COMPLIANT, when: {value_usd: {gte: 10}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
  - {id: unwind, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
""",
    ),
    Check(
        Code.UNIT_SLIP,
        "unit-slip",
        "warning",
        "A fact is compared with a number that is most likely in another unit.",
        "Shares are fractions (0.05 is 5 %), times are minutes, values are in the account's quote currency, cycles and "
        "failures are whole numbers.",
        bad="""\
classification:
  - {id: large, category: LEGACY_NON_COMPLIANT, when: {account_pct: {gt: 5}}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT}, action: close}
""",
        good="""\
classification:
  - {id: large, category: LEGACY_NON_COMPLIANT, when: {account_pct: {gt: 0.05}}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT}, action: close}
""",
    ),
    Check(
        Code.NO_EFFECT,
        "no-effect",
        "warning",
        "The file sets something that nothing in the policy looks at.",
        "Unwind parameters where no exit unwinds, an order for the cap where no rule asks `over_cap`, a guard that can "
        "never refuse. Only what the file sets itself is told, not what it inherits.",
        bad="""\
parameters: {unwind_cycles: 5}
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT}, action: close}
""",
        good="""\
parameters: {unwind_cycles: 5}
classification:
  - {id: stray, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
exits:
  - {id: sell, when: {category: LEGACY_NON_COMPLIANT}, action: unwind}
""",
    ),
    Check(
        Code.BAD_IGNORE,
        "bad-ignore",
        "warning",
        "An ignore comment is not understood, names a code that there is not, or gives no reason.",
        "It silences nothing. Who reads the policy next has to learn why.",
        bad="""\
classification:
  - {id: stray, category: ZOMBIE_LEGACY, when: {tracked: false}}  # exitplan: ignore P104
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
classification:
  - {id: stray, category: ZOMBIE_LEGACY, when: {tracked: false}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
    ),
    Check(
        Code.IDLE_IGNORE,
        "idle-ignore",
        "warning",
        "An ignore comment silences nothing.",
        "What it was for is mended, or it stands at the wrong rule. Remove it.",
        bad="""\
classification:
  - {id: stray, category: ZOMBIE_LEGACY, when: {tracked: false}}  # exitplan: ignore P104 because it was so once
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
classification:
  - {id: stray, category: ZOMBIE_LEGACY, when: {tracked: false}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
    ),
    Check(
        Code.INVARIANT_BROKEN,
        "invariant-broken",
        "warning",
        "The policy can break an invariant: its own, or one of the outer policy (`--under org.yaml`).",
        "A position that shows it is named. At run time the exit would be blocked as `invariant`, and an alert raised: "
        "change the rule, or the invariant. No comment silences it.",
        bad="""\
never:
  - {when: {strategy: core}, do: close}
classification:
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
        good="""\
never:
  - {when: {strategy: core}, do: close}
classification:
  - {id: tiny, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}, not: {strategy: core}}}
exits:
  - {id: sell, when: {category: ZOMBIE_LEGACY}, action: close}
""",
    ),
    Check(
        Code.INVARIANT_NOT_DECIDED,
        "invariant-not-decided",
        "info",
        "It is not decided whether the policy can break an invariant.",
        "The question was too hard to answer in time, or no such position could be built. At run time the "
        "invariant holds all the same: an exit that would break it is blocked.",
    ),
)

MEANINGS: Mapping[Code, str] = {code: check.meaning for code, check in CHECKS.items()}
WARNINGS = frozenset(code for code, check in CHECKS.items() if check.severity == "warning")
"""The findings that want to be mended; the others are for information."""
