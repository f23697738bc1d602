"""What a caller sets: parameters over a policy, and which policy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from exitplan.brokers.duck_typed.values import amount_of
from exitplan.executor.accounts.project import project_data, project_root
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.values import plain
from exitplan.schemas.merging.extends import read_chain
from exitplan.schemas.policies import SHIPPED, LoadedPolicy, load_policy, policy_from_document, shipped_policy

Overrides = Mapping[str, Decimal | int]
PUBLISHED = "published"
"""The shipped policy behind the drop-in: what the code of the published protocol does."""
HIGH_EXPOSURE_RULE = "legacy.high-exposure"


class UsualCount(int):
    """A whole number that stands for "as the policy says", and shows what the shipped policy says."""


class UsualNumber(float):
    """A number that stands for "as the policy says", and shows what the shipped policy says."""


class UsualFolder(str):
    """A path that stands for "where the project has it", and shows what the published code says."""

    __slots__ = ()


DATA_DIR = UsualFolder("./data")
MAX_POSITIONS = UsualCount(8)
DUST_PCT = UsualNumber(0.01)
DUST_USD = UsualNumber(1.0)
STALE_MINUTES = UsualCount(30)
UNWIND_PCT = UsualNumber(0.25)
UNWIND_CYCLES = UsualCount(4)


class Tunable(Protocol):
    """What works under a policy, and can set a parameter over it."""

    @property
    def policy(self) -> Policy:
        """The policy, with the parameters set over it."""
        ...

    def set_parameter(self, name: str, value: object) -> None:
        """Set a parameter over the policy."""
        ...


class Parameter:
    """A parameter of the policy as an attribute: reads as it is in force; what is assigned is set over the policy.

    Assigning raises UsageError for what the constructor would refuse; None is the policy's own again.
    """

    def __init__(self, name: str, convert: Callable[[Any], float]) -> None:
        self.name = name
        self.convert = convert

    def __get__(self, instance: Tunable | None, owner: type) -> Any:  # noqa: ANN401 - a number, or itself on the class
        """Return the value in force."""
        return self if instance is None else self.convert(getattr(instance.policy, self.name))

    def __set__(self, instance: Tunable, value: object) -> None:
        """Set it over the policy."""
        instance.set_parameter(self.name, value)


def whole_or_float(number: Decimal | int) -> float:
    """Return a number as programs write it: whole where it is."""
    return int(number) if number == int(number) else float(number)


def read_overrides(**given: object) -> dict[str, Decimal | int]:
    """Collect the parameters that a caller sets over the policy, exactly as they print.

    A default sets nothing, since the policy knows better; nor does None. The same number given by a caller sets it.
    Raises UsageError for one that is no number or out of range.
    """
    usual = (UsualCount, UsualNumber)
    chosen = {name: value for name, value in given.items() if value is not None and not isinstance(value, usual)}
    return {name: _parameter(name, value) for name, value in chosen.items()}


def changed_overrides(overrides: Overrides, name: str, value: object) -> dict[str, Decimal | int]:
    """Return overrides with one of them set anew, or dropped where it is None."""
    others = {known: kept for known, kept in overrides.items() if known != name}
    return {**others, **read_overrides(**{name: value})}


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


def data_folder(folder: str | Path) -> Path:
    """Return the data folder: the one that a caller gives, else that of the project, as the command line finds it."""
    return project_data() if isinstance(folder, UsualFolder) else Path(folder)


def load_chosen(policy: Path | None, overrides: Overrides, *, high_exposure: bool = True) -> LoadedPolicy:
    """Load the policy that was chosen, else the drop-in's.

    The drop-in's is laid over the project's own ``policies/default.yaml`` where there is one, so that what that
    protects stays protected. Without ``high_exposure`` it does not single out coins of high exposure; any other policy
    says itself what it does with them.
    """
    if policy is not None:
        return load_policy(policy, overrides)
    local = project_root() / "policies" / "default.yaml"
    base = local if local.is_file() else shipped_policy("default")
    (*_, published) = read_chain(shipped_policy(PUBLISHED)).documents
    known = {rule["id"] for rule in load_policy(base).document["classification"]}
    rules = [_fitted(rule, known) for rule in published.value["classification"]]
    wanted = [rule for rule in rules if rule is not None and (high_exposure or rule["id"] != HIGH_EXPOSURE_RULE)]
    document = {**published.value, "extends": base.name, "classification": wanted}
    return policy_from_document(document, overrides, base=base.parent)


def _fitted(rule: Mapping[str, Any], known: Collection[str]) -> dict[str, Any] | None:
    """Return a rule as it fits over others: nothing is removed that is not there, and nothing put before it."""
    if rule.get("remove") and rule["id"] not in known:
        return None
    return {key: value for key, value in rule.items() if key != "before" or value in known}


def policy_file(policy: str | Path) -> Path:
    """Find a policy: a file, else by its name among ``policies/`` of the project and those shipped.

    Raises UsageError where there is none.
    """
    path = Path(policy)
    if path.suffix in {".yaml", ".yml"} or path.name != str(policy):
        return path
    local = project_root() / "policies" / f"{policy}.yaml"
    file = local if local.is_file() else shipped_policy(str(policy))
    if not file.is_file():
        names = [known.stem for known in sorted(SHIPPED.glob("*.yaml"))]
        hint = did_you_mean(str(policy), names) or f"shipped are {', '.join(names)}; a file is named by its path"
        raise UsageError(f"there is no policy {str(policy)!r}", hint=hint)
    return file
