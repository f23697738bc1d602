"""The page on lint, generated from the registry of its checks."""

from __future__ import annotations

from docs.markdown import code, page, section, table
from exitplan.workbench.lint.checks import CHECKS, Check

_ABOUT = """
`exitplan validate` says whether a policy is well formed. `exitplan lint` says whether it means something: it proves,
for every position that an account can hold and every order, which rules can decide. Nothing is sampled, and nothing
is read from a venue.

```
$ exitplan lint policies/mine.yaml
policies/mine.yaml:12:5: warning P102: tiny never decides: all it matches is decided by small before it
1 policy: 1 warning, 0 for information.
```

Exit code 1 where there is a warning. `--json` is for programs, `--format sarif` for code scanning, `--format github`
for annotations of GitHub Actions. `exitplan validate` shows the same warnings, as far as they are found in a few
hundredths of a second; its exit code does not depend on them. What is for information is told of the files that are
named, not of those they extend.
"""
_IGNORING = """
Where something is as it should be, a comment on the rule's line, or on the line above, says so and why:

```yaml
  # exitplan: ignore P104 because its reason says more than the next one's
  - {id: legacy.untracked, category: LEGACY_NON_COMPLIANT, when: {tracked: false}}
```

Several codes are written `ignore P104, P108`. `ignore P102 of legacy.over-cap because ...` is about a rule of that
name wherever it stands: so a file silences what is found at a rule that it inherits, for itself and for those that
extend it. A comment without a reason, with an unknown code, or that silences nothing is itself a finding (P121,
P122).
"""
_FIXING = """
`--fix` takes rules that never decide and parts of conditions that say nothing out of the files that are named, and
shows how they changed. Comments and layout stay; a comment at the end of a removed line goes with it. Each step is
proved: every position has the same category and exit as before, the same orders are cancelled, and all else in the
policy is the same. What cannot be proved is left.
"""
_HOW = """
The values of each fact are cut at the literals of the policy, on the six decimals that facts have; between two cuts
every condition says the same. What facts have to do with each other is part of the proof: only what has a price has a
value, only a listed market trades, `opened_by_strategy` goes by `position_source`, the cap chooses only what it may.
A small solver with clause learning then decides every question. What is said to be possible is replayed: an account
with that position or order is built and planned by the planner itself. A question that takes too long is "not
decided" (P109).

Not proved are the order in which the cap chooses, `max_positions`, guards and quantities. The guard `max_zombie_pct`
asks which rule decided, so that a rule that only serves the reason (P104) may matter to it.
"""


def lint_page() -> str:
    """Return the page on lint."""
    rows = [[f"[{check.code.value}](#{_anchor(check)})", check.severity, check.meaning] for check in CHECKS.values()]
    return page(
        "Lint: what is proved of a policy",
        _ABOUT.strip(),
        table(["code", "severity", "what it says"], rows),
        section("Silence a finding", _IGNORING.strip()),
        section("Mend", _FIXING.strip()),
        section("How", _HOW.strip()),
        *(_check_section(check) for check in CHECKS.values()),
    )


def _anchor(check: Check) -> str:
    return f"{check.code.value}-{check.name}".lower()


def _check_section(check: Check) -> str:
    parts = [f"{check.meaning} ({check.severity})", check.about]
    if check.bad:
        parts += [_yaml("Found:", check.bad), _yaml("Mended:", check.good)]
    if check.fix:
        parts.append(f"{code('--fix')} {check.fix}.")
    return section(f"{check.code.value} {check.name}", *parts)


def _yaml(title: str, text: str) -> str:
    return f"{title}\n\n```yaml\n{text}```"
