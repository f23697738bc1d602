"""What lint has found, with its place in the merged document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exitplan.ruleset.language.problems import Path
from exitplan.ruleset.model.fact_registry import FactValue
from exitplan.workbench.lint.checks import CHECKS, Check, Code


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was proved of a policy.

    ``witness`` are the facts of a position that shows it, where they differ from those of an ordinary one. ``about`` is
    the id of the rule, or the name of the setting. ``on_key``: the place is the key at ``path``, not its value.
    """

    code: Code
    path: Path
    message: str
    witness: Mapping[str, FactValue | None] = field(default_factory=dict)
    about: str = ""
    on_key: bool = False

    @property
    def check(self) -> Check:
        """The entry of the registry."""
        return CHECKS[self.code]

    @property
    def is_warning(self) -> bool:
        """Check whether it wants to be mended."""
        return self.check.severity == "warning"

    @property
    def is_open(self) -> bool:
        """Check whether it says that something was not decided."""
        return self.code in {Code.NOT_DECIDED, Code.INVARIANT_NOT_DECIDED}
