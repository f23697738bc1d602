"""What a caller sets: parameters over a policy, and which policy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from exitplan.brokers.duck_typed.values import amount_of
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.values import plain
from exitplan.schemas.policies import SHIPPED, shipped_policy

Overrides = Mapping[str, Decimal | int]
DEFAULT_POLICY = "default"


class UsualCount(int):
    """A whole number that stands for "as the policy says", and shows what the shipped policy says."""


class UsualNumber(float):
    """A number that stands for "as the policy says", and shows what the shipped policy says."""


MAX_POSITIONS = UsualCount(8)
DUST_PCT = UsualNumber(0.01)
DUST_USD = UsualNumber(1.0)
STALE_MINUTES = UsualCount(30)
UNWIND_PCT = UsualNumber(0.25)
UNWIND_CYCLES = UsualCount(4)


def read_overrides(**given: object) -> dict[str, Decimal | int]:
    """Collect the parameters that a caller sets over the policy, exactly as they print.

    A default sets nothing, since the policy knows better; nor does None. The same number given by a caller sets it.
    Raises UsageError for one that is no number or out of range.
    """
    usual = (UsualCount, UsualNumber)
    chosen = {name: value for name, value in given.items() if value is not None and not isinstance(value, usual)}
    return {name: _parameter(name, value) for name, value in chosen.items()}


def _parameter(name: str, value: object) -> Decimal | int:
    setting, number = PARAMETERS[name], amount_of(value)
    if number is None:
        raise UsageError(f"{name} is {value!r}; a number is expected")
    if setting.type == "integer" and number != int(number):
        raise UsageError(f"{name} is {value!r}; a whole number is expected")
    percent = f"1 % is 0.01: write {plain(number / 100)} for {plain(number)} %"
    if not setting.allows(number):
        hint = percent if setting.warns_from is not None and number > 0 else None
        raise UsageError(f"{name} is {value!r}; allowed is {setting.limits}", hint=hint)
    if setting.warns_from is not None and number >= setting.warns_from:
        warnings.warn(f"{name} is {value!r}, which is {plain(number * 100)} %; {percent}", stacklevel=4)
    return int(number) if setting.type == "integer" else number


def policy_file(policy: str | Path) -> Path:
    """Find a policy: a file, else by its name among ``policies/`` of the working folder and those shipped.

    Raises UsageError where there is none.
    """
    path = Path(policy)
    if path.suffix in {".yaml", ".yml"} or path.name != str(policy):
        return path
    local = Path("policies") / f"{policy}.yaml"
    file = local if local.is_file() else shipped_policy(str(policy))
    if not file.is_file():
        names = [known.stem for known in sorted(SHIPPED.glob("*.yaml"))]
        hint = did_you_mean(str(policy), names) or f"shipped are {', '.join(names)}; a file is named by its path"
        raise UsageError(f"there is no policy {str(policy)!r}", hint=hint)
    return file
